# SPDX-License-Identifier: BSD-2-Clause
"""Debian's firmware as a person uses it, on the serial console. UEFI: setup, the shell, boot order and variables over restarts, files of an NVMe disk,
a kernel started from there; systemd's boot menu and its stub with a kernel in it; Secure Boot. U-Boot: its prompt, the devices it finds, a kernel by extlinux. Of the
host's own packages, and with --long of trixie's and sid's.

Also a program: tests/firmware/cases.py BUILD [--long] [--show]
"""
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TREE / "tests"))
import programs  # noqa: E402
from images.boots import Guest  # noqa: E402

ESCAPE, UP, DOWN = "\x1b", "\x1b[A", "\x1b[B"
GUID = "12345678-1234-1234-1234-123456789abc"


def fat_disk(path, files, partition=False):
    """A disk that is one file system, or whose only partition is one, marked as active."""
    size, start = 128 << 20, (1 << 20) * partition
    with open(path, "wb") as disk:
        disk.truncate(start + size)
        if partition:
            disk.seek(446)
            disk.write(struct.pack("<B3xB3xII", 0x80, 0x0c, start // 512, size // 512) + bytes(48) + b"\x55\xaa")
    image = f"{path}@@{start}"
    subprocess.run(["mformat", "-i", image, "-F", "-T", str(size // 512), "-v", "CXLVM", "::"], check=True)
    for folder in sorted({str(parent) for name in files for parent in pathlib.PurePath(name).parents} - {"."}):
        subprocess.run(["mmd", "-i", image, f"::{folder}"], check=True)
    for name, source in files.items():
        subprocess.run(["mcopy", "-i", image, source, f"::{name}"], check=True)


class Console(Guest):
    """A machine with a pair of flash banks and an NVMe disk."""

    def __init__(self, build, folder, share, log, code="AAVMF_CODE.fd"):
        super().__init__(build, ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={share}/AAVMF/{code}", "-drive", f"if=pflash,format=raw,unit=1,file={folder}/vars.fd",
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
        # sid's has a list of what to start before it, with setup on top.
        if "Please select boot device" in self.until("Boot Maintenance Manager|Please select boot device", 60):
            self.until("ESC to exit", 30)
            time.sleep(1)
            self.keys("\r")
            self.until("Boot Maintenance Manager", 60)

    def shell_by_setup(self, then="Shell> "):
        """Through setup's boot manager into the shell, which is the last of its options."""
        self.setup()
        time.sleep(1)   # the page is drawn to its end before keys are taken
        self.keys(DOWN + DOWN + "\r")
        self.until("Shell", 30)
        time.sleep(1)
        self.keys(UP + "\r")
        self.until(then, 60)

    def ends(self):
        self.type("reset -s")
        assert self.process.wait(60) == 0, "the machine did not end with 0"


def order(said):
    return re.findall(r"Option: (\d\d)\. Variable: (Boot\w{4})", said)


def interactive(build, folder, share, log):
    note = pathlib.Path(folder) / "note.txt"
    note.write_text("from the host\r\n")
    fat_disk(f"{folder}/disk", {"note.txt": str(note)})
    with Console(build, folder, share, f"{log}-1.log") as c:
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
    with Console(build, folder, share, f"{log}-2.log") as c:
        c.shell_by_setup()
        assert order(c.shell("bcfg boot dump")) == moved, "another boot order after a restart"
        assert "61 20 77 6F 72 64" in c.shell(f"setvar kept -guid {GUID}"), "the variable is gone"
        c.type("reset")
        c.shell_by_setup()
        assert order(c.shell("bcfg boot dump")) == moved, "another boot order after a reset"
        c.ends()
    return f"{len(moved)} boot options"


def from_nvme(build, folder, share, log):
    """The shell's script on an NVMe disk starts a kernel of that disk, with its initrd."""
    script = pathlib.Path(folder) / "startup.nsh"
    script.write_text("fs0:\r\nImage initrd=\\initrd console=ttyAMA0 quiet cxlvm.run=nvmeboot\r\n")
    guest = build / "guest/6.12"
    fat_disk(f"{folder}/disk", {"startup.nsh": str(script), "Image": str(guest / "Image"), "initrd": str(guest / "initramfs.cpio")})
    with Console(build, folder, share, f"{log}-nvme.log") as c:
        c.shell_by_setup(then="startup.nsh") # which sid's does not start by itself
        return up(c)


def unified_kernel(stub, parts, path):
    """The stub with `parts` (section name -> file) behind its own sections, which is what the Unified Kernel Image specification calls one."""
    image = stub.read_bytes()
    header = struct.unpack_from("<I", image, 0x3c)[0]
    count, optional = struct.unpack_from("<H12xH", image, header + 6)
    base = struct.unpack_from("<Q", image, header + 24 + 24)[0]
    ends = [sum(struct.unpack_from("<II", image, header + 24 + optional + 40 * n + 8)) for n in range(count)]
    arguments, at = [], max(ends)
    for name, file in parts.items():
        at = (at + 4095) & ~4095
        arguments += ["--add-section", f"{name}={file}", "--change-section-vma", f"{name}={base + at:#x}"]
        at += pathlib.Path(file).stat().st_size
    subprocess.run(["aarch64-linux-gnu-objcopy", *arguments, str(stub), path], check=True)


def systemd_boot(build):
    """The folder of systemd's EFI programs."""
    subprocess.run([str(TREE / "tools/guest-packages"), str(build / "firmware/systemd-boot"), "trixie", "systemd-boot-efi"], check=True)
    return build / "firmware/systemd-boot/trixie/root/usr/lib/systemd/boot/efi"


def up(c):
    """Seconds to the guest's first program, which is content and powers off."""
    c.until("cxlvm-guest: up after", 240)
    took = time.time() - c.begin
    c.until("cxlvm-guest: verdict 0", 60)
    assert c.process.wait(60) == 0
    return f"{took:.1f} s to the guest's first program"


def unified_for(build, folder, run):
    """FOLDER/uki, which runs the guest's program `run`."""
    cmdline, guest = pathlib.Path(folder) / "cmdline", build / "guest/6.12"
    cmdline.write_text(f"console=ttyAMA0 quiet cxlvm.run={run}")
    unified_kernel(systemd_boot(build) / "linuxaa64.efi.stub", {".cmdline": str(cmdline), ".initrd": str(guest / "initramfs.cpio"), ".linux": str(guest / "Image")},
                   f"{folder}/uki")


def by_stub(build, folder, share, log):
    """Firmware starts a unified kernel image as the disk's default program."""
    unified_for(build, folder, "nvmeboot")
    fat_disk(f"{folder}/disk", {"EFI/BOOT/BOOTAA64.EFI": f"{folder}/uki"})
    with Console(build, folder, share, f"{log}-stub.log") as c:
        return up(c)


def secure_boot(build, folder, share, log):
    """With the keys of Debian's own test variables Secure Boot is on: the firmware starts what is signed by them, and nothing else."""
    code = "AAVMF_CODE.snakeoil.fd"
    key, certificate = f"{folder}/key", share / "qemu-efi-aarch64/PkKek-1-snakeoil.pem"
    subprocess.run(["openssl", "rsa", "-in", str(certificate.with_suffix(".key")), "-passin", "pass:snakeoil", "-out", key], stderr=subprocess.DEVNULL, check=True)
    shutil.copyfile(share / "AAVMF/AAVMF_VARS.snakeoil.fd", f"{folder}/vars.fd")
    unified_for(build, folder, "secureboot")
    fat_disk(f"{folder}/disk", {"EFI/BOOT/BOOTAA64.EFI": f"{folder}/uki"})
    with Console(build, folder, share, f"{log}-unsigned.log", code) as c:
        c.until("Access Denied", 120)
        # Killed before that it may be amid its variables: bookworm's erases their block for each that has more than 128 bytes, and writes it anew.
        c.until("Press any key to enter the Boot Manager Menu", 60)
    subprocess.run(["sbsign", "--key", key, "--cert", str(certificate), "--output", f"{folder}/signed", f"{folder}/uki"], stderr=subprocess.DEVNULL, check=True)
    fat_disk(f"{folder}/disk", {"EFI/BOOT/BOOTAA64.EFI": f"{folder}/signed"})
    with Console(build, folder, share, f"{log}-signed.log", code) as c:
        return up(c)


def by_menu(build, folder, share, log):
    """systemd-boot shows what loader/entries has, takes the second by the keyboard, and remembers it for the next start."""
    loader, guest = pathlib.Path(folder) / "loader.conf", build / "guest/6.12"
    loader.write_text("timeout 20\ndefault @saved\n")
    files = {"EFI/BOOT/BOOTAA64.EFI": str(systemd_boot(build) / "systemd-bootaa64.efi"), "loader/loader.conf": str(loader), "Image": str(guest / "Image"),
             "initrd": str(guest / "initramfs.cpio")}
    for name, run in (("a-first", "nothing"), ("b-second", "nvmeboot")):
        entry = pathlib.Path(folder) / name
        entry.write_text(f"title The entry {name}\nsort-key {name}\nlinux /Image\ninitrd /initrd\noptions console=ttyAMA0 quiet cxlvm.run={run}\n")
        files[f"loader/entries/{name}.conf"] = str(entry)
    fat_disk(f"{folder}/disk", files)
    with Console(build, folder, share, f"{log}-menu-1.log") as c:
        c.until("The entry a-first", 120)
        c.until("The entry b-second", 30)
        time.sleep(1)
        c.keys(DOWN + "\r")
        took = up(c)
    with Console(build, folder, share, f"{log}-menu-2.log") as c:
        c.until("The entry b-second", 120)
        time.sleep(1)
        c.keys("\r")
        up(c)
    return took


def by_uboot(build, folder, share, log):
    """Its prompt, its view of the buses, a file; then what extlinux.conf on the disk says."""
    conf, note = pathlib.Path(folder) / "extlinux.conf", pathlib.Path(folder) / "note.txt"
    conf.write_text("default l\nlabel l\n  kernel /Image\n  initrd /initrd\n  append console=ttyAMA0 quiet cxlvm.run=uboot\n")
    note.write_text("from the host\n")
    guest = build / "guest/6.12"
    fat_disk(f"{folder}/disk", {"extlinux/extlinux.conf": str(conf), "note.txt": str(note), "Image": str(guest / "Image"), "initrd": str(guest / "initramfs.cpio")},
             partition=True)
    options = ["-bios", str(share.parent / "lib/u-boot/qemu_arm64/u-boot.bin"), "-drive", f"file={folder}/disk,format=raw,if=virtio", "-nic", "user"]
    with Guest(build, options, f"{log}-uboot.log", machine=["-M", "virt", "-cpu", "max", "-smp", "2", "-m", "1G", "-nographic"]) as c:
        def prompt(line):
            c.type(line)
            return c.until("=> ", 60)

        c.until("stop autoboot", 60)
        c.type("")
        c.until("=> ", 30)
        version = re.search(r"U-Boot (20\d\d\.\d\d)", prompt("version"))[1]
        assert "129.0 MB" in prompt("virtio scan; virtio info")
        found = prompt("pci enum; pci")
        assert len(re.findall("0x1af4", found)) == 2, found
        assert "52:54:00:12:34:56" in prompt("printenv ethaddr")
        prompt("load virtio 0:1 $loadaddr note.txt")
        assert "from the host" in prompt("md.b $loadaddr 10")
        c.type("boot")
        up(c)
        return version


def firmwares(build, long):
    """Name, and where /usr/share is."""
    yield "installed", pathlib.Path("/usr/share")
    for suite in ("trixie", "sid") if long else ():
        subprocess.run([str(TREE / "tools/guest-packages"), str(build / "firmware" / suite), suite, "qemu-efi-aarch64", "u-boot-qemu"], check=True)
        yield suite, build / "firmware" / suite / suite / "root/usr/share"


def run_all(build, long):
    subprocess.run([str(TREE / "tools/guest"), str(build), "6.12"], check=True)
    (build / "logs").mkdir(exist_ok=True)
    for name, share in firmwares(build, long):
        for title, act in (("setup, shell, variables", interactive), ("a kernel from NVMe", from_nvme), ("a unified kernel image", by_stub),
                           ("Secure Boot", secure_boot), ("systemd-boot", by_menu), ("U-Boot", by_uboot)):
            with tempfile.TemporaryDirectory(dir=build) as folder:
                shutil.copyfile(share / "AAVMF/AAVMF_VARS.fd", f"{folder}/vars.fd")
                try:
                    yield f"{name}, {title}: {act(build, folder, share, build / 'logs' / f'firmware-{name}')}", True, ""
                except (AssertionError, OSError, subprocess.SubprocessError) as broken:
                    yield f"{name}, {title}", False, str(broken)


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), "--long" in sys.argv)))
