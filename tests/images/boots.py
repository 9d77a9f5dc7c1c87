#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots the disks of `make image`: by firmware and GRUB, and by -kernel, to a login without a password; asks the guest a few things and powers it
off. The cloud disk proves that the seed's user-data ran. Each boot writes to a temporary overlay: the disk stays as it was made.

usage: tests/images/boots.py BUILD [NAME...]
"""
import os
import pathlib
import re
import select
import subprocess
import sys
import time

ASK = "uname -r; cxl version; daxctl --version; ndctl --version; lspci | wc -l; findmnt -no SOURCE /; systemctl is-active ssh; " \
      "ls /etc/ssh/ssh_host_*_key | wc -l; dpkg --audit; echo ASKED-$((40+2))"


class Guest:
    def __init__(self, build, options, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen([str(build / "cxlvm"), "-M", "virt", "-cpu", "max", "-smp", "2", "-m", "2G", "-nographic", "-snapshot",
                                         "-device", "virtio-rng-pci", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text, self.begin = "", time.time()

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
            self.text += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", chunk.decode(errors="replace"))

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def login(guest, seconds=900):
    guest.until(r"login: ", seconds)
    took = time.time() - guest.begin
    guest.type("root")
    guest.until(r"# $", 240)
    return took


def power_off(guest):
    guest.type("poweroff")
    guest.until(r"Power down|reboot: Power", 240)
    assert guest.process.wait(60) == 0, "the machine did not end with 0"


def boot(build, name, options):
    """Seconds to the login; what the guest answered."""
    guest = Guest(build, options, build / "image" / f"boot-{name}.log")
    try:
        took = login(guest)
        guest.type(ASK)
        answer = guest.until(r"ASKED-42", 240)
        assert re.search(r"\n/dev/vda1", answer) and re.search(r"\nactive", answer), answer
        assert len(re.findall(r"\n\d+(?:\.\d+)*\r", answer)) >= 3, answer
        power_off(guest)
        return took, answer
    finally:
        guest.end()


def disk(build, name):
    return ["-drive", f"file={build}/image/{name}.qcow2,format=qcow2,if=virtio"]


def by_firmware(build):
    return boot(build, "firmware", ["-bios", "QEMU_EFI.fd", *disk(build, "debian")])[0]


def by_kernel(build):
    return boot(build, "kernel", ["-kernel", f"{build}/image/debian.vmlinuz", "-initrd", f"{build}/image/debian.initrd", "-append",
                                  "root=/dev/vda1 console=ttyAMA0", *disk(build, "debian")])[0]


def by_seed(build):
    guest = Guest(build, ["-bios", "QEMU_EFI.fd", *disk(build, "cloud"), "-drive", f"file={build}/image/cloud-seed.iso,format=raw,media=cdrom"],
                  build / "image/boot-cloud.log")
    try:
        guest.until(r"user-data ran on from-the-seed", 1200)
        return time.time() - guest.begin
    finally:
        guest.end()


BOOTS = {"firmware, GRUB, login": ("debian", by_firmware), "-kernel, login": ("debian", by_kernel), "cloud-init with a seed": ("cloud", by_seed)}


def run_all(build, names=None):
    """name, whether it is well, words. What was not made is not there to boot."""
    for name in names or BOOTS:
        made, function = BOOTS[name]
        if not (build / "image" / f"{made}.qcow2").exists():
            if names:
                yield name, False, f"there is no {build}/image/{made}.qcow2: make image"
            continue
        try:
            yield name, True, f"{function(build):.1f} s"
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            yield name, False, str(error)


if __name__ == "__main__":
    bad = 0
    for case, good, words in run_all(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or None):
        print(f"{'ok    ' if good else 'FAILED'} {case} ({words})", flush=True)
        bad += not good
    sys.exit(bad != 0)
