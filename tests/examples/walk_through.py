"""Executes a document command by command, in one shell, and compares what is printed.

  walk_through.py PAGE [--rewrite] [--patience SECONDS]

In the page's blocks of kind ```console a line "$ ..." is a command (continued where it ends with
a backslash) and the lines below it are what it prints, both streams. "..." stands for any text.
Ids, times, durations, sizes and the like (VARIES) may differ, and so may the spaces between columns
and where lines are wrapped, which both depend on the machine's name. A command that only asks
(ASKS) is asked again until it answers as the page says, for PATIENCE at most. Between
<!-- needs a small disk --> and <!-- end --> commands are left out where no file system can be
mounted.

Runs in the current directory. Exit code 1, with the difference, at the first command that prints
something else; with --rewrite the page is corrected instead.
"""
import argparse
import difflib
import os
import re
import signal
import socket
import subprocess
import sys
import time

VARIES = [
    (r"\b[a-z0-9]{12}\.\d+\.\d+\.[0-9a-f]{8}\b", "GTID"),
    (r"\b\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)", "TIME"),
    (r"\b127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT", "TIME"),
    (r"\b[\d.]+ (ns|us|ms|s|m|min|h|d)( \d+ (s|m|min|h))?(?![\w/])", "DURATION"),
    (r"\b[\d.]+ ([KMGT]i)?(B|bytes)\b", "SIZE"),
    (r"@[\w.-]+:\d+", "@PROCESS"),
    (r"\bpostgresql:\d+:\d+", "DATABASE"),
    (r"\bsqlite:[0-9a-f-]+:\d+", "DATABASE"),
    (r"\b(transaction|pid|log|audit) \d+\b", r"\1 NUMBER"),
    (r"\b[0-9a-f]{16}-\d+\b", "KEY"),
    (r"\b1\d{9}\b", "EPOCH"),
    (r"\b(called|tried) \d+ times?\b", r"\1 TIMES"),
    (r"\blog +[a-z0-9]{12}\b", "log LOG"),  # one in fifty has no digit
    (r"\b(?=[a-z]*\d)[a-z0-9]{12}\b", "LOG"),
    (r"-{3,}", "---"),
    (r"\s+", " "),
]
ASKS = re.compile(
    r"(^|\| *|=\S+ )settle( --\S+ \S+)* "
    r"(status|list|show|explain|in-doubt|participants|doctor|audit|saga show)\b"
    r"|SELECT|^(cat|grep|tail) ")


class Shell:
    """One bash, as an operator keeps it open."""

    def __init__(self):
        self.command, self.printed = os.path.abspath(".command"), os.path.abspath(".printed")
        self.bash = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, start_new_session=True)

    def run(self, command):
        with open(self.command, "w") as file:
            file.write(command + "\n")
        self.bash.stdin.write(f". {self.command} >{self.printed} 2>&1 </dev/null; echo\n")
        self.bash.stdin.flush()
        if not self.bash.stdout.readline():
            sys.exit("the shell ended at: " + command)
        with open(self.printed, errors="backslashreplace") as file:
            return presentable(file.read())

    def end(self):
        os.killpg(self.bash.pid, signal.SIGKILL)
        self.bash.wait()


def presentable(text):
    """As an interactive shell prints it, on a machine of no particular name."""
    text = re.sub(r"(?m)^\S*\.command: line \d+: +\d+ (Killed) .*$", r"\1", text)
    text = re.sub(r"(?m)^\S*\.command: line \d+: ", "", text)
    text = text.replace(os.getcwd(), "/srv/shop").replace(os.environ["PGHOST"], "/run/postgresql")
    return re.sub(rf"@{re.escape(socket.gethostname())}\b", "@web1", text)


def plain(text):
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text)
    return text.strip()


def matches(expected, printed):
    pattern = ".*?".join(map(re.escape, plain(expected).split("...")))
    return re.fullmatch(pattern, plain(printed), re.DOTALL) is not None


def steps(page):
    """The page in pieces: line number, text, and of a command what it is to print, else None; and
    whether it may be left out."""
    lines = page.splitlines(keepends=True)
    at, inside, optional = 0, False, False
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        if line.startswith("<!-- needs a small disk -->"):
            optional = True
        elif line.startswith("<!-- end -->"):
            optional = False
        elif line.startswith("```"):
            inside = line.strip() == "```console"
        elif inside and line.startswith("$ "):
            text = line
            while text.endswith("\\\n"):
                text += lines[at]
                at += 1
            output = ""
            while not lines[at].startswith(("$ ", "```")):
                output += lines[at]
                at += 1
            yield number, text, output, optional
            continue
        yield number, line, None, optional


def may_mount():
    os.makedirs("small", exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        return False
    subprocess.run(["umount", "small"], check=True)
    return True


def answer(shell, command, expected, patience):
    give_up = time.monotonic() + patience
    printed = shell.run(command)
    while ASKS.search(command) and not matches(expected, printed) and time.monotonic() < give_up:
        time.sleep(0.2)
        printed = shell.run(command)
    return printed


def walk(shell, page, options):
    mounts = may_mount()
    commands, rewritten = 0, ""
    for number, text, expected, optional in steps(page):
        rewritten += text
        if expected is None:
            continue
        if optional and not mounts:
            print(f"left out, nothing can be mounted here: line {number}: {text[2:]}", end="")
            rewritten += expected
            continue
        commands += 1
        printed = answer(shell, text[2:].rstrip("\n"), expected, options.patience)
        if matches(expected, printed):
            rewritten += expected
        elif options.rewrite:
            rewritten += printed
        else:
            print(f"{options.page}:{number}: {text}prints something else:")
            sys.stdout.writelines(difflib.unified_diff(
                expected.splitlines(True), printed.splitlines(True), "the page", "printed"))
            return None
    print(f"{commands} commands")
    return rewritten if commands > 0 else None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("page")
    arguments.add_argument("--rewrite", action="store_true")
    arguments.add_argument("--patience", type=float,
                           default=float(os.environ.get("PATIENCE", 30)))
    options = arguments.parse_args()
    with open(options.page) as file:
        page = file.read()
    shell = Shell()
    try:
        rewritten = walk(shell, page, options)
    finally:
        shell.end()
    if rewritten is None:
        return 1
    if options.rewrite and rewritten != page:
        with open(options.page, "w") as file:
            file.write(rewritten)
    return 0


if __name__ == "__main__":
    sys.exit(main())
