"""Checks of pico-top in real terminals. usage: top_checks.py PICO_TOP NAME [ARGUMENT]

A check is a function here, in top_person_checks.py or in top_output_checks.py. It returns, or raises with what differed.
"""

import os
import random
import re
import signal
import subprocess
import sys
import termios
import time

import top_output_checks
import top_person_checks
from top_terminal import PATIENCE, ROW, TOP, Server, Terminal, quit, top


# Sizes and kinds of terminals


def size(text):
    columns, rows = map(int, text.split("x"))
    with Server("--endpoints", 50) as server, top(server, rows=rows, columns=columns) as terminal:
        if columns >= 20:
            # Names are cut where there is little room.
            terminal.wait(ROW[:11])
        terminal.settle()
        assert terminal.process.poll() is None
        for line in terminal.screen.display:
            assert len(line) <= columns
        quit(terminal, text)


def resizes():
    chance = random.Random(3)
    with Server("--endpoints", 50, "--changes", 50) as server, top(server) as terminal:
        terminal.wait(ROW)
        for _ in range(60):
            terminal.resize(chance.choice([1, 2, 5, 12, 24, 50, 100]), chance.choice([1, 3, 20, 40, 80, 200, 300]))
            terminal.read(0.02)
        terminal.resize(24, 80)
        terminal.send("gg")
        # A whole new frame: header, rows and footer.
        terminal.wait(lambda: ROW in terminal.text and "quit" in terminal.text.splitlines()[-1])
        quit(terminal)


def kind(name):
    environments = {
        "xterm-256color": {},
        "truecolour": {"COLORTERM": "truecolor"},
        "no-color": {"NO_COLOR": "1"},
        "tmux-256color": {"TERM": "tmux-256color"},
        "tmux-truecolour": {"TERM": "tmux-256color", "COLORTERM": "truecolor"},
        "linux": {"TERM": "linux"},
        "vt100": {"TERM": "vt100"},
        "unknown": {"TERM": "never-heard-of"},
        "c": {"LC_ALL": "C"},
        "missing-locale": {"LANG": "xx_YY.UTF-8"},
    }
    with Server("--names", "evil") as server, top(server, environment=environments[name]) as terminal:
        terminal.wait(ROW)
        terminal.send("4")
        terminal.wait("l-0000")
        terminal.settle()
        output = terminal.output
        colours = {int(one) for one in re.findall(rb"\x1b\[[0-9;]*?38;([25]);", output)}
        if name in ("truecolour", "tmux-truecolour"):
            assert 2 in colours, "no 24-bit colour"
        elif name in ("no-color", "vt100", "linux"):
            assert not colours, f"colours of many: {colours}"
        else:
            assert colours == {5}, f"colours {colours}"
        if name in ("no-color", "vt100"):
            sets = re.findall(rb"\x1b\[([0-9;]*)m", output)
            assert not [one for one in sets if any(30 <= int(n or 0) <= 37 or 40 <= int(n or 0) <= 47 for n in one.split(b";"))], "colours"
        if name == "linux":
            dark = [cell.data for line in terminal.screen.buffer.values() for cell in line.values()
                    if cell.data.strip() and cell.fg == "black" and cell.bg in ("default", "black") and not cell.reverse]
            assert not dark, f"black on black: {''.join(dark)}"
        if name in ("c",):
            assert all(byte < 0x80 for byte in output), "not ASCII"
        if name == "missing-locale":
            assert any(byte >= 0x80 for byte in output), "only ASCII"
        assert b"\x1b]52" not in output and b"\x1b[2J\x1b[31mred" not in output and b"\x9b5n" not in output
        quit(terminal, name)


def dumb():
    with Server() as server:
        for environment in ({"TERM": "dumb"}, {"TERM": ""}):
            with top(server, environment=environment) as terminal:
                assert terminal.ended() == 0
                assert b"\x1b" not in terminal.output and ROW.encode() in terminal.output
                terminal.check_restored("dumb")


def no_answers():
    """A terminal that never says what it has shown is still drawn to."""
    with Server("--changes", 100) as server, top(server, "--interval", "100ms", answers=False) as terminal:
        terminal.wait(ROW)
        frames = []
        deadline = time.monotonic() + PATIENCE
        while len(frames) < 30 and time.monotonic() < deadline:
            if terminal.read():
                frames.append(terminal.text)
        assert len(set(frames)) > 10, f"{len(set(frames))} frames"
        assert terminal.output.count(b"\x1b[5n") <= 4, "asks and asks"
        quit(terminal)


# Ends


def ends(how):
    with Server() as server, top(server) as terminal:
        terminal.wait(ROW)
        assert terminal.mode("1049") and terminal.mode("1006") and terminal.mode("2004")
        if how.startswith("SIG"):
            number = getattr(signal, how)
            crash = number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGBUS, signal.SIGFPE)
            terminal.process.send_signal(number)
            code = terminal.ended()
            assert code == (128 + number if crash else 0), f"{how}: ends with {code}"
            if crash:
                assert f"crashed with signal {int(number)}" in terminal.output.decode(errors="replace")
        elif how == "ctrl-c":
            terminal.send("\x03")
            assert terminal.ended() == 0
        elif how == "hang-up":
            os.close(terminal.master)
            code = terminal.process.wait(PATIENCE)
            terminal.master = os.open(os.devnull, os.O_RDWR)
            assert code == 0, f"ends with {code}"
            return
        terminal.check_restored(how)


def suspend():
    """Ctrl-Z, and a stop that leaves no time to give the terminal back: the shell does that."""

    def is_stopped():
        with open(f"/proc/{terminal.process.pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"

    with Server("--changes", 5) as server, top(server) as terminal:
        terminal.wait(ROW)
        for number in (signal.SIGTSTP, signal.SIGSTOP, signal.SIGTSTP):
            terminal.process.send_signal(number)
            terminal.wait(is_stopped)
            terminal.settle()
            if number == signal.SIGTSTP:
                terminal.check_restored("stopped")
            termios.tcsetattr(terminal.slave, termios.TCSANOW, terminal.before)
            os.write(terminal.slave, b"[1]+  Stopped\r\n")
            terminal.wait("Stopped")
            terminal.process.send_signal(signal.SIGCONT)
            terminal.wait(lambda: ROW in terminal.text and "Stopped" not in terminal.text)
            assert terminal.mode("1049") and terminal.mode("1006")
            terminal.send("?")
            terminal.wait("Moving")
            terminal.send("\x1b")
            terminal.wait(lambda: "Moving" not in terminal.text)
        quit(terminal)


# Faults of servers

FAULTS = {
    "plain-200": "not the admin port", "plain-404": "not the admin port", "refused-401": "401", "refused-403": "403", "busy-503": "503",
    "not-http": "not the admin port", "silent": "no answer in time", "no-hello": "no answer in time", "wrong-start": "hello", "newer": "status protocol 7",
    "garbage": "cannot be read", "not-utf8": "cannot be read", "binary": "binary", "cut": "connection", "close": "1012",
}


def fault(name):
    options = ["--fault", name, "--endpoints", 30, "--part", 10, "--changes", 10]
    with Server(*options) as server, top(server, columns=150, environment={"LANG": "C.UTF-8"}) as terminal:
        terminal.wait(FAULTS.get(name, ROW))
        if name not in FAULTS:
            frames = {terminal.text}
            deadline = time.monotonic() + PATIENCE
            while len(frames) < 4 and time.monotonic() < deadline:
                terminal.read()
                frames.add(terminal.text)
            assert len(frames) >= 4, "nothing moves"
        if name == "back":
            terminal.wait("its clock went back")
        if name == "gap":
            terminal.wait(lambda: '"resync"' in server.said)
        if name == "parts":
            assert '"resync"' in server.said
        assert b"\x1b[31mnow" not in terminal.output
        quit(terminal, name)


def lost():
    """Rows stay, are no longer called live, and are live again when the server is back."""
    with Server("--endpoints", 5) as server, top(server, columns=120) as terminal:
        terminal.wait(ROW)
        terminal.wait("live")
        server.switch()
        terminal.wait(lambda: "live" not in terminal.text.splitlines()[0])
        assert ROW in terminal.text
        server.switch()
        terminal.wait(lambda: "live" in terminal.text.splitlines()[0])
        quit(terminal)


def nobody():
    """A server that is not there at first is found when it comes."""
    with Server() as server:
        port = server.port
    with top(f"127.0.0.1:{port}", columns=120) as terminal:
        terminal.wait("refused")
        process = subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "status_server.py"), str(port)], stdout=subprocess.DEVNULL)
        try:
            terminal.wait(ROW)
        finally:
            process.kill()
            process.wait()
        quit(terminal)


def several():
    with Server("--endpoints", 3) as one, Server("--endpoints", 4, "--node", "n-2") as other, Terminal([TOP, one.url, other.url], columns=140) as terminal:
        terminal.wait(lambda: terminal.text.count(ROW) == 7 and one.url in terminal.text and other.url in terminal.text)
        quit(terminal)


# All at once


def noise():
    """Keys, resizes and rubbish for some seconds; the terminal is given back all the same."""
    seed = random.SystemRandom().randrange(1 << 30)
    chance = random.Random(seed)
    pieces = [chr(code) for code in range(32, 127) if chr(code) not in "qQ"] + [
        "\x1b[A", "\x1b[B", "\x1bOC", "\x1b[D", "\x1b[5~", "\x1b[6~", "\r", "\t", "\x1b[Z", "\x7f", "\x1b", "\x1b[<0;5;6M", "\x1b[<64;5;6M", "\x1b[<65;9;9M",
        "\x1b[200~", "\x1b[201~", "\x1b[0n", "é", "日", "\x00", "\x0c", "\x01", "\x15",
    ]
    with Server("--endpoints", 200, "--changes", 200, "--names", "evil") as server, top(server, "--interval", "100ms") as terminal:
        terminal.wait(ROW)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for _ in range(chance.randrange(1, 12)):
                terminal.send(chance.choice(pieces) if chance.random() < 0.97 else bytes(chance.randrange(0x80, 0x100) for _ in range(3)))
            if chance.random() < 0.05:
                terminal.resize(chance.randrange(1, 60), chance.randrange(1, 160))
            terminal.read(0.01)
            if terminal.process.poll() is not None:
                break
        if terminal.process.poll() is None:
            terminal.resize(24, 80)
            terminal.send("\x1b[201~")
            terminal.settle(0.2)
            terminal.process.send_signal(signal.SIGTERM)
        code = terminal.ended()
        assert code == 0, f"seed {seed}: ends with {code}:\n{terminal.text}"
        terminal.check_restored(f"seed {seed}")


def slow_terminal():
    """What is shown is young, although ten times as much could be drawn: at most a round trip and 250 ms old."""
    aged("100 KB/s", 0, rate=100_000)
    aged("200 ms", 200, delay=0.2)


def aged(name, round_trip, **link):
    with Server("--endpoints", 200, "--changes", 2000, "--clock") as server:
        with top(server, "--interval", "100ms", "--filter", "clock or endpoint", rows=50, columns=200, **link) as terminal:
            terminal.wait("clock-")
            ages = []
            end = time.monotonic() + 6
            while time.monotonic() < end:
                before = terminal.text
                terminal.read(0.02)
                found = re.search(r"clock-(\d+)", terminal.text)
                if found and terminal.text != before:
                    ages.append(time.time() * 1000 - int(found.group(1)))
            assert len(ages) > 10, f"{len(ages)} frames"
            ages.sort()
            print(f"age of what is on a screen of {name}: median {ages[len(ages) // 2]:.0f} ms, 90 % {ages[len(ages) * 9 // 10]:.0f} ms, most {ages[-1]:.0f} ms")
            # Other work of the machine comes on top, so it is the younger frames that count: were frames to pile up, all but the first few
            # would be seconds old. Tests/Benchmarks/top holds the median to the same limit.
            assert ages[len(ages) // 4] <= round_trip + 250, ages
            quit(terminal)


# In tmux


def tmux():
    socket = f"pico-top-{os.getpid()}"

    def run(*words):
        return subprocess.run(["tmux", "-L", socket, "-f", "/dev/null", *words], capture_output=True, text=True, timeout=PATIENCE)

    def shown():
        return run("capture-pane", "-p", "-t", "=top:").stdout

    def wait(what):
        deadline = time.monotonic() + PATIENCE
        while not (what(shown()) if callable(what) else what in shown()):
            assert time.monotonic() < deadline, f"no {what!r}:\n{shown()}"
            time.sleep(0.05)

    with Server("--endpoints", 300) as server:
        environment = {**os.environ, "LANG": "C.UTF-8", "SWIFT_BACKTRACE": "enable=no"}
        shell = f"stty -a > {server.port}.before; '{TOP}' {server.url}; echo ended $?; stty -a > {server.port}.after; sleep 60"
        subprocess.run(
            ["tmux", "-L", socket, "-f", "/dev/null", "new-session", "-d", "-s", "top", "-x", "80", "-y", "24", shell], env=environment, check=True)
        try:
            wait(ROW)
            for columns, rows in [(20, 5), (300, 100), (1, 1), (40, 12), (133, 43), (80, 24)]:
                run("resize-window", "-t", "=top:", "-x", str(columns), "-y", str(rows))
                if columns >= 20:
                    # Names are cut where there is little room.
                    wait(lambda text: ROW[:11] in text and "Endpoints" in text.splitlines()[0])
                    if rows >= 12:
                        wait(lambda text: text.count(ROW[:11]) > rows // 2 - 4)
            run("send-keys", "-t", "=top:", "j", "j", "Enter")
            wait("›")
            run("send-keys", "-t", "=top:", "Escape")
            wait(lambda text: "›" not in text)
            run("send-keys", "-t", "=top:", "/", "0", "0", "0", "1", "2", "3", "Enter")
            wait(lambda text: text.count(ROW[:-1]) == 1 and "endpoint-000123" in text)
            run("send-keys", "-t", "=top:", "q")
            wait("ended 0")
            deadline = time.monotonic() + PATIENCE
            while not os.path.exists(f"{server.port}.after") or not open(f"{server.port}.after").read():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert open(f"{server.port}.before").read() == open(f"{server.port}.after").read()
            assert run("display-message", "-p", "-t", "=top:", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").stdout.split() == ["0", "0", "1"]
        finally:
            run("kill-server")


def together(name, *arguments):
    """The check with each of the arguments, four at a time."""
    waiting, running, failed = list(arguments), [], []
    while waiting or running:
        while waiting and len(running) < 4:
            argument = waiting.pop(0)
            running.append((argument, subprocess.Popen(
                [sys.executable, __file__, TOP, name, argument], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)))
        argument, child = running.pop(0)
        said, _ = child.communicate()
        if child.returncode != 0:
            failed.append(f"{name} {argument}:\n{said}")
    assert not failed, "\n".join(failed)


if __name__ == "__main__":
    {**vars(top_output_checks), **vars(top_person_checks), **globals()}[sys.argv[2]](*sys.argv[3:])
