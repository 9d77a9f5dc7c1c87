# SPDX-License-Identifier: BSD-2-Clause
"""The terminal belongs to the user: whatever ends the program - keys, signals, the guest, an error, a crash - it is afterwards as it was
before. And the ways in which input and output end before the program does.

usage: sessions.py BUILD
"""
import fcntl
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import programs  # noqa: E402

WAIT_S = 60
LFLAG = 3  # in the list of termios.tcgetattr


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def take_terminal():
    """In the child: its standard input becomes its controlling terminal."""
    programs.no_core()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Session:
    """The program on a terminal of its own."""

    def __init__(self, program, folder, guest="echo", more=(), command=None):
        self.output = b""
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        command = command or ["-nographic", "-kernel", str(folder / guest), *more]
        self.child = subprocess.Popen([str(program), *command], stdin=self.slave, stdout=self.slave,
                                      stderr=self.slave, start_new_session=True, preexec_fn=take_terminal)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.attributes()[LFLAG] & (termios.ICANON | termios.ECHO)

    def pump(self):
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536)

    def until(self, what, condition):
        end = time.monotonic() + WAIT_S
        self.pump()
        while not condition():
            expect(time.monotonic() < end, f"waited {WAIT_S} s in vain for {what}")
            time.sleep(0.01)
            self.pump()

    def says(self, text):
        self.until(f"the output {text}", lambda: text in self.output)

    def keys(self, text):
        os.write(self.master, text)

    def kill(self, number):
        self.child.send_signal(number)

    def ends(self, code):
        self.until("the end of the program", lambda: self.child.poll() is not None)
        self.pump()
        expect(self.child.returncode == code, f"ended with {self.child.returncode}, not {code}")
        expect(self.attributes() == self.before, "the terminal is not as it was before")

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def session_test(claim, guest="echo", more=(), wait=True):
    """A test is a function of a session; with `wait`, the guest runs when it begins."""
    def decorate(test):
        def run(program, folder):
            session = Session(program, folder, guest, more)
            try:
                if wait:
                    session.says(b"i")
                    expect(session.is_raw(), "the terminal is not raw while the guest runs")
                test(session)
            except AssertionError as wrong:
                raise AssertionError(f"{wrong}; the terminal shows {session.output[-500:]!r}") from None
            finally:
                session.close()
        run.claim = claim
        return run
    return decorate


def shell_test(claim, line, code=0):
    """A line of the shell, in which $C is the program and its constant options; the test looks at what came out."""
    def decorate(test):
        def run(program, folder):
            done = programs.run(["bash", "-c", line], wall_limit_s=WAIT_S, cwd=folder,
                                env=dict(os.environ, P=str(program), C=f"{program} -nographic -kernel"))
            expect(not done.late, f"{line}: still runs after {WAIT_S} s")
            expect(done.code == code, f"{line}: ended with {done.code}, not {code}: {done.err.decode(errors='replace')[:500]}")
            test(done)
        run.claim = claim
        return run
    return decorate


# --- keys ---

@session_test("Ctrl-A x ends with 0")
def escape_x(s):
    s.keys(b"\x01x")
    s.ends(0)
    expect(b"terminated" in s.output, "nothing is said")


@session_test("Ctrl-A h lists the keys; Ctrl-C, Ctrl-D, Ctrl-Z and Ctrl-A Ctrl-A reach the guest")
def escape_h(s):
    s.keys(b"\x01h")
    s.says(b"C-a x")
    s.keys(b"\x03\x04\x1a\x1c\r\x01\x01.")
    s.says(b"\x03\x04\x1a\x1c\r\x01.")
    expect(s.child.poll() is None, "a key for the guest ended the program")
    s.keys(b"q")
    s.ends(0)


# --- signals ---

def by_signal(number, code):
    @session_test(f"{signal.Signals(number).name} ends with {code}")
    def test(s):
        s.kill(number)
        s.ends(code)
    return test


@session_test("SIGTSTP gives the terminal back, SIGCONT takes it again")
def suspend(s):
    s.kill(signal.SIGTSTP)
    s.until("the terminal of the stopped program", lambda: s.attributes() == s.before)
    s.kill(signal.SIGCONT)
    s.until("the raw terminal", s.is_raw)
    s.keys(b"q")
    s.ends(0)


@session_test("SIGSTOP, at which the shell takes the terminal: SIGCONT takes it again")
def stop(s):
    s.kill(signal.SIGSTOP)
    termios.tcsetattr(s.slave, termios.TCSANOW, s.before)
    s.kill(signal.SIGCONT)
    s.until("the raw terminal", s.is_raw)
    s.keys(b"q")
    s.ends(0)


def in_the_background(program, folder):
    """A job of a shell: `bg` leaves the shell its terminal, and with `fg` the guest has it."""
    session = Session("/bin/bash", folder, command=["--norc", "--noprofile", "--noediting", "-i"])
    try:
        session.keys(f"{program} -nographic -kernel {folder}/echo -pidfile {folder}/pid\n".encode())
        pid = folder / "pid"
        session.until("the raw terminal", lambda: session.is_raw() and pid.exists() and pid.read_text().endswith("\n"))
        job = int(pid.read_text())
        os.kill(job, signal.SIGTSTP)
        session.says(b"Stopped")
        session.keys(b"bg; sleep 0.5; echo he''re\n")
        session.says(b"here")
        expect(not session.is_raw(), "a background job has made the terminal raw")
        end = time.monotonic() + WAIT_S
        while not session.is_raw() and time.monotonic() < end:
            session.keys(b"fg\n")  # it may be stopped by SIGTTIN between: it has tried to read what is for the shell
            time.sleep(0.3)
        expect(session.is_raw(), "the foreground job has not made the terminal raw")
        session.keys(b"\x01x")
        session.says(b"terminated")
        session.until("the terminal as before", lambda: session.attributes() == session.before)
        session.keys(b"exit 0\n")
        session.ends(0)
    except AssertionError as wrong:
        raise AssertionError(f"{wrong}; the terminal shows {session.output[-500:]!r}") from None
    finally:
        session.close()


in_the_background.claim = "a job in the background leaves the terminal alone, and takes it in the foreground"


@session_test("when the terminal goes away, the program ends")
def hang_up(s):
    os.close(s.slave)
    os.close(s.master)
    try:
        s.child.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        raise AssertionError("it still runs") from None
    finally:
        s.master, s.slave = pty.openpty()


def waits_for_client(program, folder):
    session = Session(program, folder, more=["-qmp", f"unix:{folder}/client,server=on"])
    try:
        session.says(b"waiting for a connection")
        session.kill(signal.SIGTERM)
        session.ends(1)
        session.says(b"wait=off")
        expect(not (folder / "client").exists(), "the socket stays")
    finally:
        session.close()


waits_for_client.claim = "SIGTERM ends the wait for a client of server=on: one line, and 1"


# --- the guest, and errors ---

@session_test("power-off ends with 0", guest="off", wait=False)
def power_off(s):
    s.ends(0)


@session_test("a guest's reset under -no-reboot ends with 0", guest="reset", more=["-no-reboot"], wait=False)
def reset(s):
    s.ends(0)


def failing(guest, more, text):
    @session_test(f"an error ends with 1: {text.decode()}", guest=guest, more=more, wait=False)
    def test(s):
        s.ends(1)
        s.says(text)
    return test


# --- pipes and files ---

@shell_test("| head: when the reader leaves, the guest goes on to its power-off", "$C printer | head -n 1; exit ${PIPESTATUS[0]}")
def pipe_closes(done):
    expect(done.out == b"x\n", f"head got {done.out[:100]!r}")


@shell_test("| cat: every byte arrives, also those behind the power-off", "$C printer | (sleep 0.5; cat); exit ${PIPESTATUS[0]}")
def pipe_takes_all(done):
    expect(done.out == b"x\n" * 100000, f"{len(done.out)} bytes arrived, not 200000")


@shell_test("keys from a pipe reach the guest, its end does no harm", "printf abcq | $C echo")
def input_from_pipe(done):
    expect(done.out == b"iabcq", f"the guest gave back {done.out!r}")


@shell_test("-help > /dev/full ends with 1", "$P -help >/dev/full", 1)
def help_to_full_disk(done):
    expect(done.err.startswith(b"cxlvm: "), f"said {done.err!r}")


@shell_test("topology > /dev/full ends with 1", "$P topology >/dev/full", 1)
def topology_to_full_disk(done):
    expect(done.err.count(b"\n") == 1 and b"topology: " in done.err, f"said {done.err!r}")


def loses(line, text):
    @shell_test(f"{line}: what is lost is told once, and the guest goes on", line)
    def test(done):
        expect(done.err.count(b"\n") == 1 and b"lost: " + text in done.err, f"said {done.err!r}")
    return test


def runs_with(files):
    @shell_test(f"{files}: the guest runs all the same", f"$C printer {files}")
    def test(done):
        pass
    return test


def memory_is_cut(program, folder):
    memory = folder / "memory"
    session = Session(program, folder, more=["-m", "64M", "-machine", "memory-backend=ram", "-object",
                                             f"memory-backend-file,id=ram,size=64M,mem-path={memory},share=on"])
    try:
        session.says(b"i")
        expect(session.is_raw(), "the terminal is not raw while the guest runs")
        os.truncate(memory, 0)
        session.keys(b"a")
        session.ends(1)
        for word in (b"cxlvm: memory backend 'ram': mem-path=", str(memory).encode(), b"shorter"):
            expect(word in session.output, f"said {session.output!r}")
        expect(session.output.count(b"\n") == 1, f"said {session.output!r}")
    finally:
        session.close()
        memory.unlink(missing_ok=True)


memory_is_cut.claim = "a shared memory file that is cut short: one line that names it, 1, and the terminal as before"


def input_ends(program, folder):
    child = subprocess.Popen([str(program), "-nographic", "-kernel", str(folder / "echo")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        expect(child.stdout.read(1) == b"i", "the guest does not run")
        time.sleep(0.3)
        expect(child.poll() is None, "the end of its input ended the program")
        child.terminate()
        expect(child.wait(WAIT_S) == 0, f"SIGTERM ended it with {child.returncode}, not 0")
    except subprocess.TimeoutExpired:
        raise AssertionError("SIGTERM does not end it") from None
    finally:
        child.kill()
        child.wait()


input_ends.claim = "the end of the input is no key: the guest waits on, SIGTERM ends it with 0"

TESTS = [
    escape_x, escape_h, suspend, stop, in_the_background, hang_up,
    *[by_signal(number, 0) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
    *[by_signal(number, -number) for number in (signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)],
    waits_for_client, power_off, reset, memory_is_cut,
    failing("text", [], b"not an arm64 kernel"), failing("off", ["-device", "frob"], b"no such device"), failing("off", ["-M", "dumpdtb=/dev/full"], b"dumpdtb"),
    pipe_closes, pipe_takes_all, input_from_pipe, input_ends, help_to_full_disk, topology_to_full_disk,
    loses("$C printer >/dev/full", b"No space"), loses("$C printer -serial file:/dev/full", b"No space"),
    loses("$C off -d all -D /dev/full", b"No space"), loses("ulimit -f 1; $C printer >out", b"File too large"),
    loses("$C printer -chardev null,id=c,logfile=/dev/full -serial chardev:c", b"No space"),
    *[runs_with(files) for files in (">&-", ">/dev/full", "<&- >out", "<&- >&- 2>&-")],
]


def run_all(build, long=False):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        guests = {"echo": programs.echo(), "off": programs.POWER_OFF, "reset": programs.RESET, "printer": programs.printer(100000)}
        for name, instructions in guests.items():
            (folder / name).write_bytes(programs.image(instructions))
        (folder / "text").write_text("this is not a kernel\n" * 10)
        for test in TESTS:
            try:
                test(build / "cxlvm", folder)
                yield test.claim, True, ""
            except AssertionError as wrong:
                yield test.claim, False, str(wrong)


if __name__ == "__main__":
    sys.exit(programs.report(run_all(pathlib.Path(sys.argv[1]).resolve())))
