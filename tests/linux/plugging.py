# SPDX-License-Identifier: BSD-2-Clause
"""Hot-plug under Debian's unmodified kernels: disks below pcie-root-port, memory devices below cxl-rp, taken out with the guest's consent and
without; nothing leaks.

Also a program: tests/linux/plugging.py BUILD [NAME...] shows the guest's output as it comes.
"""
import os
import pathlib
import re
import sys
import tempfile
import time
import traceback

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from linux.boots import command, not_built, prepare
from linux.live import Live

PORTS = 4
RETRY = 5 # return code of a mailbox command


def options(folder):
    """Slots for disks and for memory devices, a window over the latter, the disks' drives."""
    words = ["-M", "virt,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G", "-device", "pxb-cxl,bus_nr=128,id=cxl.0"]
    for n in range(PORTS):
        disk = pathlib.Path(folder) / f"disk{n}"
        disk.write_bytes(f"disk {n}".encode() + bytes((1 << 20) - 6))
        words += ["-device", f"pcie-root-port,id=pp{n},chassis=1,slot={n}", "-device", f"cxl-rp,bus=cxl.0,id=rp{n},chassis=2,slot={n}",
                  "-drive", f"file={disk},format=raw,if=none,id=d{n}"]
    return words


def fabric(folder):
    """A switch with a mailbox and two downstream ports, a memory device with serial number 7 at the first."""
    return ("-M virt,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.size=4G -device pxb-cxl,bus_nr=128,id=cxl.0 -device cxl-rp,bus=cxl.0,id=rp,chassis=1,slot=0 "
            "-device cxl-upstream,bus=rp,id=us,port=33,multifunction=on,addr=0.0 -device cxl-switch-mailbox-cci,bus=rp,addr=0.1,target=us "
            "-device cxl-downstream,bus=us,id=ds0,port=4,chassis=2,slot=0 -device cxl-downstream,bus=us,id=ds1,port=5,chassis=2,slot=1 "
            "-object memory-backend-ram,id=v,size=256M -device cxl-type3,bus=ds0,id=mem,volatile-memdev=v,sn=7").split()


BIG = 32 << 20


def usage(live):
    """File descriptors, threads, big mappings (guest memory, backends, code), KiB resident in all others: the guest's own memory grows as it is used."""
    process = pathlib.Path(f"/proc/{live.process.pid}")
    big = small = 0
    for mapping in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", (process / "smaps").read_text()):
        if int(re.search(r"\nSize:\s+(\d+)", mapping)[1]) << 10 >= BIG:
            big += 1
        else:
            small += int(re.search(r"\nRss:\s+(\d+)", mapping)[1])
    return len(os.listdir(process / "fd")), len(os.listdir(process / "task")), big, small


def add_disk(live, n):
    live.qmp.ask("device_add", driver="virtio-blk-pci", id=f"disk{n}", bus=f"pp{n}", drive=f"d{n}", serial=f"serial{n}")


def add_memory(live, n):
    live.qmp.ask("object-add", qom_type="memory-backend-ram", id=f"v{n}", size=256 << 20)
    live.qmp.ask("device_add", driver="cxl-type3", id=f"mem{n}", bus=f"rp{n}", volatile_memdev=f"v{n}", sn=16 + n)


def disk_is_there(n):
    return f"for d in /sys/block/vd*; do grep -q serial{n} $d/serial && dd if=/dev/${{d##*/}} bs=6 count=1 2>/dev/null | grep -q 'disk {n}' && s=1; done; " \
           "[ \"$s\" = 1 ] && unset s"


def rounds(live, count):
    """A disk and a memory device into and out of every slot, `count` times: every other time the memory devices go without a word. (Not the
    disks: Linux waits for ever for the reset of a virtio device that is gone.)"""
    before = None
    for n in range(count):
        for port in range(PORTS):
            add_disk(live, port)
            add_memory(live, port)
        for port in range(PORTS):
            live.wait(disk_is_there(port))
            live.wait(f"cxl list -M | grep -q '\"serial\":{16 + port}'")
        live.wait(f"[ $(cxl list -M | grep -c '\"ram_size\":268435456') = {PORTS} ]")
        for port in range(PORTS):
            live.qmp.ask("device_del", id=f"disk{port}")
            assert "process of unplug" in live.qmp.refuses("device_del", id=f"disk{port}")["desc"]
            live.qmp.ask("cxl-surprise-remove" if n % 2 else "device_del", id=f"mem{port}")
        gone = {live.qmp.event("DEVICE_DELETED", 60)["data"]["device"] for _ in range(2 * PORTS)}
        assert gone == {f"{kind}{port}" for kind in ("disk", "mem") for port in range(PORTS)}, gone
        live.wait("[ -z \"$(ls /sys/block | grep vd)\" ] && [ -z \"$(ls /sys/bus/cxl/devices | grep mem)\" ]")
        for port in range(PORTS):
            live.qmp.ask("object-del", id=f"v{port}")
        after = usage(live)
        before = before or after
        for kind, was, now, more in zip(("file descriptors", "threads", "big mappings", "KiB resident"), before, after, (0, 0, 0, 4096)):
            assert now <= was + more, f"round {n}: {kind}: {was}, then {now}"


def few_rounds(live):
    rounds(live, 2)


def many_rounds(live):
    rounds(live, 200 // PORTS) # 200 additions of each kind; of the memory devices 100 leave by surprise


def memory_survives(live):
    """What the guest's own memory holds is there while devices come and go."""
    live.must("dd if=/dev/urandom of=/tmp/a bs=1M count=32 2>/dev/null; sha256sum /tmp/a >/tmp/sum")
    live.must("(while sha256sum -c /tmp/sum; do :; done; touch /tmp/broken) >/dev/null 2>&1 &")
    rounds(live, 4)
    live.must("[ ! -e /tmp/broken ] && sha256sum -c /tmp/sum")


def plugged_region(live):
    """Memory devices that came while the machine ran become a region, are used, and go again: on a kernel that commits decoders."""
    for port in range(2):
        add_memory(live, port)
    for port in range(2):
        live.wait(f"cxl list -M | grep -q '\"serial\":{16 + port}'")
    live.must("name_of() { cxl list -M -s $1 | sed -n 's/.*\"memdev\":\"\\([^\"]*\\)\".*/\\1/p'; }")
    live.must("cxl create-region -m -d decoder0.0 -t ram -w 2 -g 256 $(name_of 16) $(name_of 17)")
    live.wait("daxctl list -D | grep -q '\"mode\":\"system-ram\"'")
    live.run("daxctl online-memory all")
    live.must("memcheck $(daxctl list -D | sed -n 's/.*\"target_node\":\\([0-9]*\\).*/\\1/p') 64")
    live.must("daxctl offline-memory all && cxl disable-region -f all && cxl destroy-region -f all")
    for port in range(2):
        live.qmp.ask("device_del", id=f"mem{port}")
    gone = {live.qmp.event("DEVICE_DELETED", 60)["data"]["device"] for _ in range(2)}
    assert gone == {"mem0", "mem1"}, gone
    live.wait("[ -z \"$(ls /sys/bus/cxl/devices | grep mem)\" ]")


def fabric_manager(live):
    """A fabric manager takes the device away, by the button and by surprise, and gives it back; the kernel follows."""
    def switch(opcode, payload, code):
        for _ in range(100):
            got = live.qmp.call("cxl-fm-request", path="us", opcode=opcode, payload=payload)
            if got["return-code"] != RETRY:
                break
            time.sleep(0.1) # the kernel is busy with the slot
        assert got["return-code"] == code, got
        return got["payload"]

    def until(status):
        end = time.time() + 60
        while switch(0x5200, "01010100", 0)[16:] != status:
            assert time.time() < end, switch(0x5200, "01010100", 0)
            time.sleep(0.2)

    for option in (1, 2, 1):
        live.wait("cxl list -M | grep -q '\"serial\":7'")
        switch(0x5202, f"0001{option:02x}", 1)
        until("0000ff00")
        live.wait("[ -z \"$(ls /sys/bus/cxl/devices | grep mem)\" ]")
        switch(0x5201, "00010400ffff", 1)
        until("0204ff00")
    live.wait("cxl list -M | grep -q '\"ram_size\":268435456'")


def mailbox_files(live):
    """The files of `pcidoe` come and go with their devices, also amid an exchange and while they are open; the module stays as long as one is."""
    file, listed = "'/dev/pcidoe/doe[0000:81:00.0]_190'", "VID: 0x1e98, Protocol 0x2"
    live.must("modprobe pcidoe && [ ! -e /dev/pcidoe ]")
    live.qmp.ask("object-add", qom_type="memory-backend-ram", id="v0", size=256 << 20)
    for n in range(3):
        # An exchange of 0.3 s is under way nearly always.
        live.qmp.ask("device_add", driver="cxl-type3", id="mem0", bus="rp0", volatile_memdev="v0", doe_delay_us=300000)
        live.wait(f"[ -c {file} ]")
        assert listed in live.must(f"exec 5<>{file}; doetest -f {file} -l")
        live.must(f"(while doetest -f {file} -l -c; do :; done; echo ended) >/tmp/loop 2>&1 &")
        live.wait("grep -q Protocol /tmp/loop")
        live.qmp.ask("cxl-surprise-remove", id="mem0")
        assert live.qmp.event("DEVICE_DELETED", 60)["data"]["device"] == "mem0"
        live.wait(f"grep -q ended /tmp/loop && [ ! -e {file} ]")
        live.must("[ -e /proc/self/fd/5 ] && lsmod | grep -q '^pcidoe .* 1' && ! rmmod pcidoe")
    live.must("exec 5>&-; rmmod pcidoe; ! dmesg | grep -E 'BUG|Oops|WARNING|use-after-free'")


def under_load(live, count=3):
    """Disks and a network card go while they are in use, with requests on their way."""
    live.run("modprobe nvme; modprobe virtio_net")
    live.qmp.ask("netdev_add", type="user", id="n0")
    before = None
    for n in range(count):
        add_disk(live, 0)
        live.qmp.ask("device_add", driver="nvme", id="disk1", bus="pp1", drive="d1", serial="serial1")
        live.qmp.ask("device_add", driver="virtio-net-pci", id="card", bus="pp2", netdev="n0")
        live.wait(disk_is_there(0))
        live.wait("[ -b /dev/nvme0n1 ] && ls /sys/class/net | grep -q eth")
        live.must("ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2; true")
        for load in ("dd if=/dev/vda of=/dev/null iflag=direct bs=64k", "[ -b /dev/vda ] && dd if=/dev/urandom of=/dev/vda oflag=direct bs=4k seek=1 count=32",
                     "dd if=/dev/nvme0n1 of=/dev/null iflag=direct bs=64k", "[ -b /dev/nvme0n1 ] && dd if=/dev/urandom of=/dev/nvme0n1 oflag=direct bs=4k seek=1 count=32",
                     "ping -c 1 -s 1400 -W 1 10.0.2.2"):
            live.must(f"(while {load} 2>/dev/null; do :; done) >/dev/null 2>&1 &")
        for name in ("disk0", "disk1", "card"):
            live.qmp.ask("device_del", id=name)
        gone = {live.qmp.event("DEVICE_DELETED", 60)["data"]["device"] for _ in range(3)}
        assert gone == {"disk0", "disk1", "card"}, gone
        live.wait("[ -z \"$(ls /sys/block | grep -E 'vd|nvme')\" ] && ! ls /sys/class/net | grep -q eth")
        live.must("for f in /dev/vda /dev/nvme0n1; do [ -f $f ] && rm $f; done; true") # dd may have made a file of the name
        after = usage(live)
        before = before or after
        assert after[0] <= before[0] + 1, f"round {n}: file descriptors: {before[0]}, then {after[0]}"


# name -> kernel, vCPUs, what happens, in `make test`, if not the usual slots: options
CASES = {
    "6.12 hot-plug, disk and memory device": ("6.12", 2, few_rounds, True),
    "7.3 hot-plug, disk and memory device": ("7.3", 2, few_rounds, True),
    "6.12 hot-plug, a fabric manager": ("6.12", 2, fabric_manager, True, fabric),
    "6.12 hot-plug, files of mailboxes": ("6.12", 2, mailbox_files, True),
    "own 6.12 hot-plug, disk and memory device": ("own-6.12", 2, few_rounds, True),
    "own 6.12 hot-plug, a region of what came": ("own-6.12", 2, plugged_region, True),
    "6.12 hot-plug under load": ("6.12", 4, under_load, False),
    "own 7.3 hot-plug, disk and memory device": ("own-7.3", 2, few_rounds, False),
    "own 7.3 hot-plug, a region of what came": ("own-7.3", 2, plugged_region, False),
    "6.12 hot-plug, memory survives": ("6.12", 2, memory_survives, False),
    "6.12 hot-plug, 100 times": ("6.12", 2, many_rounds, False),
    "7.3 hot-plug, 100 times": ("7.3", 4, many_rounds, False),
}


def one(build, name, show=False):
    kernel, vcpus, act, _, *fabric_of = CASES[name]
    log = build / "logs" / (re.sub(r"[^a-z0-9.]+", "-", name.lower()) + ".log")
    log.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        live = Live(command(build, kernel, vcpus, "serve", (fabric_of or [options])[0](folder), "quiet"), folder, log, show)
        try:
            live.ready()
            act(live)
            live.end()
        except Exception:
            return False, traceback.format_exc()
        finally:
            live.close()
    return True, ""


def run_all(build, long):
    names = [name for name in CASES if long or CASES[name][3]]
    prepare(build, {CASES[name][0] for name in names if not not_built(build, CASES[name][0])})
    for name in names:
        ok, text = (None, why) if (why := not_built(build, CASES[name][0])) else one(build, name)
        yield name, ok, text


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1]).resolve()
    bad = 0
    for case in sys.argv[2:] or [name for name in CASES if CASES[name][3]]:
        prepare(target, {CASES[case][0]})
        good, words = one(target, case, show=True)
        print(f"{'ok' if good else 'FAILED'}: {case}\n{words}")
        bad += not good
    sys.exit(bad != 0)
