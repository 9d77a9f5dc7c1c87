# SPDX-License-Identifier: BSD-2-Clause
"""Debian's UEFI firmware as a person uses it, on the serial console: setup, the shell, boot order and variables over restarts, files of an NVMe disk,
a kernel started from there. Of the host's own package, and with --long of trixie's and sid's.

Also a program: tests/firmware/cases.py BUILD [--long] [--show]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests"))
from images.boots import Guest  # noqa: E402

ESCAPE, UP, DOWN = "\x1b", "\x1b[A", "\x1b[B"
GUID = "12345678-1234-1234-1234-123456789abc"


def fat_disk(path, files):
    with open(path, "wb") as disk:
        disk.truncate(128 << 20)
    subprocess.run(["mformat", "-i", path, "-F", "-v", "CXLVM", "::"], check=True)
    for name, source in files.items():
        subprocess.run(["mcopy", "-i", path, source, f"::{name}"], check=True)


class Console(Guest):
    """A machine with a pair of flash banks and an NVMe disk."""

    def __init__(self, build, folder, aavmf, log):
        super().__init__(build, ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={aavmf}/AAVMF_CODE.fd", "-drive", f"if=pflash,format=raw,unit=1,file={folder}/vars.fd",
                                 "-drive", f"file={folder}/disk,format=raw,if=none,id=n0", "-device", "nvme,drive=n0,serial=cxlvm"],
                         log, machine=["-M", "virt", "-cpu", "max", "-smp", "2", "-m", "1G", "-nographic"])

    def keys(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def shell(self, line, seconds=60):
        """What a line of the UEFI shell prints."""
        self.type(line)
        return self.until(r"(?:Shell|FS0:\\)> ", seconds)

    def setup(self):
        self.until("UEFI firmware", 120)
        self.keys(ESCAPE)
        self.until("Boot Maintenance Manager", 60)

    def shell_by_setup(self):
        """Through setup's boot manager into the shell, which is the last of its options."""
        self.setup()
        time.sleep(1)   # the page is drawn to its end before keys are taken
        self.keys(DOWN + DOWN + "\r")
        self.until("Shell", 30)
        time.sleep(1)
        self.keys(UP + "\r")
        self.until("Shell> ", 60)

    def ends(self):
        self.type("reset -s")
        assert self.process.wait(60) == 0, "the machine did not end with 0"


def order(said):
    return re.findall(r"Option: (\d\d)\. Variable: (Boot\w{4})", said)


def interactive(build, folder, aavmf, log):
    note = pathlib.Path(folder) / "note.txt"
    note.write_text("from the host\r\n")
    fat_disk(f"{folder}/disk", {"note.txt": str(note)})
    with Console(build, folder, aavmf, f"{log}-1.log") as c:
        c.shell_by_setup()
        assert "UEFI v2" in c.shell("ver")
        before = order(c.shell("bcfg boot dump"))
        assert len(before) >= 2, before
        c.shell("bcfg boot mv 01 00")
        moved = order(c.shell("bcfg boot dump"))
        assert [name for _, name in moved[:2]] == [name for _, name in before[1::-1]], (before, moved)
        c.shell(f"setvar kept -guid {GUID} -bs -rt -nv =S\"a word\"")
        c.shell("fs0:")
        assert "from the host" in c.shell("type note.txt")
        c.shell("echo from the firmware > new.txt")
        c.ends()
    said = subprocess.run(["mtype", "-i", f"{folder}/disk", "::new.txt"], capture_output=True, check=True).stdout
    assert b"from the firmware" in said.replace(b"\0", b""), said
    with Console(build, folder, aavmf, f"{log}-2.log") as c:
        c.shell_by_setup()
        assert order(c.shell("bcfg boot dump")) == moved, "another boot order after a restart"
        assert "61 20 77 6F 72 64" in c.shell(f"setvar kept -guid {GUID}"), "the variable is gone"
        c.type("reset")
        c.shell_by_setup()
        assert order(c.shell("bcfg boot dump")) == moved, "another boot order after a reset"
        c.ends()
    return f"{len(moved)} boot options"


def from_nvme(build, folder, aavmf, log):
    """The shell's script on an NVMe disk starts a kernel of that disk, with its initrd."""
    script = pathlib.Path(folder) / "startup.nsh"
    script.write_text("fs0:\r\nImage initrd=\\initrd console=ttyAMA0 quiet cxlvm.run=nvmeboot\r\n")
    guest = build / "guest/6.12"
    fat_disk(f"{folder}/disk", {"startup.nsh": str(script), "Image": str(guest / "Image"), "initrd": str(guest / "initramfs.cpio")})
    with Console(build, folder, aavmf, f"{log}-nvme.log") as c:
        c.until("cxlvm-guest: up after", 240)
        took = time.time() - c.begin
        c.until("cxlvm-guest: verdict 0", 60)
        assert c.process.wait(60) == 0
        return f"{took:.1f} s to the guest's first program"


def firmwares(build, long):
    yield "installed", pathlib.Path("/usr/share/AAVMF")
    for suite in ("trixie", "sid") if long else ():
        subprocess.run([str(TREE / "tools/guest-packages"), str(build / "firmware" / suite), suite, "qemu-efi-aarch64"], check=True)
        yield suite, build / "firmware" / suite / suite / "root/usr/share/AAVMF"


def run_all(build, long):
    subprocess.run([str(TREE / "tools/guest"), str(build), "6.12"], check=True)
    (build / "logs").mkdir(exist_ok=True)
    for name, aavmf in firmwares(build, long):
        for title, act in (("setup, shell, variables", interactive), ("a kernel from NVMe", from_nvme)):
            with tempfile.TemporaryDirectory(dir=build) as folder:
                shutil.copyfile(aavmf / "AAVMF_VARS.fd", f"{folder}/vars.fd")
                try:
                    yield f"{name}, {title}: {act(build, folder, aavmf, build / 'logs' / f'firmware-{name}')}", True, ""
                except (AssertionError, OSError, subprocess.SubprocessError) as broken:
                    yield f"{name}, {title}", False, str(broken)


if __name__ == "__main__":
    failed = 0
    for words, ok, text in run_all(pathlib.Path(sys.argv[1]).resolve(), "--long" in sys.argv):
        print(f"{'ok' if ok else 'FAILED'}: {words} {text}", flush=True)
        failed += not ok
    sys.exit(failed != 0)
