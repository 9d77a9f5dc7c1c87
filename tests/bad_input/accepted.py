# SPDX-License-Identifier: BSD-2-Clause
"""What is right must stay right: every kind of help, both spellings of options, words that users and other projects' scripts look for,
and odd but legal machines, whose guest powers off at once. Exit code 0, nothing on stderr."""
import re

import programs
from bad_input.cases import BRIDGE, CPU_LIMIT_S, ONE
from bad_input.hostile import bridges, ports

KERNEL = "-kernel @/off "
DEVICES = ("pxb-cxl", "pxb-pcie", "cxl-rp", "cxl-upstream", "cxl-downstream", "cxl-type3", "pcie-root-port", "virtio-blk-pci", "virtio-rng-pci", "virtio-serial-pci", "virtconsole", "virtserialport")
OBJECTS = ("memory-backend-ram", "memory-backend-file", "memory-backend-memfd")

CASES = [
    ("-version", "-version", ["cxlvm version "]),
    ("--version", "--version", ["cxlvm version "]),
    ("-help", "-help", ["-kernel FILE", "-cxl-region", "-device NAME"]),
    ("-h", "-h", ["usage: "]),
    ("--help", "--help", ["usage: "]),
    ("-M help", "-M help", ["virt ", "ARM Virtual Machine"]),
    ("-machine ?", "-machine ?", ["ARM Virtual Machine"]),
    ("-M virt,help", "-M virt,help", ["virt options:", "\n  cxl=<on|off>", "\n  cxl-fmw.N.size=<SIZE>", "\n  gic-version=<3|max|host>"]),
    ("-machine virt,?", "-machine virt,?", ["virt options:"]),
    ("-cpu help", "-cpu help", ["max", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "cortex-a53"]),
    ("-d help", "-d help", ["exec", "mmio", "cxl", "mbox", "unimp", "guest_error"]),
    ("-accel help", "-accel help", ["\ntcg\n", "\njit\n"]),
    ("-chardev help", "-chardev help", ["stdio", "socket"]),
    ("-netdev help", "-M none -netdev help", ["\nuser\n"]),
    ("-nic help", "-nic help", ["\nuser\n"]),
    ("-device help", "-device help", [f'"{name}"' for name in DEVICES]),
    ("-device ?", "-device ?", ["virtconsole"]),
    ("-object help", "-object help", [f'"{name}"' for name in OBJECTS]),
    ("help before the rest is read", "-M help -frobnicate", ["virt"]),
    ("power-off", KERNEL, []),
    ("two dashes", "--kernel @/off --smp 2 --m 512M --machine virt", []),
    ("options of scripts", KERNEL + "-nodefaults -no-user-config -nographic -vga none -net none -nic none -monitor none -parallel none "
     "-name x -uuid 550e8400-e29b-41d4-a716-446655440000 -accel tcg,thread=multi -M virt,gic-version=3,highmem=on", []),
    ("an empty kernel command line", ["-kernel", "@/off", "-append", ""], []),
    ("a long kernel command line", ["-kernel", "@/off", "-append", "x" * 2000], []),
    ("the least memory", KERNEL + "-m 64M -smp 1", []),
    ("memory in GiB and a fraction", KERNEL + "-m 1.5g", []),
    ("16 vCPUs", KERNEL + "-smp 16,sockets=2,cores=4,threads=2", []),
    ("every named CPU", KERNEL + "-cpu neoverse-n1", []),
    ("instruction time", KERNEL + "-icount shift=3 -smp 4", []),
    ("device tree only", KERNEL + "-M virt,acpi=off,its=off", []),
    ("16 host bridges", KERNEL + bridges(16), []),
    ("32 root ports", KERNEL + ports(32), []),
    ("100 root ports", KERNEL + f"{BRIDGE} " + " ".join(f"-device cxl-rp,bus=cxl.1,addr={n // 8:x}.{n % 8},multifunction=on" for n in range(100)), []),
    ("16 windows", KERNEL + "-M " + ",".join(f"cxl-fmw.{n}.targets.0=cxl.1,cxl-fmw.{n}.size=4G" for n in range(16)) + " " + BRIDGE, []),
    ("a window of 255 TiB", KERNEL + f"-M cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=255T {BRIDGE}", []),
    ("a backend and its device of one id", KERNEL + ONE.replace("m0", "mem0").replace("memem0", "mem0"), []),
    ("a terabyte as disk and as memory", KERNEL + "-drive file=@/terabyte,format=raw -object memory-backend-file,id=m,size=1T,mem-path=@/terabyte", []),
    ("a disk of no sectors", KERNEL + "-drive file=@/empty,format=raw", []),
    ("a disk for readers", KERNEL + "-drive file=@/disk,format=raw,readonly=on " * 2, []),
    ("a comma in a path", KERNEL + "-chardev file,id=c,path=@/a,,b -serial chardev:c", []),
    ("a socket nobody connects to", KERNEL + "-serial unix:@/socket,server=on,wait=off", []),
    ("four nodes", KERNEL + "-smp 4 -numa node,cpus=0-1,mem=512M -numa node,cpus=2,mem=512M -numa node,cpus=3 -numa node -numa dist,src=0,dst=3,val=40", []),
    ("-M memory-backend", KERNEL + "-m 512M -object memory-backend-memfd,id=ram,size=512M,share=on -M memory-backend=ram", []),
    ("the device tree alone", "-M virt,dumpdtb=@/dtb", []),
    ("the device tree of a machine with a kernel, which does not start", "-kernel @/image -M virt,dumpdtb=@/dtb-2 -smp 2", []),
    ("both actions", KERNEL + "-action reboot=shutdown,shutdown=poweroff", []),
    ("-global of another machine's device", KERNEL + "-global PIIX4_PM.disable_s3=1", ["PIIX4_PM.disable_s3=1: has no effect"]),
    ("-global of an object", KERNEL + "-global memory-backend-ram.share=on", ["memory-backend-ram.share=on: has no effect"]),
    ("-global of a driver that is no text", ["-kernel", "@/off", "-global", "a\x1b[31m\n.b=1"], ["-global a\\x1b[31m\\x0a.b=1: has no effect"]),
    ("a pid file", KERNEL + "-pidfile @/pid", []),
    ("the kernel's kunit.py", KERNEL + "-nodefaults -m 1024 -no-reboot -nographic -accel kvm -accel hvf -accel tcg -serial stdio -machine virt "
     "-cpu max,pauth-impdef=on", ["-accel kvm: arm64 code is emulated; the next -accel is taken"]),
    ("one engine of several", KERNEL + "-machine virt,accel=kvm:tcg", ["-accel kvm: arm64 code is emulated; the next -accel is taken"]),
    ("buildroot's script", KERNEL + "-M virt -cpu cortex-a53 -nographic -smp 1 -netdev user,id=eth0 -device virtio-net-device,netdev=eth0 "
     "-drive file=@/own-0,if=none,format=raw,id=hd0 -device virtio-blk-device,drive=hd0", []),
    ("libvirt's words", [
        "-kernel", "@/off", "-name", "guest=a,debug-threads=on", "-machine", "virt-9.2,usb=off,gic-version=3,dump-guest-core=off,acpi=on",
        "-overcommit", "mem-lock=off", "-no-user-config", "-nodefaults", "-chardev", "socket,id=m,path=@/mon,server=on,wait=off",
        "-mon", "chardev=m,id=monitor,mode=control", "-rtc", "base=utc", "-boot", "strict=on",
        "-device", '{"driver":"pcie-root-port","port":8,"chassis":1,"id":"pci.1","bus":"pcie.0","multifunction":true,"addr":"0x1"}',
        "-device", '{"driver":"pcie-root-port","port":9,"chassis":2,"id":"pci.2","bus":"pcie.0","addr":"0x1.0x1"}',
        "-blockdev", '{"driver":"file","filename":"@/own-1","node-name":"s","auto-read-only":true,"discard":"unmap"}',
        "-blockdev", '{"node-name":"f","read-only":false,"driver":"raw","file":"s"}',
        "-device", '{"driver":"virtio-blk-pci-non-transitional","bus":"pci.1","addr":"0x0","drive":"f","id":"v0","bootindex":1,"werror":"stop","scsi":false,"ioeventfd":true}',
        "-netdev", '{"type":"user","id":"n","hostfwd":[{"str":"udp:127.0.0.1:0-:22"}]}'.replace(":0-", ":47225-"),
        "-device", '{"driver":"virtio-net-pci","netdev":"n","id":"net0","mac":"52:54:00:12:34:56","bus":"pci.2","addr":"0x0"}',
        "-audiodev", '{"id":"audio1","driver":"none"}', "-object", '{"qom-type":"rng-random","id":"r","filename":"/dev/urandom"}',
        "-device", '{"driver":"virtio-rng-pci","rng":"r","max-bytes":1024,"period":1000,"id":"rng0","bus":"pcie.0","addr":"0x2"}',
        "-msg", "timestamp=on"], []),
    ("debvm's balloon", KERNEL + "-object iothread,id=balloon-iothread -device virtio-balloon-pci,free-page-hint=on,free-page-reporting=on,iothread=balloon-iothread", []),
    ("avocado's boot order", KERNEL + "-boot order=cdn,once=c,menu=off,strict=off -rtc base=utc,clock=host,driftfix=slew", []),
    ("-qmp on a -chardev", KERNEL + "-chardev socket,id=q,path=@/qmp,server=on,wait=off -qmp chardev:q", []),
    ("one file appended to, telnet by a key", KERNEL + "-chardev file,id=a,path=@/log,append=on -serial chardev:a "
     "-chardev socket,id=t,host=localhost,port=47226,server=on,wait=off,telnet=on,nodelay=on -mon chardev=t", []),
    ("cache by its switches", KERNEL + "-drive file=@/own-2,format=raw,cache.direct=on,cache.no-flush=off,auto-read-only=on "
     "-blockdev driver=raw,node-name=b,file.driver=file,file.filename=@/own-3,file.discard=unmap,file.cache.direct=on", []),
    ("files called after the terminal", KERNEL + "-serial file:@/stdio.a -serial file:@/stdio.b -monitor unix:@/stdio.c,server=on,wait=off", []),
    ("-global in full, and of a device by another name", KERNEL + "-global driver=cxl-rp,property=hotplug,value=off -global virtio-rng-pci.addr=9 "
     "-device virtio-rng -device pcie-root-port,addr=3", []),
    ("a device's properties by another name", "-device virtio-blk,help", ["virtio-blk-pci", "drive=<"]),
]


def help_for_all(program):
    """Every device and object that the lists name tells its properties."""
    for option in ("-device", "-object"):
        listed = re.findall(r'^name "([^"]+)"', programs.run([str(program), option, "help"]).out.decode(), re.M)
        wrong = [] if listed else [f"{option} help names nothing"]
        for name in listed:
            done = programs.run([str(program), option, f"{name},help"])
            wrong += [f"{option} {name},help: {text}" for text in judge(done, [name, "=<"], None)]
        yield f"{option} X,help for each of {len(listed)}", not wrong, "\n".join(wrong)


def properties_are_known(program):
    """What -M virt,help lists is known to -M: a value that cannot be is refused for itself, or for what follows from it."""
    listed = re.findall(r"^  ([^=\s]+)=<", programs.run([str(program), "-M", "virt,help"]).out.decode(), re.M)
    wrong = [] if len(listed) > 30 else [str(listed)]
    for key in listed:
        done = programs.run([str(program), "-M", "virt," + re.sub(r"\.[NM]\b", ".0", key) + "=frob", "-bios", "/nonexistent"])
        if done.code != 1 or b"no such machine property" in done.err or b"no such key" in done.err:
            wrong.append(f"{key}: {done.err.decode()}")
    yield f"each of {len(listed)} machine properties that are listed", not wrong, "\n".join(wrong)


def judge(done, words, folder):
    text = done.out.decode(errors="replace") + done.err.decode(errors="replace")
    wrong = [f"'{word}' is missing in {text[:500]}" for word in words if word not in text]
    if done.late:
        wrong.append(f"still runs after {done.wall_s:.0f} s")
    elif done.code:
        wrong.append(f"exit code {done.code}, not 0")
    if any(not any(word in line for word in words) for line in done.err.decode(errors="replace").splitlines()):
        wrong.append("something on stderr")
    if done.cpu_s > CPU_LIMIT_S:
        wrong.append(f"took {done.cpu_s:.1f} s of processor time")
    return wrong
