#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Unpacks Debian packages into a folder and writes dpkg's database as after `dpkg --unpack`, without running anything of them. For another
architecture's root file system; run it under fakeroot. Usage: image_tree.py FOLDER DEB..."""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile


def fields(text):
    """A control file as name -> value, continuation lines kept."""
    result, name = {}, None
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            result[name] += "\n" + line
        elif ":" in line:
            name, value = line.split(":", 1)
            result[name] = value.strip()
    return result


def unpack(tree, deb, database):
    subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    listing = subprocess.run(f"dpkg-deb --fsys-tarfile '{deb}' | tar -t", shell=True, check=True, capture_output=True, text=True).stdout
    info = database / "info"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-e", deb, folder], check=True)
        control = (pathlib.Path(folder) / "control").read_text()
        about = fields(control)
        name = about["Package"] + (":" + about["Architecture"] if about.get("Multi-Arch") == "same" else "")
        paths = [line[1:].rstrip("/") or "/." for line in listing.splitlines()]
        (info / f"{name}.list").write_text("\n".join(paths) + "\n")
        conffiles = ""
        for path in sorted(pathlib.Path(folder).iterdir()):
            if path.name == "control":
                continue
            target = info / f"{name}.{path.name}"
            target.write_bytes(path.read_bytes())
            target.chmod(path.stat().st_mode & 0o755)
            if path.name == "triggers":
                triggers(path.read_text(), name, database)
            if path.name == "conffiles":
                for line in path.read_text().splitlines():
                    conffile = line.split()[-1] if line else ""
                    if conffile and (pathlib.Path(tree) / conffile[1:]).is_file():
                        conffiles += f"\n {conffile} " + hashlib.md5((pathlib.Path(tree) / conffile[1:]).read_bytes()).hexdigest()
    first, rest = control.split("\n", 1) if control.startswith("Package:") else (f"Package: {about['Package']}", control)
    return f"{first}\nStatus: install ok unpacked\n{rest.strip()}\n" + (f"Conffiles:{conffiles}\n" if conffiles else "")


def triggers(text, name, database):
    """What the package wants to be told of, now that dpkg did not unpack it."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) != 2 or not words[0].startswith("interest"):
            continue
        entry = name + ("/noawait" if words[0].endswith("noawait") else "")
        if words[1].startswith("/"):
            with (database / "triggers/File").open("a") as file:
                file.write(f"{words[1]} {entry}\n")
        else:
            with (database / "triggers" / words[1]).open("a") as file:
                file.write(f"{entry}\n")


def main():
    tree, debs = sys.argv[1], sys.argv[2:]
    database = pathlib.Path(tree) / "var/lib/dpkg"
    for folder in ("info", "triggers", "updates", "alternatives", "parts"):
        (database / folder).mkdir(parents=True, exist_ok=True)
    # base-files first: it has the links /bin, /lib and /sbin, through which the others unpack.
    debs.sort(key=lambda deb: (not os.path.basename(deb).startswith("base-files_"), deb))
    status = [unpack(tree, deb, database) for deb in debs]
    (database / "status").write_text("\n".join(status))
    (database / "available").write_text("")
    (database / "info/format").write_text("1\n")
    (database / "triggers/Unincorp").write_text("")


main()
