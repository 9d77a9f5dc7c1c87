# SPDX-License-Identifier: BSD-2-Clause
"""A QMP client of raw sockets, a machine to talk to, and a checker of answers against query-qmp-schema."""
import json
import pathlib
import select
import socket
import struct
import subprocess
import time


class Gone(Exception):
    """The other side closed the connection."""


class Client:
    def __init__(self, address, timeout=10):
        end = time.time() + timeout
        while True:
            self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
            try:
                self.socket.connect(address)
                break
            except OSError:
                self.socket.close()
                if time.time() > end:
                    raise
                time.sleep(0.02)
        self.buffer = b""
        self.events = []
        self.greeting = None

    def raw(self, data):
        self.socket.sendall(data)

    def line(self, timeout=10):
        end = time.time() + timeout
        while b"\n" not in self.buffer:
            left = end - time.time()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError(f"no answer in {timeout} s; have {self.buffer[:200]!r}")
            more = self.socket.recv(65536)
            if not more:
                raise Gone()
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def answer(self, timeout=10):
        """The next message that is no event; events on the way are kept."""
        while True:
            message = self.line(timeout)
            if "event" not in message:
                return message
            self.events.append(message)

    def event(self, name, timeout=10):
        end = time.time() + timeout
        while True:
            for i, message in enumerate(self.events):
                if message["event"] == name:
                    del self.events[i]
                    return message
            message = self.line(max(end - time.time(), 0.01))
            assert "event" in message, f"waited for {name}, got {message}"
            self.events.append(message)

    def start(self):
        self.greeting = self.answer()
        assert "QMP" in self.greeting, self.greeting
        assert self.call("qmp_capabilities") == {}
        return self

    def send(self, name, id=None, **arguments):
        request = {"execute": name}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        if id is not None:
            request["id"] = id
        self.raw(json.dumps(request).encode())

    def call(self, name, **arguments):
        self.send(name, **arguments)
        got = self.answer()
        assert "return" in got, f"{name}: {got}"
        return got["return"]

    def fails(self, name, **arguments):
        self.send(name, **arguments)
        got = self.answer()
        assert set(got) == {"error"} and set(got["error"]) == {"class", "desc"}, f"{name}: {got}"
        return got["error"]

    def ask(self, name, **arguments):
        """Like call, for commands of which an argument is the id."""
        self.raw(json.dumps({"execute": name, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}).encode())
        got = self.answer()
        assert "return" in got, f"{name} {arguments}: {got}"
        return got["return"]

    def refuses(self, name, **arguments):
        self.raw(json.dumps({"execute": name, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}).encode())
        got = self.answer()
        assert set(got) == {"error"}, f"{name} {arguments}: {got}"
        return got["error"]

    def close(self):
        self.socket.close()


# Programs for a bare guest, entered at the Image with the MMU off.
COUNT = [0xD2A90001, 0x91000442, 0xF9000022, 0x17FFFFFE]  # x1 = 0x48000000; for (;;) *x1 = ++x2
OFF = [0x52800100, 0x72B08000, 0xD4000002, 0x14000000]    # PSCI SYSTEM_OFF
DELAY = [0xD2A00803, 0xF1000463, 0x54FFFFE1]              # 4 million times round
RESET = DELAY + [0x52800120, 0x72B08000, 0xD4000002, 0x14000000]
WAIT = [0xD503207F, 0x17FFFFFF]                           # WFI for ever


def image(words):
    header = struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, 0x10000, 0xA, 0, 0, 0, b"ARM\x64", 0)
    return header + struct.pack(f"<{len(words)}I", *words) + bytes(0x10000 - 64 - 4 * len(words))


class Machine:
    def __init__(self, build, folder, words=WAIT, options=(), monitor=None, kernel="image", **more):
        self.folder = pathlib.Path(folder)
        self.path = str(self.folder / "qmp")
        (self.folder / "image").write_bytes(image(words))
        monitor = ["-qmp", f"unix:{self.path},server=on,wait=off"] if monitor is None else monitor
        more.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen([str(build / "cxlvm"), "-M", "virt", "-m", "512M", "-serial", "null"]
                                        + (["-kernel", str(self.folder / kernel)] if kernel else []) + monitor + list(options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def connect(self):
        return Client(self.path)

    def wait(self, timeout=20):
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, err.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class Schema:
    def __init__(self, entries):
        self.entries = {entry["name"]: entry for entry in entries}
        assert len(self.entries) == len(entries), "a name stands twice"

    def names(self, meta):
        return {name for name, entry in self.entries.items() if entry["meta-type"] == meta}

    def check_whole(self):
        """Every type that is named is there."""
        for entry in self.entries.values():
            for key in ("arg-type", "ret-type", "element-type"):
                if key in entry:
                    assert entry[key] in self.entries, f"{entry['name']}: no type {entry[key]}"
            if entry["meta-type"] == "object":
                for member in entry["members"]:
                    assert member["type"] in self.entries, f"{entry['name']}.{member['name']}: no type {member['type']}"

    def check(self, name, value, where=""):
        entry = self.entries[name]
        kind = entry["meta-type"]
        if kind == "builtin":
            types = {"string": str, "int": int, "number": (int, float), "boolean": bool, "value": object}[entry["json-type"]]
            assert isinstance(value, types) and (types is not int or not isinstance(value, bool)), f"{where}: {value!r} is no {name}"
        elif kind == "enum":
            assert value in entry["values"], f"{where}: {value!r} is no {name}"
        elif kind == "array":
            assert isinstance(value, list), f"{where}: {value!r} is no list"
            for item in value:
                self.check(entry["element-type"], item, where + "[]")
        elif kind == "object":
            assert isinstance(value, dict), f"{where}: {value!r} is no object"
            members = {member["name"]: member for member in entry["members"]}
            for key in value:
                assert key in members, f"{where}: member {key} is not declared in {name}"
                self.check(members[key]["type"], value[key], f"{where}.{key}")
            for key, member in members.items():
                assert key in value or "default" in member, f"{where}: member {key} of {name} is missing"

    def check_return(self, command, value):
        self.check(self.entries[command]["ret-type"], value, command)

    def check_event(self, event):
        self.check(self.entries[event["event"]]["arg-type"], event.get("data", {}), event["event"])
        assert set(event["timestamp"]) == {"seconds", "microseconds"} and abs(event["timestamp"]["seconds"] - time.time()) < 60
