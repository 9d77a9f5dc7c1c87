#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Draws the arrows that the includes make between rooms, and marks those that docs/design.md does not allow; exit 1 if any."""
import pathlib
import re
import sys

# A room may include the doors of these, and base always. The same table stands in docs/design.md.
ALLOWED = {
    "base": "", "obj": "", "host": "obj", "mem": "obj host", "cpu": "mem host", "jit": "cpu mem host", "irq": "mem obj cpu/sysreg.h",
    "pci": "mem obj", "cxl": "pci mem obj", "virtio": "pci mem obj host", "dev": "mem obj host", "acpi": "", "fdt": "",
    "boot": "mem host", "machine": "*", "control": "machine obj cpu/cpu.h mem/mem.h",
}
root = pathlib.Path(__file__).resolve().parent.parent / "src"
bad = 0
for room, allowed in ALLOWED.items():
    arrows = {}
    for path in sorted((root / room).glob("*.[ch]")) + sorted((root / room).glob("*.def")):
        for line, text in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include "([a-z]+)/([a-z0-9_]+\.(?:h|def))"', text)
            if found and found[1] != room:
                arrows.setdefault(found[1], {}).setdefault(found[2], f"{path.relative_to(root)}:{line}")
    words = allowed.split()
    shown = []
    for other, headers in sorted(arrows.items()):
        mark = ""
        if other != "base" and allowed != "*" and other not in words:
            wrong = [h for h in headers if f"{other}/{h}" not in words]
            if wrong:
                mark = "  <-- not allowed: " + headers[wrong[0]]
                bad += 1
        shown.append(f"{other}({', '.join(sorted(headers))}){mark}")
    print(f"{room:8} -> " + ("\n            ".join(shown) if shown else "nothing"))
sys.exit(1 if bad else 0)
