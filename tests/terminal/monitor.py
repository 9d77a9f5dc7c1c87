# SPDX-License-Identifier: BSD-2-Clause
"""The human monitor: on a socket, on telnet, and behind a console's escape key. The guest gives back each byte it gets."""
import pathlib
import re
import select
import socket
import subprocess
import tempfile
import time

import programs


class Link:
    """A socket that is read until some words come."""

    def __init__(self, path):
        end = time.monotonic() + 20
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.text = b""

    def until(self, words, limit_s=20):
        """What has come up to the words, which must come; the rest is left for the next call."""
        end = time.monotonic() + limit_s
        while words not in self.text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise AssertionError(f"{words!r} does not come: {self.text[-500:]!r}")
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed before {words!r}: {self.text[-500:]!r}")
            self.text += data
        before, _, self.text = self.text.partition(words)
        return before.decode(errors="replace")

    def say(self, data):
        self.socket.sendall(data)

    def ask(self, line):
        self.say(line + b"\r")
        self.until(b"\r\n")
        return self.until(b"(qemu) ")


def machine(build, folder, options):
    image = pathlib.Path(folder) / "echo"
    image.write_bytes(programs.image(programs.echo()))
    return subprocess.Popen([str(build / "cxlvm"), "-m", "256M", "-kernel", str(image)] + options, cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


LINES = [
    (b"info status", r"VM status: running"), (b"stop", r"^$"), (b"info status", r"paused"), (b"  info   status ", r"paused"),
    (b"info registers", r"PC=00000000400000.. X00=0000000040"), (b"xp /4xw 0x40000000", r"0000000040000000: 0x14000010"),
    (b"x /1i 0x40000000", r"b 0x40000040"), (b"p/d 7-2", r"5"), (b"x /1xb 0xffff000000000000", r"Cannot access"), (b"x", r"write a number"),
    (b"info cpus", r"\* CPU #0: thread_id=\d+"), (b"cpu 1", r"^$"), (b"info registers", r"^CPU#1 \(off\)"), (b"print $pc", r"^0x40000000$"),
    (b"info cpus", r"  CPU #0.*\r\n\* CPU #1"), (b"cpu 2", r"invalid CPU index; write cpu 0 to cpu 1"), (b"cpu 0", r"^$"),
    (b"info", r"^(info .*\r\n){15,}info .*$"), (b"help stop", r"^stop +stop the machine$"), (b"help frob", r"unknown command: 'frob'"),
    (b"info mtree", r"RAM"), (b"info chardev", r"con"), (b"log cxl", r"^$"), (b"log frob", r"no such trace item"),
    (b"log none", r"^$"), (b"frob", r"unknown command: 'frob'"), (b"stopx", r"unknown command"), (b"info sta\x15info version", r"cxlvm "),
    (b"infx\x7fo versionn\x08", r"cxlvm "), (b"ersion\x01info v\x05", r"cxlvm "), (b"nfo version\x1b[H" + b"i\x1b[F", r"cxlvm "),
    (b"\xff" * 10 + b"\x00\x02" + b"A" * 3000, r"unknown command"), (b"info vers\t", r"cxlvm "), (b"cont", r"^$"),
]


def on_a_socket(build):
    with tempfile.TemporaryDirectory() as folder:
        child = machine(build, folder, ["-smp", "2", "-chardev", "null,id=con", "-serial", "chardev:con", "-monitor", "unix:m,server=on,wait=off"])
        try:
            link = Link(pathlib.Path(folder) / "m")
            link.until(b"(qemu) ")
            for line, wanted in LINES:
                answer = link.ask(line)
                if not re.search(wanted, answer.strip("\r\n")):
                    return f"{line!r}: {answer!r}"
            link.say(b"\x1b[A\x1b[A\r")  # the line before "cont"
            link.until(b"info version \x1b[K\r\n11.1.3 (cxlvm ")
            link.socket.close()
            again = Link(pathlib.Path(folder) / "m")
            again.until(b"(qemu) ")
            again.say(b"quit\n")
            return "" if child.wait(20) == 0 else f"exit code {child.returncode}"
        finally:
            child.kill()
            child.wait()


def behind_a_console(build, options):
    with tempfile.TemporaryDirectory() as folder:
        child = machine(build, folder, options)
        try:
            link = Link(pathlib.Path(folder) / "c")
            key = b"\x14" if "-echr" in options else b"\x01"
            link.until(b"i")
            link.say(b"ab" + key + b"cinfo status\r")
            link.until(b"(qemu) info status\r\n")
            if "running" not in link.until(b"(qemu) "):
                return "no status"
            link.say(key + b"cz")
            link.until(b"z")
            link.say(key + b"c")
            link.until(b"(qemu) ")
            link.say(b"quit\r")
            return "" if child.wait(20) == 0 else f"exit code {child.returncode}"
        finally:
            child.kill()
            child.wait()


def run_all(build, long=False):
    console = ["-serial", "mon:unix:c,server=on"]  # waits: nothing is said before
    described = ["-chardev", "socket,id=c,path=c,server=on,mux=on", "-serial", "chardev:c", "-mon", "chardev=c,mode=readline"]
    for name, test in (("on a socket", lambda: on_a_socket(build)), ("behind mon:", lambda: behind_a_console(build, console)),
                       ("behind -chardev mux=on", lambda: behind_a_console(build, described)),
                       ("-echr", lambda: behind_a_console(build, console + ["-echr", "0x14"]))):
        try:
            wrong = test()
        except AssertionError as broken:
            wrong = str(broken)
        yield f"monitor {name}", not wrong, wrong
