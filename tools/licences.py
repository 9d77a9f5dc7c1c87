#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every file of the tree says its licence in one of its first three lines; exit 1 and their names if some do not. What kernel modules of
the guest are made of may also be had under the kernel's."""
import os
import pathlib
import subprocess
import sys

# Without a place for a comment, or the licence itself.
WITHOUT = {"LICENSE", "tests/vectors/a64.bin.gz"}
root = pathlib.Path(__file__).resolve().parent.parent


def files():
    """As git knows them, also if the tree is somebody else's; in one without git, all but what was built."""
    if (root / ".git").exists():
        return subprocess.check_output(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "-c", "-o", "--exclude-standard"]).decode().split("\0")
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name != "__pycache__" and not (folder == str(root) and name.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return found


missing = []
for name in sorted(set(files()) - {""} - WITHOUT):
    path = root / name
    if path.is_file() and not path.is_symlink():
        head = path.read_bytes()[:400].splitlines()[:3]
        wanted = [b"BSD-2-Clause"] + [b"GPL-2.0 OR BSD-2-Clause"] * name.startswith(("guests/pcidoe/", "guests/cachemaint/"))
        if not any(b"SPDX-License-Identifier: " + licence in line for line in head for licence in wanted):
            missing.append(name)
print("\n".join(f"{name}: no 'SPDX-License-Identifier: BSD-2-Clause' in its first three lines" for name in missing))
sys.exit(1 if missing else 0)
