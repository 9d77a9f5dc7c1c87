# SPDX-License-Identifier: BSD-2-Clause
"""What make install leaves: programs, a link if asked for, manual pages that groff takes without a word, completion that knows properties."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
LINES = [("cxlvm -devi", "-device"), ("cxlvm -device cxl-ty", "cxl-type3"), ("cxlvm -device cxl-type3,vol", "cxl-type3,volatile-memdev="),
         ("cxlvm -object memory-backend-ram,si", "memory-backend-ram,size="),
         ("cxlvm --cpu cortex-a5", "cortex-a57"), ("cxlvm -d gue", "guest_error"),
         ("cxlvm -M no", "none"), ("cxlvm -M virt,cxl-fi", "virt,cxl-firmware-first="), ("cxlvm -pflash /etc/pass", "/etc/passwd")]


def complete(root, line):
    script = (f'PATH={root}/usr/bin:$PATH; source {root}/usr/share/bash-completion/completions/cxlvm; COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; '
              '_cxlvm cxlvm; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.split("\n")


# What Tab makes of them in a shell where someone types: bash breaks words at '=' and puts what completes in the place of the last one.
TYPED = [("cxlvm -device pxb-cxl,id=b,bus_", "cxlvm -device pxb-cxl,id=b,bus_nr="), ("cxlvm -device cxl-type3,bus=r,volatile-memd", "cxlvm -device cxl-type3,bus=r,volatile-memdev="),
         ("cxlvm -object memory-backend-file,id=a,mem-p", "cxlvm -object memory-backend-file,id=a,mem-path="), ("cxlvm -device cxl-ty", "cxlvm -device cxl-type3"),
         ("cxlvm -machine virt,cxl=on,cxl-fmw.0.siz", "cxlvm -machine virt,cxl=on,cxl-fmw.0.size=")]


def typed(root, line):
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(PATH=f"{root}/usr/bin:{os.environ['PATH']}", TERM="dumb", COLUMNS="200")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    said, wanted, left = "", r"READY-42", [line + "\t\x14"]
    os.write(terminal, (f"source {root}/usr/share/bash-completion/completions/cxlvm; bind -x '\"\\C-t\": echo \"IS<$READLINE_LINE>\"'; "
                        "stty cols 200; echo READY-$((40+2))\n").encode())
    while select.select([terminal], [], [], 30)[0]:
        said += os.read(terminal, 4096).decode(errors="replace")
        found = re.search(wanted, said)
        if found and left:
            said, wanted = "", r"IS<(.*)>\r?\n"
            os.write(terminal, left.pop().encode())
        elif found:
            break
    os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(pid, 0)
    return found[1] if found and not left else said


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
        home = subprocess.run(["bash", "-c", f"HOME={root}/usr/bin; source {root}/usr/share/bash-completion/completions/cxlvm; COMP_LINE='~/cxlvm -cpu cortex-a5'; "
                               "COMP_POINT=${#COMP_LINE}; _cxlvm '~/cxlvm'; echo ${COMPREPLY[*]}"], stdout=subprocess.PIPE, text=True).stdout
        yield "completion of a program that ~ names", "cortex-a57" in home, home
        for line, wanted in TYPED:
            got = typed(root, line)
            yield f"Tab after '{line}'", got == wanted, got
