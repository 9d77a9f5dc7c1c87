# SPDX-License-Identifier: BSD-2-Clause
"""Nothing that a Linux guest wrote and flushed to a qcow2 disk is lost when the process is killed in the middle of a write, or when the host's
file system is full: qemu-img finds the image well and the same bytes in it.

Also a program: tests/persist/disks.py BUILD [ROUNDS]
"""
import contextlib
import hashlib
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402
from linux.boots import command, prepare  # noqa: E402
from linux.live import Live  # noqa: E402

CHUNK, CHUNKS = 4, 16   # MiB; a disk of 64 MiB


def disk(image):
    return ["-drive", f"file={image},format=qcow2,if=none,id=d,werror=enospc,discard=unmap", "-device", "virtio-blk-pci,drive=d"]


def fill(n):
    """Fresh bytes for chunk n, on the disk and flushed; prints their sum."""
    return f"dd if=/dev/urandom of=/tmp/chunk bs=1M count={CHUNK} 2>/dev/null; sha256sum </tmp/chunk; " \
           f"dd if=/tmp/chunk of=/dev/vda bs=64k seek={n * CHUNK * 16} conv=notrunc,fsync oflag=direct 2>/dev/null"


def look(image, sums):
    """The image is well, but for clusters that nobody refers to, and has what was flushed."""
    done = subprocess.run(["qemu-img", "check", "-q", str(image)], capture_output=True, text=True)
    assert done.returncode in (0, 3), f"qemu-img check: {done.returncode}: {done.stdout}{done.stderr}"
    raw = image.with_suffix(".copy")
    subprocess.run(["qemu-img", "convert", "-q", "-f", "qcow2", "-O", "raw", str(image), str(raw)], check=True)
    subprocess.run(["qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", str(image), str(raw)], check=True)
    with open(raw, "rb") as bytes_:
        for n, wanted in sums.items():
            bytes_.seek(n * CHUNK << 20)
            got = hashlib.sha256(bytes_.read(CHUNK << 20)).hexdigest()
            assert got == wanted, f"chunk {n} was flushed, and is not there"
    raw.unlink()


def killed(build, folder, rounds):
    image, sums, random_ = folder / "disk.qcow2", {}, random.Random(1)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", str(image), f"{CHUNK * CHUNKS}M"], check=True)
    for n in range(rounds):
        live = Live(command(build, "6.12", 1, "serve", disk(image), "quiet"), folder, folder / "console")
        try:
            live.ready()
            for k in sums:
                said = live.must(f"dd if=/dev/vda bs=1M skip={k * CHUNK} count={CHUNK} 2>/dev/null | sha256sum")
                assert sums[k] in said, f"the guest no longer finds chunk {k}"
            for k in random_.sample(range(CHUNKS), 3):
                sums[k] = re.search("[0-9a-f]{64}", live.must(fill(k)))[0]
            k = random_.randrange(CHUNKS)
            sums.pop(k, None)   # being written, it may hold either
            live.process.stdin.write(fill(k).encode() + b"\n")
            live.process.stdin.flush()
            time.sleep(random_.uniform(0.05, 0.4))
            live.process.kill()
        finally:
            live.close()
        look(image, sums)
    return f"killed {rounds} times, {len(sums)} chunks"


@contextlib.contextmanager
def small_file_system(folder):
    """A file system of 20 MiB, and how to make it larger; None where the host lets us mount none."""
    place = folder / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20M", "cxlvm-test", str(place)], stderr=subprocess.DEVNULL).returncode:
        yield None, None
        return
    try:
        yield place, lambda: subprocess.run(["mount", "-o", "remount,size=128M", str(place)], check=True)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def full(build, folder, rounds):
    with small_file_system(folder) as (place, enlarge):
        if not place:
            return "left out: the host lets us mount no small file system"
        image, sums = place / "disk.qcow2", {}
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(image), f"{CHUNK * CHUNKS}M"], check=True)
        live = Live(command(build, "6.12", 1, "serve", disk(image), "quiet"), folder, folder / "console")
        try:
            live.ready()
            for k in range(3):
                sums[k] = re.search("[0-9a-f]{64}", live.must(fill(k)))[0]
            # The host's disk is full within the next chunks: the machine stands still, and the guest is told nothing.
            for k in range(3, 8):
                since = len(live.text)
                live.process.stdin.write(fill(k).encode() + b"\n")
                live.process.stdin.flush()
                end = time.time() + 60
                while not (done := re.search(r"^cxlvm-serve: done (\d+)$", live.text[since:], re.M)) and time.time() < end:
                    if live.qmp.call("query-status")["status"] == "io-error":
                        break
                    with contextlib.suppress(AssertionError):
                        live.until(r"^cxlvm-serve: done (\d+)$", 0.5, since)
                if not done:
                    break
                sums[k] = re.search("[0-9a-f]{64}", live.text[since:])[0]
            assert not done, "the disk never was full"
            assert live.qmp.event("BLOCK_IO_ERROR")["data"]["nospace"]
            enlarge()
            live.qmp.call("cont")
            assert live.until(r"^cxlvm-serve: done (\d+)$", 60, since)[1] == "0", "the write failed"
            sums[k] = re.search("[0-9a-f]{64}", live.text[since:])[0]
            for k, wanted in sums.items():
                assert wanted in live.must(f"dd if=/dev/vda bs=1M skip={k * CHUNK} count={CHUNK} 2>/dev/null | sha256sum"), f"chunk {k}"
            live.end()
        finally:
            live.close()
        assert subprocess.run(["qemu-img", "check", "-q", str(image)]).returncode == 0, "qemu-img check"
        look(image, sums)
        return f"{len(sums)} chunks"


CASES = {"a qcow2 disk, kill -9": killed, "a qcow2 disk on a full file system": full}


def run_all(build, long=False, rounds=None):
    rounds = rounds or (20 if long else 2)
    prepare(build, {"6.12"})
    for name, act in CASES.items():
        with tempfile.TemporaryDirectory(dir=build) as folder:
            try:
                yield f"{name}: {act(build, pathlib.Path(folder), rounds)}", True, ""
            except (AssertionError, OSError, subprocess.SubprocessError) as broken:
                yield name, False, str(broken)


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), rounds=int(sys.argv[2]) if len(sys.argv) > 2 else None)))
