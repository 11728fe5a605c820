"""Presses TAB in a shell behind words, as a person does, and prints what the shell then shows.

  completions.py SHELL SCRIPT PROGRAM LINE...

SHELL is bash, zsh or fish; SCRIPT is the completion script; PROGRAM is what the lines begin with the name of. For each line one line of JSON with
what came after it. fish tells by itself what it would offer (complete -C); the others are asked in a terminal.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

MARK = "ready-for-words> "


class Shell:
    """A shell in a terminal of its own."""

    def __init__(self, command, environment, setup):
        self.lines = 0
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, environment)
        self.send(f"{setup}; PS1='{MARK[:5]}''{MARK[5:]}'\n")
        self.wait(MARK)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, text, behind="", within=20):
        """What comes until the text is there, behind another one."""
        out, end = "", time.monotonic() + within
        while text not in out.partition(behind)[2] if behind else text not in out:
            if time.monotonic() > end:
                raise SystemExit(f"the shell never said {text!r}: {out!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                out += os.read(self.terminal, 65536).decode(errors="replace")
        return out

    def complete(self, line):
        # The shell takes one key after the other: when it shows the marks, it has done what TAB asks for.
        self.send("\x15" + line + "\t@@")
        out = self.wait("@@")
        # The line is taken back and another one run, which alone prints the word without quotes in it.
        self.lines += 1
        self.send(f"\x15echo do''ne-{self.lines}\n")
        self.wait(MARK, behind=f"done-{self.lines}")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x07\x08\r]", "", out).replace("@@", "")

    def end(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def main():
    shell, script, program, *lines = sys.argv[1:]
    with tempfile.TemporaryDirectory() as home:
        os.symlink(os.path.abspath(program), f"{home}/pico")
        environment = {"PATH": f"{home}:{os.environ['PATH']}", "HOME": home, "TERM": "dumb", "LANG": "C.UTF-8", "COLUMNS": "200", "LINES": "1000"}
        if shell == "fish":
            for line in lines:
                ask = ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, line]
                print(json.dumps(subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout))
            return
        size = "stty cols 200 rows 1000"
        if shell == "bash":
            quiet = "bind 'set completion-query-items 0'; bind 'set page-completions off'; bind 'set show-all-if-ambiguous on'"
            asked = Shell(["bash", "--norc", "--noprofile", "-i"], environment, f"{size}; {quiet}; . '{script}'")
        else:
            shutil.copy(script, f"{home}/_pico")
            asked = Shell(["zsh", "-f", "-i"], environment, f"{size}; fpath=({home} $fpath); autoload -U compinit; compinit -D -u; LISTMAX=1000; unsetopt PROMPT_SP LIST_AMBIGUOUS")
        for line in lines:
            print(json.dumps(asked.complete(line)))
        asked.end()


main()
