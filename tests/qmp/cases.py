# SPDX-License-Identifier: BSD-2-Clause
"""The QMP server from outside: handshake, every command against the schema, run control, events, hostile bytes, `cxlvm topology`.

Also a program: tests/qmp/cases.py BUILD [NAME...] runs some cases and shows what failed.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import random
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402
from qmp.client import COUNT, OFF, RESET, WAIT, Client, Gone, Machine, Schema  # noqa: E402

FABRIC = ("-M virt,cxl-fmw.0.targets.0=cxl.0,cxl-fmw.0.targets.1=cxl.1,cxl-fmw.0.size=8G -device pxb-cxl,id=cxl.0,bus_nr=64 "
          "-device pxb-cxl,id=cxl.1,bus_nr=128 -object memory-backend-ram,id=v0,size=512M -object memory-backend-ram,id=v1,size=512M "
          "-device cxl-rp,bus=cxl.0,id=rp0,slot=0 -device cxl-rp,bus=cxl.1,id=rp1,slot=1 -device cxl-rp,bus=cxl.1,id=rp2,slot=2 "
          "-device cxl-type3,bus=rp0,id=mem0,volatile-memdev=v0 -device cxl-type3,bus=rp1,id=mem1,volatile-memdev=v1 "
          "-cxl-region window=0,devices=mem0:mem1,granularity=256,type=ram").split()
COUNTER = 0x48000000
# What the commands that ask for arguments are given.
ARGUMENTS = {"human-monitor-command": {"command-line": "info status"}, "device-list-properties": {"typename": "cxl-type3"},
             "qom-list-properties": {"typename": "memory-backend-file"}, "cxl-query-events": {"path": "mem0"},
             "cxl-query-poison": {"path": "mem0"}, "cxl-query-health": {"path": "mem0"}, "cxl-query-ras": {"path": "rp0"},
             "balloon": {"value": 256 << 20}, "qom-list": {"path": "/machine/peripheral"}, "qom-get": {"path": "/machine/peripheral/mem0", "property": "volatile-memdev"}}
# These change the machine and have cases of their own.
NOT_ASKED = {"quit", "stop", "cont", "system_reset", "system_powerdown", "pmemsave", "qmp_capabilities", "cxl-add-dynamic-capacity",
             "cxl-release-dynamic-capacity", "cxl-query-dynamic-capacity", "cxl-inject-general-media-event", "cxl-inject-dram-event",
             "cxl-inject-memory-module-event", "cxl-inject-poison", "cxl-inject-uncorrectable-errors", "cxl-inject-correctable-error",
             "cxl-set-health", "inject-ghes-v2-error", "cxl-fm-request", "cxl-surprise-remove", "device_add", "device_del", "object-add", "object-del", "blockdev-add",
             "blockdev-del", "memsave", "netdev_add", "netdev_del", "set_link", "inject-nmi", "query-hotpluggable-cpus"}
# Members that QEMU's schema has as always there, and clients may take for granted.
ALWAYS_THERE = {"query-cpus-fast": {"cpu-index", "qom-path", "qom-type", "thread-id", "target"},
                "query-named-block-nodes": {"file", "ro", "drv", "encrypted", "backing_file_depth", "cache", "image", "active", "detect_zeroes", "children", "bps",
                                            "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr", "write_threshold"},
                "query-memdev": {"size", "merge", "dump", "prealloc", "share", "host-nodes", "policy"}}


def handshake(build, folder):
    with Machine(build, folder) as machine:
        client = machine.connect()
        assert stat.S_IMODE(os.stat(machine.path).st_mode) == 0o600, "the socket is open to others"
        greeting = client.answer()
        version = greeting["QMP"]["version"]
        assert set(version["qemu"]) == {"major", "minor", "micro"} and "cxlvm" in version["package"]
        assert greeting["QMP"]["capabilities"] == []
        assert client.fails("query-status")["class"] == "CommandNotFound", "a command before negotiation"
        assert client.fails("qmp_capabilities", enable=["oob"])["class"] == "GenericError"
        client.call("qmp_capabilities")
        assert client.fails("qmp_capabilities")["class"] == "CommandNotFound", "negotiated twice"
        for id in ("text", 7, None, [1, {"a": None}], {"deep": [[["x"]]]}, 2 ** 53 + 1, "ünïcode \u20ac"):
            client.raw(json.dumps({"execute": "query-name", "id": id}).encode())
            assert client.answer() == {"return": {}, "id": id}
        client.send("no-such", id=5)
        assert client.answer() == {"error": {"class": "CommandNotFound", "desc": "The command no-such has not been found"}, "id": 5}
        # The next client starts anew.
        client.close()
        client = machine.connect().start()
        assert client.call("query-status") == {"running": True, "status": "running"}
        client.call("quit")
        event = client.event("SHUTDOWN")
        assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
        code, err = machine.wait()
        assert (code, err) == (0, ""), (code, err)
        assert not os.path.exists(machine.path), "the socket stays"


def every_command(build, folder):
    disk = pathlib.Path(folder) / "disk"
    disk.write_bytes(bytes(1 << 20))
    options = FABRIC + ["-drive", f"file={disk},format=raw,if=virtio,id=d0", "-smp", "3", "-name", "guest=test,process=x", "-uuid",
                        "550e8400-e29b-41d4-a716-446655440000", "-chardev", "null,id=c0", "-device", "virtio-balloon-pci"]
    with Machine(build, folder, options=options) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        schema.check_whole()
        commands = {entry["name"] for entry in client.call("query-commands")}
        assert commands == schema.names("command")
        assert "io-error" in schema.entries["RunState"]["values"]  # a machine that stands still because of a disk (werror=)
        answers = {}
        for name in sorted(commands - NOT_ASKED):
            answers[name] = client.call(name, **{k.replace("-", "_"): v for k, v in ARGUMENTS.get(name, {}).items()})
            schema.check_return(name, answers[name])
            assert client.fails(name, **dict(ARGUMENTS.get(name, {}), frobnicate=1))["class"] == "GenericError"
        for name, members in ALWAYS_THERE.items():
            assert answers[name] and all(members <= set(entry) for entry in answers[name]), name
        assert answers["query-block"][0]["inserted"] == answers["query-named-block-nodes"][0]
        assert answers["query-cpus-fast"][0]["qom-type"] == "max-arm-cpu"
        assert answers["query-jobs"] == answers["query-block-jobs"] == [] and answers["query-migrate"] == {}
        assert {entry["name"] for entry in answers["query-events"]} == schema.names("event")
        for name in ("inject-nmi", "query-hotpluggable-cpus"):
            assert client.fails(name)["class"] == "GenericError", name
        assert "CPU number" in client.refuses("human-monitor-command", **{"command-line": "info status", "cpu-index": 3})["desc"]
        for index in range(3):
            text = client.ask("human-monitor-command", **{"command-line": "info registers", "cpu-index": index})
            assert text.count("CPU#") == 1 and f"CPU#{index}" in text, text
        assert client.ask("human-monitor-command", **{"command-line": "cpu 2"}) == ""
        assert "CPU#0" in client.ask("human-monitor-command", **{"command-line": "info registers"}), "`cpu` holds for its call"
        for line in ("cpu", "cpu 3", "cpu -1", "cpu 1 2", "cpu x"):
            assert client.ask("human-monitor-command", **{"command-line": line}) == "invalid CPU index; write cpu 0 to cpu 2\r\n", line
        assert client.ask("human-monitor-command", **{"command-line": "info"}) == client.ask("human-monitor-command", **{"command-line": "help info"}).split("\r\n", 1)[1]
        assert client.ask("human-monitor-command", **{"command-line": "help info cpus"}).startswith("info cpus ")
        assert client.ask("human-monitor-command", **{"command-line": "help inf"}).startswith("unknown command: 'inf'")
        for line in re.findall(r"^info \S+", client.ask("human-monitor-command", **{"command-line": "info"}), re.M):
            text = client.ask("human-monitor-command", **{"command-line": line})
            assert "unknown" not in text and text.count("\n") == text.count("\r\n") and (not text or text.endswith("\r\n")), (line, text)
        assert answers["query-balloon"] == {"actual": 512 << 20}
        assert client.ask("human-monitor-command", **{"command-line": "info balloon"}) == "balloon: actual=512\r\n"
        assert client.ask("human-monitor-command", **{"command-line": "balloon 300"}) == ""
        assert "MiB" in client.ask("human-monitor-command", **{"command-line": "balloon x"})
        assert "memory" in client.refuses("balloon", value=0)["desc"] and "negative" in client.refuses("balloon", value=-1)["desc"]
        client.ask("query-block", flat=True)
        client.ask("query-machines", **{"compat-props": True})
        assert answers["query-name"] == {"name": "test"}
        assert answers["query-uuid"] == {"UUID": "550e8400-e29b-41d4-a716-446655440000"}
        assert [cpu["cpu-index"] for cpu in answers["query-cpus-fast"]] == [0, 1, 2]
        for cpu in answers["query-cpus-fast"]:
            assert os.path.exists(f"/proc/{machine.process.pid}/task/{cpu['thread-id']}")
            assert client.call("qom-get", path=cpu["qom-path"], property="type") == cpu["qom-type"]
        assert client.fails("qom-get", path="/machine/unattached/device[3]", property="type")["class"] == "DeviceNotFound"
        assert {entry["name"] for entry in client.call("qom-list", path="/chardevs")} == {"type"} | {entry["label"] for entry in answers["query-chardev"]}
        assert {"name": "volatile-memdev", "type": "link<memory-backend>"} in client.call("qom-list", path="/machine/peripheral/mem0")
        assert client.call("qom-get", path="/machine/peripheral/rp2", property="addr") == 8
        assert answers["query-block"][0]["inserted"]["image"]["virtual-size"] == 1 << 20
        assert {m["id"] for m in answers["query-memdev"]} == {"v0", "v1"}
        assert answers["query-memory-size-summary"]["base-memory"] == 512 << 20
        assert "cxl-type3" in {t["name"] for t in answers["qom-list-types"]}
        assert "volatile-memdev" in {p["name"] for p in answers["device-list-properties"]}
        assert {"mem0", "rp2"} <= {p["name"] for p in answers["qom-list"]} and answers["qom-get"] == "/objects/v0"
        assert {"name": "v0", "type": "child<memory-backend-ram>"} in client.call("qom-list", path="/objects")
        assert {"peripheral", "peripheral-anon"} <= {p["name"] for p in client.call("qom-list", path="/machine")}
        assert client.call("qom-get", path="/objects/v0", property="size") == 512 << 20
        assert client.call("qom-get", path="/machine/peripheral/mem0", property="type") == "cxl-type3"
        assert "virtio-blk-pci" == client.call("qom-get", path="/machine/peripheral-anon/device[0]", property="type")
        assert client.fails("qom-get", path="/machine/peripheral/mem0", property="nix")["class"] == "GenericError"
        for path in ("", "/", "/machine/", "/objects/", "/objects/nix", "/machine/peripheral/v0", "nix/../..", "/machine/peripheral-anon/device[9]"):
            if path != "/":
                assert client.fails("qom-list", path=path)["class"] == "DeviceNotFound", path
        assert {64, 128} <= {bus["bus"] for bus in answers["query-pci"]}
        assert "qmp" in {o["option"] for o in answers["query-command-line-options"]}
        assert client.fails("device-list-properties", typename="nix")["class"] == "DeviceNotFound"
        for name in ("migrate", "qom-set"):
            error = client.fails(name)
            assert error["class"] == "CommandNotFound" and "not built" in error["desc"], error
        for bad, words in (({}, "typename"), ({"typename": 1}, "string"), ({"typename": None}, "string"), ({"typename": ["x"]}, "string"),
                           ({"typename": "a\0b"}, "NUL")):
            assert words in client.fails("device-list-properties", **bad)["desc"], bad
        assert "integer" in client.fails("cxl-query-decoders", hpa=1.5)["desc"]
        assert "negative" in client.fails("cxl-query-decoders", hpa=-1)["desc"]
        assert "too large" in client.fails("cxl-query-decoders", hpa=2 ** 64 - 1)["desc"]
        for huge in (2 ** 64, 10 ** 30, -2 ** 63 - 1, -10 ** 30):
            assert "integer" in client.fails("cxl-query-decoders", hpa=huge)["desc"]
        event = {"path": "mem0", "log": "warning", "flags": 1, "descriptor": 0, "type": 0, "transaction-type": 0}
        assert "integer" in client.fails("cxl-inject-dram-event", dpa=2 ** 64, **event)["desc"]
        assert "correction-mask" in client.fails("cxl-inject-dram-event", dpa=0, **event, **{"correction-mask": [2 ** 64]})["desc"]
        assert "text dot svg" in client.fails("cxl-query-topology", format="png")["desc"]


def plugging(build, folder):
    """A guest that never looks: what may be plugged where, the words of refusals, and that those leave nothing behind."""
    options = FABRIC + ["-device", "pcie-root-port,id=pp,slot=9", "-device", "pcie-root-port,id=off,slot=10,hotplug=off", "-device",
                        "cxl-rp,bus=cxl.0,id=rp3,slot=11", "-device", "cxl-upstream,bus=rp3,id=us", "-device", "cxl-downstream,bus=us,id=ds,slot=12"]
    with Machine(build, folder, options=options) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        assert client.ask("object-add", qom_type="memory-backend-ram", id="v2", size=256 << 20, prealloc=False) == {}
        assert "taken" in client.refuses("object-add", qom_type="memory-backend-ram", id="v2", size="256M")["desc"]
        assert "size" in client.refuses("object-add", qom_type="memory-backend-ram", id="v3", size=-1)["desc"]
        assert "at the start" in client.refuses("object-add", qom_type="acpi-generic-port", id="g", pci_bus="cxl.0", node=4000000000)["desc"]
        assert client.ask("qom-list", path="/objects/v2") and client.fails("qom-list", path="/objects/g")["class"] == "DeviceNotFound"
        assert "-object help" in client.refuses("object-add", qom_type="can-bus", id="r0")["desc"]
        assert client.refuses("object-add", qom_type="memory-backend-ram", id="v3", size=[1])["desc"].startswith("Invalid parameter type")
        type3 = {"driver": "cxl-type3", "id": "mem2", "bus": "rp2", "volatile_memdev": "v2"}
        for change, words in (({"driver": "nix"}, "'nix' is not a valid device model name"), ({"bus": "nix"}, "Bus 'nix' not found"),
                              ({"bus": "rp1"}, "'mem1' is in the slot already"), ({"bus": "pcie.0"}, "Bus 'pcie.0' does not support"),
                              ({"bus": "us"}, "Bus 'us' does not support"), ({"bus": "off"}, "Bus 'off' does not support"), ({"id": "mem1"}, "taken"),
                              ({"volatile_memdev": "v0"}, "v0"), ({"frobnicate": 1}, "frobnicate"), ({"driver": "cxl-upstream"}, "volatile-memdev"),
                              ({"driver": "pxb-cxl"}, "no property"), ({"bus": "pp"}, "no CXL port")):
            error = client.refuses("device_add", **dict(type3, **change))
            assert error["class"] == "GenericError" and words in error["desc"], (change, error)
        assert "cannot be plugged at run time" in client.refuses("device_add", driver="cxl-upstream", bus="rp2", id="us2")["desc"]
        assert {bus["qdev_id"] for bus in client.call("query-pci")[-1]["devices"]} == {"rp1", "rp2"}
        assert client.ask("device_add", **type3) == {}
        assert "in use" in client.refuses("object-del", id="v2")["desc"]
        assert "mem2" in client.call("cxl-query-topology")
        # Nobody has switched the slot on: it is empty at once.
        assert client.ask("device_del", id="/machine/peripheral/mem2") == {}
        event = client.event("DEVICE_DELETED")
        schema.check_event(event)
        assert event["data"] == {"device": "mem2", "path": "/machine/peripheral/mem2"}
        assert "mem2" not in client.call("cxl-query-topology")
        assert client.ask("object-del", id="v2") == {}
        assert client.refuses("object-del", id="v2")["desc"] == "object 'v2' not found"
        assert client.refuses("device_del", id="mem2") == {"class": "DeviceNotFound", "desc": "Device 'mem2' not found"}
        assert "does not support hotplugging" in client.refuses("device_del", id="rp2")["desc"]
        # One that was there from the start, part of a boot region: the guest is asked, and a reset is as good as an answer.
        region = client.call("cxl-query-decoders", hpa=decoders_base(client))["walk"]
        assert region["answered"]
        assert client.ask("device_del", id="mem1") == {}
        assert client.refuses("device_del", id="mem1")["desc"] == "Device mem1 is already in the process of unplug"
        client.call("system_reset")
        assert client.event("DEVICE_DELETED")["data"]["device"] == "mem1"
        client.event("RESET")
        assert "boot region" not in client.call("cxl-query-topology") and not any(d["committed"] for d in client.call("cxl-query-decoders")["decoders"])
        assert client.ask("cxl-surprise-remove", id="mem0") == {}
        assert client.event("DEVICE_DELETED")["data"]["device"] == "mem0"
        # Names that -device takes too.
        assert client.ask("device_add", driver="virtio-rng", bus="pp", id="rng") == {}
        assert client.ask("device_del", id="rng") == {}
        client.event("DEVICE_DELETED")
        # A switch goes with all that is below it.
        client.ask("object-add", qom_type="memory-backend-ram", id="v2", size="256M")
        client.ask("device_add", **dict(type3, bus="ds"))
        client.ask("cxl-surprise-remove", id="us")
        assert [client.event("DEVICE_DELETED")["data"]["device"] for _ in range(3)] == ["mem2", "ds", "us"]
        client.call("system_reset")
        client.event("RESET")
        client.call("quit")
        assert machine.wait() == (0, "")


def decoders_base(client):
    return next(d["base"] for d in client.call("cxl-query-decoders")["decoders"] if d["committed"])


def asked_live(build, folder):
    """`cxlvm explain` and `cxlvm topology` of a machine that runs."""
    def ask(*words):
        return subprocess.run([str(build / "cxlvm"), *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, text=True)

    with Machine(build, folder, options=FABRIC) as machine:
        client = machine.connect().start()
        base = decoders_base(client)
        picture = client.call("cxl-query-topology", format="svg")
        client.close()
        live = ask("explain", f"unix:{machine.path}", hex(base + 256))
        assert live.returncode == 0 and live.stderr == "", live
        lines = live.stdout.splitlines()
        assert lines[0] == hex(base + 256) and lines[1].startswith("  takes   window 0") and lines[-1] == "  DPA 0x0", live.stdout
        assert "bridge cxl.1 decoder 0" in live.stdout and "device mem1 decoder 0" in live.stdout, live.stdout
        beyond = ask("explain", f"unix:{machine.path}", hex(base + (4 << 30)))
        assert beyond.returncode == 2 and "refuses bridge" in beyond.stdout and "no device answers" in beyond.stdout, beyond
        drawn = ask("topology", "--svg", f"unix:{machine.path}")
        assert drawn.returncode == 0 and drawn.stdout == picture, drawn
        assert "mem1" in ask("topology", f"unix:{machine.path}").stdout
        for words in (["explain", f"unix:{machine.path}", hex(base)], ["topology", f"unix:{machine.path}"]):
            with open("/dev/full", "w") as full:
                unsaid = subprocess.run([str(build / "cxlvm"), *words], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=30)
            assert unsaid.returncode == 1 and b"standard output" in unsaid.stderr, unsaid
        for words, says in ((["explain"], "cxlvm explain unix:PATH HPA"), (["explain", "unix:/nonexistent", "0"], "/nonexistent"),
                            (["explain", f"unix:{machine.path}", "x"], "HPA=x"), (["explain", "unix:" + "a" * 200, "0"], "108"[:2]),
                            (["topology", f"unix:{machine.path}", "--svg"], "stands before it")):
            wrong = ask(*words)
            assert wrong.returncode == 1 and says in wrong.stderr and wrong.stderr.count("\n") == 1 and not wrong.stdout, wrong


def asked_strangers(build, folder):
    """Who answers may be no cxlvm, or end at any moment: one line, exit 1."""
    path, hello, ready = f"{folder}/stranger", b'{"QMP": {}}\n', b'{"return": {}}\n'
    for script in ([], [hello], [hello, None, ready], [b"hello\n"], [b"[1]\n"], [hello, None, b'{"error": "no"}\n'], [hello, None, b'{"error": {}}\n'],
                   *([hello, None, ready, None, answer] for answer in (
                       b"zzz\n", b"[1]\n", b'{"return": null}\n', b'{"return": 7}\n', b'{"return": {}}\n', b'{"return": {"walk": 7}}\n',
                       b'{"return": {"walk": {"hops": 7}}}\n', b'{"return": {"walk": {"hops": null}}}\n'))):
        for words in (["explain", f"unix:{path}", "0"], ["topology", f"unix:{path}"]):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
                server.listen(1)
                child = subprocess.Popen([str(build / "cxlvm"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                with server.accept()[0] as client:
                    for step in script:
                        client.sendall(step) if step else client.recv(4096)
                out, err = child.communicate(timeout=30)
                os.unlink(path)
            assert child.returncode == 1 and not out and err.count("\n") == 1 and "null" not in err, (script, words, child.returncode, out, err)


def dynamic_capacity(build, folder):
    options = ["-M", "virt,cxl-fmw.0.targets.0=hb0,cxl-fmw.0.size=2G", "-device", "pxb-cxl,id=hb0,bus_nr=64", "-device", "cxl-rp,id=rp0,bus=hb0",
               "-object", "memory-backend-ram,id=d0,size=512M", "-device",
               "cxl-type3,id=mem0,bus=rp0,volatile-dc-memdev=d0,num-dc-regions=2"]
    span, uuid = {"offset": 0, "len": 4 << 20}, "00112233-4455-6677-8899-aabbccddeeff"
    with Machine(build, folder, options=options) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        add = {"path": "mem0", "host_id": 0, "selection_policy": "prescriptive", "region": 1, "extents": [span]}
        assert client.call("cxl-add-dynamic-capacity", **dict(add, path="/machine/peripheral/mem0", tag=uuid)) == {}
        assert client.call("cxl-add-dynamic-capacity", **dict(add, selection_policy="contiguous", extents=[span, span])) == {}
        got = client.call("cxl-query-dynamic-capacity", path="mem0")
        schema.check_return("cxl-query-dynamic-capacity", got)
        assert [(e["accepted"], e["region"], e["offset"], e["len"], e["dpa"]) for e in got] == [
            (False, 1, 0, 4 << 20, 256 << 20), (False, 1, 4 << 20, 8 << 20, 260 << 20)], got
        assert got[0]["tag"] == uuid and got[1]["tag"] == "00000000-0000-0000-0000-000000000000"
        for bad, words in (({}, "overlaps"), ({"region": 2}, "regions 0 to 1"), ({"region": 256}, "255"), ({"host_id": 1}, "one host"),
                           ({"extents": []}, "no extents"), ({"tag": "xyz"}, "UUID"), ({"tag": uuid + "0"}, "UUID"),
                           ({"extents": [{"offset": -1, "len": 1}]}, "negative"), ({"extents": [{"offset": 1, "len": 2 << 20}]}, "multiple"),
                           ({"extents": [{"offset": 0, "len": 1}]}, "multiple"), ({"extents": [{"offset": 0}]}, "len"),
                           ({"extents": [{"offset": 0, "len": 1 << 40}]}, "past the end"), ({"extents": [7]}, "extents"),
                           ({"extents": [span] * 600}, "600"), ({"extents": [{"offset": 0, "len": 2 ** 64 - 1}]}, "too large"),
                           ({"selection_policy": "enable-shared-access"}, "several hosts"), ({"selection_policy": "x"}, "contiguous")):
            assert words in client.fails("cxl-add-dynamic-capacity", **dict(add, **bad))["desc"], bad
        assert client.fails("cxl-add-dynamic-capacity", **dict(add, path="rp0"))["class"] == "GenericError"
        release = {"path": "mem0", "host_id": 0, "removal_policy": "prescriptive", "region": 1, "extents": [span]}
        for bad, words in (({}, "not all accepted"), ({"removal_policy": "tag-based", "tag": uuid}, "no accepted extent"),
                           ({"forced_removal": 1}, "boolean"), ({"extents": []}, "no extents")):
            assert words in client.fails("cxl-release-dynamic-capacity", **dict(release, **bad))["desc"], bad


def fabric_management(build, folder):
    options = ("-M virt,cxl=on -device pxb-cxl,id=hb,bus_nr=64 -device cxl-rp,bus=hb,id=rp -device cxl-upstream,bus=rp,id=us,port=33,"
               "multifunction=on,addr=0.0 -device cxl-switch-mailbox-cci,bus=rp,addr=0.1,target=us,id=cci -device cxl-downstream,bus=us,id=ds,port=4 "
               "-object memory-backend-ram,id=d,size=256M -device cxl-type3,bus=ds,id=mem,volatile-dc-memdev=d,num-dc-regions=1,sn=7").split()
    with Machine(build, folder, options=options) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        answer = client.call("cxl-fm-request", path="us", opcode=0x5100)
        schema.check_return("cxl-fm-request", answer)
        assert answer["return-code"] == 0 and answer["payload"].startswith("21000201"), answer
        answer = client.call("cxl-fm-request", path="/machine/peripheral/cci", opcode=0x5300, payload="04000c00" "000000010000000000000000")
        assert answer["return-code"] == 0 and answer["payload"].startswith("1e000000" "010000" "0100" "120000" "0000" "0000" "8680930d"), answer
        assert client.call("cxl-fm-request", path="cci", opcode=0x5400) == {"return-code": 3, "payload": ""}
        # The device below vPPB 1 goes from the host's sight and comes back; a surprise in a slot that nobody looks at.
        def switch(opcode, payload, code=0):
            got = client.call("cxl-fm-request", path="us", opcode=opcode, payload=payload)
            assert got["return-code"] == code, got
            return got["payload"]

        def until(status):
            for _ in range(100):
                if (told := switch(0x5200, "00090100"))[16:] == "0221ff00" + status:
                    return
                time.sleep(0.05)
            raise AssertionError(told)

        def link():
            return next(entry for entry in client.call("cxl-query-links") if entry["port"] == "ds")

        until("0204ff00")
        switch(0x5202, "000102", code=1)
        until("0000ff00")
        assert link()["up"] is False and "not bound to the host" in client.call("cxl-query-topology")
        switch(0x5201, "00010400ffff", code=1)
        until("0204ff00")
        assert "not bound" not in client.call("cxl-query-topology")
        switch(0x5203, "00010000" "0c000080" + "00" * 32)
        switch(0x5201, "00010400ffff", code=2)
        switch(0x5202, "000103", code=2)
        for bad, words in (({"path": "mem"}, "no switch with a mailbox"), ({"payload": "0"}, "two hexadecimal digits"),
                           ({"payload": "0g"}, "not '0g'"), ({"payload": "00" * 2049}, "0 to 2048"), ({"opcode": 65536}, "65535")):
            assert words in client.fails("cxl-fm-request", **dict({"path": "us", "opcode": 0x5101}, **bad))["desc"], bad


def injections(build, folder):
    """Argument sets of today and of the first releases that had the commands; read back by ours."""
    common = {"path": "/machine/peripheral/mem0", "log": "warning", "flags": 1}
    media = dict(common, dpa=0x1000 | 3, descriptor=3, type=1, transaction_type=4)
    with Machine(build, folder, options=FABRIC) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))

        def newest(log="warning"):
            logs = client.call("cxl-query-events", path="mem0")
            schema.check_return("cxl-query-events", logs)
            return next(entry for entry in logs if entry["log"] == log)["records"][-1]

        client.call("cxl-inject-general-media-event", **media)
        got = newest()
        assert got["kind"] == "general-media" and got["fields"]["dpa"] == 0x1003 and got["fields"]["transaction-type"] == 4, got
        assert got["fields"]["flags"] == 1 and not {"channel", "component-id", "ld-id"} & set(got["fields"]), got
        client.call("cxl-inject-general-media-event", **dict(media, channel=3, rank=255, device=0xffffff, component_id="sixteen bytes ok", ld_id=0x1234,
                                                             is_comp_id_pldm=True, maint_op_class=1, maint_op_subclass=2, head_id=9, cme_ev_flags=3,
                                                             cme_count=0x123456, sub_type=4))
        fields = newest()["fields"]
        assert fields["flags"] == 0x1c1 and fields["ld-id"] == 0x1234 and fields["head-id"] == 9 and fields["maint-op-subclass"] == 2, fields
        assert (fields["channel"], fields["rank"], fields["device"], fields["cme-count"], fields["sub-type"]) == (3, 255, 0xffffff, 0x123456, 4), fields
        assert bytes.fromhex(fields["component-id"]) == b"sixteen bytes ok"
        client.call("cxl-inject-dram-event", **dict(media, channel=1, nibble_mask=0xabcdef, bank_group=7, bank=11, row=0x777777, column=0xfff,
                                                    correction_mask=[33, 2 ** 63, 55, 66], sub_channel=1, cvme_count=5))
        fields = newest()["fields"]
        assert (fields["nibble-mask"], fields["row"], fields["column"], fields["sub-channel"]) == (0xabcdef, 0x777777, 0xfff, 1), fields
        assert fields["correction-mask"][:16] == "2100000000000000" and "rank" not in fields
        module = dict(common, log="fatal", type=3, health_status=3, media_status=7, additional_status=33, life_used=30, temperature=-15,
                      dirty_shutdown_count=4, corrected_volatile_error_count=3233, corrected_persistent_error_count=1300)
        client.call("cxl-inject-memory-module-event", **module)
        fields = newest("fatal")["fields"]
        assert fields["temperature"] == -15 and fields["corrected-volatile-error-count"] == 3233 and "component-id" not in fields, fields
        for name, arguments, bad, words in (
                ("general-media", media, {"channel": 256}, "larger than 255"), ("general-media", media, {"flags": -1}, "negative"),
                ("general-media", media, {"component_id": "seventeen bytes!!"}, "longer than 16"), ("general-media", media, {"device": 1 << 24}, "16777215"),
                ("general-media", media, {"log": "nix"}, "informational"), ("general-media", media, {"dpa": "x"}, "integer"),
                ("dram", media, {"correction_mask": [1] * 5}, "more than 4"), ("dram", media, {"correction_mask": [-1]}, "negative"),
                ("memory-module", module, {"temperature": 40000}, "32767"), ("memory-module", module, {"temperature": -40000}, "-32768")):
            assert words in client.fails(f"cxl-inject-{name}-event", **dict(arguments, **bad))["desc"], (name, bad)
        assert client.fails("cxl-inject-dram-event", **dict(media, path="rp0"))["class"] == "GenericError"
        for _ in range(20):
            client.call("cxl-inject-general-media-event", **dict(media, log="informational"))
        info = client.call("cxl-query-events", path="mem0")[0]
        assert len(info["records"]) == 8 and info["room"] == 0 and info["overflow"] == 12, info
        # Health: crossing a threshold is an event of its own.
        before = client.call("cxl-query-health", path="mem0")
        assert before["temperature"] == 22 and before["additional-status"] == 0, before
        client.call("cxl-set-health", path="mem0", temperature=-20, life_used=80)
        got = client.call("cxl-query-health", path="mem0")
        assert (got["temperature"], got["life-used"], got["additional-status"]) == (-20, 80, 2 | 2 << 2), got
        assert newest("fatal")["fields"]["temperature"] == -20
        for bad, words in (({"life_used": 101}, "0 to 100"), ({"life_used": 256}, "255"), ({"temperature": 1 << 15}, "32767"), ({"media_status": -1}, "negative")):
            assert words in client.fails("cxl-set-health", path="mem0", **bad)["desc"], bad
        # Poison: lists join and are read back.
        client.call("cxl-inject-poison", path="mem0", start=0x2000, length=128)
        got = client.call("cxl-query-poison", path="mem0")
        schema.check_return("cxl-query-poison", got)
        assert got == [{"start": 0x2000, "length": 128, "source": "injected"}], got
        for bad, words in (({"start": 1}, "multiples of 64"), ({"length": 0}, "not 0"), ({"start": 512 << 20}, "capacity"), ({"length": 1 << 40}, "capacity")):
            assert words in client.fails("cxl-inject-poison", **dict({"path": "mem0", "start": 0, "length": 64}, **bad))["desc"], bad
        # Protocol errors, on the device and on the port above it.
        for path in ("mem0", "/machine/peripheral/rp0"):
            for kind in schema.entries["CxlUncorErrorType"]["values"]:
                client.call("cxl-inject-uncorrectable-errors", path=path, errors=[{"type": kind, "header": list(range(32))}])
            for kind in schema.entries["CxlCorErrorType"]["values"]:
                client.call("cxl-inject-correctable-error", path=path, type=kind)
            got = client.call("cxl-query-ras", path=path)
            schema.check_return("cxl-query-ras", got)
            assert got["uncorrectable-mask"] == 0x1cfff and got["correctable-mask"] == 0x7f, got  # as after power-on
            assert got["uncorrectable-status"] == 0 and got["correctable-status"] == 0 and got["headers"] == 0, got
        for bad, words in (({"path": "cxl.0"}, "no CXL device or port"), ({"errors": []}, "1 to 64"), ({"errors": [{"type": "x", "header": []}]}, "mem-be-parity"),
                           ({"errors": [{"type": "internal"}]}, "header"), ({"errors": [{"type": "internal", "header": [1] * 33}]}, "more than 32"),
                           ({"errors": [{"type": "internal", "header": [1 << 32]}]}, "4294967295"),
                           ({"errors": [{"type": "internal", "header": ["x"]}]}, "integer")):
            error = dict({"path": "mem0", "errors": [{"type": "internal", "header": []}]}, **bad)
            assert words in client.fails("cxl-inject-uncorrectable-errors", **error)["desc"], bad
        links = client.call("cxl-query-links")
        schema.check_return("cxl-query-links", links)
        assert [(link["port"], link.get("device"), link["up"]) for link in links] == [
            ("rp0", "mem0", True), ("rp1", "mem1", True), ("rp2", None, False)], links


def explained(build, folder):
    with Machine(build, folder, options=FABRIC) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        base = next(r["base"] for r in client.call("cxl-query-map") if "CXL" in r["name"] and r["base"] >= 1 << 40)
        for offset, device, dpa in ((0, "mem0", 0), (256, "mem1", 0), (512 + 8, "mem0", 256 + 8), (0x3fffff00, "mem1", 0x1fffff00)):
            got = client.call("cxl-query-decoders", hpa=base + offset)
            schema.check_return("cxl-query-decoders", got)
            walk = got["walk"]
            assert walk["answered"] and walk["dpa"] == dpa, walk
            assert [h["kind"] for h in walk["hops"] if h["took"]] == ["window", "bridge", "port", "device"], walk
            assert walk["hops"][-1]["name"] == device, walk
        refused = client.call("cxl-query-decoders", hpa=base + (1 << 30))["walk"]
        assert not refused["answered"] and any("is not in" in h["text"] for h in refused["hops"]), refused
        nowhere = client.call("cxl-query-decoders", hpa=0x1000)["walk"]
        assert not nowhere["answered"] and nowhere["hops"][0]["kind"] == "window"
        committed = [d for d in got["decoders"] if d["committed"]]
        assert len(committed) == 4 and {d["component"] for d in committed} == {"cxl.0", "cxl.1", "mem0", "mem1"}
        blocks = client.call("cxl-query-regs")
        for block in blocks:
            got = client.call("cxl-query-regs", block=block["block"])
            schema.check_return("cxl-query-regs", got)
            assert got[0]["registers"], block
        names = {b["block"] for b in blocks}
        assert {"component:cxl.0", "component:rp0", "component:mem0", "device:mem1", "config:mem0"} <= names, names
        registers = {r["name"]: r for r in client.call("cxl-query-regs", block="component:mem0")[0]["registers"]}
        assert registers["HDM_BASE_HI[0]"]["value"] == base >> 32
        assert client.fails("cxl-query-regs", block="nix")
        assert "info" in client.call("human-monitor-command", command_line="help")
        for line, words in (("info status", "running"), ("info version", "cxlvm"), ("info pci", "Bus "), ("info mtree", "ram"),
                            ("info  qtree", "cxl-type3"), ("info roms", "image"), ("info cxl", "mem1"), ("frobnicate", "unknown")):
            assert words in client.call("human-monitor-command", command_line=line), line
        for picture in ("text", "dot", "svg"):
            assert "mem1" in client.call("cxl-query-topology", format=picture)


def error_records(build, folder):
    """An error status block is taken as it is if it is one, and if the machine can tell of errors."""
    entry = bytes(24) + struct.pack("<I", 8) + bytes(44) + b"12345678"
    good = struct.pack("<IIIII", 0x12, 0, 0, len(entry), 2) + entry

    def cper(block):
        return {"cper": base64.b64encode(block).decode()}

    with Machine(build, folder) as machine:
        assert "ras=on" in machine.connect().start().fails("inject-ghes-v2-error", **cper(good))["desc"]
    with Machine(build, folder, options=["-M", "ras=on"]) as machine:
        client = machine.connect().start()
        assert client.call("inject-ghes-v2-error", **cper(good)) == {}
        assert client.call("inject-ghes-v2-error", **cper(struct.pack("<IIIII", 0, 0, 0, 0, 0))) == {}
        for bad, words in ((good[:19], "20 to 1024"), (good + bytes(1024), "20 to 1024"), (good[:-1], "follow"),
                           (good[:44] + b"\xff\xff\xff\xff" + good[48:], "past"), (good[:12] + b"\x47\0\0\0" + good[16:], "past")):
            assert words in client.fails("inject-ghes-v2-error", **cper(bad))["desc"], bad
        for text in ("A", "AAAA=", "AA=A", "A===", "!!!!", "ÄAAA", "A" * 8192):
            assert "base64" in client.fails("inject-ghes-v2-error", cper=text)["desc"], text
        for _ in range(30):
            client.call("inject-ghes-v2-error", **cper(good))
        assert "unread" in client.fails("inject-ghes-v2-error", **cper(good))["desc"]
        client.call("system_reset")
        client.event("RESET")
        assert client.call("inject-ghes-v2-error", **cper(good)) == {}


# x1 = the first bridge's capability header, a 4-byte register; three times ldrb w2, [x1]; then WFI for ever.
NARROW = [0xD2C00801, 0xF2A08001, 0xF2820001, 0xD2800063, 0x39400022, 0xF1000463, 0x54FFFFC1] + WAIT


def conformance(build, folder):
    """What is forbidden is named with the instruction that did it, on both engines, and summed up under -d guest_error."""
    for engine in ("jit", "interp"):
        trace = pathlib.Path(folder) / "trace"
        with Machine(build, folder, NARROW, FABRIC + ["-accel", engine, "-d", "guest_error", "-D", str(trace)]) as machine:
            client = machine.connect().start()
            end = time.time() + 20
            while (got := client.call("cxl-query-conformance"))["total"] < 3 and time.time() < end:
                time.sleep(0.05)
            Schema(client.call("query-qmp-schema")).check_return("cxl-query-conformance", got)
            assert got["total"] == 3 and got["lost"] == 0, got
            assert [(r["rule"], r["count"]) for r in got["rules"]] == [("register-width", 3)], got
            access, = got["accesses"]
            assert access["pc"] % 4096 == 64 + 4 * 4 and access["cpu-index"] == 0 and access["count"] == 3 and access["first"].startswith("cxl."), got
            line = f"  3 from pc {access['pc']:#x}, cpu 0, first: "
            assert line in client.call("human-monitor-command", command_line="info conformance")
            assert client.call("cxl-query-conformance", clear=True)["total"] == 3
            assert client.call("cxl-query-conformance") == {"total": 0, "lost": 0, "rules": [], "accesses": []}
            assert "no rule" in client.call("human-monitor-command", command_line="info conformance")
            client.call("quit")
            machine.wait()
        assert trace.read_text().count(": 1-byte read") == 3, trace.read_text()


def saved(client, folder, address, size=8):
    path = pathlib.Path(folder) / "saved"
    client.call("pmemsave", val=address, size=size, filename=str(path))
    assert path.stat().st_size == size and stat.S_IMODE(path.stat().st_mode) == 0o600
    return int.from_bytes(path.read_bytes(), "little")


def names_and_places(build, folder):
    """vCPUs stand where -smp puts them and -numa cpu finds them; the name is told wherever it stands in -name, pseudo-terminals by theirs."""
    options = "-smp 4,sockets=2,cores=1,threads=2 -numa node,nodeid=3 -numa node,nodeid=5,mem=512M -numa cpu,node-id=3,socket-id=0 -numa cpu,node-id=5,socket-id=1"
    options += " -serial pty -chardev pty,id=p -mon p"
    with Machine(build, folder, options=options.split() + ["-name", "debug-threads=on,guest=a,,b"]) as machine:
        client = machine.connect().start()
        ptys = {entry["label"]: entry["filename"] for entry in client.call("query-chardev") if entry["filename"].startswith("pty:/dev/")}
        assert list(ptys) == ["serial1", "p"] and all(stat.S_ISCHR(os.stat(name[4:]).st_mode) for name in ptys.values()), ptys
        assert client.call("query-name") == {"name": "a,b"}
        assert [cpu["props"] for cpu in client.call("query-cpus-fast")] == [
            {"node-id": 3 + 2 * socket, "socket-id": socket, "cluster-id": 0, "core-id": 0, "thread-id": thread} for socket in range(2) for thread in range(2)]
        client.call("quit")
        assert machine.wait()[0] == 0


def run_control(build, folder):
    with Machine(build, folder, COUNT, ["-S"]) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        assert client.call("query-status") == {"running": False, "status": "prelaunch"}
        assert saved(client, folder, COUNTER) == 0, "ran before cont"
        client.call("cont")
        schema.check_event(client.event("RESUME"))
        time.sleep(0.2)
        client.call("stop")
        schema.check_event(client.event("STOP"))
        assert client.call("query-status") == {"running": False, "status": "paused"}
        first = saved(client, folder, COUNTER)
        time.sleep(0.2)
        assert first > 0 and saved(client, folder, COUNTER) == first, "ran while it was stopped"
        client.call("stop")
        client.call("cont")
        client.event("RESUME")
        client.call("cont")
        time.sleep(0.2)
        assert saved(client, folder, COUNTER) > first
        # A reset of a stopped machine leaves it stopped.
        client.call("stop")
        client.call("system_reset")
        event = client.event("RESET")
        schema.check_event(event)
        assert event["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
        before = saved(client, folder, COUNTER)
        time.sleep(0.1)
        assert saved(client, folder, COUNTER) == before and client.call("query-status")["status"] == "paused"
        client.call("cont")
        for _ in range(20):
            client.call("stop")
            client.call("cont")
        client.call("system_powerdown")
        schema.check_event(client.event("POWERDOWN"))
        for _ in range(5):
            client.call("system_reset")
            client.event("RESET")
        assert "memory" in client.fails("pmemsave", val=1 << 46, size=8, filename=str(pathlib.Path(folder) / "x"))["desc"]
        assert client.fails("pmemsave", val=COUNTER, size=8, filename="/nonexistent/x")
        # The guest's MMU is off: virtual is physical. It goes on afterwards.
        path = pathlib.Path(folder) / "virtual"
        client.call("memsave", val=COUNTER, size=8, filename=str(path), cpu_index=0)
        assert int.from_bytes(path.read_bytes(), "little") > 0 and client.call("query-status")["running"]
        # A look is no event.
        client.events.clear()
        for line in ("info registers", "x /4xg 0x48000000", "print $x2"):
            client.call("human-monitor-command", command_line=line)
        client.call("memsave", val=COUNTER, size=8, filename=str(path))
        client.call("query-name")
        assert not client.events, client.events
        assert "memory" in client.fails("memsave", val=1 << 46, size=8, filename=str(path))["desc"]
        assert "0 to 0" in client.fails("memsave", val=COUNTER, size=8, filename=str(path), cpu_index=1)["desc"]
        client.events.clear()
        client.call("human-monitor-command", command_line="stop")
        client.event("STOP")
        assert "paused" in client.call("human-monitor-command", command_line="info status")
        machine.process.send_signal(signal.SIGTERM)
        assert client.event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-signal"}
        assert machine.wait()[0] == 0


def guest_powers_off(build, folder):
    with Machine(build, folder, OFF, ["-S"]) as machine:
        client = machine.connect().start()
        client.call("cont")
        assert client.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}
        assert machine.wait()[0] == 0
    with Machine(build, folder, OFF, ["-no-shutdown", "-pidfile", f"{folder}/pid"]) as machine:
        client = machine.connect().start()
        assert int(pathlib.Path(folder, "pid").read_text()) == machine.process.pid
        while client.call("query-status")["status"] != "shutdown":
            time.sleep(0.02)
        assert "system_reset" in client.fails("cont")["desc"]
        client.call("system_reset")
        client.event("RESET")
        assert client.call("query-status")["status"] == "prelaunch"
        client.events.clear()
        client.call("cont")
        client.event("SHUTDOWN")
        client.event("STOP")
        client.call("quit")
        assert machine.wait()[0] == 0 and not pathlib.Path(folder, "pid").exists()
    link = pathlib.Path(folder, "pid-link")  # a link, as /dev/stdout is: what it leads to is written, and it stays
    link.symlink_to("pid-target")
    with Machine(build, folder, options=["-pidfile", str(link)]) as machine:
        machine.connect().start().call("quit")
        assert machine.wait()[0] == 0 and link.is_symlink() and int(link.read_text()) == machine.process.pid
    with Machine(build, folder, options=["-no-shutdown", "-no-reboot"]) as machine:
        client = machine.connect().start()
        client.raw(b'{"execute": "quit"}{"execute": "system_reset"}')  # what leaves the machine standing does not undo it
        assert machine.wait()[0] == 0


def without_a_program(build, folder):
    """-M none: nothing ever runs. -S: a debugger brings the program."""
    pc = lambda client: client.call("human-monitor-command", command_line="info registers")
    with Machine(build, folder, kernel=None, options=["-M", "none"]) as machine:
        client = machine.connect().start()
        for _ in range(2):
            assert client.call("query-status")["status"] == "running" and "PC=0000000000000000" in pc(client)
            client.call("system_reset")
            client.event("RESET")
            client.call("stop")
            client.call("cont")
        client.call("quit")
        assert machine.wait()[0] == 0
    with Machine(build, folder, kernel=None, options=["-S"]) as machine:
        client = machine.connect().start()
        assert client.call("query-status")["status"] == "prelaunch" and "PC=0000000000000000" in pc(client)
        client.call("quit")
        assert machine.wait()[0] == 0


def none_stays(build, folder):
    """-M none, whatever comes after it."""
    config = pathlib.Path(folder, "config")
    config.write_text('[memory]\n  size = "1G"\n')
    with Machine(build, folder, kernel=None, options=["-M", "none", "-cxl", "1x256M", "-M", "acpi=on", "-readconfig", str(config)]) as machine:
        client = machine.connect().start()
        assert client.call("query-status")["status"] == "running" and "mem0" in client.call("cxl-query-topology")
        client.call("quit")
        assert machine.wait()[0] == 0


def without_a_trace(build, folder):
    """A pid file that cannot be written is not left empty; what snapshot=on writes has a place also if TMPDIR names none."""
    import resource
    from qmp.client import image
    (pathlib.Path(folder) / "disk").write_bytes(bytes(4096))
    done = subprocess.run([str(build / "cxlvm"), "-M", f"dumpdtb={folder}/dtb", "-drive", f"file={folder}/disk,format=raw,snapshot=on"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=10, env=dict(os.environ, TMPDIR=""))
    assert done.returncode == 0 and not done.stderr, done
    (pathlib.Path(folder) / "image").write_bytes(image(WAIT))
    done = subprocess.run([str(build / "cxlvm"), "-kernel", f"{folder}/image", "-serial", "null", "-pidfile", f"{folder}/pid"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=10, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    assert done.returncode == 1 and b"-pidfile" in done.stderr and not os.path.exists(f"{folder}/pid"), done
    with Machine(build, folder, options=["-pidfile", f"{folder}/pid"]) as machine:  # nor is that of another machine taken
        machine.connect()
        done = subprocess.run([str(build / "cxlvm"), "-M", "none", "-serial", "null", "-pidfile", f"{folder}/pid"], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=10)
        assert done.returncode == 1 and b"that runs" in done.stderr, done
        assert int(pathlib.Path(folder, "pid").read_text()) == machine.process.pid
        machine.process.kill()
    with Machine(build, folder, options=["-pidfile", f"{folder}/pid"]) as machine:
        client = machine.connect().start()
        assert int(pathlib.Path(folder, "pid").read_text()) == machine.process.pid, "what a killed machine left is in the way"
        client.call("quit")
        assert machine.wait()[0] == 0 and not os.path.exists(f"{folder}/pid")


def nobody_reads(build, folder):
    """Who stops reading what is said on standard error, or a trace, holds the machine up, but not its end."""
    from qmp.client import image
    (pathlib.Path(folder) / "image").write_bytes(image([0xd503201f, 0x17ffffff]))  # nop; b .-4
    os.mkfifo(f"{folder}/trace")
    reader = os.open(f"{folder}/trace", os.O_RDONLY | os.O_NONBLOCK)
    for options in (["-D", f"{folder}/trace"], []):
        for by_signal in (True, False):
            process = subprocess.Popen([str(build / "cxlvm"), "-kernel", f"{folder}/image", "-accel", "interp", "-d", "exec", "-serial", "null", "-qmp",
                                        f"unix:{folder}/qmp,server=on,wait=off", *options], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                client = Client(f"{folder}/qmp").start()
                time.sleep(0.5)
                process.send_signal(signal.SIGTERM) if by_signal else client.call("quit")
                assert process.wait(20) == 0, process.returncode
            finally:
                process.kill()
                process.communicate()
    os.close(reader)


def balloon(build, folder):
    """What a guest gives up is told; one that changes its mind all the time, once a second."""
    code = [0xd287e080, 0xf2a14000, 0x52800201, 0xb9000001, 0x11000421, 0x17fffffe]  # x0 = `actual` in the last slot; w1 = 16; str w1, [x0]; w1++
    with Machine(build, folder, code, ["-device", "virtio-balloon-device", "-S"]) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        client.call("cont")
        assert client.event("BALLOON_CHANGE")["data"]["actual"] < 512 << 20
        time.sleep(1.5)
        client.call("query-balloon")
        told = [event for event in client.events if event["event"] == "BALLOON_CHANGE"]
        assert 1 <= len(told) <= 2, len(told)
        schema.check_event(told[0])
        client.call("stop")
        client.call("system_reset")  # the driver's pages are the guest's again
        client.call("quit")
        assert machine.wait()[0] == 0


def guest_resets(build, folder):
    with Machine(build, folder) as machine:  # while stopped: it is seen at once
        client = machine.connect().start()
        client.call("stop")
        client.call("system_reset")
        client.event("RESET")
        text = client.call("human-monitor-command", command_line="info registers")
        assert "PC=0000000040000000" in text and "X01=0000000000000000" in text, text
    with Machine(build, folder, RESET, ["-S"]) as machine:
        client = machine.connect().start()
        client.call("cont")
        client.event("RESUME")
        for _ in range(3):
            assert client.event("RESET", 20)["data"] == {"guest": True, "reason": "guest-reset"}
    with Machine(build, folder, RESET, ["-S", "-no-reboot"]) as machine:
        client = machine.connect().start()
        client.call("cont")
        assert client.event("SHUTDOWN", 20)["data"] == {"guest": True, "reason": "guest-reset"}
        assert machine.wait()[0] == 0


def alive(client):
    client.raw(b'\xff\n{"execute": "query-name", "id": "alive"}')  # 0xff ends what was begun
    while True:
        got = client.answer()
        if got.get("id") == "alive":
            return
        assert "error" in got, got


def hostile(build, folder):
    status = b'{"execute": "query-status"}'
    pieces = [b"}", b"]", b"{]", b"[1, 2]\n", b"1 2 3\n", b"null", b"true\n", b'"text"\n', b"{'execute': 'quit'\n'}", b"\0\0\0", b"\xff\xff",
              b'{"execute": "query-status"\xff', b'{"execute": 1}', b'{"arguments": {}}', b'{"execute": "query-status", "arguments": []}',
              b'{"execute": "query-status", "x": 1}', b'{"exec-oob": "query-status"}', b'{"execute": "\xc3\x28"}', b'{"execute": "\xed\xa0\x80"}',
              b'{"execute": "a\x01b"}', b'{"execute": "query-status",}', b'{"execute": NaN}', b'{"execute": "quit" /* x */}',
              b'{"execute": "x", "id": 1e999}', b'{"execute": "quit", "execute": "stop"}', b'{"execute": "quit", "id": "\xed\xa0\x80"}', b'{"execute": "quit", "id": NaN}', b'{"execute": "cxl-query-decoders", "arguments": {"hpa": 99999999999999999999999}}',
              b"[" * 100000 + b"\n", b'{"a":' * 1000 + b"\n", b'{"id": "' + b"x" * 300000 + b'"}\n', b'{"execute": "' + b"y" * 100000 + b'"}',
              b'{"' + b"z" * 2000 + b'": "\xc3\xa4' + b"\xc3\xa4" * 600 + b'"}', b'{"execute": "unfinished\n']
    with Machine(build, folder, COUNT) as machine:
        client = machine.connect().start()
        for piece in pieces:
            client.raw(piece)
            alive(client)
        client.raw(b'{"execute": "query-status", "id": "\\ud800"}')
        assert client.answer()["id"] == "\ufffd", "half a surrogate pair"
        client.raw(b"{'execute': 'query-status', 'id': 'it\\'s \"so\"'}")
        assert client.answer()["id"] == 'it\'s "so"', "single quotes, as scripts write them for QEMU"
        # Cut anywhere, one byte at a time; many in one.
        for byte in status * 3:
            client.raw(bytes([byte]))
        for _ in range(3):
            assert client.answer()["return"]["running"]
        client.raw((status + b" ") * 5000)
        for _ in range(5000):
            assert client.answer()["return"]["running"]
        random.seed(1)
        for _ in range(300):
            client.raw(bytes(random.choice(b'{}[]",:\\0123456789.eE+-truefalsn \n\xff\xc3\x80execut') for _ in range(random.randrange(200))))
            alive(client)
        for _ in range(300):
            text = bytearray(b'{"execute": "device-list-properties", "arguments": {"typename": "cxl-type3"}, "id": [1, {"a": "b"}]}')
            for _ in range(random.randrange(1, 5)):
                text[random.randrange(len(text))] = random.randrange(256)
            client.raw(bytes(text))
            client.raw(b'"}\n')
            client.raw(b"\xff\n")
            time.sleep(0)
        client.close()
        # Gone in the middle; half a message does not reach the next client.
        for n in range(20):
            client = machine.connect()
            client.raw(b'{"execute": "qu' if n % 2 else b'{"execute": "qmp_capabilities"}{"execute": "stop"}{"execute": "cont"')
            client.close()
        client = machine.connect().start()
        assert client.call("query-status")["status"] in ("paused", "running")
        client.call("cont")
        # One who never reads does not stop the machine, and is not answered for ever.
        client.raw(b'{"execute": "query-qmp-schema"}' * 100)
        before = int(pathlib.Path(f"/proc/{machine.process.pid}/statm").read_text().split()[1])
        client.socket.settimeout(1)
        try:
            for _ in range(200):
                client.raw(b'{"execute": "query-qmp-schema"}' * 1000)
        except OSError:
            pass
        after = int(pathlib.Path(f"/proc/{machine.process.pid}/statm").read_text().split()[1])
        assert (after - before) * 4096 < 64 << 20, f"{(after - before) * 4096 >> 20} MiB kept for a client that does not read"
        client.close()
        client = machine.connect().start()
        client.call("quit")
        ended = machine.wait()
        assert ended == (0, ""), ended


def other_encodings(build, folder):
    """Answers are JSON, so UTF-8, whatever the user's names are made of, and wherever a line of the monitor is cut."""
    disk = os.path.join(os.fsencode(folder), b"b\xfcro.raw")
    with open(disk, "wb") as file:
        file.write(bytes(4096))
    with Machine(build, folder, options=["-name", b"\xffz\xc3\xa4\xc3", "-drive", b"format=raw,file=" + disk]) as machine:
        client = machine.connect().start()
        assert client.call("query-name") == {"name": "\ufffdzä\ufffd"}
        assert client.call("query-block")[0]["inserted"]["file"].endswith("b\ufffdro.raw")
        assert "ää" in client.call("human-monitor-command", command_line="x" + "ä" * 300)
        client.call("quit")
        assert machine.wait() == (0, "")


def places(build, folder):
    """TCP, stdio, -mon on a -chardev, several at once, wait=on."""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    monitors = ["-qmp", f"tcp:localhost:{port},server,wait=off", "-chardev", f"socket,id=m,path={folder}/second,server=on,wait=off", "-mon",
                "chardev=m,mode=control", "-chardev", f"socket,id=t,host=127.0.0.1,port={port + 1},server=on,wait=off", "-mon", "t,mode=control"]
    with Machine(build, folder, monitor=monitors) as machine:
        clients = [Client(address).start() for address in (("127.0.0.1", port), f"{folder}/second", ("127.0.0.1", port + 1))]
        clients[0].call("stop")
        for client in clients:
            client.event("STOP")
        clients[1].call("quit")
        for client in clients:
            client.event("SHUTDOWN")
        assert machine.wait()[0] == 0
    with Machine(build, folder, monitor=["-qmp", "stdio"], stdin=subprocess.PIPE) as machine:
        out, err = machine.process.communicate(b'{"execute": "qmp_capabilities"}\n{"execute": "query-status"}\n{"execute": "quit"}\n', timeout=20)
        lines = [json.loads(line) for line in out.splitlines()]
        assert "QMP" in lines[0] and lines[2]["return"]["running"] and lines[4]["event"] == "SHUTDOWN", lines
        assert machine.process.returncode == 0
    with Machine(build, folder, monitor=["-qmp", f"unix:{folder}/waits,server=on"]) as machine:
        time.sleep(0.3)
        client = Client(f"{folder}/waits").start()
        client.call("quit")
        assert machine.wait()[0] == 0


def background(build, folder):
    """-daemonize, started by a program that has closed standard input and output: the parent ends all the same."""
    from qmp.client import image
    (pathlib.Path(folder) / "image").write_bytes(image(WAIT))
    process = subprocess.Popen([str(build / "cxlvm"), "-kernel", f"{folder}/image", "-daemonize", "-pidfile", f"{folder}/pid", "-qmp",
                                f"unix:{folder}/qmp,server=on,wait=off"], stderr=subprocess.DEVNULL, preexec_fn=lambda: os.closerange(0, 2))
    try:
        code = process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        code = None
        process.kill()
    pid = int(pathlib.Path(folder, "pid").read_text())
    try:
        Client(f"{folder}/qmp").start().call("quit")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    assert code == 0, code
    # What only writes a file has nothing to do in the background.
    done = subprocess.run([str(build / "cxlvm"), "-daemonize", "-M", f"dumpdtb={folder}/dtb"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert done.returncode == 0 and not done.stderr and os.path.getsize(f"{folder}/dtb"), done


def refused(build, folder):
    for options, words in ((["-qmp", "frob"], "-qmp frob"), (["-qmp", "unix:/nonexistent/x,server=on,wait=off"], "/nonexistent/x"),
                           (["-qmp", "stdio", "-serial", "mon:stdio"], "-qmp stdio"), (["-mon", "chardev=nix,mode=control"], "chardev=nix"),
                           (["-chardev", "null,id=c", "-mon", "chardev=c,mode=frob"], "mode=frob"),
                           (["-chardev", "null,id=c", "-mon", "chardev=c,mode=control", "-mon", "chardev=c,mode=control"], "serves something"),
                           (["-uuid", "xyz"], "-uuid xyz")):
        serial = [] if "-serial" in options else ["-serial", "null"]
        (pathlib.Path(folder) / "image").write_bytes(b"")
        from qmp.client import image
        (pathlib.Path(folder) / "image").write_bytes(image(WAIT))
        done = subprocess.run([str(build / "cxlvm"), "-kernel", f"{folder}/image"] + serial + options, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=10)
        text = done.stderr.decode()
        assert done.returncode == 1 and words in text and text.count("\n") == 1, (options, done.returncode, text)


def topology(build, folder):
    def draw(*options):
        return subprocess.run([str(build / "cxlvm"), "topology", *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=10)

    done = draw(*FABRIC)
    text = done.stdout.decode()
    assert done.returncode == 0 and done.stderr == b"", done
    for words in ("bridge cxl.0", "port rp2", "memory mem1", "512 MiB volatile", "window 0", "2 ways of 256 bytes", "-> cxl.0, cxl.1", "-> mem0, mem1"):
        assert words in text, text
    dot = draw("--dot", *FABRIC).stdout.decode()
    assert dot.startswith("digraph") and "->" in dot and dot.rstrip().endswith("}")
    svg = draw("--svg", *FABRIC).stdout
    boxes = [e for e in xml.etree.ElementTree.fromstring(svg) if e.tag.endswith("rect")]
    assert len(boxes) == 1 + 9, svg
    # No file is made or needed.
    path = pathlib.Path(folder) / "backing"
    lazy = draw("-M", "virt,cxl-fmw.0.targets.0=a,cxl-fmw.0.size=4G", "-device", "pxb-cxl,id=a,bus_nr=9", "-object",
                f"memory-backend-file,id=p,size=256M,mem-path={path},share=on,pmem=on", "-object", f"memory-backend-file,id=l,size=1M,mem-path={path}.l",
                "-device", "cxl-rp,bus=a,id=r", "-device", "cxl-type3,bus=r,persistent-memdev=p,lsa=l,id=m", "-drive", "file=/nonexistent/d,if=virtio",
                "-kernel", "/nonexistent/k", "-qmp", f"unix:{path}.s,server=on", "-serial", "mon:stdio")
    assert lazy.returncode == 0 and b"256 MiB persistent" in lazy.stdout, lazy
    assert not list(pathlib.Path(folder).glob("backing*"))
    trace = pathlib.Path(folder) / "trace"
    trace.write_text("of a machine that runs\n")
    files = draw("-M", "cxl-fmw.0.targets.0=a,cxl-fmw.0.size=4G", "-device", "pxb-cxl,id=a,bus_nr=9", "-object", "memory-backend-memfd,id=v,size=256M,seal=off",
                 "-device", "cxl-rp,bus=a,id=r", "-device", "cxl-type3,bus=r,volatile-memdev=v,cdat=/nonexistent/c", "-fw_cfg", "opt/x,file=/nonexistent/f",
                 "-trace", f"cxl_*,file={trace}", "-D", str(trace))
    assert files.returncode == 0 and b"256 MiB volatile" in files.stdout and trace.read_text() == "of a machine that runs\n", files
    wrong = draw("-M", "virt,cxl-fmw.0.targets.0=nix,cxl-fmw.0.size=4G")
    assert wrong.returncode == 1 and wrong.stderr.decode().count("\n") == 1 and b"nix" in wrong.stderr
    assert b"no CXL" in draw().stdout
    # Ids that begin with the kind of what they name, and every kind of capacity.
    named = draw("-M", "virt,cxl-fmw.0.targets.0=bridge0,cxl-fmw.0.targets.1=b1,cxl-fmw.0.size=4G,cxl-fmw.0.interleave-arithmetic=xor", "-device",
                 "pxb-cxl,id=bridge0,bus_nr=9", "-device", "pxb-cxl,id=b1,bus_nr=19", "-device", "cxl-rp,bus=bridge0,id=port0", "-object",
                 "memory-backend-ram,id=d,size=256M", "-device", "cxl-type3,bus=port0,id=memory1,volatile-dc-memdev=d,num-dc-regions=1").stdout.decode()
    for words in ("bridge bridge0  pxb", "port port0  cxl-rp", "memory memory1  cxl-type3", ", 256 MiB dynamic\n", "window 0  0x", "256 bytes by XOR"):
        assert words in named, named
    assert "persistent" not in named, named
    # Long lines stay in their box.
    svg = draw("--svg", "-M", "virt,cxl=on", "-device", "pxb-cxl,id=" + "a" * 60 + ",bus_nr=9", "-device", "pxb-cxl,id=short,bus_nr=19").stdout
    lengths = {e.text: e.get("textLength") for e in xml.etree.ElementTree.fromstring(svg) if e.tag.endswith("text")}
    assert lengths["a" * 60] == "194" and lengths["short"] is None, lengths


def disks(build, folder):
    """Nodes that come and go, chains, and what the queries say of them."""
    folder = pathlib.Path(folder)
    for words in (["base.qcow2", "1M"], ["-b", "base.qcow2", "-F", "qcow2", "top.qcow2", "2M"], ["other.qcow2", "1M"]):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *words], cwd=folder, check=True)
    top, base, other = folder / "top.qcow2", folder / "base.qcow2", folder / "other.qcow2"
    blockdev = json.dumps({"driver": "qcow2", "node-name": "d0", "file": {"driver": "file", "filename": str(top)},
                           "backing": {"driver": "qcow2", "file": {"driver": "file", "filename": str(base)}}})
    with Machine(build, folder, options=["-blockdev", blockdev, "-device", "virtio-blk-pci,drive=d0,id=disk,serial=abc"]) as machine:
        client = machine.connect().start()
        schema = Schema(client.call("query-qmp-schema"))
        blocks, nodes = client.call("query-block"), client.call("query-named-block-nodes")
        schema.check_return("query-block", blocks)
        schema.check_return("query-named-block-nodes", nodes)
        assert len(blocks) == 1 and blocks[0]["qdev"] == "disk" and blocks[0]["inserted"]["node-name"] == "d0"
        assert nodes[0]["drv"] == "qcow2" and nodes[0]["backing_file_depth"] == 1 and nodes[0]["backing_file"] == str(base)
        assert nodes[0]["image"]["virtual-size"] == 2 << 20 and nodes[0]["image"]["backing-image"]["virtual-size"] == 1 << 20
        assert [(node["node-name"], node["drv"], node["file"]) for node in nodes] == [
            ("d0", "qcow2", str(top)), ("#d0.file", "file", str(top)), ("#d0.backing", "qcow2", str(base)), ("#d0.backing.file", "file", str(base))]
        assert [node["children"] for node in nodes] == [
            [{"child": "backing", "node-name": "#d0.backing"}, {"child": "file", "node-name": "#d0.file"}], [], [{"child": "file", "node-name": "#d0.backing.file"}], []]
        assert [node["image"]["virtual-size"] for node in nodes] == [2 << 20, -(-top.stat().st_size // 512) * 512, 1 << 20, -(-base.stat().st_size // 512) * 512]
        assert [node["ro"] for node in nodes] == [False, False, True, True]
        for name, words in (("d0", "busy"), ("nix", "Failed to find node")):
            assert words in client.fails("blockdev-del", node_name=name)["desc"]
        client.call("blockdev-add", driver="file", node_name="f1", filename=str(base), read_only=True)
        client.call("blockdev-add", driver="qcow2", node_name="d1", file="f1", read_only=True)
        client.call("blockdev-add", driver="qcow2", node_name="d3", file={"driver": "file", "filename": str(other)}, backing="d1")
        nodes = client.call("query-named-block-nodes")
        schema.check_return("query-named-block-nodes", nodes)
        assert [node["node-name"] for node in nodes] == ["d0", "#d0.file", "#d0.backing", "#d0.backing.file", "f1", "d1", "d3", "#d3.file"]
        assert nodes[4]["drv"] == "file" and nodes[4]["ro"] and nodes[4]["file"] == str(base) and nodes[4]["image"]["format"] == "file"
        assert nodes[5]["children"] == [{"child": "file", "node-name": "f1"}] and nodes[6]["children"][0] == {"child": "backing", "node-name": "d1"}
        for name in ("f1", "d1"):
            assert f"Node '{name}' is busy" in client.fails("blockdev-del", node_name=name)["desc"]
        client.call("blockdev-del", node_name="d3")
        assert "ids must differ" in client.fails("blockdev-add", driver="qcow2", node_name="d1", file="f1")["desc"]
        assert "in use" in client.fails("blockdev-add", driver="qcow2", node_name="d2", file={"driver": "file", "filename": str(top)},
                                        backing=None)["desc"]
        assert "no such node" in client.fails("blockdev-add", driver="raw", node_name="d2", file="nix")["desc"]
        client.call("blockdev-del", node_name="d1")
        client.call("blockdev-add", driver="raw", node_name="d1", file={"driver": "file", "filename": str(base)}, read_only=True)
        client.call("blockdev-del", node_name="d1")
        client.call("blockdev-del", node_name="f1")
        client.call("quit")


def set_link(client, name, up):
    client.raw(json.dumps({"execute": "set_link", "arguments": {"name": name, "up": up}}).encode())
    assert client.answer() == {"return": {}}


def networks(build, folder):
    """Networks come and go, and a wire is cut and joined."""
    options = ["-netdev", f"stream,id=n0,server=on,addr.type=unix,addr.path={folder}/wire", "-device", "virtio-net-pci,netdev=n0,id=card"]
    with Machine(build, folder, options=options) as machine:
        client = machine.connect().start()
        line = lambda: client.call("human-monitor-command", command_line="info network")
        assert "is a device's" in client.refuses("netdev_del", id="n0")["desc"]
        assert client.refuses("netdev_del", id="nix") == {"class": "DeviceNotFound", "desc": "Device 'nix' not found"}
        wire = socket.socket(socket.AF_UNIX)
        wire.connect(f"{folder}/wire")
        for _ in range(100):
            if "link=up" in line():
                break
            time.sleep(0.05)
        assert "link=up" in line()
        for name in ("n0", "card"):
            set_link(client, name, False)
            assert "link=down" in line()
            set_link(client, name, True)
            assert "link=up" in line()
        client.raw(json.dumps({"execute": "set_link", "arguments": {"name": "nix", "up": True}}).encode())
        assert client.answer()["error"] == {"class": "DeviceNotFound", "desc": "Device 'nix' not found"}
        for n in range(3):
            client.ask("netdev_add", type="stream", id="n1", server=True, **{"addr.type": "unix", "addr.path": f"{folder}/second"})
            assert "n1:" in line() and "already" in client.refuses("netdev_add", type="stream", id="n1")["desc"]
            client.ask("netdev_del", id="n1")
            assert "n1:" not in line()
        client.ask("netdev_add", type="stream", id="n1", server=True, addr={"type": "unix", "path": f"{folder}/third"})
        assert os.path.exists(f"{folder}/third")
        client.ask("netdev_del", id="n1")
        assert "addr.path" in client.refuses("netdev_add", type="stream", id="n1", addr={"type": "unix", "path": ""})["desc"]
        assert "null" in client.refuses("netdev_add", type="stream", id="n1", addr={"type": "unix", "path": None})["desc"]
        assert "no such kind" in client.refuses("netdev_add", type="nix", id="n2")["desc"]
        assert "strings" in client.refuses("netdev_add", type="user", id="n2", hostfwd=[{"str": 5}])["desc"]
        # One that listens and takes nobody is not waited for.
        full = socket.socket(socket.AF_UNIX)
        full.bind(f"{folder}/full")
        full.listen(0)
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(f"{folder}/full")
        assert "no connection" in client.refuses("netdev_add", type="stream", id="n2", **{"addr.type": "unix", "addr.path": f"{folder}/full"})["desc"]
        wire.close()
        client.ask("netdev_add", type="user", id="n2", hostfwd=[{"str": "tcp:127.0.0.1:0-:22"}])  # a port that is free
        told = client.call("human-monitor-command", command_line="info usernet")
        port = int(re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s", told)[1])
        socket.create_connection(("127.0.0.1", port)).close()
        client.call("quit")
        assert machine.wait()[0] == 0


def sandboxed(build, folder):
    """Every thread is held by the filter; a network can be plugged unless spawn=deny."""
    for spawn in ("allow", "deny"):
        options = ["-sandbox", f"on,obsolete=deny,elevateprivileges=deny,spawn={spawn},resourcecontrol=deny"] if spawn == "deny" else []
        with Machine(build, folder, options=options) as machine:
            client = machine.connect().start()
            for task in pathlib.Path(f"/proc/{machine.process.pid}/task").iterdir():
                status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
                assert status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", status
            if spawn == "allow":
                client.ask("netdev_add", type="user", id="n0")
                assert "cxlvm-net" in client.call("human-monitor-command", command_line="info network")
                client.ask("netdev_del", id="n0")
            else:
                assert "user: the host gives no socket" in client.refuses("netdev_add", type="user", id="n0")["desc"]
            disk = pathlib.Path(folder, "disk.raw")
            disk.write_bytes(bytes(1 << 20))
            client.call("blockdev-add", driver="raw", node_name="d0", file={"driver": "file", "filename": str(disk)})
            client.call("blockdev-del", node_name="d0")
            client.call("quit")
            assert machine.wait()[0] == 0


CASES = {"handshake": handshake, "networks that come and go": networks, "the sandbox": sandboxed, "every command answers as declared": every_command, "plugging": plugging, "a running machine is asked": asked_live, "a stranger is asked": asked_strangers, "dynamic capacity": dynamic_capacity, "fabric management": fabric_management, "injections": injections, "error records": error_records, "conformance": conformance, "addresses, registers, pictures": explained,
         "names and places": names_and_places, "run control": run_control, "guest power-off": guest_powers_off, "guest reset": guest_resets, "without a program": without_a_program, "-M none stays": none_stays, "without a trace": without_a_trace, "nobody reads": nobody_reads, "balloon": balloon, "hostile bytes": hostile, "names of other encodings": other_encodings,
         "tcp, stdio, chardevs": places, "in the background": background, "disks": disks, "wrong monitors are refused": refused, "cxlvm topology": topology}


def run_all(build, long=False, names=None):
    for name in names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                CASES[name](build, folder)
                yield name, True, ""
            except (AssertionError, Gone, OSError, KeyError, ValueError, IndexError, StopIteration, subprocess.TimeoutExpired):
                yield name, False, traceback.format_exc()[-3000:]


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), names=sys.argv[2:])))
