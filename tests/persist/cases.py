# SPDX-License-Identifier: BSD-2-Clause
"""What the guest made persistent is in the files, at its DPA, whenever the process is killed, whatever the interleave.

Also a program: tests/persist/cases.py BUILD [ROUNDS] kills more often.
"""
import importlib.machinery
import importlib.util
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
LINES, SPREAD, SIZE = 512, 0x11040, 256 << 20
# ways, granularity
SETS = {"1 way": (1, 256), "2 ways": (2, 256), "4 ways of 1 KiB": (4, 1024), "2 ways of 4 KiB": (2, 4096)}


def program(build):
    loader = importlib.machinery.SourceFileLoader("guest_run", str(TREE / "tests/guest/run"))
    guest = importlib.util.module_from_spec(importlib.util.spec_from_loader("guest_run", loader))
    loader.exec_module(guest)
    out, errors = guest.compile_program(build, TREE / "guests/bare/forever/flush.c", False)
    assert not errors, errors
    return out


def options(folder, ways, granularity):
    words = ["-M", f"virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-granularity={granularity}", "-m", "128M", "-display",
             "none", "-serial", "stdio", "-device", "pxb-cxl,bus_nr=128,id=cxl.1"]
    for n in range(ways):
        words += ["-object", f"memory-backend-file,id=p{n},size=256M,mem-path={folder}/p{n},share=on",
                  "-object", f"memory-backend-file,id=l{n},size=128K,mem-path={folder}/l{n},share=on",
                  "-device", f"cxl-rp,bus=cxl.1,id=rp{n},slot={n}", "-device", f"cxl-type3,bus=rp{n},persistent-memdev=p{n},lsa=l{n},id=mem{n},sn={n + 1}"]
    return words + ["-cxl-region", f"window=0,type=pmem,granularity={granularity},devices=" + ":".join(f"mem{n}" for n in range(ways))]


class Region:
    """The region's bytes, gathered from the devices' files."""

    def __init__(self, folder, ways, granularity):
        self.files = [open(f"{folder}/p{n}", "rb") for n in range(ways)]
        self.granularity = granularity

    def line(self, offset):
        granule, within = divmod(offset, self.granularity)
        self.files[granule % len(self.files)].seek(granule // len(self.files) * self.granularity + within)
        return struct.unpack("<8Q", self.files[granule % len(self.files)].read(64))

    def close(self):
        for file in self.files:
            file.close()


def look(folder, ways, granularity):
    """The number of the last line that was made persistent; every line must be what it has to be then."""
    region = Region(folder, ways, granularity)
    last = region.line(0)[0]
    for k in range(LINES):
        wanted = last - (last - k) % LINES
        got = region.line(4096 + k * SPREAD)
        # What came after `last` may have arrived, in part or whole.
        allowed = {max(wanted, 0)} | ({last + 1} if (last + 1) % LINES == k else set())
        assert set(got) <= allowed, f"line {k} holds {got}, not {wanted}; the last one was {last}"
    region.close()
    return last


def kill_often(build, ways, granularity, rounds, seed=1):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        before = 0
        for n in range(rounds):
            machine = subprocess.Popen([build / "cxlvm", "-kernel", program(build)] + options(folder, ways, granularity), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            watchdog = threading.Timer(60, machine.kill)
            watchdog.start()
            try:
                said = machine.stdout.readline()
                assert b"writing" in said, said + machine.stdout.read()
                time.sleep(rng.uniform(0, 0.2))
            finally:
                watchdog.cancel()
                machine.send_signal(signal.SIGKILL)
                machine.wait()
                machine.stdout.close()
            last = look(folder, ways, granularity)
            assert last >= before, f"the files went back from {before} to {last}"
            before = last
        assert before > 0, "no line was written"
        return before


def run_all(build, long=False, rounds=None):
    rounds = rounds or (40 if long else 6)
    for name, (ways, granularity) in SETS.items():
        try:
            lines = kill_often(build, ways, granularity, rounds)
            yield f"killed {rounds} times, {name}, {lines} lines", True, ""
        except (AssertionError, OSError, struct.error) as broken:
            yield f"killed, {name}", False, str(broken)


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), rounds=int(sys.argv[2]) if len(sys.argv) > 2 else None)))
