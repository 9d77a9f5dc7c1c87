# SPDX-License-Identifier: BSD-2-Clause
"""What fetches, packs and installs, on machines that are not this one: each script runs beside stubs of what it calls.

Also a program: tests/tools/cases.py BUILD shows what failed."""
import contextlib
import fcntl
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parent.parent.parent


class Desk:
    """A folder with a copy of some tools, and stubs: of other tools beside them, of programs in `bin`, which comes first in PATH."""

    def __init__(self, folder, *tools):
        self.folder = pathlib.Path(folder)
        for name in ("tools", "bin", "build"):
            (self.folder / name).mkdir(parents=True)
        for name in tools:
            (self.folder / "tools" / name).write_bytes((TREE / "tools" / name).read_bytes())
            (self.folder / "tools" / name).chmod(0o755)

    def stub(self, name, script="exit 0"):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, command, **more):
        environment = dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}")
        return subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **more)


def soon(what, seconds=10):
    """What it returns once that is something; None: it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := what():
                return found
        time.sleep(0.05)
    return None


def mirrors(build, folder):
    """Debian's own archive is found by its label, also behind the list of an image for clouds."""
    desk = Desk(folder, "guest-apt")
    (desk.folder / "debian.list").write_text("# comment\nhttps://cdn.example/debian\tpriority:1\nhttps://other.example/debian\n")
    for uris, wanted in (("http://deb.example/debian/", "http://deb.example/debian/"),
                         ("https://mirror.example/of/packages/", "https://mirror.example/of/packages/"),
                         ("cdrom://[Debian 12]/\nhttp://deb.example/debian", "http://deb.example/debian"),
                         (f"mirror+file:{desk.folder}/debian.list/", "https://cdn.example/debian"),
                         (f"mirror+file://{desk.folder}/debian.list", "https://cdn.example/debian"),
                         ("mirror+file:/nonexistent/debian.list/\nhttp://deb.example/debian", "http://deb.example/debian")):
        desk.stub("bin/apt-get", f"[ \"$1 $4\" = 'indextargets Label: Debian' ] && printf '{uris}\\n'")
        for shell in ("sh", "bash"):
            done = desk.run([shell, "-euc", ". tools/guest-apt; debian_mirror"])
            assert (done.returncode, done.stdout, done.stderr) == (0, wanted + "\n", ""), (uris, done)
    desk.stub("bin/apt-get", "exit 1")
    done = desk.run(["sh", "-euc", ". tools/guest-apt; debian_mirror"])
    assert done.returncode == 0 and not done.stderr and done.stdout.startswith("http"), done  # of this machine's own files


def interrupted(build, folder):
    """Ctrl-C ends the guest of a demo whose output is no terminal, and the script."""
    desk = Desk(folder, "demo")
    desk.stub("tools/guest")
    desk.stub("build/cxlvm", f"echo $$ >{folder}/pid.new; mv {folder}/pid.new {folder}/pid; exec sleep 60")
    master, slave = pty.openpty()
    process = subprocess.Popen(["tools/demo", "build", "6.12"], cwd=folder, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    try:
        guest = int(soon(lambda: (pathlib.Path(folder) / "pid").read_text()))
        os.write(master, b"\x03")
        assert soon(lambda: process.poll() is not None), "the script goes on"
        assert soon(lambda: not os.path.exists(f"/proc/{guest}")), "the guest goes on"
    finally:
        with contextlib.suppress(NameError, ProcessLookupError):
            os.kill(guest, signal.SIGKILL)
        process.kill()
        process.communicate()
        os.close(master)


def images(build, folder):
    """Files of a disk image are as open as a system's, whatever the umask; the key may be named from here, and is looked for first."""
    desk = Desk(folder, "make-image")
    desk.stub("tools/install-packages")
    desk.stub("tools/guest", f"touch {folder}/fetched")
    desk.stub("tools/guest-packages")
    (desk.folder / "build/image/apt").mkdir(parents=True)
    (desk.folder / "build/image/apt/sources.list").write_text("deb http://deb.example/debian trixie main\n")
    desk.stub("bin/fakeroot", f"umask >{folder}/umask; cat \"$2\" >{folder}/script; exit 1")
    done = desk.run(["tools/make-image", "build", "debian", "key.pub"])
    assert done.returncode == 1 and done.stderr.startswith("make-image: SSH_KEY=key.pub: no such file") and done.stderr.count("\n") == 1 and not (desk.folder / "fetched").exists(), done
    (desk.folder / "key.pub").write_text("ssh-ed25519 x\n")
    done = desk.run(["tools/make-image", "build", "debian", "key.pub"], umask=0o077)
    assert int((desk.folder / "umask").read_text(), 8) == 0o022, done
    assert f'cp "{os.path.realpath(folder)}/key.pub" root/.ssh/authorized_keys' in (desk.folder / "script").read_text()


def spaces(build, folder):
    """A path with a space: what Linux's build or make would trip over much later is told at once, and installing takes one."""
    desk = Desk(folder + "/a b", "guest", "guest-kernel")
    desk.stub("tools/guest-packages", "exit 1")
    desk.stub("tools/install-packages", f"touch '{folder}/fetched'")
    for tool in ("guest", "guest-kernel"):
        done = desk.run([f"tools/{tool}", "build", "6.12"])
        assert done.returncode == 1 and done.stderr.startswith(f"{tool}: ") and "a b/build" in done.stderr and "BUILD=" in done.stderr, done
    assert not os.path.exists(f"{folder}/fetched")
    done = desk.run(["make", "-C", str(TREE), f"BUILD={folder}/a b/build", "all"])
    assert done.returncode == 2 and f"BUILD='{folder}/a b/build': make takes no space" in done.stderr, done
    done = desk.run(["make", "-s", "-C", str(TREE), f"BUILD={build}", f"DESTDIR={folder}/a b/root", "PREFIX=/usr", "LINK=1", "install"])
    assert done.returncode == 0 and os.path.exists(f"{folder}/a b/root/usr/bin/qemu-system-aarch64"), done


def packages(build, folder):
    """What is missing is installed without a question, also behind sudo, which lets no variable through; without sudo it is named."""
    desk = Desk(folder, "install-packages")
    desk.stub("bin/dpkg-query", "exit 1")
    desk.stub("bin/id", "echo 1000")
    desk.stub("bin/apt-get", f"echo \"$DEBIAN_FRONTEND: $*\" >>{folder}/asked")
    desk.stub("bin/sudo", 'exec env -i PATH="$PATH" "$@"')
    done = desk.run(["tools/install-packages", "cross"])
    assert done.returncode == 0 and done.stdout.startswith("Installing Debian packages: pkg-config "), done
    asked = (desk.folder / "asked").read_text()
    assert asked.startswith("noninteractive: ") and " install " in asked and asked.count("\n") == 1, asked
    environment = {"PATH": f"{folder}/few"}
    (desk.folder / "few").mkdir()
    for name in ("sh", "grep", "sed"):
        (desk.folder / "few" / name).symlink_to(shutil.which(name))
    for name in ("dpkg-query", "id"):
        (desk.folder / "few" / name).symlink_to(desk.folder / "bin" / name)
    done = subprocess.run(["tools/install-packages", "cross"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("install-packages: needs root to install: pkg-config "), done


def without_git(build, folder):
    """The checks of the tree look at its files also where it is no checkout, or is another user's."""
    for owner in (None, 12345) if os.geteuid() == 0 else (None,):
        desk = Desk(f"{folder}/{owner}", "licences.py", "format")
        (desk.folder / ".clang-format").write_bytes((TREE / ".clang-format").read_bytes())
        (desk.folder / "good.c").write_text("/* SPDX-License-Identifier: BSD-2-Clause */\nint x;\n")
        if owner:
            subprocess.run(["git", "init", "-q"], cwd=desk.folder, check=True)
            for name in ("", ".git"):
                os.chown(desk.folder / name, owner, owner)
        for bad in (False, True):
            if bad:
                (desk.folder / "bad.c").write_text("int  x;\n")
            if owner:
                subprocess.run(["git", "-c", "safe.directory=*", "add", "."], cwd=desk.folder, check=True)
            for command in (["python3", "tools/licences.py"], ["tools/format", "--check"]):
                done = desk.run(command)
                said = done.stdout + done.stderr
                assert done.returncode and "bad.c" in said and "good.c" not in said if bad else (done.returncode, said.strip()) == (0, ""), done


CASES = {"the mirror that apt has": mirrors, "Ctrl-C ends what is timed": interrupted, "make image": images, "missing packages": packages, "a tree without git": without_git,
         "a path with a space": spaces}


def run_all(build, long=False, names=None):
    for name in names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                CASES[name](build, folder)
                yield name, True, ""
            except (AssertionError, OSError, TypeError, subprocess.TimeoutExpired):
                yield name, False, traceback.format_exc()[-3000:]


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve(), names=sys.argv[2:])))
