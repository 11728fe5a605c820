"""Checks of what a person does in pico-top, and sees of hostile names. Run by top_checks.py."""

import base64
import os
import re
import time

from top_terminal import ROW, Server, quit, top


def evil():
    """Names that would move the cursor, colour, ring or turn the text around."""
    with Server("--names", "evil", "--endpoints", 16) as server, top(server, columns=160, rows=45) as terminal:
        terminal.wait(ROW)
        for screen in "45678":
            terminal.send(screen)
            terminal.settle(0.2)
        terminal.send("4")
        terminal.wait("l-0000")
        terminal.settle()
        text = terminal.output.decode(errors="replace")
        for bad in ("\u202e", "\u200b", "\x9b", "\x1b]52", "\x1b[31mred", "\U000e0041", "\u2066"):
            assert bad not in text, f"{bad!r} came through"
        assert "日本語" in terminal.text.replace(" ", "") or "\\u{" in terminal.text
        assert "\\u{1b}" in terminal.text, terminal.text
        quit(terminal)


def mouse():
    with Server("--endpoints", 20) as server, top(server) as terminal:
        terminal.wait(ROW)
        terminal.settle()
        lines = terminal.text.splitlines()
        place = next(index for index, line in enumerate(lines) if ROW in line) + 4
        name = lines[place].split()[0]
        report = f"\x1b[<0;5;{place + 1}M\x1b[<0;5;{place + 1}m"
        terminal.send(report)
        terminal.wait(lambda: terminal.screen.cursor.y == place)
        # In two pieces, as a slow line may deliver it.
        terminal.send(report[:4])
        time.sleep(0.05)
        terminal.send(report[4:] + report)
        terminal.wait(lambda: f"› {name}" in terminal.text)
        terminal.send("\x1b")
        terminal.wait(lambda: "›" not in terminal.text)

        def press(line, word):
            # The line may be drawn piece by piece.
            terminal.wait(lambda: word in (terminal.text.splitlines()[line:line + 1] or [""])[0])
            column = terminal.text.splitlines()[line].index(word) + 1
            terminal.send(f"\x1b[<0;{column};{line + 1}M\x1b[<0;{column};{line + 1}m")

        press(3, "P99")
        terminal.wait("▼P99")
        press(3, "P99")
        terminal.wait("▲P99")
        press(23, "help")
        terminal.wait("Moving")
        terminal.send("\x1b[<65;5;9M")
        terminal.wait(lambda: "Moving" not in terminal.text)
        press(10, " ")
        terminal.wait("▲P99")
        terminal.send("m")
        terminal.wait(lambda: not terminal.mode("1006"))
        terminal.send("m")
        terminal.wait(lambda: terminal.mode("1006"))
        terminal.send("\x1b[<0;99999999999999999;1M\x1b[<;;M\x1b[<")
        time.sleep(0.05)
        terminal.send("\x1b")
        terminal.settle()
        quit(terminal)


def paste():
    with Server("--endpoints", 20) as server, top(server) as terminal:
        terminal.wait("endpoint-000007")
        terminal.send("/\x1b[200~000007\x1b[201~")
        terminal.wait(lambda: terminal.text.count(ROW) == 1 and "endpoint-000007" in terminal.text)
        terminal.send("\r")
        terminal.settle()
        quit(terminal)


def copy():
    with Server("--endpoints", 3) as server, top(server) as terminal:
        terminal.wait(ROW)
        terminal.send("y")
        terminal.wait(lambda: b"\x1b]52;c;" in terminal.output)
        text = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", terminal.output).group(1)
        assert ROW in base64.b64decode(text).decode(), text
        quit(terminal)


def remembers():
    with Server("--endpoints", 3) as server, top(server) as terminal:
        terminal.wait(ROW)
        terminal.send("r")
        state = os.path.join(terminal.folder, ".local/state/pico/top-state.yaml")
        terminal.wait(lambda: os.path.exists(state))
        assert "sort" in open(state).read()
        quit(terminal)
