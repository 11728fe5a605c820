"""A terminal in which pico-top runs, and the server that it shows. Used by top_checks.py and by Tests/Benchmarks/top."""

import collections
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

HERE = os.path.dirname(os.path.abspath(__file__))
# Loaded machines take their time; a check that holds does not wait for this long.
PATIENCE = 30
# Where the program under test is: the first word of every command line of checks.
TOP = sys.argv[1] if len(sys.argv) > 1 else ""
# How the names of the first endpoints of status_server.py begin.
ROW = "endpoint-0000"


class Server:
    """status_server.py with some options, on a port of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "status_server.py"), "0", *map(str, options)], stdout=subprocess.PIPE, text=True)
        os.set_blocking(self.process.stdout.fileno(), True)
        line = self.process.stdout.readline()
        assert line.startswith("ready "), "the server does not start"
        self.port = int(line.split()[1])
        self.text = ""
        os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def url(self):
        return f"127.0.0.1:{self.port}"

    @property
    def said(self):
        """What it printed so far. It has to be read now and then."""
        try:
            while data := os.read(self.process.stdout.fileno(), 1 << 20):
                self.text += data.decode(errors="replace")
        except BlockingIOError:
            pass
        return self.text

    def switch(self):
        """Breaks all off and takes no one; the next time takes everyone again."""
        self.process.send_signal(signal.SIGUSR1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Screen(pyte.Screen):
    """With the scrolling that pyte leaves out."""

    def scroll(self, count, edge, step):
        row, self.cursor.y = self.cursor.y, edge
        for _ in range(count or 1):
            step()
        self.cursor.y = row

    def scroll_up(self, count=1):
        self.scroll(count, self.margins.bottom if self.margins else self.lines - 1, self.index)

    def scroll_down(self, count=1):
        self.scroll(count, self.margins.top if self.margins else 0, self.reverse_index)


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Terminal:
    """A program in a pty, with pyte as the screen."""

    # Modes that must be off after the program, with how they are switched on.
    MODES = ["1049", "1000", "1002", "1006", "2004", "1"]

    def __init__(self, command, rows=24, columns=80, environment=None, answers=True, rate=None, delay=0.0):
        self.master, self.slave = pty.openpty()
        self.size = (rows, columns)
        self.set_size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.screen = Screen(columns, rows)
        self.screen.write_process_input = self.answer if answers else lambda data: None
        self.stream = Stream(self.screen)
        self.output = b""
        # Bytes a second, and seconds until they are seen.
        self.rate = rate
        self.delay = delay
        self.late = collections.deque()
        self.allowance = 0.0
        self.read_at = time.monotonic()
        self.folder = tempfile.mkdtemp(prefix="pico-top-")
        variables = {
            "PATH": os.environ["PATH"], "HOME": self.folder, "TERM": "xterm-256color", "LANG": "C.UTF-8", "SWIFT_BACKTRACE": "enable=no",
            **(environment or {}),
        }
        self.started = time.monotonic()
        slave = self.slave

        def become_leader():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=variables, preexec_fn=become_leader, close_fds=True)

    def answer(self, data):
        os.write(self.master, data.encode())

    def set_size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.size = (rows, columns)
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def send(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def read(self, seconds=0.05):
        """Takes what comes within that time, at the terminal's speed; gives the bytes."""
        if self.rate is not None:
            now = time.monotonic()
            self.allowance = min(self.rate * 0.05, self.allowance + (now - self.read_at) * self.rate)
            self.read_at = now
            if self.allowance < 256:
                time.sleep(0.005)
                return b""
        if self.late:
            seconds = max(0.0, min(seconds, self.late[0][0] - time.monotonic()))
        data = b""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536 if self.rate is None else int(self.allowance))
            except OSError:
                return b""
        self.allowance -= len(data)
        if self.delay:
            if data:
                self.late.append((time.monotonic() + self.delay, data))
            data = b""
            while self.late and self.late[0][0] <= time.monotonic():
                data += self.late.popleft()[1]
        self.output += data
        self.stream.feed(data)
        return data

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, what, seconds=PATIENCE):
        """Until a text, or a function of this terminal, is there."""
        holds = what if callable(what) else lambda: what in self.text
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"no {what!r} within {seconds} s:\n{self.text}\n-- exit {self.process.poll()}"
            self.read()

    def settle(self, seconds=0.3):
        """Until nothing came for that long."""
        quiet = time.monotonic() + seconds
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < min(quiet, limit):
            if self.read():
                quiet = time.monotonic() + seconds

    def ended(self, seconds=PATIENCE):
        """Waits for the end; gives the code as a shell would."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
            self.read()
        self.settle(0.1)
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    def mode(self, number):
        """Whether a private mode was left on."""
        found = re.findall(rb"\x1b\[\?([0-9;]+)([hl])", self.output)
        states = [kind == b"h" for numbers, kind in found if number.encode() in numbers.split(b";")]
        return bool(states) and states[-1]

    def check_restored(self, how):
        after = termios.tcgetattr(self.slave)
        assert after == self.before, f"{how}: the terminal's settings differ: {self.before} {after}"
        left = [number for number in self.MODES if self.mode(number)]
        assert not left, f"{how}: modes left on: {left}"
        assert b"\x1b[?25l" not in self.output or self.mode("25"), f"{how}: the cursor is hidden"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
        subprocess.run(["rm", "-rf", self.folder], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def top(server, *options, **keywords):
    return Terminal([TOP, server.url if isinstance(server, Server) else server, *options], **keywords)


def quit(terminal, how="q"):
    terminal.send("q")
    code = terminal.ended()
    assert code == 0, f"{how}: ends with {code}"
    terminal.check_restored(how)
