# SPDX-License-Identifier: BSD-2-Clause
"""Guest programs of a few instructions, as arm64 Images: enough to end the machine, to fill the console and to answer keys. And the
way tests run the emulator: in a time limit, with its exit code, output and processor time."""
import os
import resource
import struct
import subprocess
import tempfile
import threading
import time

POWER_OFF = [0x52800100, 0x72B08000, 0xD4000002]  # PSCI SYSTEM_OFF by HVC
RESET = [0x52800120, 0x72B08000, 0xD4000002]      # PSCI SYSTEM_RESET
FOR_EVER = [0x14000000]
UART = [0xD2A12001]                               # x1 = 0x09000000


def image(instructions, size=0x2000):
    """A Linux Image whose first instruction jumps behind the header."""
    header = struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, size, 0xA, 0, 0, 0, b"ARM\x64", 0)
    return header + struct.pack(f"<{len(instructions)}I", *instructions) + bytes(4096)


def printer(lines):
    """Prints "x" and a newline so many times, then powers off."""
    count = [0x52800004 | (lines & 0xFFFF) << 5, 0x72A00004 | lines >> 16 << 5]
    loop = [0x39000022, 0x39000023, 0x71000484, 0x54FFFFA1]  # strb w2; strb w3; subs w4; b.ne
    return UART + [0x52800F02, 0x52800143] + count + loop + POWER_OFF


def echo():
    """Gives back each byte that comes from the serial port; the letter q powers off."""
    ready = [0x52800D2A, 0x3900002A]                                     # prints "i", for "I am here"
    loop = [0xB9401825, 0x3727FFE5, 0x39400025, 0x39000025]              # ldr FR; tbnz RXFE; ldrb; strb
    return UART + ready + loop + [0x7101C4BF, 0x54FFFF61] + POWER_OFF    # cmp w5, #'q'; b.ne loop


def report(rows):
    """Shows what a suite's run_all yields where it is run by itself. The exit code."""
    passed = failed = 0
    for name, ok, text in rows:
        shown = "" if ok or not text else "\n    " + text.replace("\n", "\n    ")
        print(f"{'skipped' if ok is None else 'ok     ' if ok else 'FAILED '} {name}{shown}", flush=True)
        passed += ok is True
        failed += ok is False
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


class Result:
    def __init__(self, code, out, err, cpu_s, wall_s):
        self.code, self.out, self.err, self.cpu_s, self.wall_s = code, out, err, cpu_s, wall_s

    @property
    def late(self):
        return self.code is None


def run(command, wall_limit_s=60, **more):
    """Runs a command; its own processor time is measured, since that of a busy host tells nothing."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=more.pop("stdin", subprocess.DEVNULL), stdout=out, stderr=err, **more)
        late = threading.Event()

        def stop():
            late.set()
            child.kill()

        timer = threading.Timer(wall_limit_s, stop)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Result(None if late.is_set() else child.returncode, out.read(), err.read(), usage.ru_utime + usage.ru_stime,
                      time.monotonic() - start)


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
