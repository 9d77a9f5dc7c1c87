# SPDX-License-Identifier: BSD-2-Clause
"""Command lines of guides and of other projects' scripts, for `virt` machines, as their topologies stand there: each starts, and the
guest powers off at once. What only concerns an x86 machine is refused in one line that names it."""

MACHINE = "-M virt,gic-version=3,cxl=on -m 4g,maxmem=8G,slots=8 -cpu max -smp 4 -kernel @/off "


def file(name, size="256M", share="share=on,"):
    return f"-object memory-backend-file,id={name},{share}mem-path=@/{name}.raw,size={size} "


def ram(name, size="256M"):
    return f"-object memory-backend-ram,id={name},share=on,size={size} "


def root_ports(*ports):
    """(bus, id of the port, slot, the device's own keys)"""
    return "".join(f"-device cxl-rp,port={n},bus={bus},id={port},chassis=0,slot={slot} -device cxl-type3,bus={port},{device} "
                   for n, (bus, port, slot, device) in enumerate(ports))


ONE_BRIDGE = "-device pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.1 "
WINDOW = "-M cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G"
FOUR = "".join(file(f"cxl-mem{n}") + file(f"cxl-lsa{n}") for n in range(1, 5))
SWITCH = (ONE_BRIDGE + "-device cxl-rp,port=0,bus=cxl.1,id=root_port0,chassis=0,slot=0 "
          "-device cxl-rp,port=1,bus=cxl.1,id=root_port1,chassis=0,slot=1 -device cxl-upstream,bus=root_port0,id=us0 " +
          "".join(f"-device cxl-downstream,port={n},bus=us0,id=swport{n},chassis=0,slot={4 + n} "
                  f"-device cxl-type3,bus=swport{n},persistent-memdev=cxl-mem{n + 1},lsa=cxl-lsa{n + 1},id=cxl-pmem{n},sn={n + 1} "
                  for n in range(4)))


def two_switches(devices):
    """Two bridges, two root ports each, a switch below the first of each, four downstream ports each."""
    line = "-M cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.targets.1=cxl.1,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-granularity=8k,"
    line += "cxl-fmw.1.targets.0=cxl.0,cxl-fmw.1.size=4G,cxl-fmw.1.interleave-granularity=8k "
    for b in range(2):
        line += f"-device pxb-cxl,id=cxl.{b},bus=pcie.0,bus_nr={53 + 138 * b} "
        line += "".join(f"-device cxl-rp,id=hb{b}rp{p},bus=cxl.{b},chassis={b},slot={p},port={p} " for p in range(2))
        line += f"-device cxl-upstream,port={4 * b},bus=hb{b}rp0,id=cxl-up{b},addr=0.0,multifunction=on,sn={0x5ca0 + b} "
        for p in range(4):
            n = 4 * b + p
            line += f"-device cxl-downstream,port={p},bus=cxl-up{b},id=cxl-dport{n},chassis=0,slot={4 + n} "
            kind = f"persistent-memdev=cxl-mem{n},lsa=cxl-lsa{n}" if devices == "pmem" or n % 2 else f"volatile-memdev=cxl-mem{n}"
            line += file(f"cxl-mem{n}") + file(f"cxl-lsa{n}", "1K") + f"-device cxl-type3,bus=cxl-dport{n},{kind},id=dev{n},sn={n + 1} "
    return line.replace("size=1K", "size=128K")


CASES = [
    ("guides: a directly attached persistent device", MACHINE + file("cxl-mem1") + file("cxl-lsa1") + ONE_BRIDGE +
     root_ports(("cxl.1", "root_port13", 2, "persistent-memdev=cxl-mem1,lsa=cxl-lsa1,id=cxl-pmem0,sn=0x1")) + WINDOW, []),
    ("guides: its older spelling", MACHINE + file("cxl-mem1") + file("cxl-lsa1") + ONE_BRIDGE +
     root_ports(("cxl.1", "root_port13", 2, "memdev=cxl-mem1,lsa=cxl-lsa1,id=cxl-pmem0")) + WINDOW, []),
    ("guides: a volatile device", MACHINE + ram("vmem0") + ONE_BRIDGE +
     root_ports(("cxl.1", "root_port13", 2, "volatile-memdev=vmem0,id=cxl-vmem0")) + WINDOW, []),
    ("guides: a volatile device with labels", MACHINE + ram("vmem0") + file("cxl-lsa1") + ONE_BRIDGE +
     root_ports(("cxl.1", "root_port13", 2, "volatile-memdev=vmem0,lsa=cxl-lsa1,id=cxl-vmem0")) + WINDOW, []),
    ("guides: two bridges, four devices, 8k", MACHINE + FOUR + ONE_BRIDGE + "-device pxb-cxl,bus_nr=222,bus=pcie.0,id=cxl.2 " + "".join(
        f"-device cxl-rp,port={n % 2},bus=cxl.{1 + n // 2},id=root_port{13 + n},chassis=0,slot={2 + n} "
        f"-device cxl-type3,bus=root_port{13 + n},persistent-memdev=cxl-mem{n + 1},lsa=cxl-lsa{n + 1},id=cxl-pmem{n},sn={n + 1} " for n in range(4)) +
     "-M cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.targets.1=cxl.2,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-granularity=8k", []),
    ("guides: four devices below a switch", MACHINE + FOUR + SWITCH +
     "-M cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-granularity=4k", []),
    ("guides: two windows of which one is interleaved", MACHINE + ram("v0") + ram("v1") + ONE_BRIDGE + "-device pxb-cxl,bus_nr=222,id=cxl.2 " +
     root_ports(("cxl.1", "a", 0, "volatile-memdev=v0"), ("cxl.2", "b", 1, "volatile-memdev=v1")) +
     "-machine cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G,cxl-fmw.1.targets.0=cxl.1,cxl-fmw.1.targets.1=cxl.2,cxl-fmw.1.size=4G", []),
    ("guides: four volatile devices below a switch, two of them HDM-DB", MACHINE + "".join(ram(f"cxl-mem{n}") for n in range(4)) + ONE_BRIDGE +
     "-device cxl-rp,port=0,bus=cxl.1,id=root_port0,chassis=0,slot=0 -device cxl-rp,port=1,bus=cxl.1,id=root_port1,chassis=0,slot=1 "
     "-device cxl-upstream,bus=root_port0,id=us0,x-256b-flit=on " + "".join(
         f"-device cxl-downstream,port={n},bus=us0,id=swport{n},chassis=0,slot={4 + n} "
         f"-device cxl-type3,bus=swport{n},volatile-memdev=cxl-mem{n},id=cxl-mem{n},sn={n + 1}{',x-256b-flit=on,hdm-db=on' if n < 2 else ''} " for n in range(4)) +
     WINDOW + ",cxl-fmw.0.interleave-granularity=4k", []),
    ("scripts: nodes with a comma too many", "-machine virt,accel=tcg,cxl=on,highmem=on,compact-highmem=on,highmem-ecam=on,highmem-mmio=on -m 2048M,slots=0,maxmem=6144M "
     "-smp 2,sockets=1,cores=2,threads=1 -display none -kernel @/off -object memory-backend-ram,id=mem0,size=2048M -numa node,nodeid=0,memdev=mem0, "
     "-numa cpu,node-id=0,socket-id=0 -numa dist,src=0,dst=0,val=10", []),
    ("scripts: two switches, eight persistent devices", MACHINE + two_switches("pmem"), []),
    ("scripts: two switches, devices of both kinds", MACHINE + two_switches("mixed"), []),
    ("scripts: dynamic capacity", MACHINE + file("dcd-mem", "4G") + file("dcd-lsa", "512M") + ONE_BRIDGE +
     root_ports(("cxl.1", "root_port13", 2, "volatile-dc-memdev=dcd-mem,id=cxl-dcd0,lsa=dcd-lsa,num-dc-regions=2,sn=99")) +
     WINDOW + ",cxl-fmw.0.interleave-granularity=8k", []),
    ("JSON", ["-kernel", "@/off", "-object", '{"qom-type": "memory-backend-ram", "id": "m", "size": 268435456, "share": true}',
              "-device", '{"driver": "pxb-cxl", "id": "b", "bus_nr": 12}', "-device", '{"driver": "cxl-rp", "bus": "b", "id": "r"}',
              "-device", '{"driver": "cxl-type3", "bus": "r", "volatile-memdev": "m"}'], []),
    ("JSON in single quotes", ["-kernel", "@/off", "-object", "{'qom-type': 'memory-backend-ram', 'id': 'm', 'size': 268435456}", "-blockdev",
                               "{'driver': 'file', 'node-name': 'it', 'filename': '@/disk', 'read-only': true}"], []),
    ("-blockdev with its driver first", "-kernel @/off -blockdev raw,node-name=a,read-only=on,file.driver=file,file.filename=@/disk", []),
    ("our short form", "-kernel @/off -cxl 4x256M,bridges=2,interleave=1k", []),
    ("our short form, long", "-cxl 2x256M,print=on", ["-device pxb-cxl,bus_nr=64,id=cxl.0", "devices=mem0:mem1,granularity=256"]),
    ("names of trace events", "-kernel @/off -trace virtio_blk_rw* -trace enable=pl011_write,file=@/trace", []),
    ("-trace help", "-trace help", ["cxl_", "-d cxl"]),
    ("-global", "-kernel @/off -global cxl-rp.hotplug=off -global pxb-pcie.bus_nr=9 -device pxb-pcie,id=x", []),
    ("-readconfig", "-readconfig @/options -kernel @/off", []),
    ("words for SMBIOS", "-kernel @/off -uuid 550e8400-e29b-41d4-a716-446655440000 -smbios type=1,serial=ds=nocloud;s=x,product=y -smbios type=11,value=a,value=b", []),
    ("files for fw_cfg", "-kernel @/off -fw_cfg name=opt/org.x/a,string=b -fw_cfg opt/org.x/c,file=@/empty", []),
    ("in the background", "-kernel @/off -daemonize", []),
]

REFUSED = [
    ("windows as they were written before 7.1", "-cxl-fixed-memory-window targets.0=cxl.1,size=4G", ["-cxl-fixed-memory-window", "write -M cxl-fmw.0.targets.0=ID"]),
    ("-M q35", "-M q35,cxl=on", ["q35", "virt"]),
    ("JSON cut off", ["-device", '{"driver": "pxb-cxl"'], ["-device", "JSON"]),
    ("JSON with a member twice", ["-device", '{"driver": "pxb-cxl", "bus_nr": 9, "bus_nr": 10}'], ["-device", "duplicate key"]),
    ("JSON with more behind it", ["-device", '{"driver": "pxb-cxl", "bus_nr": 9},id=b'], ["-device", "behind the JSON object"]),
    ("JSON twice, cut off", ["-device", '{"driver": "pxb-cxl", "bus_nr": 9}{'], ["-device", "not complete"]),
    ("JSON with an integer of more than 64 bits", ["-object", '{"qom-type": "memory-backend-ram", "id": "m", "size": 18446744073709551616}'], ["-object", "'size'", "64 bits"]),
    ("JSON that is deep", ["-device", "{" + '"a":{' * 20 + "}" * 20 + "}"], ["-device"]),
    ("JSON of another kind", ["-device", '{"driver": null}'], ["driver", "null"]),
    ("-trace of nothing", "-trace frob_*", ["frob_*", "-trace help"]),
    ("-global without a property", "-global cxl-rp=1", ["-global", "DRIVER.PROPERTY=VALUE"]),
    ("-global that no device has", "-global pxb-pcie.frob=1 -device pxb-pcie,bus_nr=9", ["frob"]),
    ("-global of what -drive makes", "-global virtio-blk-pci.queue-size=3 -drive file=@/own-4,format=raw", ["queue-size=3"]),
    ("-global of what -nic makes", "-global virtio-net-pci.addr=99 -nic user", ["addr=99"]),
    ("-global of half a property", "-global driver=cxl-rp,property=hotplug", ["-global", "DRIVER.PROPERTY=VALUE"]),
    ("-chardev and -serial on one terminal", "-chardev stdio,id=c -serial stdio", ["-chardev stdio,id=c", "terminal", "-serial"]),
    ("-gdb and -monitor on one terminal", "-gdb stdio -monitor stdio", ["-gdb stdio", "terminal", "-monitor"]),
    ("-daemonize and a -chardev on the terminal", "-kernel @/off -daemonize -chardev stdio,id=c -serial chardev:c", ["-daemonize"]),
    ("JSON with a NUL", ["-blockdev", r'{"driver":"file","filename":"/tmp/a\u0000b","node-name":"n"}'], ["filename", "NUL"]),
    ("a disk by SCSI", "-device virtio-scsi-pci", ["virtio-scsi-pci", "write virtio-blk-pci"]),
    ("a keyboard", "-device usb-kbd", ["usb-kbd", "no USB"]),
    ("the legacy interface", "-device virtio-blk-pci-transitional,drive=d", ["no legacy interface", "virtio-blk-pci"]),
    ("memory that is locked", "-overcommit mem-lock=on", ["mem-lock=on", "mem-lock=off"]),
    ("sound", "-audiodev pa,id=a", ["-audiodev", "no sound"]),
    ("a screen of text", "-curses", ["-curses", "-nographic"]),
    ("-no-acpi", "-no-acpi", ["-M acpi=off"]),
    ("-readconfig of nothing", "-readconfig /nonexistent/x", ["-readconfig", "/nonexistent/x"]),
    ("-readconfig of another kind", "-readconfig @/bad-options", ["line 2", "[frob]"]),
    ("-readconfig with half a group", "-readconfig @/bad-group", ["line 1", "write [GROUP]"]),
    ("-cxl", "-cxl frob", ["COUNTxSIZE"]),
    ("-cxl of none", "-cxl 0x256M", ["COUNT=0"]),
    ("-cxl size", "-cxl 2x100M", ["256M"]),
    ("-cxl spread", "-cxl 3x256M,bridges=2", ["bridges=2"]),
    ("-smbios type", "-smbios type=4", ["type=1"]),
    ("-smbios key", "-smbios type=1,frob=1", ["frob"]),
    ("-smbios uuid", "-smbios type=1,uuid=1", ["uuid"]),
    ("-smbios of too many words", ["-smbios", "type=11,value=" + "x" * 3000], ["2048"]),
    ("-fw_cfg without contents", "-fw_cfg name=opt/x", ["file=PATH"]),
    ("-fw_cfg name", "-fw_cfg name=" + "x" * 60 + ",string=a", ["55"]),
    ("-fw_cfg twice", "-kernel @/off -fw_cfg opt/x,string=a -fw_cfg opt/x,string=b", ["opt/x"]),
    ("-daemonize and a terminal", "-kernel @/off -daemonize -serial stdio", ["-daemonize", "-serial"]),
    ("-daemonize and an error", "-kernel /nonexistent/k -daemonize", ["-kernel", "/nonexistent/k"]),
]

OPTIONS_FILE = """# A machine in a file.
[machine]
  type = "virt"
[device "b"]
  driver = "pxb-cxl"
  bus_nr = "12"
[device]
  driver = "cxl-rp"
  bus = "b"
[smp-opts]
  cpus = "2"
[memory]
  size = "512M"
[chardev "c"]
  backend = "null"
[mon "m"]
  chardev = "c"
  mode = "control"
[global]
  driver = "cxl-rp"
  property = "hotplug"
  value = "off"
[accel]
  accel = "tcg"
"""
