# SPDX-License-Identifier: BSD-2-Clause
"""What make install leaves: programs, a link if asked for, manual pages that groff takes without a word, completion that knows properties."""
import pathlib
import subprocess
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
LINES = [("cxlvm -devi", "-device"), ("cxlvm -device cxl-ty", "cxl-type3"), ("cxlvm -device cxl-type3,vol", "cxl-type3,volatile-memdev="),
         ("cxlvm -device pxb-cxl,id=b,bus_", "pxb-cxl,id=b,bus_nr="), ("cxlvm -object memory-backend-ram,si", "memory-backend-ram,size="),
         ("cxlvm --cpu cortex-a5", "cortex-a57"), ("cxlvm -d gue", "guest_error"),
         ("cxlvm -M no", "none"), ("cxlvm -pflash /etc/pass", "/etc/passwd")]


def complete(root, line):
    script = (f'PATH={root}/usr/bin:$PATH; source {root}/usr/share/bash-completion/completions/cxlvm; COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; '
              '_cxlvm cxlvm; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.split("\n")


def run_all(build):
    with tempfile.TemporaryDirectory() as root:
        done = subprocess.run(["make", "-s", "-C", str(TREE), f"BUILD={build}", f"DESTDIR={root}", "PREFIX=/usr", "LINK=1", "install"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        yield "make install", done.returncode == 0, done.stdout
        said = subprocess.run([f"{root}/usr/bin/qemu-system-aarch64", "-version"], stdout=subprocess.PIPE, text=True).stdout
        yield "the link starts it", said.split()[:3] == ["QEMU", "emulator", "version"] and "(cxlvm " in said, said
        for page, words in (("man1/cxlvm.1", ["-cxl-region", "-kernel FILE"]), ("man7/cxlvm-options.7", ["cxl-type3", "volatile-memdev", "bus_nr"])):
            shown = subprocess.run(["groff", "-mdoc", "-Tascii", "-ww", "-Wbreak", "-P-c", "-P-b", "-P-u", f"{root}/usr/share/man/{page}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
            missing = [w for w in words if w not in shown.stdout]
            yield page, not missing and not shown.stderr, f"{missing} missing; {shown.stderr[:500]}"
        for line, wanted in LINES:
            got = complete(root, line)
            yield f"completion of '{line}'", wanted in got, str(got)
