# SPDX-License-Identifier: BSD-2-Clause
"""Command lines that are right, changed at random: words left out, doubled, exchanged; values made huge, empty or odd; letters lost and
added. Whatever they have become, the program ends with 0 (the guest powers off) or with 1 and one line, and never by a signal.
The same seed gives the same lines: `mutations.py BUILD FIRST [COUNT]` runs some of them again."""
import concurrent.futures
import pathlib
import random
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import programs  # noqa: E402
from bad_input import regions  # noqa: E402
from bad_input.cases import CPU_LIMIT_S, ONE, TWO, TWO_BRIDGES, fixtures, refused, shown  # noqa: E402

SEED = 20261122
KERNEL = "-kernel @/off "
LINES = [
    KERNEL + "-m 512M -smp 2",
    KERNEL + "-M virt,gic-version=3,acpi=on,its=on -cpu max -smp 4,sockets=2,cores=2,threads=1 -m 1G,slots=2,maxmem=4G",
    KERNEL + ONE,
    KERNEL + f"{ONE} -cxl-region window=0,devices=mem0,granularity=256,type=ram,as=none,size=256M,lock=on",
    KERNEL + f"{TWO} -cxl-region window=0,devices=mem0:mem1,granularity=256,type=ram,as=system-ram",
    KERNEL + f"{TWO_BRIDGES} -cxl-region window=0,devices=mem0:mem1,as=dax",
    KERNEL + regions.options(4, 2, "1k"),
    KERNEL + "-object memory-backend-ram,id=p,size=256M,share=on -object memory-backend-ram,id=l,size=1M -M cxl-fmw.0.targets.0=b,cxl-fmw.0.size=1G "
    "-device pxb-cxl,id=b,bus_nr=10 -device cxl-rp,bus=b,id=r,port=1,chassis=1,slot=3 -device cxl-type3,bus=r,persistent-memdev=p,lsa=l,id=t,sn=0x10 "
    "-cxl-region window=0,devices=t,type=pmem",
    KERNEL + "-object memory-backend-ram,id=m0,size=256M -object memory-backend-ram,id=m1,size=256M -M cxl-fmw.0.targets.0=b,cxl-fmw.0.size=1G "
    "-device pxb-cxl,id=b,bus_nr=10 -device cxl-rp,bus=b,id=r -device cxl-upstream,bus=r,id=u,sn=1 -device cxl-downstream,bus=u,id=d0,port=0,chassis=0,slot=1 "
    "-device cxl-downstream,bus=u,id=d1,port=1,chassis=0,slot=2 -device cxl-type3,bus=d0,volatile-memdev=m0,id=mem0 "
    "-device cxl-type3,bus=d1,volatile-memdev=m1,id=mem1 -cxl-region window=0,devices=mem0:mem1,granularity=1k",
    KERNEL + "-drive file=@/disk,format=raw,if=none,id=d,readonly=on,cache=none,discard=unmap -device virtio-blk-pci,drive=d,serial=abc,num-queues=2,queue-size=64",
    KERNEL + "-drive file=@/odd-disk,format=raw,if=virtio,readonly=on -device pcie-root-port,id=a,chassis=1,slot=2 -device virtio-rng-pci,bus=a,addr=0.0",
    KERNEL + "-chardev null,id=c -device virtio-serial-pci,id=s,max_ports=4 -device virtconsole,bus=s.0,chardev=c,nr=1 -serial null",
    KERNEL + "-smp 4 -m 1G -numa node,nodeid=0,cpus=0-1,mem=512M -numa node,nodeid=1,cpus=2-3,mem=512M -numa dist,src=0,dst=1,val=20",
    KERNEL + "-object memory-backend-file,id=m,size=4K,mem-path=@/disk,readonly=on -object memory-backend-memfd,id=f,size=64M,seal=on -icount shift=3 -rtc base=utc",
    KERNEL + "-initrd @/text -append root=/dev/ram -M virt -cpu cortex-a57 -no-reboot -nographic -d cxl,guest_error -D @/trace",
]
VALUES = ["", "0", "1", "-1", "3", "255", "256", "4095", "65536", "4294967295", "4294967296", "18446744073709551615", "18446744073709551616", "0x", "0x7fffffff",
          "1K", "100M", "255M", "1T", "16E", "1.5G", "on", "off", "maybe", "help", "?", "pcie.0", "cxl.1", "m0", "mem0", "rp0", "nix", "a,b", "a,,b", "=", ",", ":",
          "%s%n", "\n", "\x1b[2J", "\udcff", "x" * 1500, "@", "@/dir", "@/fifo", "@/loop", "@/empty", "/dev/null", "\u4e2d"]


def pick(rng, words):
    """An argument that has keys, of a line of options and arguments; not the kernel."""
    return rng.choice([at for at, word in enumerate(words) if "=" in word] or [len(words) - 1])


def change_value(rng, words):
    """Gives one key of one argument another value."""
    at = pick(rng, words)
    parts = words[at].split(",")
    n = rng.randrange(len(parts))
    key, equals, value = parts[n].partition("=")
    others = [word.partition("=")[2] for word in ",".join(words).split(",") if "=" in word]
    new = rng.choice([rng.choice(VALUES), rng.choice(others or VALUES), str(rng.randrange(20)), value + rng.choice("0KMGT9x")])
    parts[n] = key + equals + new if equals else new
    words[at] = ",".join(parts)


def change_key(rng, words):
    """Leaves out, doubles, moves or renames one of the keys of an argument."""
    at = pick(rng, words)
    parts = words[at].split(",")
    part = parts.pop(rng.randrange(len(parts)))
    if rng.randrange(4):
        for _ in range(rng.randrange(3)):
            parts.insert(rng.randrange(len(parts) + 1), part)
    else:
        parts.append(rng.choice(rng.choice(rng.choice(LINES).split()).split(",")))
    words[at] = ",".join(parts)


def change_pair(rng, words):
    """Leaves out, doubles or moves an option with its argument, or takes one from another line."""
    starts = [at for at, word in enumerate(words) if word.startswith("-") and at > 1]
    if not starts:
        return
    at = rng.choice(starts)
    ends = [end for end in starts if end > at]
    pair = words[at:ends[0] if ends else len(words)]
    kind = rng.randrange(4)
    if kind in (0, 2):
        del words[at:at + len(pair)]
    if kind == 3:
        other = rng.choice(LINES).split()
        at = rng.randrange(0, len(other) - 1)
        pair = other[at:at + 2]
    if kind:
        where = rng.choice(starts + [len(words)])
        words[where:where] = pair


def change_word(rng, words):
    """Leaves out or replaces any word."""
    at = rng.randrange(len(words))
    words[at:at + 1] = rng.choice([[], [rng.choice(VALUES)], [words[at]] * 2])


def change_letter(rng, words):
    at = pick(rng, words)
    word = words[at]
    n = rng.randrange(len(word) + 1)
    words[at] = word[:n] + rng.choice(["", chr(rng.randrange(1, 256)), word[n:n + 1] * 2]) + word[n + 1:]


CHANGES = [change_value] * 6 + [change_key] * 4 + [change_pair] * 4 + [change_letter] * 2 + [change_word]


def line(number):
    rng = random.Random(SEED * 1000003 + number)
    words = rng.choice(LINES).split()
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3, 5])):
        if words:
            rng.choice(CHANGES)(rng, words)
    return words


def one(program, folder, number):
    words = line(number)
    arguments = [word.replace("@", str(folder)).encode(errors="surrogateescape") for word in words]
    done = programs.run([str(program), "-display", "none"] + arguments, cwd=folder)
    if done.code == 0:
        wrong = [f"took {done.cpu_s:.1f} s"] if done.cpu_s > CPU_LIMIT_S else []
    else:
        wrong = refused(done, [], folder)
    return [] if not wrong else [f"line {number}: cxlvm {shown(words)}\n{done.err.decode(errors='replace')[:3000]}\n" + "; ".join(wrong)]


def run_some(program, folder, first, count):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda number: one(program, folder, number), range(first, first + count)):
            yield from found


def run_all(program, folder, count):
    inner = folder / "mutations"
    inner.mkdir()
    fixtures(inner)
    for first in range(0, count, 100):
        wrong = list(run_some(program, inner, first, 100))
        yield f"changed command lines {first} to {first + 99}", not wrong, "\n".join(wrong)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        where = pathlib.Path(temporary)
        fixtures(where)
        bad = 0
        for text in run_some(pathlib.Path(sys.argv[1]).resolve() / "cxlvm", where, int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1):
            print(text)
            bad += 1
    print(f"{bad} failed")
    sys.exit(bad != 0)
