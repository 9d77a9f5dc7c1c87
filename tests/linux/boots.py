# SPDX-License-Identifier: BSD-2-Clause
"""Boots of Debian's unmodified kernels, without a terminal: each runs a script of guests/initramfs in the guest and looks at its verdict.

Also a program: tests/linux/boots.py BUILD [NAME...] runs some boots and shows the guest's output as it comes.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from qmp.client import Client

TREE = pathlib.Path(__file__).resolve().parent.parent.parent


def type3(n, port, size="512M", kind="volatile", more=""):
    """A memory device below its own root port `rpN` of bus `port`."""
    objects, device = [], f"cxl-type3,bus=rp{n},id=mem{n}"
    if kind in ("volatile", "both"):
        objects += ["-object", f"memory-backend-ram,id=vmem{n},size={size}"]
        device += f",volatile-memdev=vmem{n}"
    if kind in ("persistent", "both"):
        path = more or "/nonexistent"
        objects += ["-object", f"memory-backend-file,id=pmem{n},size={size},mem-path={path}.{n},share=on",
                    "-object", f"memory-backend-file,id=lsa{n},size=1M,mem-path={path}.lsa{n},share=on"]
        device += f",persistent-memdev=pmem{n},lsa=lsa{n},sn={0x1000 + n}"
    return objects + ["-device", f"cxl-rp,bus={port},id=rp{n},chassis=0,slot={n}", "-device", device]


# The topology of the write-up of 2021: 0000:81:00.0 is the memory device.
DOE = ["-M", "virt,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G", "-device", "pxb-cxl,bus_nr=128,id=cxl.0"] + type3(0, "cxl.0")


# And its command line, word for word but for the raw disk; -smp 4 comes with the row.
SPELLING_2021 = (
    "-m 4g,maxmem=8G,slots=8 -drive if=none,file=@/disk.raw,format=raw,id=hd -device virtio-blk-pci,drive=hd "
    "-object memory-backend-ram,size=4G,id=mem0 -numa node,nodeid=0,cpus=0-3,memdev=mem0 "
    "-object memory-backend-file,id=cxl-mem1,share,mem-path=@/cxltest.raw,size=2G,align=2G "
    "-device pxb-cxl,busnr=128,id=cxlbus1,uid=1,len-window-base=1,window-base[0]=0x4c0000000,memdev[0]=cxl-mem1 "
    "-device cxl-rp,bus=cxlbus1,id=cxlrp,chassis=0,slot=1 "
    "-device cxl-type3,bus=cxlrp,memdev=cxl-mem1,lsa=cxl-mem1,id=cxl-mem0,size=2G").split()


def bridges(count, buses=32):
    options = []
    for b in range(count):
        options += ["-device", f"pxb-cxl,bus_nr={64 + buses * b},id=cxl.{b}"]
    return options


def window(bridge_count, granularity=256, size="8G"):
    targets = ",".join(f"cxl-fmw.0.targets.{b}=cxl.{b}" for b in range(bridge_count))
    return ["-M", f"virt,{targets},cxl-fmw.0.size={size},cxl-fmw.0.interleave-granularity={granularity}"]


def volatile(ways=2, bridge_count=1, granularity=256, region_as="none", size="512M"):
    options = window(bridge_count, granularity) + bridges(bridge_count)
    for n in range(ways):
        options += type3(n, f"cxl.{n % bridge_count}", size)
    devices = ":".join(f"mem{n}" for n in range(ways))
    return options + ["-cxl-region", f"window=0,devices={devices},granularity={granularity},type=ram,as={region_as}"]


def switched(region_as="none"):
    """Two bridges, a switch below each, four devices below each switch: 8 ways."""
    options = window(2, 256, "2G") + bridges(2)
    for b in range(2):
        options += ["-device", f"cxl-rp,bus=cxl.{b},id=rp{b},chassis=0,slot={b}", "-device", f"cxl-upstream,bus=rp{b},id=us{b}"]
        for n in range(4 * b, 4 * b + 4):
            options += ["-device", f"cxl-downstream,bus=us{b},id=ds{n},chassis=1,slot={n}",
                        "-object", f"memory-backend-ram,id=vmem{n},size=256M",
                        "-device", f"cxl-type3,bus=ds{n},id=mem{n},volatile-memdev=vmem{n}"]
    devices = ":".join(f"mem{p}:mem{4 + p}" for p in range(4))
    return options + ["-cxl-region", f"window=0,devices={devices},type=ram,as={region_as}"]


def with_mailboxes():
    """What run_qemu makes: two bridges with two root ports each, two switches with a mailbox function each, eight devices, two windows. And a third
    window, with a throttling group of its own, over the second bridge, whose switch has a narrow link."""
    options = ["-M", "virt,cxl=on,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-granularity=8k,"
               "cxl-fmw.1.targets.0=cxl.0,cxl-fmw.1.targets.1=cxl.1,cxl-fmw.1.size=4G,cxl-fmw.1.interleave-granularity=8k,"
               "cxl-fmw.2.targets.0=cxl.1,cxl-fmw.2.size=4G,cxl-fmw.2.qtg=7",
               "-device", "pxb-cxl,id=cxl.0,bus=pcie.0,bus_nr=53", "-device", "pxb-cxl,id=cxl.1,bus=pcie.0,bus_nr=191"]
    for r in range(4):
        options += ["-device", f"cxl-rp,id=rp{r},bus=cxl.{r // 2},chassis=0,slot={r},port={r % 2}"]
    for u in range(2):
        options += ["-device", f"cxl-upstream,port={33 + u},bus=rp{2 * u},id=us{u},multifunction=on,addr=0.0,x-width={4 >> 2 * u}",
                    "-device", f"cxl-switch-mailbox-cci,bus=rp{2 * u},addr=0.1,target=us{u}"]
        for n in range(4 * u, 4 * u + 4):
            options += ["-device", f"cxl-downstream,port={n % 4},bus=us{u},id=ds{n},chassis=0,slot={4 + n}",
                        "-object", f"memory-backend-ram,id=vmem{n},size=256M",
                        "-device", f"cxl-type3,bus=ds{n},id=mem{n},volatile-memdev=vmem{n},sn={n + 1}"]
    return options


def by_bridges(count, arithmetic):
    """A window over `count` bridges, a device below each."""
    options = window(count, 256, f"{256 * count}M") + ["-M", f"cxl-fmw.0.interleave-arithmetic={arithmetic}"] + bridges(count, 16)
    for n in range(count):
        options += type3(n, f"cxl.{n}", "256M")
    return options + ["-cxl-region", "window=0,type=ram,devices=" + ":".join(f"mem{n}" for n in range(count))]


def persistent(folder, ways=2, bridge_count=1, granularity=256, kind="persistent"):
    """A persistent region on files of `folder`, which is emptied before the first of a row of runs."""
    options = window(bridge_count, granularity) + bridges(bridge_count)
    for n in range(ways):
        options += type3(n, f"cxl.{n % bridge_count}", "512M", kind, f"@/{folder}")
    devices = ":".join(f"mem{n}" for n in range(ways))
    return options + ["-cxl-region", f"window=0,devices={devices},granularity={granularity},type=pmem"]


def uncommitted():
    """Ten devices of both kinds below three bridges, 4, 4 and 2; windows over the first bridge, the first two, and all."""
    options = ["-M", "virt,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G,cxl-fmw.1.targets.0=cxl.0,cxl-fmw.1.targets.1=cxl.1,cxl-fmw.1.size=4G,"
               "cxl-fmw.2.targets.0=cxl.0,cxl-fmw.2.targets.1=cxl.1,cxl-fmw.2.targets.2=cxl.2,cxl-fmw.2.size=3G"]
    options += bridges(3)
    for n in range(10):
        options += type3(n, f"cxl.{n // 4}", "256M", "both", "@/own")
    return options


# A script that prints `cxlvm-guest: qmp {...}` has that command carried out.
QMP = ["-qmp", "unix:@/qmp,server=on,wait=off"]
# 7.3 leaves the RAS capability's masks as they are at reset; devmem opens them.
ERRORS = DOE + QMP + ["-append", "console=ttyAMA0 iomem=relaxed cxlvm.run=errors"]

# Ports that contain errors, above a memory device and above a disk.
DPC = [o + ",dpc=on" if o.startswith("cxl-rp,") else o for o in DOE] + QMP + [
    "-append", "console=ttyAMA0 iomem=relaxed cxlvm.run=dpc", "-device", "pcie-root-port,id=pp,slot=8,hotplug=off", "-drive", "file=@/disk2.raw,format=raw,if=none,id=n0",
    "-device", "nvme,drive=n0,serial=cxlvm-test,bus=pp"]

# Firmware tells of errors: poison that a program reads; with the second one also what devices and links report.
POISON = volatile(1) + QMP + ["-M", "ras=on"]
FIRMWARE_FIRST = DOE + QMP + ["-M", "ras=on,cxl-firmware-first=on"]

DISK = ["-drive", "file=@/disk.raw,format=raw,if=virtio", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
        "-chardev", "file,id=hvc,path=@/hvc0.txt", "-device", "virtconsole,chardev=hvc", "-serial", "mon:stdio", "-serial", "file:@/serial1.txt"]

# The same in the board's virtio-mmio slots, which speak the legacy interface; and as virtio 1.
SLOTS = ["-drive", "file=@/disk.raw,format=raw,if=none,id=d", "-device", "virtio-blk-device,drive=d", "-device", "virtio-rng-device",
         "-device", "virtio-serial-device", "-chardev", "file,id=hvc,path=@/hvc0.txt", "-device", "virtconsole,chardev=hvc", "-netdev", "user,id=n", "-device",
         "virtio-net-device,netdev=n"]
SLOTS_MODERN = SLOTS + ["-global", "virtio-mmio.force-legacy=off"]

# Two folders of the host: one with the guest's ids kept beside its files, one that cannot be written.
SHARE = ["-virtfs", "local,path=@/share,mount_tag=share,security_model=mapped-xattr",
         "-fsdev", "local,id=f,path=@/fixed,security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=f,mount_tag=fixed"]

# The same behind the SMMU: addresses of disk and console are its to translate, and so are everybody's messages.
SMMU = ["-M", "virt,iommu=smmuv3"] + [o.replace("virtio-rng-pci", "virtio-rng-pci,iommu_platform=on").replace("virtio-serial-pci", "virtio-serial-pci,iommu_platform=on")
                                      for o in DISK[2:]] + ["-drive", "file=@/disk.raw,format=raw,if=none,id=d", "-device", "virtio-blk-pci,drive=d,iommu_platform=on"]

# The disk below an expander that goes past it.
PAST_SMMU = SMMU[:-2] + ["-device", "pxb-pcie,id=past,bus_nr=64,bypass_iommu=on", "-device", "pcie-root-port,id=pastport,bus=past",
                         "-device", "virtio-blk-pci,bus=pastport,drive=d,iommu_platform=on"]

# Debian's qemu-efi-aarch64: by -bios, and as a pair of flash banks with a store of variables.
BIOS = ["-bios", "QEMU_EFI.fd", "-device", "virtio-rng-pci"]
PFLASH = ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd",
          "-drive", "if=pflash,format=raw,unit=1,file=@/vars.fd", "-device", "virtio-rng-pci"]


class Boot(typing.NamedTuple):
    kernel: str
    vcpus: int
    scripts: str   # in the guest: one run each, on the same files
    options: list  # @ in an option is the scratch folder
    short: bool    # in `make test`; else only in test-long


BOOTS = {name: Boot(*row) for name, row in {
    "6.12 tour, 1 vCPU, 2 ways": ("6.12", 1, "tour", volatile(), True),
    "6.12 tour, 4 vCPUs, 2 ways": ("6.12", 4, "tour", volatile(), True),
    "7.3 tour, 4 vCPUs, 2 ways": ("7.3", 4, "tour", volatile(), True),
    "7.3 tour, 1 vCPU, 2 ways": ("7.3", 1, "tour", volatile(), False),
    "6.12 tour, interpreter, 4 vCPUs": ("6.12", 4, "tour", volatile() + ["-accel", "interp"], True),
    "7.3 tour, interpreter, 1 vCPU": ("7.3", 1, "tour", volatile() + ["-accel", "interp"], True),
    "6.12 tour, no LSE, 4 vCPUs": ("6.12", 4, "tour", volatile() + ["-cpu", "cortex-a57"], True),
    "6.12 tour, 8 vCPUs": ("6.12", 8, "tour", volatile(), False),
    "6.12 tour, 1 way": ("6.12", 2, "tour", volatile(1), False),
    "7.3 tour, 1 way": ("7.3", 2, "tour", volatile(1), False),
    "6.12 tour, 4 ways, 2 bridges, 1k": ("6.12", 2, "tour", volatile(4, 2, 1024, size="256M"), True),
    "7.3 tour, 8 ways, 4 bridges, 4k": ("7.3", 2, "tour", volatile(8, 4, 4096, size="256M"), False),
    "6.12 tour, 2 bridges, 8k": ("6.12", 2, "tour", volatile(2, 2, 8192), False),
    "7.3 tour, 8 ways below 2 switches": ("7.3", 2, "tour", switched(), True),
    "6.12 tour, 8 ways below 2 switches": ("6.12", 2, "tour", switched(), False),
    "6.12 two switches with mailboxes": ("6.12", 2, "switches", with_mailboxes(), True),
    "6.12 tour, 3 bridges": ("6.12", 2, "tour", by_bridges(3, "modulo"), False),
    "7.3 tour, 4 bridges, XOR": ("7.3", 2, "tour", by_bridges(4, "xor"), False),
    "6.12 tour, as=dax": ("6.12", 2, "tour", volatile(region_as="dax"), True),
    "7.3 tour, as=dax": ("7.3", 2, "tour", volatile(region_as="dax"), True),
    "6.12 boot memory, as=system-ram": ("6.12", 2, "bootmem", volatile(region_as="system-ram"), True),
    "7.3 boot memory, as=system-ram": ("7.3", 2, "bootmem", volatile(region_as="system-ram"), False),
    "6.12 persistent region, file kept": ("6.12", 2, "pmem1 pmem2", persistent("pmem"), True),
    "7.3 persistent region, file kept": ("7.3", 2, "pmem1 pmem2", persistent("pmem"), False),
    "6.12 persistent after volatile, 1 way": ("6.12", 2, "pmem1 pmem2", persistent("both", 1, kind="both"), False),
    "6.12 persistent, 4 ways, 2 bridges, 4k": ("6.12", 2, "pmem1 pmem2", persistent("four", 4, 2, 4096), False),
    "6.12 doetest": ("6.12", 2, "doe", DOE, True),
    "7.3 doetest": ("7.3", 2, "doe", DOE, True),
    "6.12 the command line of 2021, by firmware": ("6.12", 4, "spelling2021", SPELLING_2021 + ["-bios", "QEMU_EFI.fd"], True),
    "7.3 the command line of 2021": ("7.3", 4, "spelling2021", SPELLING_2021, False),
    "7.3 create-region with cachemaint": ("7.3", 2, "createregion", DOE, True),
    "6.12 injected errors": ("6.12", 2, "errors", ERRORS, True),
    "7.3 injected errors": ("7.3", 2, "errors", ERRORS, True),
    "6.12 errors contained": ("6.12", 2, "dpc", DPC, True),
    "7.3 errors contained": ("7.3", 2, "dpc", DPC, True),
    "6.12 poison in a program": ("6.12", 2, "poison", POISON, True),
    "7.3 poison in a program": ("7.3", 2, "poison", POISON, True),
    "7.3 poison in a program, by firmware": ("7.3", 2, "poison", POISON + BIOS, False),
    "6.12 errors by firmware first": ("6.12", 2, "firmwarefirst", FIRMWARE_FIRST, True),
    "7.3 errors by firmware first": ("7.3", 2, "firmwarefirst", FIRMWARE_FIRST, True),
    "6.12 reboot": ("6.12", 2, "reboot", volatile(), True),
    "6.12 nvme": ("6.12", 2, "nvme", ["-drive", "file=@/disk2.raw,format=raw,if=none,id=n0,discard=unmap", "-device",
                                      "nvme,drive=n0,serial=cxlvm-test"], True),
    "6.12 disk, rng, console": ("6.12", 2, "devices", DISK, True),
    "6.12 disk, rng, console in virtio-mmio slots": ("6.12", 2, "devices", SLOTS, True),
    "7.3 disk, rng, console in virtio-mmio slots, virtio 1": ("7.3", 2, "devices", SLOTS_MODERN, True),
    "6.12 disk, rng, console in virtio-mmio slots, device tree": ("6.12", 1, "devices", SLOTS_MODERN + ["-M", "acpi=off"], False),
    "6.12 shared folders": ("6.12", 2, "share", SHARE, True),
    "7.3 shared folders in virtio-mmio slots": ("7.3", 2, "share", [o.replace("virtio-9p-pci", "virtio-9p-device") for o in SHARE[2:]] + [
        "-fsdev", "local,path=@/share,id=s,security_model=mapped-xattr", "-device", "virtio-9p-device,fsdev=s,mount_tag=share"], False),
    "7.3 shared folders": ("7.3", 1, "share", SHARE, False),
    "6.12 disk, rng, console behind the SMMU": ("6.12", 2, "devices", SMMU, True),
    "6.12 disk past the SMMU": ("6.12", 2, "pastsmmu", PAST_SMMU, True),
    "7.3 disk past the SMMU, by firmware": ("7.3", 2, "pastsmmu", PAST_SMMU + BIOS[:2], False),
    "7.3 disk behind the SMMU, device tree": ("7.3", 2, "devices", SMMU + ["-M", "acpi=off"], False),
    "6.12 tour behind the SMMU, by firmware": ("6.12", 2, "tour", volatile() + BIOS + ["-M", "iommu=smmuv3"], False),
    "6.12 device tree, acpi=off": ("6.12", 2, "devices", ["-M", "acpi=off"] + DISK, True),
    "6.12 instruction time, 2 vCPUs, twice the same": ("6.12", 2, "tour tour", volatile() + ["-icount", "shift=0"], True),
    "6.12 instruction time, disk and rng, 1 vCPU, twice the same": ("6.12", 1, "devices devices", DISK + ["-icount", "shift=0"], False),
    "6.12 instruction time, disk and rng, 4 vCPUs, twice the same": ("6.12", 4, "devices devices", DISK + ["-icount", "shift=0"], False),
    "6.12 tour by firmware, 2 vCPUs": ("6.12", 2, "tour", volatile() + BIOS, True),
    "6.12 reboot by firmware, variables in flash": ("6.12", 2, "reboot", volatile() + PFLASH, True),
    "7.3 tour by firmware, 4 vCPUs, 2 bridges": ("7.3", 4, "tour", volatile(4, 2, 1024, size="256M") + PFLASH, False),
    "6.12 tour by firmware, as=dax is as none": ("6.12", 1, "tour", volatile(region_as="dax") + BIOS, False),
    "6.12 boot memory by firmware, as=system-ram": ("6.12", 2, "bootmem", volatile(region_as="system-ram") + BIOS, False),
    "6.12 disk by firmware": ("6.12", 1, "devices", DISK + ["-bios", "QEMU_EFI.fd"], False),
    "6.12 disk in a virtio-mmio slot by firmware": ("6.12", 1, "devices", [o.replace("drive=d", "drive=d,bootindex=0") for o in SLOTS] + ["-bios", "QEMU_EFI.fd"], False),
    "6.12 device tree by firmware, acpi=off": ("6.12", 2, "devices", ["-M", "acpi=off"] + DISK + ["-bios", "QEMU_EFI.fd"], False),
    "7.3 regions with cachemaint": ("7.3", 2, "create_region", uncommitted(), True),
    # Kernels of tools/guest-kernel, which commit decoders themselves; no modules.
    "own 6.12 regions": ("own-6.12", 2, "create_region", uncommitted(), True),
    "own 7.3 regions": ("own-7.3", 2, "create_region", uncommitted(), False),
    "own 7.3 scrub, sparing and repair": ("own-7.3", 2, "repair", DOE, True),
    "7.3 16 vCPUs": ("7.3", 16, "tour", volatile(), False),
}.items()}
# What the host must find after a row of runs: file in the scratch folder -> text in it.
CONSOLE = {"hvc0.txt": b"to the host"}
SERIAL = {"serial1.txt": b"to the host"}
LEFT_BEHIND = {"6.12 shared folders": {"share/from-guest": b"from the guest\nmore\n"}, "6.12 disk, rng, console": CONSOLE | SERIAL,
               "6.12 disk, rng, console in virtio-mmio slots": CONSOLE, "7.3 disk, rng, console in virtio-mmio slots, virtio 1": CONSOLE,
               "6.12 device tree, acpi=off": CONSOLE | SERIAL, "6.12 disk by firmware": CONSOLE | SERIAL}


# Rows whose runs must print the same bytes, kernel time stamps included.
SAME_TWICE = {name for name in BOOTS if name.endswith("twice the same")}


def image(build, kernel):
    version = kernel.removeprefix("own-")
    return build / ("guest" if version == kernel else "guest-kernel") / version / "Image"


def not_built(build, kernel):
    """Why a row cannot run: kernels of one's own take half an hour, and are built by hand."""
    return f"make guest-kernel KERNEL={kernel.removeprefix('own-')}" if kernel.startswith("own-") and not image(build, kernel).exists() else None


def command(build, kernel, vcpus, script, options, append=""):
    version = kernel.removeprefix("own-")
    return [str(build / "cxlvm"), "-M", "virt", "-cpu", "max", "-smp", str(vcpus), "-m", "2G", "-nographic",
            "-kernel", str(image(build, kernel)), "-initrd", str(build / "guest" / version / "initramfs.cpio"),
            "-append", f"console=ttyAMA0 {append} cxlvm.run={script}".replace("  ", " ")] + options


def fill_disk(scratch):
    (pathlib.Path(scratch) / "disk.raw").write_bytes(b"cxlvm" + bytes(16 * 1024 * 1024 - 5))


def boot(build, name, show=False):
    """Runs every script of a row; the scratch folder is fresh for each row."""
    kernel, vcpus, scripts, options, _ = BOOTS[name]
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        fill_disk(scratch)
        with open(pathlib.Path(scratch) / "disk2.raw", "wb") as disk:
            disk.truncate(64 * 1024 * 1024)
        (pathlib.Path(scratch) / "vars.fd").write_bytes(bytes(768 * 1024))
        for folder in ("share", "fixed"):
            (pathlib.Path(scratch) / folder).mkdir()
            (pathlib.Path(scratch) / folder / "from-host").write_text("from the host\n")
        options = [o.replace("@/", scratch + "/") for o in options]
        extra = ["-no-reboot"] if "reboot" not in scripts else []
        text = ""
        before = None
        for script in scripts.split():
            ok, text = run_once(build, name, kernel, vcpus, script, options + extra, show)
            if not ok:
                return False, text
            if name in SAME_TWICE:
                fill_disk(scratch)
                said = text.rsplit("\nexit code", 1)[0]
                if before is not None and before != said:
                    differ = next(i for i, (a, b) in enumerate(zip(before.splitlines() + [""], said.splitlines() + [""])) if a != b)
                    return False, f"the second run differs from line {differ + 1}: {said.splitlines()[differ:][:1]}"
                before = said
        for file, wanted in LEFT_BEHIND.get(name, {}).items():
            if wanted not in (pathlib.Path(scratch) / file).read_bytes():
                return False, f"{file} lacks {wanted}"
        return True, text


class Wishes:
    """Carries out the guest's `cxlvm-guest: qmp` lines as they come; a script may break one over several lines."""

    def __init__(self, options):
        self.path = next((o[5:].split(",")[0] for o in options if o.startswith("unix:")), None)
        self.client, self.text = None, ""

    def feed(self, chunk):
        if not self.path:
            return
        self.text += chunk.decode(errors="replace")
        while (at := self.text.find("cxlvm-guest: qmp {")) >= 0:
            try:
                wish, end = json.JSONDecoder(strict=False).raw_decode(self.text[at + len("cxlvm-guest: qmp "):])
            except ValueError:
                return
            self.text = self.text[at + len("cxlvm-guest: qmp ") + end:]
            self.client = self.client or Client(self.path).start()
            answer = self.client.call(wish["execute"], **wish["arguments"])
            if answer:
                yield f"host: {json.dumps(answer)}\n"


def run_once(build, name, kernel, vcpus, script, options, show, timeout=600):
    log = build / "logs" / (re.sub(r"[^a-z0-9.]+", "-", f"{name} {script}".lower()) + ".log")
    log.parent.mkdir(exist_ok=True)
    start = time.time()
    wishes = Wishes(options)
    with open(log, "wb") as out:
        child = subprocess.Popen(command(build, kernel, vcpus, script, options), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(child.stdout.fileno(), False)
        while child.poll() is None and time.time() - start < timeout:
            chunk = child.stdout.read()
            if chunk:
                out.write(chunk)
                out.flush()
                answers = "".join(wishes.feed(chunk))
                out.write(answers.encode())
                if show:
                    sys.stdout.write(chunk.decode(errors="replace") + answers)
                    sys.stdout.flush()
            else:
                time.sleep(0.05)
        late = child.poll() is None
        if late:
            child.kill()
        rest = child.stdout.read()
        out.write(rest or b"")
        child.wait()
    text = log.read_text(errors="replace")
    ok = not late and child.returncode == 0 and "cxlvm-guest: verdict 0" in text
    if late:
        text += f"\n(stopped after {timeout} s)"
    return ok, f"{text}\nexit code {child.returncode}, {time.time() - start:.0f} s"


def prepare(build, kernels):
    for kernel in sorted(kernels):
        subprocess.run([str(TREE / "tools/guest"), str(build), kernel.removeprefix("own-")], check=True)


def run_all(build, long):
    names = [n for n in BOOTS if long or BOOTS[n].short]
    try:
        prepare(build, {BOOTS[n].kernel for n in names if not not_built(build, BOOTS[n].kernel)})
    except subprocess.CalledProcessError as broken:
        yield "the guest's packages", False, str(broken)
        return
    for name in names:
        ok, text = (None, why) if (why := not_built(build, BOOTS[name].kernel)) else boot(build, name)
        yield name, ok, text


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:] or list(BOOTS)
    prepare(folder, {BOOTS[n].kernel for n in wanted})
    failed = 0
    for n in wanted:
        good, words = boot(folder, n, show=True)
        print(f"{'ok' if good else 'FAILED'}: {n}: {words.splitlines()[-1]}")
        failed += not good
    sys.exit(failed != 0)
