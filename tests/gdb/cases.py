# SPDX-License-Identifier: BSD-2-Clause
"""The gdb server: a session of gdb-multiarch with a guest of six instructions, one with a kernel, and a client that sends rubbish.

Also a program: tests/gdb/cases.py BUILD shows the sessions."""
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402

# x2 counts up and is stored at x3, for ever: adr at 0x40000048, add 0x4c, str 0x50, b 0x54.
COUNTER = [0xD2A12001, 0xD2800002, 0x10000703, 0x91000442, 0xF9000062, 0x17FFFFFE]

SESSION = [
    ("info threads", [r"Thread 1 \(CPU#0 \[on\]\)", r"Thread 2 \(CPU#1 \[off\]\)"]),
    ("p/x $pc", [r"= 0x40000000"]),
    ("info registers system\np/x $fpcr\np/x $pc", [r"SCXTNUM_EL1 +0x0 ", r"= 0x0\s", r"= 0x40000000"]),  # FP is off
    ("x/1i $pc", [r"b\s+0x40000040"]),
    ("stepi\nstepi\nstepi\nstepi\np/x $pc", [r"= 0x4000004c"]),
    ("p/x $x3", [r"= 0x40000128"]),
    ("p/x $SCTLR_EL1 & 1", [r"= 0x0"]),
    ("p/x $MPIDR_EL1", [r"= 0x80000000"]),
    ("hbreak *0x40000050\nc\np/x $pc", [r"Breakpoint 1", r"= 0x40000050"]),
    ("c\np $x2", [r"= 2"]),
    ("delete\nbreak *0x40000054\nc\nc\np $x2", [r"= 3"]),
    ("x/1xw 0x40000054", [r"0x17fffffe"]),          # what the guest has, not the breakpoint
    ("delete\nwatch *(long *)0x40000128\nc", [r"Old value = 3\s+New value = 4"]),
    ("c", [r"Old value = 4\s+New value = 5"]),
    ("delete\nrwatch *(long *)0x40000200\nset *(long *)0x40000130 = 0x1122334455667788\nx/1xg 0x40000130", [r"0x1122334455667788"]),
    ("delete\nset $x2 = 0x1000\nset $pc = 0x4000004c\nstepi\np/x $x2", [r"= 0x1001"]),
    ("set $v3.d.u[1] = 77\np $v3.d.u[1]\np $v2.d.u[1]", [r"= 77", r"= 0"]),
    ("thread 2\nstepi\nthread 1\np/x $x2", [r"= 0x1001"]),
    ("monitor info status", [r"paused"]),
    ("maint packet Qqemu.PhyMemMode:1\nmaint packet qqemu.PhyMemMode", [r'received: "1"']),
    ("x/1xw 0x40000050", [r"0xf9000062"]),
    ("maint packet m0,zz\nmaint packet p9999\nmaint packet Z9,0,0\nmaint packet qFrob", [r"E22", r"E22"]),
]


class Machine:
    """A paused machine with a gdb socket."""

    def __init__(self, build, folder, options):
        self.path = pathlib.Path(folder) / "gdb.sock"
        self.child = subprocess.Popen([str(build / "cxlvm"), "-S", "-gdb", f"unix:{self.path}"] + options, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end = time.time() + 20
        while not self.path.exists() and time.time() < end:
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def gdb(self, commands, timeout=120):
        lines = ["set confirm off", "set pagination off", "set architecture aarch64", f"target remote {self.path}"]
        arguments = ["gdb-multiarch", "-nx", "-batch"]
        for line in lines + commands:
            arguments += ["-ex", line]
        done = programs.run(arguments, wall_limit_s=timeout)
        return done.out.decode(errors="replace") + done.err.decode(errors="replace")


def small(build, engine):
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-smp", "2", "-serial", "null", "-kernel", str(image), "-accel", engine,
                                      "-cpu", "cortex-a57" if engine == "interp" else "max"]) as machine:
            commands = []
            for n, (lines, _) in enumerate(SESSION):
                commands += [f"echo [{n}]\\n"] + lines.split("\n")
            text = machine.gdb(commands + ["echo [end]\\n", "detach"])
    yield f"{engine}: the session reaches its end", "[end]" in text, text
    for n, (lines, wanted) in enumerate(SESSION):
        part = text.split(f"[{n}]", 1)[-1].split(f"[{n + 1}]", 1)[0]
        missing = [w for w in wanted if not re.search(w, text if "monitor" in lines else part)]  # that goes to stderr
        yield f"{engine}: {lines.splitlines()[-1]}", not missing, f"{missing} missing in:\n{part}"


# CPU_SUSPEND to power down, x0 7 at its entry point 0x4000005c: x5 is 0x107, and on the spot. The call, at 0x40000054, does not come back.
SUSPEND = [0xD2800020, 0xF2B88000, 0xD2A00021, 0x10000082, 0xD28000E3, 0xD4000002, 0x14000000, 0x91040005, 0x14000000]


def power_down(build):
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(SUSPEND))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image)]) as machine:
            text = machine.gdb(["hbreak *0x40000054", "continue", "stepi", "stepi", "p/x $pc", "p/x $x5", "detach"])
    yield "a step out of a power-down begins at its entry point", bool(re.search(r"= 0x40000060\s.*= 0x107\s", text, re.S)), text


def kernel(build):
    """The kernel in its idle loop: stopped by a key, stepped, broken into at its interrupt vector, which is mapped by itself only."""
    guest = build / "guest" / "6.12"
    options = ["-m", "1G", "-smp", "2", "-serial", "null", "-kernel", str(guest / "Image"), "-append", "console=ttyAMA0"]
    with tempfile.TemporaryDirectory() as folder, Machine(build, folder, options) as machine:
        python = ("python import threading, time; threading.Thread(target=lambda: (time.sleep(6), "
                  "gdb.post_event(lambda: gdb.execute('interrupt')))).start()")
        text = machine.gdb([python, "continue", "echo [kernel]\\n", "p/x $VBAR_EL1", "p/x $TCR_EL1", "stepi", "p/x $pc",
                            "set $irq = $VBAR_EL1 + 0x280", "break *$irq", "continue", "p $pc == $irq", "p ($cpsr & 0xf) == 5",
                            "delete", "hbreak *$irq", "continue", "p $pc == $irq", "delete", "x/2i $pc", "detach"])
    part = text.split("[kernel]", 1)[-1]
    yield "kernel: stopped by a key, at EL1 with its own vectors", bool(re.search(r"= 0xffff[0-9a-f]{12}", part)), text
    yield "kernel: breakpoints of both kinds at the interrupt vector", len(re.findall(r"= 1\n", part)) == 3, text


def packet(data):
    return b"$" + data + b"#%02x" % (sum(data) & 255)


def rubbish(build):
    rng = random.Random(20261128)
    words = [b"g", b"G", b"p", b"P1=", b"m", b"M", b"X", b"vCont;", b"vCont;s:", b"Z0,", b"Z2,", b"z3,", b"qSupported", b"qXfer:features:read:target.xml:",
             b"qRcmd,", b"H", b"Hg", b"T", b"qThreadExtraInfo,", b"Qqemu.PhyMemMode:", b"0", b",", b":", b";", b"ffffffffffffffff", b"40000000", b"-1", b"4",
             b"=", b"zz", b"\x00", b"\xff"]
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image)]) as machine:
            for _ in range(20):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(machine.path))
                    client.settimeout(0.2)
                    try:
                        for _ in range(100):
                            data = b"".join(rng.choice(words) for _ in range(rng.randrange(1, 6)))
                            kind = rng.randrange(8)
                            client.sendall(packet(data) if kind > 1 else b"$" + data + b"#" if kind else bytes(rng.randrange(256) for _ in range(50)))
                        client.sendall(b"$" + b"m" * 100000 + b"#00")
                        client.recv(1 << 20)
                    except OSError:
                        pass
            alive = machine.child.poll() is None
            text = ""
            if alive:
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(machine.path))
                    client.settimeout(5)
                    client.sendall(packet(b"?"))
                    try:
                        while b"T05thread:01;" not in text.encode():
                            text += client.recv(4096).decode(errors="replace")
                    except OSError:
                        pass
    yield "20 clients of rubbish, then one of sense", alive and "T05thread:01;" in text, f"alive {alive}, {text!r}"


def receive(client, seconds):
    client.settimeout(seconds)
    try:
        return client.recv(4096)
    except TimeoutError:
        return b""


def looked_at(build):
    """A monitor that looks at registers meanwhile: the debugger hears of no stop, and a vCPU that it holds stays held."""
    from qmp.client import Client
    heard = []
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-smp", "2", "-serial", "null", "-kernel", str(image), "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]) as machine:
            monitor = Client(f"{folder}/qmp").start()
            look = lambda: re.search("X02=([0-9a-f]+)", monitor.call("human-monitor-command", command_line="info registers"))[1]
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(machine.path))
                for go in (b"c", b"vCont;c:2"):
                    client.sendall(packet(go))
                    taken, first = receive(client, 5), look()
                    time.sleep(0.1)
                    heard.append((taken, look() != first, receive(client, 0.5)))
                    client.sendall(b"\x03")
                    heard.append(receive(client, 5)[:4])
            monitor.call("query-name")
            events = [event["event"] for event in monitor.events]
    yield "a monitor's look is no stop", heard[:2] == [(b"+", True, b""), b"$T02"], str(heard)
    yield "a vCPU that is held stays so under a monitor's look", heard[2:] == [(b"+", False, b""), b"$T02"], str(heard)
    yield "a monitor's look is no event", events[:4] == ["RESUME", "STOP"] * 2, str(events)


def ask(client, data):
    client.sendall(packet(data))
    heard = b""
    while not re.search(b"#..$", heard):
        part = receive(client, 5)
        if not part:
            break
        heard += part
    return heard.lstrip(b"+")


def by_hand(build):
    """What gdb itself asks otherwise, or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-smp", "2", "-serial", "null", "-kernel", str(image)]) as machine, socket.socket(socket.AF_UNIX) as client:
            client.connect(str(machine.path))
            heard = [ask(client, data) for data in (b"P43=00000000", b"P43=00000001", b"Hg2", b"s")]
    yield "FPCR takes what it has and nothing else", heard[:2] == [packet(b"OK"), packet(b"E22")], str(heard)
    yield "s of a vCPU that is off is answered at once", heard[3] == packet(b"T05thread:02;"), str(heard)


def gone(build):
    """A client that is cut off lets no machine go that did not run; one that detaches does."""
    from qmp.client import Client
    states = []
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image), "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]) as machine:
            monitor = Client(f"{folder}/qmp").start()

            def client_says(*words):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(machine.path))
                    for word in words:
                        client.sendall(word)
                        receive(client, 5)
                time.sleep(0.3)
                states.append(monitor.call("query-status")["status"])

            client_says(packet(b"?"), b"+$m0,")
            client_says(packet(b"c"))
            client_says(packet(b"?"), b"+$vCont;c#")
            monitor.call("stop")
            client_says(packet(b"?"))
            client_says(packet(b"D"))
    yield "a client that is gone leaves a machine as it found it", states == ["prelaunch", "running", "running", "paused", "running"], str(states)


def by_a_monitor(build):
    """A monitor lets the machine go on, again and again: a breakpoint stops it each time, though no client waits."""
    from qmp.client import Client
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(COUNTER))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image), "-qmp", f"unix:{folder}/qmp,server=on,wait=off"]) as machine, \
                socket.socket(socket.AF_UNIX) as client:
            client.connect(str(machine.path))
            heard = [ask(client, b"Z0,40000054,4")]
            monitor = Client(f"{folder}/qmp").start()
            for _ in range(3):
                monitor.call("cont")
                try:
                    heard.append(monitor.event("STOP")["event"])
                except TimeoutError as late:
                    heard.append(str(late))
    yield "a breakpoint stops what a monitor lets go", heard == [packet(b"OK")] + ["STOP"] * 3, str(heard)


WAITS = [0xD503207F, 0x17FFFFFF, 0xD28000E5, 0x14000000]  # WFI for ever at 0x40000040; x5 = 7 at 0x40000048, and on the spot


def out_of_wfi(build):
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(WAITS))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image)]) as machine:
            text = machine.gdb(["hbreak *0x40000040", "continue", "delete", "stepi", "set $pc = 0x40000048", "hbreak *0x4000004c", "continue", "p $x5", "detach"],
                               timeout=20)
    yield "another PC ends a WFI", bool(re.search(r"= 7\s", text)), text


# A timer of a second; then the count is read to x2 at 0x40000054, for ever.
TIMER = [0xD2994000, 0xF2A77340, 0xD51BE300, 0xD2800021, 0xD51BE321, 0xD53BE042, 0x17FFFFFF]


def instruction_time(build):
    """What happens at a breakpoint takes no time of the guest's."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        image.write_bytes(programs.image(TIMER))
        with Machine(build, folder, ["-m", "256M", "-serial", "null", "-kernel", str(image), "-icount", "shift=0"]) as machine:
            text = machine.gdb(["hbreak *0x40000058", "continue", "set $first = $x2", "continue", "continue", "p $x2 - $first < 1000", "detach"])
    yield "instruction time stands still at a breakpoint", bool(re.search(r"= 1\s", text.split("Breakpoint 1", 2)[-1])), text


def run_all(build, long=False):
    yield from small(build, "jit")
    yield from small(build, "interp")
    yield from power_down(build)
    yield from rubbish(build)
    yield from by_hand(build)
    yield from by_a_monitor(build)
    yield from gone(build)
    yield from instruction_time(build)
    yield from out_of_wfi(build)
    yield from looked_at(build)
    yield from kernel(build)


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve())))
