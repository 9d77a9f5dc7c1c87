# SPDX-License-Identifier: BSD-2-Clause
"""A guest that carries out shell commands (guests/initramfs/serve) beside a QMP client of its machine: for tests that act on both in turn."""
import os
import pathlib
import re
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from qmp.client import Client  # noqa: E402


class Live:
    def __init__(self, command, folder, log, show=False):
        self.show, self.text, self.path = show, "", f"{folder}/qmp"
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command + ["-qmp", f"unix:{self.path},server=on,wait=off"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.qmp = Client(self.path, timeout=60).start()

    def until(self, pattern, timeout=180, since=0):
        """The match of a pattern in what the guest says from position `since` on."""
        end = time.time() + timeout
        while not (match := re.search(pattern, self.text[since:], re.M)):
            assert time.time() < end, f"waited {timeout} s for {pattern}; the guest says {self.text[-2000:]}"
            ended = self.process.poll() is not None
            if select.select([self.process.stdout], [], [], 0.2)[0] and (chunk := self.process.stdout.read()):
                self.log.write(chunk)
                self.log.flush()
                self.text += chunk.decode(errors="replace").replace("\r", "")
                if self.show:
                    sys.stdout.write(chunk.decode(errors="replace"))
                    sys.stdout.flush()
            elif ended:
                raise AssertionError(f"the program ended with {self.process.returncode}: {self.text[-2000:]}")
        return match

    def ready(self):
        self.until("^cxlvm-serve: ready")
        return self

    def run(self, line, timeout=120):
        """What a command prints, and its exit code."""
        since = len(self.text)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        match = self.until(r"^cxlvm-serve: done (\d+)$", timeout, since)
        return self.text[since:since + match.start()], int(match[1])

    def must(self, line, timeout=120):
        said, code = self.run(line, timeout)
        assert code == 0, f"{line}: exit {code}: {said}"
        return said

    def wait(self, condition, timeout=60):
        """Repeats a command until it succeeds; what it printed."""
        end = time.time() + timeout
        while True:
            said, code = self.run(condition)
            if code == 0:
                return said
            assert time.time() < end, f"{self.text[-1500:]}\nwaited {timeout} s for {condition}: {said}"
            time.sleep(0.3)

    def end(self):
        self.process.stdin.write(b"end\n")
        self.process.stdin.flush()
        self.until("^cxlvm-guest: verdict 0")
        self.process.wait(60)
        assert self.process.returncode == 0, f"exit code {self.process.returncode}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.qmp.close()
        self.log.close()
