# SPDX-License-Identifier: BSD-2-Clause
"""Wrong command lines, topologies, kernels and initrds. Each must exit with 1 within two seconds, print one line on stderr that begins
with "cxlvm: " and has the expected words (key, value, rule, what to write instead), and nothing on stdout.

usage: cases.py BUILD [-v] [--long]
"""
import concurrent.futures
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402

CPU_LIMIT_S = float(os.environ.get("CXLVM_TEST_CPU_LIMIT_S", "2"))  # sanitizers want more

RAM = "-object memory-backend-ram,id=m{n},size={size}"
BRIDGE = "-device pxb-cxl,id=cxl.1,bus_nr=128"
WINDOW = "-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G"


def memory(n, size="512M", bus="cxl.1", more=""):
    return (f"-object memory-backend-ram,id=m{n},size={size} -device cxl-rp,bus={bus},id=rp{n},chassis=0,slot={n} "
            f"-device cxl-type3,bus=rp{n},volatile-memdev=m{n},id=mem{n}{more}")


ONE = f"{WINDOW} {BRIDGE} {memory(0)}"
TWO = f"{ONE} {memory(1)}"
TWO_BRIDGES = ("-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.targets.1=cxl.2,cxl-fmw.0.size=4G "
               f"{BRIDGE} -device pxb-cxl,id=cxl.2,bus_nr=160 {memory(0)} {memory(1, bus='cxl.2')}")


def image_header(text_offset=0, size=0x10000, magic=b"ARM\x64"):
    return struct.pack("<IIQQQQQQ4sI", 0x14000000, 0, text_offset, size, 0xA, 0, 0, 0, magic, 0)


def fixtures(folder):
    (folder / "empty").write_bytes(b"")
    (folder / "text").write_bytes(b"this is not a kernel\n" * 10)
    (folder / "short-image").write_bytes(image_header()[:40])
    (folder / "huge-image").write_bytes(image_header(size=1 << 60) + bytes(4096))
    (folder / "image").write_bytes(image_header() + bytes(0x10000))
    (folder / "off").write_bytes(programs.image(programs.POWER_OFF))
    os.mkfifo(folder / "fifo")
    os.symlink("loop", folder / "loop")
    os.symlink("loop-b", folder / "loop-a")
    os.symlink("loop-a", folder / "loop-b")
    (folder / "locked").write_bytes(b"x" * 4096)
    (folder / "locked").chmod(0)
    (folder / "bad-gzip").write_bytes(b"\x1f\x8b\x08\x00" + b"\xff" * 100)
    (folder / "bad-zboot").write_bytes(b"MZ\x00\x00zimg" + struct.pack("<IIQ", 0xFFFFFFF0, 0xFFFFFFF0, 0) + b"gzip\0" + bytes(100))
    (folder / "bad-elf").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0, 64, 0, 0, 64, 56, 60000, 0, 0, 0))
    (folder / "x86-elf").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0) + bytes(56))
    (folder / "bad-dtb").write_bytes(b"\xd0\x0d\xfe\xed" + b"\xff" * 60)
    (folder / "qcow2").write_bytes(b"QFI\xfb\x00\x00\x00\x03" + bytes(512))
    for words in (["good.qcow2", "1M"], ["-b", "good.qcow2", "-F", "qcow2", "overlay", "1M"]):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words], cwd=folder, check=True)
    (folder / "odd-disk").write_bytes(bytes(1000))
    (folder / "disk").write_bytes(bytes(4096))
    (folder / "flash").write_bytes(bytes(4096))
    (folder / "own-disk").write_bytes(bytes(4096))
    for n in range(6):  # each for one case: cases run side by side
        (folder / f"own-{n}").write_bytes(bytes(4096))
    (folder / "dir").mkdir()
    # 64 MiB of zeroes that can stand after each other: 2 GiB in 2 MiB.
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    (folder / "bomb").write_bytes(b"\x1f\x8b\x08\x00" + bytes(6) + block * 32)
    for name, size in (("big-initrd", 3 << 30), ("terabyte", 1 << 40)):
        with open(folder / name, "wb") as sparse:
            sparse.truncate(size)


# name, options, words that the line must have
CASES = [
    ("no kernel", "", ["-kernel"]),
    ("unknown option", "-frobnicate", ["-frobnicate", "no such option", "-help"]),
    ("missing argument", "-m", ["-m", "needs an argument"]),
    ("a bare word", "disk.img", ["disk.img", "-drive"]),
    ("kvm", "-enable-kvm", ["-enable-kvm", "KVM"]),
    ("accel kvm", "-accel kvm", ["-accel kvm", "interp"]),
    ("accel jit,x=1", "-accel jit,x=1", ["-accel", "x"]),
    ("firmware that is not there", "-bios @/nix.fd", ["-bios", "nix.fd", "no such file"]),
    ("empty firmware", "-bios @/empty", ["-bios", "empty"]),
    ("firmware is a directory", "-bios @/dir", ["-bios", "directory"]),
    ("firmware larger than a bank", "-bios @/big-initrd", ["-bios", "3221225472", "67108864"]),
    ("firmware twice", "-bios @/flash -drive if=pflash,format=raw,unit=0,readonly=on,file=@/flash", ["-bios", "unit=0", "leave one"]),
    ("flash bank larger than it may be", "-drive if=pflash,format=raw,unit=0,file=@/big-initrd,readonly=on", ["unit=0", "67108864"]),
    ("truncated writable flash", "-bios @/flash -drive if=pflash,format=raw,unit=1,file=@/odd-disk", ["unit=1", "256 KiB", "readonly=on"]),
    ("flash that may be qcow2", "-bios @/flash -drive if=pflash,unit=1,file=@/qcow2", ["qcow2", "format="]),
    ("flash unit", "-drive if=pflash,format=raw,unit=2,file=@/flash", ["unit=2", "0", "1"]),
    ("flash banks in short", "-pflash @/own-0 -pflash @/own-1 -pflash @/own-2", ["pflash", "2"]),
    ("pipe without FIFOs", "-kernel @/off -chardev pipe,id=c,path=@/nix", ["mkfifo", "/nix.out"]),
    ("no SATA", "-kernel @/off -device ich9-ahci,id=a", ["there is no SATA", "virtio-blk-pci"]),
    ("no loader", "-kernel @/off -device loader,file=@/off,addr=0x50000000", ["loader: not built", "-kernel"]),
    ("flash unit twice", "-drive if=pflash,format=raw,unit=0,file=@/flash,readonly=on -drive if=pflash,format=raw,unit=0,file=@/flash,readonly=on",
     ["unit=0", "already"]),
    ("variables without firmware", "-drive if=pflash,format=raw,unit=1,file=@/image,readonly=on", ["unit=1", "-bios"]),
    ("two balloons", "-kernel @/off -device virtio-balloon-pci,id=b0 -device virtio-balloon-device,id=b1", ["b1", "'b0'", "one"]),
    ("both banks of one drive", "-drive if=none,id=f,format=raw,file=@/flash,readonly=on -M pflash0=f,pflash1=f", ["pflash1=f", "other bank", "its own"]),
    ("a disk that is flash", "-drive if=pflash,id=f,format=raw,file=@/flash,readonly=on -device virtio-blk-pci,drive=f", ["drive=f is flash"]),
    ("a disk that will be flash", "-drive if=none,id=f,format=raw,file=@/flash,readonly=on -M pflash0=f -device nvme,serial=s,drive=f", ["drive=f is flash"]),
    ("pflash0 without a drive", "-M virt,pflash0=code", ["pflash0=code", "-drive"]),
    ("boot order", "-boot order=xyz", ["-boot", "bootindex"]),
    ("boot key", "-boot frob=1", ["-boot", "frob"]),
    ("boot index twice", "-drive if=none,id=d,format=raw,file=@/disk -drive if=none,id=e,format=raw,file=@/image -device "
     "virtio-blk-pci,drive=d,bootindex=1 -device virtio-blk-pci,drive=e,bootindex=1", ["bootindex=1", "already"]),
    ("kernel that is no EFI program", "-bios @/flash -kernel @/text", ["-kernel", "EFI"]),
    ("vnc", "-vnc :1", ["-vnc", "no display"]),
    ("unknown machine", "-M sbsa-ref", ["sbsa-ref", "virt"]),
    ("unknown cache maintenance", "-M virt,cache-maintenance=l3", ["cache-maintenance=l3", "hisi"]),
    ("unknown machine key", "-M virt,frob=on", ["frob=on", "no such machine property", "-M virt,help"]),
    ("virtualization", "-M virt,virtualization=on", ["virtualization=on", "EL2", "virtualization=off"]),
    ("gic 2", "-M virt,gic-version=2", ["gic-version=2", "GICv3"]),
    ("cxl value", "-M virt,cxl=maybe", ["cxl", "maybe"]),
    ("window index", "-M virt,cxl-fmw.99.size=4G", ["cxl-fmw.99.size", "from 0 to"]),
    ("unknown cpu", "-cpu cortex-x9", ["-cpu cortex-x9", "max", "neoverse-n1"]),
    ("host cpu", "-cpu host", ["-cpu host", "-cpu max"]),
    ("cpu feature", "-cpu max,sve=on", ["sve=on", "sve=off"]),
    ("too many cpus", "-smp 17", ["-smp cpus=17", "16"]),
    ("no cpus", "-smp 0", ["-smp", "0"]),
    ("smp product", "-smp 4,sockets=2,cores=4,threads=1", ["sockets", "8", "4"]),
    ("fewer vCPUs than there are", "-smp 4,maxcpus=2", ["maxcpus=2"]),
    ("memory suffix", "-m 4Q", ["-m", "4Q"]),
    ("too little memory", "-m 1M", ["-m 1M", "64M"]),
    ("memory overlaps the map", "-m 400G", ["-m", "overlap"]),
    ("maxmem", "-m 4G,maxmem=2G", ["maxmem=2G"]),
    ("memory key", "-m 4G,frob=1", ["frob"]),
    ("node twice", "-numa node,nodeid=1 -numa node,nodeid=1", ["nodeid=1", "already"]),
    ("node memdev", "-numa node,nodeid=0,memdev=nix", ["memdev=nix", "-object"]),
    ("node cpus", "-numa node,nodeid=0,cpus=3-1", ["cpus=3-1"]),
    ("nodes do not add up", "-m 1G -object memory-backend-ram,id=m,size=512M -numa node,nodeid=0,memdev=m", ["-numa", "512", "1024"]),
    ("memory-backend unknown", "-kernel @/off -M memory-backend=nix", ["-M memory-backend=nix", "-object"]),
    ("memory-backend of another size", "-kernel @/off -m 1G -object memory-backend-ram,id=m,size=512M -M memory-backend=m", ["-M memory-backend=m", "512", "1024"]),
    ("memory-backend too small", "-kernel @/off -object memory-backend-ram,id=m,size=32M -M memory-backend=m", ["-M memory-backend=m", "64M"]),
    ("memory-backend of odd size", "-kernel @/off -object memory-backend-ram,id=m,size=129M -M memory-backend=m", ["-M memory-backend=m", "2M"]),
    ("memory-backend and nodes", "-kernel @/off -object memory-backend-ram,id=m,size=1G -M memory-backend=m -numa node,memdev=m", ["-M memory-backend=m", "leave this out"]),
    ("icount record", "-icount shift=0,rr=record,rrfile=x", ["-icount", "not built", "leave rr="]),
    ("memory hierarchy", "-numa hmat-lb,initiator=0,target=0,hierarchy=frob", ["hierarchy=frob", "memory, first-level, second-level, third-level"]),
    ("memory data", "-numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=frob", ["data-type=frob", "access-latency", "write-bandwidth"]),
    ("semihosting by gdb", "-semihosting-config enable=on,target=gdb", ["target=gdb", "target=native"]),
    ("semihosting console", "-kernel @/off -semihosting-config chardev=nix", ["chardev=nix", "-chardev"]),
    ("trace item", "-d frob", ["-d frob", "-d help"]),
    ("trace file", "-D /nonexistent/x -d cxl", ["-D /nonexistent/x"]),
    ("three serial ports", "-serial null -serial null -serial null", ["-serial", "2 serial ports"]),
    ("two serial ports on one terminal", "-serial mon:stdio -serial stdio", ["-serial stdio", "terminal"]),
    ("second serial chardev", "-serial null -serial chardev:nix", ["chardev:nix", "-chardev"]),
    ("serial spec", "-serial frob", ["-serial frob"]),
    ("chardev of no descriptor", "-kernel @/off -chardev socket,id=c,fd=77", ["fd=77", "started with"]),
    ("chardev of a standard descriptor", "-kernel @/off -chardev socket,id=c,fd=2", ["fd=2", "range"]),
    ("chardev of two places", "-kernel @/off -chardev socket,id=c,fd=7,path=x", ["path=PATH", "fd=N"]),
    ("chardev's log", "-kernel @/off -chardev null,id=c,logfile=/nonexistent/x", ["logfile=/nonexistent/x"]),
    ("chardev's log, how", "-kernel @/off -chardev null,id=c,logfile=x,logappend=maybe", ["logappend"]),
    ("serial chardev", "-serial chardev:nix", ["chardev:nix", "-chardev"]),
    ("rtc", "-rtc base=yesterday", ["base=yesterday", "utc"]),
    ("unknown object", "-object can-bus,id=r", ["can-bus"]),
    ("object without id", "-object memory-backend-ram,size=1G", ["id"]),
    ("object without size", "-object memory-backend-ram,id=m", ["size"]),
    ("object key", "-object memory-backend-ram,id=m,size=1G,frob=1", ["frob"]),
    ("file backend without path", "-object memory-backend-file,id=m,size=1G", ["mem-path"]),
    ("file backend in no folder", "-object memory-backend-file,id=m,size=1M,mem-path=/nonexistent/f", ["/nonexistent/f"]),
    ("id twice", "-object memory-backend-ram,id=m,size=1M -object memory-backend-ram,id=m,size=1M", ["id=m", "taken"]),
    ("unknown device", "-device frob", ["frob", "-device help"]),
    ("unknown property", f"{WINDOW} -device pxb-cxl,id=cxl.1,bus_nr=128,frob=1", ["frob", "pxb-cxl"]),
    ("unknown bus", "-device virtio-rng-pci,bus=nix", ["bus=nix", "no such bus"]),
    ("drive without file", "-drive if=virtio,format=raw", ["file="]),
    ("network of no kind", "-netdev frob,id=n", ["frob", "user"]),
    ("network without id", "-netdev user", ["id=NAME"]),
    ("network key", "-netdev user,id=n,frob=1", ["frob"]),
    ("forwarding without ports", "-nic user,hostfwd=tcp:x", ["hostfwd=tcp:x", "PORT"]),
    ("forwarding from an address of another host", "-nic user,hostfwd=tcp:192.0.2.1:4000-:22", ["192.0.2.1", "4000"]),
    ("forwarding by another protocol", "-nic user,hostfwd=sctp::22-:22", ["sctp", "udp"]),
    ("network mask", "-nic user,net=10.0.0.0/31", ["31", "30"]),
    ("name server outside the network", "-nic user,dns=10.9.9.9", ["dns=10.9.9.9"]),
    ("network boot", "-nic user,tftp=/srv", ["tftp=/srv"]),
    ("bridge", "-netdev bridge,id=n", ["bridge", "tap"]),
    ("tap with a script", "-netdev tap,id=n,script=/etc/up", ["script=no"]),
    ("another card", "-device e1000e", ["e1000e", "virtio-net-pci"]),
    ("card without its network", "-device virtio-net-pci,netdev=n", ["netdev=n", "-netdev"]),
    ("two cards on a network", "-netdev user,id=n -device virtio-net-pci,netdev=n -device virtio-net-pci,netdev=n", ["netdev=n"]),
    ("shared folder that is none", "-virtfs local,path=/nonexistent,mount_tag=t,security_model=none", ["/nonexistent"]),
    ("shared folder without a model", "-virtfs local,path=/tmp,mount_tag=t", ["security_model="]),
    ("shared folder with another model", "-fsdev local,id=f,path=/tmp,security_model=mapped-file", ["mapped-file", "mapped-xattr"]),
    ("shared folder without a tag", "-fsdev local,id=f,path=/tmp,security_model=none -device virtio-9p-pci,fsdev=f", ["mount_tag="]),
    ("drive missing", "-drive file=/nonexistent/d,if=virtio,format=raw", ["/nonexistent/d"]),
    ("drive qcow2", "-drive file=@/qcow2,if=virtio,format=qcow2", ["qcow2"]),
    ("drive of no format", "-drive file=@/disk,if=virtio", ["format= is not given", "format=raw", "format=qcow2"]),
    ("-hda of no format", "-hda @/disk", ["format= is not given"]),
    ("a backing file unasked", "-drive file=@/overlay,format=qcow2", ["backing file", "backing.driver=", "allow-backing=on"]),
    ("a node without a name", "-blockdev driver=file,filename=@/disk", ["node-name"]),
    ("a node of no file", "-blockdev driver=raw,node-name=a,file=b", ["file=b", "no such node"]),
    ("a node driver", "-blockdev driver=nbd,node-name=a", ["driver=nbd", "qcow2"]),
    ("a node twice", "-blockdev driver=file,node-name=a,filename=@/disk -blockdev driver=file,node-name=a,filename=@/disk", ["id=a", "ids must differ"]),
    ("no such snapshot", "-drive file=@/good.qcow2,internal-snapshot=s", ["internal-snapshot=s", "qemu-img"]),
    ("drive not raw", "-drive file=@/qcow2,if=virtio", ["format"]),
    ("drive is a folder", "-drive file=@/dir,if=virtio,format=raw", ["@/dir"]),
    ("random bytes of no object", "-device virtio-rng-pci,rng=nix", ["rng=nix", "-object rng-...,id=nix"]),
    ("a thread of no object", "-drive if=none,id=d,format=raw,file=@/flash,readonly=on -device virtio-blk-pci,drive=d,iothread=nix", ["iothread=nix", "-object iothread"]),
    ("random bytes of a thread", "-object iothread,id=t -device virtio-rng-pci,rng=t", ["rng=t", "iothread", "rng-"]),
    ("blk without drive", "-device virtio-blk-pci,drive=nix", ["drive", "nix"]),
    ("kernel missing", "-kernel /nonexistent/k", ["-kernel", "/nonexistent/k"]),
    ("kernel empty", "-kernel @/empty", ["-kernel", "@/empty"]),
    ("kernel is text", "-kernel @/text", ["-kernel", "@/text"]),
    ("kernel is a folder", "-kernel @/dir", ["-kernel", "@/dir"]),
    ("kernel truncated", "-kernel @/short-image", ["-kernel", "@/short-image"]),
    ("kernel larger than memory", "-kernel @/huge-image", ["-kernel", "@/huge-image"]),
    ("kernel gzip broken", "-kernel @/bad-gzip", ["-kernel", "@/bad-gzip"]),
    ("kernel zboot broken", "-kernel @/bad-zboot", ["-kernel", "@/bad-zboot"]),
    ("kernel ELF broken", "-kernel @/bad-elf", ["-kernel", "@/bad-elf"]),
    ("kernel for another machine", "-kernel @/x86-elf", ["-kernel", "@/x86-elf"]),
    ("initrd missing", "-kernel @/image -initrd /nonexistent/i", ["-initrd", "/nonexistent/i"]),
    ("initrd without kernel", "-initrd @/text", ["-initrd", "-kernel"]),
    ("initrd does not fit", "-m 512M -kernel @/image -initrd @/big-initrd", ["initrd"]),
    ("dtb broken", "-kernel @/image -dtb @/bad-dtb", ["dtb"]),
    ("firmware first without ras", "-M virt,cxl-firmware-first=on", ["cxl-firmware-first=on", "ras=on"]),
    ("ras without ACPI", "-M virt,ras=on,acpi=off", ["ras=on", "acpi=off"]),
    ("ras with another word", "-M virt,ras=maybe", ["ras", "maybe"]),
    ("cxl=off and a CXL device", "-M virt,cxl=off -device pxb-cxl,id=cxl.1,bus_nr=128", ["pxb-cxl", "cxl=off"]),
    ("bus number taken", f"{BRIDGE} -device pxb-cxl,id=cxl.2,bus_nr=128", ["bus_nr", "128"]),
    ("window target unknown", "-M virt,cxl-fmw.0.targets.0=nix,cxl-fmw.0.size=4G", ["targets.0=nix", "pxb-cxl"]),
    ("window without size", f"-M virt,cxl-fmw.0.targets.0=cxl.1 {BRIDGE}", ["size"]),
    ("window size", f"-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=100M {BRIDGE}", ["size", "256"]),
    ("window granularity", f"{WINDOW},cxl-fmw.0.interleave-granularity=300 {BRIDGE}", ["interleave-granularity", "300"]),
    ("window does not fit the CPU", f"{WINDOW} {BRIDGE} -cpu cortex-a76", ["cortex-a76"]),
    ("2021: window in RAM", "-m 4G -object memory-backend-ram,id=m,size=2G -device pxb-cxl,busnr=128,id=b,len-window-base=1,"
     "window-base[0]=0x100000000,memdev[0]=m", ["window 0", "RAM", "0x100000000"]),
    ("2021: window without a base", "-object memory-backend-ram,id=m,size=2G -device pxb-cxl,busnr=128,id=b,len-window-base=1,memdev[0]=m", ["window-base[0]"]),
    ("2021: slice larger than the backend", "-object memory-backend-ram,id=m,size=1G -device pxb-cxl,busnr=128,id=b -device cxl-rp,bus=b,id=rp "
     "-device cxl-type3,bus=rp,memdev=m,lsa=m,size=2G", ["memdev=m", "slice"]),
    ("window over RAM", f"{WINDOW},cxl-fmw.0.base=0x40000000 {BRIDGE}", ["cxl-fmw.0", "0x40000000", "overlaps", "RAM"]),
    ("window restrictions", f"{WINDOW},cxl-fmw.0.restrictions=volatile {BRIDGE}", ["restrictions=volatile", "at least one of each"]),
    ("window key", f"{WINDOW},cxl-fmw.0.frob=1 {BRIDGE}", ["frob"]),
    ("type3 without memory", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -device cxl-type3,bus=rp0,id=mem0", ["cxl-type3", "memdev"]),
    ("type3 memory unknown", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -device cxl-type3,bus=rp0,volatile-memdev=nix", ["nix"]),
    ("two devices on one backend", f"{ONE} -device cxl-rp,bus=cxl.1,id=rp1,slot=1 -device cxl-type3,bus=rp1,volatile-memdev=m0,id=mem1", ["m0", "mem0"]),
    ("persistent without lsa", f"{WINDOW} {BRIDGE} -object memory-backend-ram,id=p,size=256M -device cxl-rp,bus=cxl.1,id=rp0 "
     "-device cxl-type3,bus=rp0,persistent-memdev=p", ["lsa"]),
    ("mailbox payload that is no power of two", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -object memory-backend-ram,id=v,size=256M "
     "-device cxl-type3,bus=rp0,volatile-memdev=v,mailbox-payload=3K", ["mailbox-payload=3072", "1 MiB"]),
    ("partitions of volatile memory alone", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -object memory-backend-ram,id=v,size=256M "
     "-device cxl-type3,bus=rp0,volatile-memdev=v,partition-align=256M", ["partition-align", "persistent-memdev"]),
    ("partitions of odd size", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0 -object memory-backend-ram,id=v,size=256M "
     "-device cxl-type3,bus=rp0,volatile-memdev=v,partition-align=300M", ["partition-align", "512M"]),
    ("type3 on the root bus", f"{WINDOW} {BRIDGE} -object memory-backend-ram,id=m0,size=256M -device cxl-type3,volatile-memdev=m0", ["cxl-type3"]),
    ("root port on a plain bus", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=pcie.0,id=rp0", ["cxl-rp"]),
    ("same port number twice", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=a,port=1,slot=1 -device cxl-rp,bus=cxl.1,id=b,port=1,slot=2", ["port"]),
    ("same slot twice", "-device pcie-root-port,id=a,chassis=0,slot=1 -device pcie-root-port,id=b,chassis=0,slot=1",
     ["b: chassis=0,slot=1", "also that of a", "its own slot"]),
    ("same slot of two kinds of port", f"{WINDOW} {BRIDGE} -device pcie-root-port,id=a,slot=7 -device cxl-rp,bus=cxl.1,id=b,slot=7", ["b: chassis=0,slot=7", "of a"]),
    ("same slot below a switch", f"{WINDOW} {BRIDGE} -device cxl-rp,bus=cxl.1,id=rp0,slot=3 -device cxl-upstream,bus=rp0,id=us "
     "-device cxl-downstream,bus=us,id=ds,slot=3", ["ds: chassis=0,slot=3", "of rp0"]),
    ("region without window", f"{BRIDGE} {memory(0)} -cxl-region window=0,devices=mem0,type=ram", ["window=0"]),
    ("region without devices", f"{ONE} -cxl-region window=0,type=ram", ["devices"]),
    ("region device unknown", f"{ONE} -cxl-region window=0,devices=nix,type=ram", ["nix"]),
    ("region device of another kind", f"{ONE} -cxl-region window=0,devices=rp0,type=ram", ["rp0", "cxl-type3"]),
    ("region granularity", f"{TWO} -cxl-region window=0,devices=mem0:mem1,granularity=384,type=ram", ["granularity=384"]),
    ("region granularity too large", f"{TWO} -cxl-region window=0,devices=mem0:mem1,granularity=32k,type=ram", ["granularity"]),
    ("region granularity is not the window's", f"{TWO_BRIDGES} -cxl-region window=0,devices=mem0:mem1,granularity=512,type=ram", ["granularity"]),
    ("region of three ways", f"{TWO} {memory(2)} -cxl-region window=0,devices=mem0:mem1:mem2,granularity=256,type=ram", ["3"]),
    ("region larger than its devices", f"{ONE} -cxl-region window=0,devices=mem0,granularity=256,type=ram,size=2G", ["size", "512"]),
    ("region larger than its window", f"-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=256M {BRIDGE} {memory(0)} -cxl-region window=0,devices=mem0,type=ram", ["window"]),
    ("region type", f"{ONE} -cxl-region window=0,devices=mem0,type=frob", ["type=frob", "ram"]),
    ("region pmem on volatile devices", f"{ONE} -cxl-region window=0,devices=mem0,type=pmem", ["pmem", "mem0"]),
    ("region as", f"{ONE} -cxl-region window=0,devices=mem0,as=frob", ["as=frob"]),
    ("region device twice", f"{ONE} -cxl-region window=0,devices=mem0:mem0,granularity=256,type=ram", ["mem0"]),
    ("region in the wrong order", f"{TWO_BRIDGES} -cxl-region window=0,devices=mem1:mem0,granularity=256,type=ram", ["mem0:mem1"]),
    ("region on a passthrough bridge", f"-M virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G -device pxb-cxl,id=cxl.1,bus_nr=128,hdm_for_passthrough=off {memory(0)} "
     "-cxl-region window=0,devices=mem0,type=ram", ["hdm_for_passthrough"]),
    ("region key", f"{ONE} -cxl-region window=0,devices=mem0,frob=1", ["frob"]),
    ("region size", f"{ONE} -cxl-region window=0,devices=mem0,type=ram,size=100M", ["size", "256"]),
]


def arguments_of(options, folder):
    """Options as one string or as a list, whose items may be bytes; @ stands for the folder of the fixtures."""
    words = options.split() if isinstance(options, str) else options
    return [word.replace(b"@", bytes(folder)) if isinstance(word, bytes) else word.replace("@", str(folder)) for word in words]


def shown(options):
    text = options if isinstance(options, str) else " ".join(repr(word)[:80] for word in options)
    return text if len(text) < 400 else text[:200] + " ... " + text[-200:]


def refused(done, words, folder):
    """What is wrong with a refusal: it is exit code 1 and one line on stderr that has the words."""
    text = done.err.decode(errors="replace")
    wrong = []
    if done.late:
        wrong.append(f"still runs after {done.wall_s:.0f} s")
    elif done.code != 1:
        wrong.append(f"exit code {done.code}, not 1")
    if len(text.splitlines()) != 1 or not text.startswith("cxlvm: ") or not text.endswith("\n"):
        wrong.append("not one line that begins with 'cxlvm: '")
    if done.out:
        wrong.append("something on stdout")
    wrong += [f"'{word}' is missing" for word in words if word.replace("@", str(folder)) not in text]
    if done.cpu_s > CPU_LIMIT_S:
        wrong.append(f"took {done.cpu_s:.1f} s of processor time")
    return wrong


def one(program, folder, options, words, judge=refused):
    done = programs.run([str(program), "-display", "none"] + arguments_of(options, folder), cwd=folder)
    wrong = judge(done, words, folder)
    return not wrong, f"cxlvm {shown(options)}\n{done.err.decode(errors='replace')[:3000]}\n" + "; ".join(wrong)


def run_list(program, folder, cases, judge=refused):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda case: one(program, folder, case[1], case[2], judge), cases)
        for (name, _, _), (ok, text) in zip(cases, results):
            yield name, ok, text


def run_all(build, long=False):
    from bad_input import accepted, guides, hostile, installed, mutations, regions
    program = build / "cxlvm"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fixtures(folder)
        (folder / "options").write_text(guides.OPTIONS_FILE)
        (folder / "bad-options").write_text("# x\n[frob]\n")
        (folder / "bad-group").write_text("[\n")
        yield from run_list(program, folder, CASES)
        yield from run_list(program, folder, guides.REFUSED)
        yield from run_list(program, folder, guides.CASES, accepted.judge)
        yield from run_list(program, folder, hostile.CASES)
        yield from run_list(program, folder, accepted.CASES, accepted.judge)
        yield from accepted.help_for_all(program)
        yield from accepted.properties_are_known(program)
        yield from installed.run_all(build)
        yield from regions.run_all(program, folder)
        yield from mutations.run_all(program, folder, 1000 if long else 100)


if __name__ == "__main__":
    import sys
    bad = count = 0
    for case, good, words in run_all(pathlib.Path(sys.argv[1]).resolve(), "--long" in sys.argv):
        line = words.splitlines()[1] if "-v" in sys.argv and good and len(words.splitlines()) > 1 else ""
        print(f"{'ok    ' if good else 'FAILED'} {case} {line}" + ("" if good else "\n    " + words.replace("\n", "\n    ")), flush=True)
        bad += not good
        count += 1
    print(f"{count - bad} passed, {bad} failed")
    sys.exit(bad != 0)
