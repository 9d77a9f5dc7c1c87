#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes what the programs of the bench work on into a folder, the same bytes each time: 32 MiB of text, a C program, a Python program.

usage: make_inputs.py FOLDER"""
import pathlib
import random
import sys

PYTHON = '''
class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def add(self, key):
        node = self
        while True:
            side = "left" if key < node.key else "right"
            after = getattr(node, side)
            if after is None:
                setattr(node, side, Node(key))
                return
            node = after

    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()


seed, tree, words = 1, Node(1 << 30), {}
for _ in range(6000):
    seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
    tree.add(seed)
    word = "w%d" % (seed % 500)
    words[word] = words.get(word, 0) + 1
total = sum(k * n % 1009 for n, k in enumerate(tree.walk()))
x = y = 0.5
for n in range(60000):
    x, y = x * x - y * y + 0.1, 2 * x * y + 0.2
    if x * x + y * y > 4:
        x, y = 0.5, -0.25
lines = sorted((v, k) for k, v in words.items())
print(total, round(x, 6), " ".join(k for v, k in lines[-20:]), sum(len(s) for s in "".join(map(str, range(20000))).split("7")))
'''


def text(size):
    rng = random.Random(1)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, weights=range(26, 0, -1), k=rng.randint(2, 9))) for _ in range(20000)]
    weights = [1 / (n + 3) for n in range(len(words))]
    out, have = [], 0
    while have < size:
        line = " ".join(rng.choices(words, weights=weights, k=20000))
        line = "\n".join(line[n:n + 80] for n in range(0, len(line), 80)) + "\n"
        out.append(line)
        have += len(line)
    return "".join(out)[:size].encode()


def program(functions):
    rng = random.Random(2)
    out = ["struct node { struct node *next; unsigned key; double weight; int a[8]; };"]
    for n in range(functions):
        steps = []
        for k in range(6):
            c, d = rng.randint(1, 999), rng.randint(1, 30)
            steps.append(rng.choice([
                f"for (int i = 0; i < 8; i++) sum += p->a[i] * {c} + (sum >> {d});",
                f"while (p->next && p->key != {c}u) {{ sum ^= p->key << {d}; p = p->next; }}",
                f"switch (sum % 7) {{ case 0: sum += {c}; break; case 1: p->weight *= {c}.5; break; case 3: sum <<= {d % 5}; break; "
                f"case 5: p->a[sum & 7] = {c}; break; default: sum--; }}",
                f"if (p->weight > {c}.25 && sum < {c * 7}u) p->weight -= (double)sum / {d}; else p->key += {d};",
                f"for (unsigned i = 1; i < {d + 2}u; i++) if (i & sum) p->a[i & 7] -= (int)(i * {c}u);"]))
        call = f"sum += f{rng.randrange(n)}(p, sum);" if n else ""
        out.append(f"unsigned f{n}(struct node *p, unsigned sum)\n{{\n\t" + "\n\t".join(steps + [call, "return sum;"]) + "\n}")
    return "\n".join(out) + "\n"


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "text").write_bytes(text(32 << 20))
(folder / "program.c").write_text(program(12))
(folder / "program.py").write_text(PYTHON)
