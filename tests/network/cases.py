# SPDX-License-Identifier: BSD-2-Clause
"""The network of a Linux guest: ssh and files through a forwarded port, and what becomes of it when cxlvm-net ends. All of it stays on this
machine.

Also a program: tests/network/cases.py BUILD [--long] runs them and says how fast files went.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import programs  # noqa: E402
from linux.boots import command  # noqa: E402
from linux.live import Live  # noqa: E402

TREE = HERE.parent.parent
SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Guest:
    """A guest with an ssh server. `options` come on top; PORT in them is a free port of this machine."""

    def __init__(self, build, options, script="sshd", smp=2):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(dir=build)
        self.log = pathlib.Path(self.folder.name) / "console"
        self.monitor_path = str(pathlib.Path(self.folder.name) / "qmp")
        guest = build / "guest/6.12"
        options = [o.replace("PORT", str(self.port)) for o in options]
        self.child = subprocess.Popen(
            [str(build / "cxlvm"), "-M", "virt", "-cpu", "max", "-smp", str(smp), "-m", "1G", "-nographic", "-no-reboot",
             "-serial", f"file:{self.log}", "-qmp", f"unix:{self.monitor_path},server=on,wait=off",
             "-kernel", str(guest / "Image"), "-initrd", str(guest / "initramfs.cpio"),
             "-append", f"console=ttyAMA0 quiet cxlvm.run={script}"] + options, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def console(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, text, seconds=180):
        end = time.time() + seconds
        while text not in self.console():
            if time.time() > end or self.child.poll() is not None:
                raise AssertionError(f"no '{text}' on the console")
            time.sleep(0.2)

    def ssh(self, command, data=None, port=None, timeout=120):
        return subprocess.run(["ssh"] + SSH + ["-p", str(port or self.port), "root@127.0.0.1", command], input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=True).stdout

    def copy(self, source, target, timeout=900):
        start = time.time()
        subprocess.run(["scp", "-q"] + SSH + ["-P", str(self.port), source.replace("GUEST", "root@127.0.0.1"),
                                              target.replace("GUEST", "root@127.0.0.1")], timeout=timeout, check=True)
        return time.time() - start

    def monitor(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.monitor_path)
            stream = s.makefile("rw")
            stream.readline()
            for command in ({"execute": "qmp_capabilities"}, {"execute": "human-monitor-command", "arguments": {"command-line": line}}):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
            return answer["return"]

    def end(self):
        self.child.kill()
        self.child.wait()
        self.folder.cleanup()


@contextlib.contextmanager
def running(build, options, **more):
    guest = Guest(build, options, **more)
    try:
        yield guest
    except Exception as broken:
        raise AssertionError(f"{broken}\n" + "\n".join(guest.console().splitlines()[-25:])) from broken
    finally:
        guest.end()


def files(build, long):
    """ssh and scp both ways; the guest then ends by itself."""
    size = (100 if long else 8) << 20
    with running(build, ["-nic", "user,hostfwd=tcp:127.0.0.1:PORT-:22"]) as guest:
        guest.wait_for("sshd: ready")
        assert "lease: 10.0.2.15/24 router 10.0.2.2 dns 10.0.2.3" in guest.console(), "another lease than 10.0.2.15"
        assert guest.ssh("uname -m").strip() == b"aarch64"
        scratch = pathlib.Path(guest.folder.name)
        (scratch / "there").write_bytes(os.urandom(size))
        there = guest.copy(str(scratch / "there"), "GUEST:/tmp/file")
        said = guest.ssh("sha256sum /tmp/file").split()[0].decode()
        assert said == hashlib.sha256((scratch / "there").read_bytes()).hexdigest(), "the guest has something else"
        back = guest.copy("GUEST:/tmp/file", str(scratch / "back"))
        assert (scratch / "back").read_bytes() == (scratch / "there").read_bytes(), "something else came back"
        guest.ssh("echo 0 >/tmp/verdict")
        assert guest.child.wait(60) == 0, "the guest did not end"
        return f"{size >> 20} MiB there in {there:.1f} s, back in {back:.1f} s"


def helper_of(guest):
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)
            if fields[0].endswith("(cxlvm-net") and int(fields[1].split()[1]) == guest.child.pid:
                return int(path.parent.name)
    return None


def forwarding(build, long):
    """hostfwd_add and hostfwd_remove while the guest runs, and cxlvm-net stopped and killed under it; it is confined, too."""
    with running(build, ["-netdev", "user,id=n0,hostfwd=tcp:127.0.0.1:PORT-:22", "-device", "virtio-net-pci,netdev=n0,mq=on"]) as guest:
        guest.wait_for("sshd: ready")
        port = free_port()
        said = guest.monitor(f"hostfwd_add n0 tcp:127.0.0.1:{port}-:22")
        assert not said, said
        assert guest.ssh("echo by another port", port=port).strip() == b"by another port"
        assert "10.0.2.15" in guest.monitor("info usernet")
        assert "n0" in guest.monitor("info network")
        assert not guest.monitor(f"hostfwd_remove n0 tcp:127.0.0.1:{port}").startswith("Error"), "not removed"
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", port)), "the port is still open"
        assert "no such" in guest.monitor(f"hostfwd_remove n0 tcp:127.0.0.1:{port}")
        helper = helper_of(guest)
        status = pathlib.Path(f"/proc/{helper}/status").read_text()
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status, "cxlvm-net is not confined"
        # One that hangs is waited for once; what it says too late is not taken for the next answer.
        os.kill(helper, signal.SIGSTOP)
        start = time.time()
        for _ in range(4):
            assert "does not answer" in guest.monitor(f"hostfwd_add n0 tcp:127.0.0.1:{port}-:22")
        assert time.time() - start < 4, "a monitor holds the machine up"
        os.kill(helper, signal.SIGCONT)
        while "10.0.2.15" not in (said := guest.monitor("info usernet")):
            assert "ok" not in said and time.time() - start < 60, said
        assert not guest.monitor(f"hostfwd_remove n0 tcp:127.0.0.1:{port}").startswith("Error"), "not removed"
        guest.ssh("(while [ $(cat /sys/class/net/eth0/carrier) = 1 ]; do sleep 1; done; echo carrier is off >/dev/console; echo 0 >/tmp/verdict) "
                  ">/dev/null 2>&1 </dev/null &")
        os.kill(helper, signal.SIGKILL)
        guest.wait_for("carrier is off", 60)
        assert guest.child.wait(60) == 0, "the guest did not end"
        return ""


TEXT = 0x80000000


class Helper:
    """cxlvm-net alone: its stream is the test's. [host/net_frame.h]"""

    def __init__(self, build, forwards, files=None):
        self.stream, other = socket.socketpair()
        words = ["net=10.0.2.0", "mask=255.255.255.0", "host=10.0.2.2", "dns=10.0.2.3", "dhcpstart=10.0.2.15", "ipv4"]
        words += [f"hostfwd={f}" for f in forwards]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)) if files else None
        self.child = subprocess.Popen([str(build / "meson/cxlvm-net"), str(other.fileno())] + words, pass_fds=[other.fileno()], preexec_fn=limit)
        other.close()
        self.stream.settimeout(60)
        self.bytes = b""

    def send(self, text):
        self.stream.sendall(struct.pack(">I", TEXT | len(text)) + text.encode())

    def answer(self):
        """The next line of text, over all frames before it."""
        while True:
            at = 0
            while at + 4 <= len(self.bytes):
                prefix, = struct.unpack_from(">I", self.bytes, at)
                end = at + 4 + (prefix & ~TEXT)
                if end > len(self.bytes):
                    break
                if prefix & TEXT:
                    text, self.bytes = self.bytes[at + 4:end].decode(), self.bytes[end:]
                    return text
                at = end
            more, self.bytes = self.stream.recv(1 << 20), self.bytes[at:]
            assert more, "cxlvm-net has ended"
            self.bytes += more

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.stream.close()
        self.child.kill()
        self.child.wait()


def answers(build, long):
    """As many forwardings as there may be are all told of, over a wire that is full, and with a few descriptors to begin with."""
    forwards = [f"tcp:127.0.0.1:0-10.0.2.15:{1000 + n}" for n in range(64)]
    with Helper(build, forwards, (32, 1024)) as helper:
        assert (said := helper.answer()) == "ok", said
        helper.send("info")
        said = helper.answer()
        assert all(f" {1000 + n} " in said for n in range(64)), said
        # The guest asks who 10.0.2.2 is, and takes nothing.
        card = bytes.fromhex("525400123456")
        arp = bytes(12) + b"\xff" * 6 + card + bytes.fromhex("08060001080006040001") + card + bytes([10, 0, 2, 15]) + bytes(6) + bytes([10, 0, 2, 2])
        message = struct.pack(">I", len(arp)) + arp
        for _ in range(100):
            helper.stream.sendall(message * 1000)
        helper.send("info")
        said = helper.answer()
        assert " 1000 " in said, said
        helper.send("hostfwd_remove tcp:127.0.0.1:1")
        assert "no such forwarding" in helper.answer()
        return ""


def no_orphans(build, long):
    """cxlvm killed at once: cxlvm-net ends with it."""
    with running(build, ["-nic", "user,hostfwd=tcp:127.0.0.1:PORT-:22"]) as guest:
        end = time.time() + 20
        while not helper_of(guest):
            assert time.time() < end, "cxlvm-net did not start"
            time.sleep(0.1)
        helper = helper_of(guest)
        guest.child.kill()
        guest.child.wait()
        while pathlib.Path(f"/proc/{helper}").exists():
            assert time.time() < end, "cxlvm-net lives on"
            time.sleep(0.1)
        return ""


@contextlib.contextmanager
def taps():
    """Two interfaces of the host in a bridge of their own; none where the host does not let us."""
    names, bridge = [f"cxlvm{os.getpid()}{n}"[-15:] for n in "ab"], f"cxlvmb{os.getpid()}"[-15:]
    lines = [f"link add {bridge} type bridge", f"link set {bridge} up"]
    lines += [line for name in names for line in (f"tuntap add {name} mode tap", f"link set {name} master {bridge}", f"link set {name} up")]
    try:
        made = all(subprocess.run(["ip", *line.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0 for line in lines)
        yield names if made else []
    finally:
        for name in (*names, bridge):
            subprocess.run(["ip", "link", "delete", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def between(build, long):
    """Two machines with wires of every kind between them: each finds the other, and a file comes through whole, both ways."""
    size = 64 if long else 4
    with tempfile.TemporaryDirectory(dir=build) as folder, taps() as interfaces:
        port = free_port()
        wires = {"socket": (f"socket,id=w0,listen=127.0.0.1:{port}", f"socket,id=w0,connect=127.0.0.1:{port}"),
                 "stream": tuple(f"stream,id=w1,server={server},addr.type=unix,addr.path={folder}/wire" for server in ("on", "off"))}
        if interfaces:
            wires["tap"] = tuple(f"tap,id=w2,ifname={name},script=no,downscript=no" for name in interfaces)
        machines = []
        try:
            for m in range(2):
                scratch = pathlib.Path(folder) / str(m)
                scratch.mkdir()
                cards = [word for n, ends in enumerate(wires.values())
                         for word in ("-netdev", ends[m], "-device", f"virtio-net-pci,netdev={ends[m].split(',')[1][3:]},mac=52:54:00:00:0{m}:0{n}")]
                machines.append(Live(command(build, "6.12", 1, "serve", cards, "quiet"), scratch, scratch / "console"))
            for m, live in enumerate(machines):
                live.ready()
                live.run("modprobe -q af_packet; ip link set lo up")
                for n in range(len(wires)):
                    live.must(f"for d in /sys/class/net/*; do if grep -q 52:54:00:00:0{m}:0{n} $d/address; then "
                              f"ip addr add 10.77.{n}.{m + 1}/24 dev ${{d##*/}} && ip link set ${{d##*/}} up; fi; done")
                live.must(f"dd if=/dev/urandom of=/tmp/out bs=1M count={size} 2>/dev/null")
            for n, kind in enumerate(wires):
                machines[0].wait(f"ping -c 3 -W 2 10.77.{n}.2")
                for m, (sender, receiver) in enumerate((machines, machines[::-1])):
                    receiver.must(f"sleep 60 | nc -l -p {5000 + m} >/tmp/in &")
                    receiver.wait(f"grep -q :{5000 + m:04X} /proc/net/tcp /proc/net/tcp6")
                    sender.must(f"nc -w 20 10.77.{n}.{2 - m} {5000 + m} </tmp/out")
                    wanted = sender.must("sha256sum </tmp/out")
                    receiver.wait(f"[ \"$(sha256sum </tmp/in)\" = \"{wanted.split()[0]}  -\" ]", 30)
            for live in machines:
                live.end()
            return f"{size} MiB each way by {', '.join(wires)}" + ("" if interfaces else "; no tap: the host gives none")
        finally:
            for live in machines:
                live.close()


CASES = {"answers of cxlvm-net": answers, "between two machines": between, "ssh, files both ways": files, "forwarding, the end of cxlvm-net": forwarding, "no orphans": no_orphans}


def run_all(build, long):
    try:
        subprocess.run([str(TREE / "tools/guest"), str(build), "6.12"], check=True)
    except subprocess.CalledProcessError as broken:
        yield "the guest's packages", False, str(broken)
        return
    for name, case in CASES.items():
        try:
            words = case(build, long)
            yield f"{name}{': ' + words if words else ''}", True, ""
        except Exception as broken:  # a case that fails says why; the next one runs
            yield name, False, f"{type(broken).__name__}: {broken}"


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), "--long" in sys.argv)))
