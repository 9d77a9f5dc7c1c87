# SPDX-License-Identifier: BSD-2-Clause
"""The grid of boot regions: windows of W bridges, k devices below each, every granularity. What the specification allows must be
committed, the rest refused with its rule. [CXL3.1 8.2.4.20]

Address bits 14:8 interleave: ways x granularity is at most 32 KiB. The bridges' decoders have W x granularity, at most 16 KiB, and 8
targets."""
import concurrent.futures

import programs
from bad_input.cases import arguments_of, memory, refused
from bad_input.hostile import window

GRANULARITIES = {"256": 256, "512": 512, "1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384}
SHAPES = [(1, 1), (1, 2), (1, 4), (1, 8), (1, 16), (2, 1), (2, 2), (2, 4), (2, 8), (4, 1), (4, 2), (4, 4), (8, 1), (8, 2), (16, 1), (1, 3), (2, 3)]


def rule(bridges, each, granularity):
    """The rules that such a region breaks, each as words that tell of it; one of them must be told."""
    ways = bridges * each
    if bridges > 1 and bridges * granularity > 32768:
        return [["interleave-granularity", "32 KiB"]]
    if each not in (1, 2, 4, 8, 16):
        return [["name 1, 2, 4, 8 or 16"]]
    wrong = []
    if each > 8:
        wrong.append(["8 targets"])
    if bridges * granularity > 16384:
        wrong.append(["16 KiB", "interleave-granularity"])
    if ways > 1 and ways * granularity > 32768:
        wrong.append(["32 KiB", "interleave-granularity"])
    return wrong


def options(bridges, each, granularity):
    devices = [memory(k, "256M", f"cxl.{k // each}") for k in range(bridges * each)]
    order = ":".join(f"mem{bridge * each + k}" for k in range(each) for bridge in range(bridges))
    return f"{window(bridges, granularity)} {' '.join(devices)} -cxl-region window=0,devices={order}"


def one(program, folder, bridges, each, name):
    rules = rule(bridges, each, GRANULARITIES[name])
    trace = folder / f"trace-{bridges}-{each}-{name}"
    done = programs.run([str(program), "-display", "none"] + arguments_of(f"-kernel @/off -d cxl -D {trace} {options(bridges, each, name)}", folder))
    if rules:
        wrong = min((refused(done, words, folder) for words in rules), key=len)
    else:
        said = trace.read_text(errors="replace") if trace.exists() else "no trace"
        wrong = [f"exit code {done.code}: {done.err.decode(errors='replace')}"] if done.code or done.err else []
        wrong += [line for line in said.splitlines() if "not committed" in line][:1]
    return [f"{bridges} bridges, {each} devices below each, {name}: {text}" for text in wrong]


def run_all(program, folder):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for bridges, each in SHAPES:
            found = pool.map(lambda name: one(program, folder, bridges, each, name), GRANULARITIES)
            wrong = [text for texts in found for text in texts]
            yield f"regions of {bridges} x {each} devices", not wrong, "\n".join(wrong)
