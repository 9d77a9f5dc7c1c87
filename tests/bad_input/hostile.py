# SPDX-License-Identifier: BSD-2-Clause
"""Hostile words: numbers without end, nothing at all, other encodings, files that are no files, and topologies past every limit. The
same rules as for cases.py."""
import os

from bad_input.cases import BRIDGE, ONE, WINDOW, memory

KERNEL = "-kernel @/off "
RAM = "-object memory-backend-ram,"
DISK = "-drive file=@/disk,format=raw,readonly=on,"  # tests run two at a time
LONG = "x" * 3000


def bridges(count, step=12):
    return " ".join(f"-device pxb-cxl,id=cxl.{n},bus_nr={8 + n * step}" for n in range(count))


def window(ways, granularity="256", size="16G"):
    targets = ",".join(f"cxl-fmw.0.targets.{n}=cxl.{n}" for n in range(ways))
    return f"-M virt,{targets},cxl-fmw.0.size={size},cxl-fmw.0.interleave-granularity={granularity} {bridges(ways)}"


def sized(size):
    return f"-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size={size} {BRIDGE}"


def ports(count, more=""):
    return f"{BRIDGE} " + " ".join(f"-device cxl-rp,bus=cxl.1,id=rp{n}{more}" for n in range(count))


WORDS = [
    ("an empty word", [""], ["argument 3", "empty"]),
    ("an empty argument", ["-m", ""], ["-m", "empty", "SIZE"]),
    ("an empty file name", ["-kernel", ""], ["-kernel", "empty", "FILE"]),
    ("a dash", "-", ["-:", "no such option"]),
    ("two dashes", "--", ["--:", "no such option"]),
    ("a line break in an option", ["-fr\nob"], ["-fr\\x0aob", "no such option"]),
    ("a line break in a file name", ["-kernel", "a\nb"], ["a\\x0ab", "no such file"]),
    ("a line break in a value", ["-object", "memory-backend-ram,id=m,size=1\nM"], ["\\x0aM", "size"]),
    ("escape sequences", ["-kernel", "\x1b[31m\x9b\u202e"], ["\\x1b[31m", "\\xc2\\x9b"]),
    ("bytes that are not UTF-8", [b"-kernel", b"\xff\xfe\xc3"], ["\\xff\\xfe\\xc3", "no such file"]),
    ("UTF-8 stays", ["-kernel", "/nonexistent/\u00fc\u4e2d"], ["/nonexistent/\u00fc\u4e2d"]),
    ("a long option", ["-" + LONG], ["-xxx", " ... ", "-help"]),
    ("a long value keeps the rule", ["-object", f"memory-backend-ram,id=m,size={LONG}"], ["size=xxx", " ... ", "such as 512M"]),
    ("a long name keeps the rule", ["-device", LONG], ["xxx", "-device help"]),
    ("an endless argument", ["-device", "x" * 100000], ["-device", "100000", "4096"]),
    ("hundreds of keys", ["-device", "pxb-cxl" + ",a=b" * 200], ["-device", "128"]),
    ("hundreds of devices", ["-device", "virtio-rng-pci"] * 300, ["-device", "256"]),
    ("format letters", ["-kernel", "%s%n%x"], ["%s%n%x"]),
    ("a comma alone", "-device ,", ["-device"]),
    ("an equals sign alone", "-object =", ["key=value"]),
    ("a value without a key", "-M virt,=on", ["-M", "=on", "key=value"]),
]

NUMBERS = [
    ("memory past 64 bits", "-m 99999999999999999999G", ["99999999999999999999G", "16E"]),
    ("memory below zero", "-m -1", ["-m", "-1", "512M"]),
    ("memory in hexadecimal without digits", "-m 0x", ["0x", "512M"]),
    ("memory in floating point", "-m 1e3", ["1e3", "K, M, G"]),
    ("memory that is odd", "-m 101M", ["101M", "2M"]),
    ("vCPUs past 64 bits", "-smp 99999999999999999999", ["99999999999999999999", "16"]),
    ("vCPUs by a word", "-smp cpus=", ["cpus=", "number"]),
    ("vCPUs in cores that do not divide", "-smp 4,cores=3", ["cores", "3", "4"]),
    ("dies", "-smp 4,dies=2", ["dies", "sockets"]),
    ("icount shift", "-icount shift=99", ["shift=99", "10"]),
    ("icount word", "-icount shift=1,align=maybe", ["align=maybe", "on|off"]),
    ("rtc in another century", "-rtc base=2107-01-01", ["2107-01-01", "1970 to 2106"]),
    ("rtc in no month", "-rtc base=2026-13-01", ["2026-13-01", "utc"]),
    ("rtc clock", "-rtc clock=frob", ["clock=frob", "host"]),
    ("backend past 64 bits", RAM + "id=m,size=16E", ["size=16E", "less than 16E"]),
    ("backend past the address space", RAM + "id=m,size=1P", ["1P", "smaller"]),
    ("backend of no size", RAM + "id=m,size=", ["size=", "512M"]),
    ("backend of one byte", RAM + "id=m,size=1", ["size=1", "4096"]),
    ("preallocation past the host's memory", RAM + "id=m,size=1T,prealloc=on", ["prealloc=on", "MiB", "leave prealloc out"]),
    ("window past 48 bits", sized("256T"), ["281474976710656", "0xffffffffffff"]),
    ("window past 64 bits", sized("16E"), ["size=16E", "16E"]),
    ("window of an exabyte", sized("8E"), ["9223372036854775808", "smaller"]),
    ("three windows past 48 bits", "-M " + ",".join(f"cxl-fmw.{n}.targets.0=cxl.1,cxl-fmw.{n}.size=100T" for n in range(3)) + " " + BRIDGE,
     ["cxl-fmw.2.size", "0xffffffffffff"]),
    ("window granularity 0", f"{WINDOW},cxl-fmw.0.interleave-granularity=0 {BRIDGE}", ["interleave-granularity=0", "16k"]),
    ("window granularity past 32 bits", f"{WINDOW},cxl-fmw.0.interleave-granularity=4294967552 {BRIDGE}", ["4294967552", "16k"]),
    ("window number past 64 bits", "-M cxl-fmw.18446744073709551616.size=1G", ["cxl-fmw.18446744073709551616", "0 to 15"]),
    ("window number with a sign", "-M cxl-fmw.+1.size=1G", ["cxl-fmw.+1", "0 to 15"]),
    ("windows with a gap", f"-M cxl-fmw.1.targets.0=cxl.1,cxl-fmw.1.size=4G {BRIDGE}", ["cxl-fmw.0", "without gaps"]),
    ("targets with a gap", f"-M cxl-fmw.0.targets.1=cxl.1,cxl-fmw.0.size=4G {BRIDGE}", ["targets.0", "without gaps"]),
    ("a target twice", f"-M cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.targets.1=cxl.1,cxl-fmw.0.size=4G {BRIDGE}", ["targets.1=cxl.1", "once"]),
    ("a window without targets", "-M cxl-fmw.0.size=4G", ["targets.0"]),
    ("serial number past 64 bits", f"{BRIDGE} {memory(0, more=',sn=18446744073709551616')}", ["sn=18446744073709551616"]),
    ("serial number twice", f"{BRIDGE} {memory(0, more=',sn=1')} {memory(1, more=',sn=1')}", ["sn=0x1", "mem0"]),
]

FILES = [
    ("kernel is a FIFO", "-kernel @/fifo", ["-kernel", "@/fifo", "regular file"]),
    ("kernel is a loop of links", "-kernel @/loop", ["-kernel", "@/loop"]),
    ("kernel is a longer loop of links", "-kernel @/loop-a", ["-kernel", "@/loop-a"]),
    ("kernel without end", "-kernel /dev/zero", ["/dev/zero", "regular file"]),
    ("kernel of nothing", "-kernel /dev/null", ["/dev/null", "regular file"]),
    ("kernel of a terabyte", "-kernel @/terabyte", ["@/terabyte", "1099511627776"]),
    ("kernel that unpacks to gigabytes", "-kernel @/bomb", ["-kernel", "@/bomb", "must be an Image"]),
    ("kernel below a file", "-kernel @/disk/x", ["@/disk/x", "not a directory"]),
    ("initrd is a FIFO", "-kernel @/off -initrd @/fifo", ["-initrd", "@/fifo", "regular file"]),
    ("initrd without end", "-kernel @/off -initrd /dev/zero", ["-initrd", "/dev/zero"]),
    ("initrd of a terabyte", "-kernel @/off -initrd @/terabyte", ["-initrd", "@/terabyte", "-m"]),
    ("initrd of nothing", "-kernel @/off -initrd @/empty", ["-initrd", "@/empty", "empty"]),
    ("device tree of a terabyte", "-kernel @/off -dtb @/terabyte", ["-dtb", "@/terabyte"]),
    ("device tree of nothing", "-kernel @/off -dtb @/empty", ["-dtb", "@/empty"]),
    ("device tree to a FIFO", "-kernel @/off -M dumpdtb=@/fifo", ["dumpdtb=@/fifo"]),
    ("device tree to a full disk", "-kernel @/off -M dumpdtb=/dev/full", ["dumpdtb=/dev/full", "space"]),
    ("trace to a FIFO", "-kernel @/off -D @/fifo", ["-D @/fifo", "nobody reads"]),
    ("pid to a FIFO", "-kernel @/off -pidfile @/fifo", ["-pidfile @/fifo"]),
    ("serial to a FIFO", "-kernel @/off -serial file:@/fifo", ["@/fifo", "nobody reads"]),
    ("serial to no socket", "-kernel @/off -serial unix:@/nix", ["unix:@/nix", "server=on"]),
    ("serial to another host", "-kernel @/off -serial tcp:192.0.2.1:80", ["192.0.2.1:80", "127.0.0.1"]),
    ("serial to no port", "-kernel @/off -serial tcp:127.0.0.1:99999", ["99999", "65535"]),
    ("backend on a FIFO", "-object memory-backend-file,id=m,size=1M,mem-path=@/fifo", ["mem-path=@/fifo"]),
    ("backend on a loop of links", "-object memory-backend-file,id=m,size=1M,mem-path=@/loop", ["mem-path=@/loop"]),
    ("backend on zeroes, not shared", "-object memory-backend-file,id=m,size=1M,mem-path=/dev/zero", ["/dev/zero", "share=on"]),
    ("backend on nothing", "-object memory-backend-file,id=m,size=1M,mem-path=/dev/null,share=on", ["/dev/null"]),
    ("backend larger than its file", "-object memory-backend-file,id=m,size=2T,mem-path=@/terabyte", ["@/terabyte", "size=1099511627776"]),
    ("drive on a FIFO", "-drive file=@/fifo,format=raw", ["@/fifo", "regular file"]),
    ("firmware is a FIFO", "-bios @/fifo", ["-bios @/fifo", "regular file"]),
    ("firmware without end", "-bios /dev/zero", ["-bios /dev/zero", "regular file"]),
    ("flash of a terabyte", "-drive if=pflash,format=raw,readonly=on,file=@/terabyte", ["unit=0", "1099511627776", "67108864"]),
    ("QMP to no socket", "-kernel @/off -qmp unix:@/nix", ["-qmp unix:@/nix", "server=on"]),
    ("QMP to a socket without a name", "-kernel @/off -qmp unix:,server=on,wait=off", ["-qmp unix:", "path=", "1 to 107"]),
    ("QMP on a taken character device", "-kernel @/off -chardev null,id=c -mon chardev=c,mode=control -mon chardev=c,mode=control", ["chardev=c", "already"]),
    ("drive without end", "-drive file=/dev/zero,format=raw", ["/dev/zero", "regular file"]),
    ("drive on a loop of links", "-drive file=@/loop,format=raw", ["@/loop"]),
    ("drive of no name", "-drive file=,format=raw", ["file=PATH"]),
    ("drive twice", "-drive file=@/own-disk,format=raw -drive file=@/own-disk,format=raw", ["@/own-disk", "in use", "readonly=on"]),
    ("drive id twice", f"{DISK}id=d,if=none -drive file=@/odd-disk,format=raw,id=d,if=none,readonly=on", ["id=d", "ids must differ"]),
    ("drive id", [*DISK.split()[:1], "file=@/disk,format=raw,readonly=on,id=a b"], ["id=a b", "letter"]),
    ("drive for two devices", f"{DISK}id=d,if=none -device virtio-blk-pci,drive=d -device virtio-blk-pci,drive=d", ["drive=d", "in use"]),
    ("drive cache", f"{DISK}cache=frob", ["cache=frob", "writeback"]),
    ("drive discard", f"{DISK}discard=frob", ["discard=frob", "unmap"]),
    ("drive media", f"{DISK}media=floppy", ["media=floppy", "disk", "cdrom"]),
    ("drive interface", f"{DISK}if=scsi", ["if=scsi", "virtio"]),
    ("drive index", f"{DISK}index=99", ["index=99", "31"]),
    ("drive key", f"{DISK}frob=1", ["frob=1"]),
    ("disk queues", f"{DISK}id=d,if=none -device virtio-blk-pci,drive=d,num-queues=0", ["num-queues=0", "64"]),
    ("disk serial", f"{DISK}id=d,if=none -device virtio-blk-pci,drive=d,serial=012345678901234567890", ["serial", "20"]),
]

SWITCH = f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=r -device cxl-upstream,bus=r,id=u0 "
SWITCHES = [
    ("switch on the root bus", "-device cxl-upstream", ["pcie.0", "cxl-rp or cxl-downstream"]),
    ("switch on a host bridge", f"{BRIDGE} -device cxl-upstream,bus=cxl.1", ["bus=cxl.1", "cxl-rp or cxl-downstream"]),
    ("switch on a plain port", "-device pcie-root-port,id=r -device cxl-upstream,bus=r", ["bus=r", "cxl-rp or cxl-downstream"]),
    ("downstream port without a switch", f"{BRIDGE} -device cxl-downstream,bus=cxl.1", ["bus=cxl.1", "cxl-upstream"]),
    ("downstream port on a root port", f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=r -device cxl-downstream,bus=r", ["bus=r", "cxl-upstream"]),
    ("root port in a switch", f"{SWITCH} -device cxl-rp,bus=u0", ["bus=u0", "pxb-cxl"]),
    ("memory device in a switch", f"{SWITCH} -device cxl-type3,bus=u0", ["bus=u0", "cxl-rp or cxl-downstream"]),
    ("two switches on a port", f"{SWITCH} -device cxl-upstream,bus=r,id=v", ["bus=r", "one device"]),
    ("switch in function 1", KERNEL + f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=r -device cxl-upstream,bus=r,addr=0.1", ["addr=0.1", "function 0"]),
    ("switch's port number twice", KERNEL + f"{SWITCH} -device cxl-downstream,bus=u0,id=a,port=1 -device cxl-downstream,bus=u0,id=b,port=1",
     ["port=1", "leave port= out"]),
    ("switch's port number 256", f"{SWITCH} -device cxl-downstream,bus=u0,port=256", ["port=256", "255"]),
    ("33 ports of a switch", SWITCH + " ".join(f"-device cxl-downstream,bus=u0,id=d{n}" for n in range(33)), ["d32", "no free slot"]),
    ("70 switches below each other", f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=d0 " + " ".join(
        f"-device cxl-upstream,bus=d{n},id=u{n} -device cxl-downstream,bus=u{n},id=d{n + 1}" for n in range(70)), ["u3", "3 switches"]),
]

PLACES = [
    ("slot past the bus", "-device virtio-rng-pci,addr=20", ["addr=20", "1f"]),
    ("function past the slot", "-device virtio-rng-pci,addr=1f.8", ["addr=1f.8", "7"]),
    ("slot of no number", "-device virtio-rng-pci,addr=", ["addr=", "SLOT"]),
    ("slot taken", "-device virtio-rng-pci,addr=2 -device virtio-rng-pci,addr=2", ["addr=2.0", "taken"]),
    ("slot shared without multifunction", "-device virtio-rng-pci,addr=2.0 -device virtio-rng-pci,addr=2.1", ["2.1", "multifunction=on"]),
    ("function without function 0", KERNEL + "-device virtio-rng-pci,addr=2.1", ["addr=2.1", "function 0", "addr=2.0"]),
    ("port with two devices", "-device pcie-root-port,id=a -device virtio-rng-pci,bus=a -device virtio-rng-pci,bus=a", ["bus=a", "one device"]),
    ("slot below a port", "-device pcie-root-port,id=a -device virtio-rng-pci,bus=a,addr=1", ["addr=1", "addr=0"]),
    ("port below a port", "-device pcie-root-port,id=a -device pcie-root-port,bus=a", ["bus=a", "pcie.0"]),
    ("bus of another kind", "-device virtio-serial-pci,id=s -device virtio-rng-pci,bus=s", ["bus=s", "PCI"]),
    ("console without a bus", "-device virtconsole", ["virtio-serial-pci"]),
    ("console ports used up", "-device virtio-serial-pci,max_ports=1 -device virtconsole -device virtconsole", ["max_ports"]),
    ("console on a taken character device", KERNEL + "-chardev null,id=c -device virtio-serial-pci -device virtconsole,chardev=c -serial chardev:c",
     ["chardev:c", "already"]),
    ("character device twice", "-chardev null,id=c -chardev null,id=c", ["id=c", "ids must differ"]),
    ("chardev file without a path", "-chardev file,id=c", ["file", "path=PATH"]),
    ("chardev socket without an address", "-chardev socket,id=c", ["socket", "path=PATH", "port=PORT"]),
    ("character device of no kind", "-chardev frob,id=c", ["frob", "socket"]),
    ("device id twice", "-device virtio-rng-pci,id=a -device virtio-rng-pci,id=a", ["id=a", "ids must differ"]),
    ("device id", "-device virtio-rng-pci,id=a/b", ["id=a/b", "letter"]),
    ("object id", RAM + "id=0m,size=1M", ["id=0m", "letter"]),
    ("bus number 0", "-device pxb-cxl", ["bus_nr=0", "1..255"]),
    ("bus number 256", "-device pxb-cxl,bus_nr=256", ["bus_nr=256", "1..255"]),
    ("bus numbers too narrow", KERNEL + f"{ports(2)} -device pxb-pcie,id=q,bus_nr=129", ["bus_nr=129", "bus_nr=131"]),
    ("expander below an expander", f"{BRIDGE} -device pxb-cxl,bus=cxl.1,bus_nr=200", ["bus=cxl.1", "pcie.0"]),
    ("17 host bridges", bridges(17), ["cxl.16", "16"]),
    ("32 expanders", " ".join(f"-device pxb-pcie,id=p{n},bus_nr={8 + n * 4}" for n in range(32)), ["p31", "no free slot"]),
    ("33 root ports", ports(33), ["rp32", "no free slot"]),
    ("200 root ports", KERNEL + f"{BRIDGE} " + " ".join(f"-device cxl-rp,bus=cxl.1,id=rp{n},addr={n // 8:x}.{n % 8},multifunction=on" for n in range(200)),
     ["cxl.1", "the 200 that its ports need", "bus_nr=55"]),
    ("port number 256", ports(1, ",port=256"), ["port=256", "255"]),
    ("slot number twice", ports(2, ",slot=1"), ["slot=1", "rp0"]),
    ("slot number 8192", ports(1, ",slot=8192"), ["slot=8192", "8191"]),
    ("memory device in function 1", f"{BRIDGE} {memory(0, more=',addr=0.1')}", ["addr=0.1", "function 0"]),
    ("memory device of 100 MiB", f"{BRIDGE} {memory(0, '100M')}", ["m0", "256 MiB", "size=256M"]),
    ("memory device on a port", f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -device cxl-type3,bus=rp0,volatile-memdev=rp0", ["rp0", "memory-backend"]),
    ("label area on the same backend", f"{BRIDGE} {memory(0, more=',lsa=m0')}", ["lsa=m0", "already used"]),
    ("a CDAT file", f"{BRIDGE} {memory(0, more=',cdat=/nonexistent/x')}", ["cdat=/nonexistent/x", "there is no such file"]),
    ("a function inside a switch", f"{BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -device cxl-upstream,bus=rp0,id=us0 -device virtio-rng-pci,bus=us0",
     ["bus=us0", "downstream ports"]),
    ("node 64", "-numa node,nodeid=64", ["nodeid=64", "63"]),
    ("node of vCPUs that are not there", KERNEL + "-smp 2 -numa node,cpus=0-3", ["vCPU 3", "-smp 4"]),
    ("vCPU in two nodes", KERNEL + "-smp 4 -numa node,cpus=0-2 -numa node,cpus=2-3", ["vCPU 2", "each vCPU is in one"]),
    ("cpus without an end", "-numa node,cpus=0-", ["cpus=0-", "FIRST-LAST"]),
    ("node of odd size", KERNEL + "-numa node,mem=1023M -numa node,mem=1M", ["mem=", "2M"]),
    ("nodes past 64 bits", KERNEL + "-numa node,mem=16383P -numa node,mem=16383P", ["mem=", "too large"]),
    ("node of 100 TiB", KERNEL + "-numa node,mem=100T", ["104857600", "1024"]),
    ("backend for two nodes", KERNEL + RAM + "id=m,size=512M -numa node,memdev=m -numa node,memdev=m", ["memdev=m", "already"]),
    ("backend for node and device", KERNEL + f"-m 512M {BRIDGE} {memory(0)} -numa node,memdev=m0", ["memdev=m0", "already"]),
    ("distance of no node", KERNEL + "-numa node -numa dist,src=0,dst=1,val=20", ["dst=1", "nodeid=1"]),
    ("distance too short", "-numa dist,src=0,dst=1,val=9", ["val=9", "254"]),
    ("distance to itself", "-numa dist,src=0,dst=0,val=20", ["val=20", "10"]),
    ("expander in no node", KERNEL + "-device pxb-pcie,bus_nr=10,numa_node=5", ["numa_node=5", "nodeid=5"]),
    ("NUMA of another kind", "-numa hmat-lb", ["hmat-lb", "node"]),
    ("window of three ways", window(3), ["size=17179869184", "3 x 256 MiB", "16896M"]),
    ("window of five ways", window(5), ["5 targets", "1, 2, 3, 4, 6, 8, 12 or 16"]),
    ("window too coarse", window(4, "16k"), ["interleave-granularity=16384", "8192"]),
    ("region of no devices", f"{ONE} -cxl-region window=0,devices=:", ["devices=", "empty"]),
    ("region of 300 devices", f"{ONE} -cxl-region devices=" + ":".join(f"m{n}" for n in range(300)), ["devices=", "16"]),
    ("region past 64 bits", f"{ONE} -cxl-region devices=mem0,size=16E", ["size=16E"]),
    ("region of 15 EiB", KERNEL + f"{ONE} -cxl-region devices=mem0,size=15E", ["size=17293822569102704640", "512M"]),
    ("region in window 16", f"{ONE} -cxl-region window=16,devices=mem0", ["window=16", "15"]),
    ("region without its window", KERNEL + f"{ONE} -cxl-region window=1,devices=mem0", ["window=1", "cxl-fmw.1"]),
    ("region of persistent RAM", f"{ONE} -cxl-region devices=mem0,type=pmem,as=dax", ["as=dax", "type=ram"]),
    ("region that needs EFI", KERNEL + f"-M acpi=off {ONE} -cxl-region devices=mem0,as=dax", ["as=dax", "as=none"]),
    ("regions used up", KERNEL + f"{ONE} " + "-cxl-region devices=mem0 " * 2, ["mem0", "no volatile memory left"]),
    ("17 regions", f"{ONE} " + "-cxl-region devices=mem0,size=256M " * 17, ["-cxl-region", "16"]),
    ("help for no device", "-device frob,help", ["frob,help", "-device help"]),
    ("help for an object as a device", "-device memory-backend-ram,help", ["memory-backend-ram", "-device help"]),
]

# root may read everything.
LOCKED = [] if os.geteuid() == 0 else [
    ("kernel that may not be read", "-kernel @/locked", ["@/locked", "permission denied"]),
    ("initrd that may not be read", "-kernel @/off -initrd @/locked", ["@/locked", "permission denied"]),
    ("drive that may not be read", "-drive file=@/locked,format=raw", ["@/locked", "permission denied"]),
]

CASES = WORDS + NUMBERS + FILES + PLACES + SWITCHES + LOCKED
