#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draws the arrows that the includes make between rooms, and marks those that the table of docs/design.md does not allow; exit 1 if
there are any, or if a folder of src/ has no row there, or a row no folder."""
import pathlib
import re
import sys

tree = pathlib.Path(__file__).resolve().parent.parent
root = tree / "src"


def allowed_arrows():
    """The table's first and last columns: room -> what it may include, besides base and itself: rooms, or single headers."""
    table = {}
    for line in (tree / "docs/design.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rooms = re.findall(r"`([a-z]+)/`", cells[0])
        if not line.startswith("| `") or not rooms or len(cells) != 3:
            continue
        words = [word.strip("` ") for word in cells[2].split(",")]
        for room in rooms:
            table[room] = set(words) - {"nothing", "base"}
    return table


ALLOWED = allowed_arrows()
bad = 0
for room in sorted({path.name for path in root.iterdir() if path.is_dir()} ^ set(ALLOWED)):
    print(f"{room}: " + ("its row in docs/design.md has no folder" if room in ALLOWED else "no row in docs/design.md"))
    bad += 1
for room, words in ALLOWED.items():
    arrows = {}
    for path in sorted((root / room).glob("*.[ch]")) + sorted((root / room).glob("*.def")):
        for line, text in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include "([a-z]+)/([a-z0-9_]+\.(?:h|def))"', text)
            if found and found[1] != room:
                arrows.setdefault(found[1], {}).setdefault(found[2], f"{path.relative_to(root)}:{line}")
    shown = []
    for other, headers in sorted(arrows.items()):
        mark = ""
        if other != "base" and other not in words and "all" not in words:
            wrong = [h for h in headers if f"{other}/{h}" not in words]
            if wrong:
                mark = "  <-- not allowed: " + headers[wrong[0]]
                bad += 1
        shown.append(f"{other}({', '.join(sorted(headers))}){mark}")
    print(f"{room:8} -> " + ("\n            ".join(shown) if shown else "nothing"))
sys.exit(1 if bad else 0)
