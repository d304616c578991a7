#!/usr/bin/env python3
"""Kills the coordinator for good in the midst of a three-phase commit; shows what the sites do.

  examples/three_phase/demo.py --north dbname=north --south dbname=south --kill all-votes

Three banks, each a process of its own (main.cc): north and south have their accounts in PostgreSQL
databases, coast in a SQLite file. North gives 20, the others take 10 each. Processes are stopped
(SIGSTOP) and go on, until the databases show that the moment of the kill has come:

  first-votes   north and south have voted, coast has not
  all-votes     all have voted; the coordinator has not seen coast's vote
  pre-commit    coast has accepted the pre-commit; north and south have not answered it
  commit        north and south have committed; coast has only accepted the pre-commit

Exit code 0: all three ended the same way, and nothing is prepared or locked any more.
"""
import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from banks import OPENING, Postgres, Sqlite

GIVEN, TAKEN = 20, 10
MOMENTS = ("first-votes", "all-votes", "pre-commit", "commit")
BOUND_S = 60


class Failed(Exception):
    pass


def wait_until(what, holds):
    give_up = time.monotonic() + BOUND_S
    while not holds():
        if time.monotonic() > give_up:
            raise Failed(f"waited {BOUND_S} s in vain until {what}")
        time.sleep(0.02)


class Program:
    """One process. Its answers are kept; what it says to people is said at once."""

    def __init__(self, name, words, say, speaks=False):
        self.name, self.answers, self.said = name, [], []
        with_us = ["setpriv", "--pdeathsig", "KILL"]  # it does not outlive this script
        self.process = subprocess.Popen(
            with_us + [str(word) for word in words], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def heard(line):
            self.said.append(line)
            if "attached to the coordinator" not in line:  # everybody says that it is gone
                say(f"{name}: {line.removeprefix('settle: ')}")

        hear = heard if speaks else self.answers.append
        for stream, take in (self.process.stdout, hear), (self.process.stderr, heard):
            threading.Thread(target=self.read, args=(stream, take), daemon=True).start()

    @staticmethod
    def read(stream, take):
        for line in stream:
            take(line.rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, number):
        wait_until(f"{self.name} answers", lambda: len(self.answers) >= number)
        return self.answers[number - 1]

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        status = pathlib.Path(f"/proc/{self.process.pid}/status")
        wait_until(f"{self.name} has stopped", lambda: "State:\tT" in status.read_text())

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Demo:
    def __init__(self, options, work):
        self.bin, self.work = pathlib.Path(options.bin), pathlib.Path(work)
        self.address = "127.0.0.1:0"
        self.banks = {"north": Postgres(options.north), "south": Postgres(options.south),
                      "coast": Sqlite(self.work / "coast.db")}
        # Who comes back, or takes its place, is where the others look for it.
        self.peers = dict.fromkeys(self.banks, "127.0.0.1:0")
        self.programs = []
        self.killed_at = None
        self.printing = threading.Lock()

    def say(self, line):
        """With the seconds since the kill in front, once it has happened."""
        with self.printing:
            since = "" if self.killed_at is None else f"{time.monotonic() - self.killed_at:.1f} s"
            print(f"{since:>7}  {line}", flush=True)

    # The processes.

    def start(self, name, *words, **how):
        self.programs.append(Program(name, words, self.say, **how))
        return self.programs[-1]

    def start_coordinator(self):
        ready = self.work / "ready"
        ready.unlink(missing_ok=True)
        coordinator = self.start(
            "settled", self.bin / "settled", "--log", self.work / "settle.db",
            "--listen", self.address, "--ready-file", ready, "--log-level", "error")
        wait_until("the coordinator serves", lambda: ready.exists() and ready.read_text().strip())
        self.address = ready.read_text().strip()
        return coordinator

    def start_bank(self, name):
        bank = self.start(name, self.bin / "three_phase", "--name", name,
                          "--database", self.banks[name].target, "--coordinator", self.address,
                          "--peer-listen", self.peers[name])
        self.peers[name] = bank.answer(1)
        return bank

    def start_agent(self, name):
        self.say(f"{name}: its application is down; settle agent --peer-listen takes its place")
        self.start(f"{name}'s agent", self.bin / "settle", "agent", "--address", self.address,
                   "--resource", name, *self.banks[name].for_agent,
                   "--peer-listen", self.peers[name], speaks=True)

    def settle(self, *words):
        told = subprocess.run([str(self.bin / "settle"), "--address", self.address, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return told.returncode, told.stdout

    # What becomes of the transfer.

    def make_tables(self):
        for name, bank in self.banks.items():
            if not bank.make():
                raise Failed(f"the database of {name} does not take a table: {bank.target}")
            code, said = self.settle("barrier", "install", "--dsn", bank.target)
            if code != 0:
                raise Failed(said)

    def transfer(self):
        """Everything but the commit; the banks' programs."""
        north, south, coast = programs = [self.start_bank(name) for name in self.banks]
        north.tell(f"give {GIVEN}")
        self.gtid, _, context = north.answer(2).partition(" ")
        for bank in (south, coast):
            bank.tell(f"take {TAKEN} {context}")
            if bank.answer(2) != "joined":
                raise Failed(f"{bank.name}: {bank.answer(2)}")
        self.say(f"{self.gtid}: north gives {GIVEN}, south and coast take {TAKEN} each")
        return programs

    def await_record(self, name, state):
        wait_until(f"{name} is {state}", lambda: self.banks[name].record(self.gtid) == state)

    def await_votes(self, *names):
        """Until the coordinator has them, too."""
        def voted():
            shown = json.loads(self.settle("--json", "show", self.gtid)[1])
            votes = {branch["resource"]: branch["vote"] for branch in shown["branches"]}
            return all(votes[name] == "commit" for name in names)
        wait_until(f"{', '.join(names)} have voted", voted)

    def commit_until(self, moment, coordinator, north, south, coast):
        """Whoever must not be ahead of the others at that moment is left stopped."""
        coast.stop()
        north.tell("commit")
        self.await_votes("north", "south")
        if moment == "first-votes":
            return
        coordinator.stop()
        coast.go_on()
        self.await_record("coast", "waiting")
        if moment == "all-votes":
            return
        north.stop()
        south.stop()
        coordinator.go_on()
        self.await_record("coast", "pre-committed")
        if moment == "pre-commit":
            return
        coast.stop()
        north.go_on()
        south.go_on()
        for name in ("north", "south"):
            self.await_record(name, "committed")
            wait_until(f"{name} is free", lambda: self.is_free(name))

    def is_free(self, name):
        return self.banks[name].prepared() == 0 and not self.banks[name].locked()

    def outcome(self, names):
        """By the money that is there."""
        ended = {"north": OPENING - GIVEN, "south": OPENING + TAKEN, "coast": OPENING + TAKEN}
        done = [self.banks[name].balance() == ended[name] for name in names]
        return "committed" if all(done) else "SPLIT" if any(done) else "aborted"

    def show(self, *names):
        for name in names:
            bank = self.banks[name]
            self.say(f"  {name:5}  record: {bank.record(self.gtid) or 'none':13}  "
                     f"prepared: {bank.prepared()}  "
                     f"account: {'locked' if bank.locked() else 'free'}, {bank.balance()}")

    def await_end(self, *names):
        for name in names:
            wait_until(f"nothing is prepared or locked in {name}", lambda: self.is_free(name))
        self.say(f"{self.outcome(names)} in {', '.join(names)}; nothing prepared, no lock left")
        self.show(*names)

    def lose_two(self, north):
        """The last of three decides nothing; with another one it does."""
        wait_until("north says for whom it waits",
                   lambda: any("waits until 2 of its 3 sites" in line for line in north.said))
        self.show(*self.banks)
        self.say("coast: its application is back")
        self.start_bank("coast")
        self.await_end("north", "coast")

    def bring_back_the_coordinator(self, outcome):
        self.say("the coordinator is back")
        self.start_coordinator()

        def known():
            shown = json.loads(self.settle("--json", "show", self.gtid)[1])
            return shown["state"] == "done" and shown["ending"]["outcome"] == outcome
        wait_until(f"the coordinator knows: {outcome}", known)
        print(self.settle("show", self.gtid)[1], end="", flush=True)

    def run(self, options):
        coordinator = self.start_coordinator()
        self.make_tables()
        north, south, coast = self.transfer()
        self.commit_until(options.kill, coordinator, north, south, coast)
        # At the commit only coast has something left to learn.
        gone = [coast if options.kill == "commit" else south] if options.site_gone else []
        gone = [coast, south] if options.two_gone else gone
        self.say(f"{options.kill}:")
        self.show(*self.banks)
        self.killed_at = time.monotonic()
        for program in [coordinator] + gone:
            program.kill()
        self.say("killed for good: "
                 + ", ".join(["the coordinator"] + [bank.name for bank in gone]))
        for bank in (north, south, coast):
            if bank not in gone:
                bank.go_on()
        if options.two_gone:
            self.lose_two(north)
        elif gone:
            self.await_end(*[name for name in self.banks if name != gone[0].name])
        if gone:
            self.start_agent(gone[-1].name)
        self.await_end(*self.banks)
        self.say(f"north's program, which asked for the commit, is told: {north.answer(3)}")
        outcome = self.outcome(self.banks)
        if options.coordinator_back:
            self.bring_back_the_coordinator(outcome)
        return 1 if outcome == "SPLIT" else 0

    def end(self):
        for program in self.programs:
            program.kill()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--north", required=True, metavar="DSN", help="of a PostgreSQL database")
    parser.add_argument("--south", required=True, metavar="DSN", help="of another one")
    parser.add_argument("--kill", choices=MOMENTS, default="all-votes", help="when it is killed")
    gone = parser.add_mutually_exclusive_group()
    gone.add_argument("--site-gone", action="store_true",
                      help="kill south with it; its agent comes when the others have ended")
    gone.add_argument("--two-gone", action="store_true",
                      help="kill south and coast with it; coast comes back, then south's agent")
    parser.add_argument("--coordinator-back", action="store_true",
                        help="start it again at the end, and let it tell the story")
    parser.add_argument("--bin", default="build/release/bin", help="where the programs are")
    options = parser.parse_args()
    if options.two_gone and options.kill == "commit":
        parser.error("at the commit north has ended, and waits for nobody")
    for program in [f"{options.bin}/{name}" for name in ("settled", "settle", "three_phase")]:
        if not shutil.which(program):
            parser.error(f"there is no {program}: see --bin, and README.md on building")
    if not shutil.which("psql"):
        parser.error("psql is not installed")
    with tempfile.TemporaryDirectory(prefix="three_phase-") as work:
        demo = Demo(options, work)
        try:
            return demo.run(options)
        except Failed as why:
            print(f"demo.py: {why}", flush=True)
            return 1
        finally:
            demo.end()


if __name__ == "__main__":
    raise SystemExit(main())
