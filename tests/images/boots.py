#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots the disks of `make image`: by firmware and GRUB from virtio and NVMe disks, by -kernel, by the command line of 2021 on a kernel of one's
own, to a login without a password; asks the guest a few things, copies files by ssh, starts anew, and powers off. The cloud disk proves that the
seed's user-data ran. Each boot writes to a temporary overlay or a copy: the disk stays as it was made.

usage: tests/images/boots.py BUILD [NAME...]
"""
import hashlib
import os
import pathlib
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from linux.boots import SPELLING_2021, not_built  # noqa: E402
from network.cases import SSH, free_port  # noqa: E402

# The server makes its keys at the first start, perhaps after the login is there.
ASK = "timeout 200 sh -c 'until systemctl is-active -q ssh; do sleep 1; done'; uname -r; cxl version; daxctl --version; ndctl --version; lspci | wc -l; findmnt -no SOURCE /; systemctl is-active ssh; " \
      "ls /etc/ssh/ssh_host_*_key | wc -l; dpkg --audit; echo ASKED-$((40+2))"
MACHINE = ["-M", "virt", "-cpu", "max", "-smp", "2", "-m", "2G", "-nographic", "-snapshot", "-device", "virtio-rng-pci"]


class Guest:
    """A machine, and its console as text: `machine` are its options before `options`."""

    def __init__(self, build, options, log, machine=(*MACHINE,), folder=None):
        self.log = open(log, "wb")
        self.process = subprocess.Popen([str(build / "cxlvm"), *machine, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        cwd=folder)
        self.text, self.raw, self.begin = "", "", time.time()

    def until(self, pattern, seconds):
        """Waits for a line that matches; the text up to it."""
        end = time.time() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                before, self.text = self.text[:found.end()], self.text[found.end():]
                return before
            if time.time() > end or not select.select([self.process.stdout], [], [], end - time.time())[0]:
                raise AssertionError(f"no '{pattern}' in {seconds} s; last: {self.text[-600:]!r}")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                raise AssertionError(f"the machine ended before '{pattern}'; last: {self.text[-600:]!r}")
            self.log.write(chunk)
            # An escape sequence may come in two parts.
            self.raw += chunk.decode(errors="replace")
            whole = self.raw[:re.search(r"(\x1b(\[[0-9;?=]*)?)?\Z", self.raw).start()]
            self.raw = self.raw[len(whole):]
            self.text += re.sub(r"\x1b\[[0-9;?=]*[a-zA-Z]", "", whole)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()

    def ask(self, line, seconds=240):
        """What a shell line prints."""
        self.type(line + "; echo ASKED-$((40+2))")
        return self.until(r"ASKED-42", seconds)

    def login(self, seconds=900):
        """Seconds from the start to the login; a shell."""
        self.until(r"login: ", seconds)
        took = time.time() - self.begin
        self.type("root")
        self.until(r"# $", 240)
        return took

    def power_off(self):
        self.type("poweroff")
        self.until(r"Power down|reboot: Power", 240)
        assert self.process.wait(60) == 0, "the machine did not end with 0"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()


def start(build, name, options, **more):
    return Guest(build, options, build / "image" / f"boot-{name}.log", **more)


def boot(build, name, options, root="vda1"):
    """Seconds to the login; what the guest is asked must be well."""
    with start(build, name, options) as guest:
        took = guest.login()
        guest.type(ASK)
        answer = guest.until(r"ASKED-42", 240)
        assert re.search(rf"\n/dev/{root}", answer) and re.search(r"\nactive", answer), answer
        assert len(re.findall(r"\n\d+(?:\.\d+)*\r", answer)) >= 3, answer
        guest.power_off()
        return f"{took:.1f} s"


def disk(build, name):
    return ["-drive", f"file={build}/image/{name}.qcow2,format=qcow2,if=virtio"]


def by_firmware(build):
    return boot(build, "firmware", ["-bios", "QEMU_EFI.fd", *disk(build, "debian")])


def by_uboot(build):
    """U-Boot finds the ESP of the disk and starts GRUB by its own EFI; the kernel then has the device tree."""
    return boot(build, "uboot", ["-bios", "/usr/lib/u-boot/qemu_arm64/u-boot.bin", *disk(build, "debian")])


def by_nvme(build):
    return boot(build, "nvme", ["-bios", "QEMU_EFI.fd", "-drive", f"file={build}/image/debian.qcow2,format=qcow2,if=none,id=n0", "-device",
                                "nvme,drive=n0,serial=cxlvm-nvme"], root="nvme0n1p1")


def by_kernel(build):
    return boot(build, "kernel", ["-kernel", f"{build}/image/debian.vmlinuz", "-initrd", f"{build}/image/debian.initrd", "-append",
                                  "root=/dev/vda1 console=ttyAMA0", *disk(build, "debian")])


def by_seed(build):
    """The seed that make image leaves beside the disk."""
    with start(build, "cloud", ["-bios", "QEMU_EFI.fd", *disk(build, "cloud"), "-drive", f"file={build}/image/cloud-seed.iso,format=raw,media=cdrom"]) as guest:
        guest.until(r"user-data ran on from-the-seed", 1200)
        return f"{time.time() - guest.begin:.1f} s"


SEED = """#cloud-config
users:
 - name: visitor
   ssh_authorized_keys: ["{key}"]
   shell: /bin/bash
write_files:
 - path: /etc/from-the-seed
   content: a file
packages: [hello]
runcmd:
 - [sh, -c, "echo user-data is through >/dev/console"]
"""


def by_own_seed(build):
    """A seed with a user, its key, a hostname, a file and a package: ssh finds them. The package, where the guest reaches a mirror."""
    with tempfile.TemporaryDirectory(dir=build) as folder:
        key, port, place = f"{folder}/key", free_port(), pathlib.Path(folder)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        (place / "user-data").write_text(SEED.format(key=pathlib.Path(key + ".pub").read_text().strip()))
        (place / "meta-data").write_text("instance-id: cxlvm-2\nlocal-hostname: seeded\n")
        subprocess.run(["genisoimage", "-quiet", "-output", f"{folder}/seed.iso", "-volid", "cidata", "-joliet", "-rock", f"{folder}/user-data", f"{folder}/meta-data"], check=True)
        options = ["-bios", "QEMU_EFI.fd", *disk(build, "cloud"), "-drive", f"file={folder}/seed.iso,format=raw,media=cdrom,if=virtio", "-nic",
                   f"user,hostfwd=tcp:127.0.0.1:{port}-:22"]
        with start(build, "own-seed", options) as guest:
            guest.until(r"user-data is through", 1200)
            took = time.time() - guest.begin
            asked = subprocess.run(["ssh", "-i", key, *SSH, "-p", str(port), "visitor@127.0.0.1", "hostname; whoami; cat /etc/from-the-seed"],
                                   capture_output=True, text=True, timeout=240).stdout
            assert asked == "seeded\nvisitor\na file", asked
            guest.type("")
            guest.login(60)
            said = guest.ask("dpkg-query -W hello || { apt-get update 2>&1 | grep -q ^Err && echo no mirror; }")
            found = re.search(r"[\r\n](hello\t|no mirror)", said)
            assert found, said
            guest.power_off()
        return f"{took:.1f} s" + (", no mirror for packages" if found[1] == "no mirror" else "")


def reset(build):
    """A reset from within leads through firmware and GRUB again, with what was written before it."""
    with start(build, "reset", ["-bios", "QEMU_EFI.fd", *disk(build, "debian")]) as guest:
        guest.login()
        guest.ask("echo before the reset >/root/note; sync")
        guest.begin = time.time()
        guest.type("reboot")
        took = guest.login()
        assert "before the reset" in guest.ask("cat /root/note"), "the note is gone"
        guest.power_off()
        return f"{took:.1f} s from reboot to login"


def by_ssh(build):
    """100 MB by scp, there and back, below a key of its own; the server's keys were made at this start."""
    with tempfile.TemporaryDirectory(dir=build) as folder:
        key, port, size = f"{folder}/key", free_port(), 100_000_000
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        there, back = pathlib.Path(folder) / "there", pathlib.Path(folder) / "back"
        there.write_bytes(os.urandom(size))
        options = ["-bios", "QEMU_EFI.fd", *disk(build, "debian"), "-nic", f"user,hostfwd=tcp:127.0.0.1:{port}-:22"]
        with start(build, "ssh", options) as guest:
            guest.login()
            public = pathlib.Path(key + ".pub").read_text().strip()
            guest.ask(f"mkdir -p /root/.ssh; echo '{public}' >/root/.ssh/authorized_keys")
            to = ["-i", key, *SSH]
            said = subprocess.run(["ssh", *to, "-p", str(port), "root@127.0.0.1", "uname -m; id -u"], capture_output=True, text=True, timeout=120, check=True)
            assert said.stdout.split() == ["aarch64", "0"], said
            begin = time.time()
            subprocess.run(["scp", "-q", *to, "-P", str(port), str(there), "root@127.0.0.1:/var/tmp/file"], timeout=600, check=True)
            between = time.time()
            subprocess.run(["scp", "-q", *to, "-P", str(port), "root@127.0.0.1:/var/tmp/file", str(back)], timeout=600, check=True)
            end = time.time()
            assert hashlib.sha256(there.read_bytes()).hexdigest() in guest.ask("sha256sum /var/tmp/file"), "the guest has something else"
            assert back.read_bytes() == there.read_bytes(), "something else came back"
            guest.power_off()
        return f"100 MB there in {between - begin:.1f} s, back in {end - between:.1f} s"


# As it was written, but for the folder of the raw file.
LINE_2021 = "-M virt -cpu max -smp 4 -kernel Image -nographic -no-reboot -bios QEMU_EFI.fd -append 'root=/dev/vda1' " + \
    " ".join(SPELLING_2021).replace("@/disk.raw,format=raw", "cxl.qcow2,format=qcow2").replace("@/cxltest.raw", "cxltest.raw")


def by_2021(version):
    def act(build):
        with tempfile.TemporaryDirectory(dir=build) as folder:
            shutil.copyfile(build / "image/debian.qcow2", f"{folder}/cxl.qcow2")
            os.symlink(build / "guest-kernel" / version / "Image", f"{folder}/Image")
            with start(build, f"2021-{version}", shlex.split(LINE_2021), machine=(), folder=folder) as guest:
                took = guest.login(600)
                said = guest.ask("uname -r; cat /proc/cmdline; tty; systemctl is-active ssh systemd-journald; systemctl --failed --no-legend | cat; "
                                 "lspci -vvv -s 0000:81:00.0 | cat; doetest -d 0000:81:00.0 -l; cxl list -M; cxl list -D -d root").replace("\r", "\n")
                for wanted in (rf"\n{re.escape(version)}\S*-cxlvm\n", r"\nroot=/dev/vda1\n", r"\n/dev/ttyAMA0\n", r"\nactive\n+active\n", r"\n81:00\.0 CXL",
                               r"\[190 v\d\] Data Object Exchange", r"\nVID: 0x1, Protocol 0\n", r"\nVID: 0x1e98, Protocol 0x2\n", r'"memdev":"mem0"',
                               r'"host":"0000:81:00\.0"', rf'"resource":{0x4c0000000},'):
                    assert re.search(wanted, said), f"no '{wanted}' in {said}"
                # The daemon of ndctl's package ends with an error where there is no NVDIMM.
                failed = set(re.findall(r"(\S+\.service)\s+loaded failed", said)) - {"ndctl-monitor.service"}
                assert not failed, failed
                guest.power_off()
            subprocess.run(["qemu-img", "check", "-q", f"{folder}/cxl.qcow2"], check=True)
            return f"{took:.1f} s"
    return act


# name -> the disk, the kernel of one's own that it needs, what happens
BOOTS = {"firmware, GRUB, login": ("debian", None, by_firmware), "firmware, GRUB, login from NVMe": ("debian", None, by_nvme),
         "-kernel, login": ("debian", None, by_kernel), "reset from within": ("debian", None, reset), "ssh, 100 MB both ways": ("debian", None, by_ssh),
         "the command line of 2021, own 6.12": ("debian", "own-6.12", by_2021("6.12")),
         "the command line of 2021, own 7.3": ("debian", "own-7.3", by_2021("7.3")), "cloud-init with a seed": ("cloud", None, by_seed), "cloud-init with a user, a key and packages": ("cloud", None, by_own_seed),
         "U-Boot, GRUB, login": ("debian", None, by_uboot)}


def run_all(build, names=None):
    """name, whether it is well (None: left out), words."""
    for name in names or BOOTS:
        made, kernel, act = BOOTS[name]
        if not (build / "image" / f"{made}.qcow2").exists():
            yield name, None, f"make image IMAGE={made}"
        elif why := not_built(build, kernel or ""):
            yield name, None, why
        else:
            try:
                yield name, True, act(build)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                yield name, False, str(error)


if __name__ == "__main__":
    bad = 0
    for case, good, words in run_all(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or None):
        print(f"{'skipped' if good is None else 'ok     ' if good else 'FAILED '} {case} ({words})", flush=True)
        bad += good is False
    sys.exit(bad != 0)
