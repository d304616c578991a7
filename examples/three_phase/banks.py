"""The banks' databases, as somebody sees them who asks the databases themselves."""
import sqlite3
import subprocess

OPENING = 100
# Of a table that nobody else has.
MAKE = (
    "CREATE TABLE IF NOT EXISTS three_phase_account (id INTEGER PRIMARY KEY, balance INTEGER);"
    "DELETE FROM three_phase_account;"
    f"INSERT INTO three_phase_account VALUES (1, {OPENING})"
)


class Bank:
    """ask(sql) gives the first value, as text; None if the database refuses."""

    def make(self):
        return self.ask(MAKE) is not None

    def balance(self):
        return int(self.ask("SELECT balance FROM three_phase_account"))

    def record(self, gtid):
        """What the site has written down of this transaction, durably: its state in it."""
        return self.ask(
            f"SELECT state FROM settle_three_phase WHERE branch LIKE 'settle:{gtid}:%'"
        )

    def prepared(self):
        return int(self.ask(self.PREPARED))

    def locked(self):
        return self.ask(self.WRITE) is None


class Postgres(Bank):
    PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
    WRITE = "SELECT id FROM three_phase_account FOR UPDATE NOWAIT"

    def __init__(self, dsn):
        self.target = "postgresql:" + dsn
        self.for_agent = ["--dsn", dsn]
        self.psql = subprocess.Popen(["psql", "-XAtqd", dsn], text=True, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, sql):
        try:
            self.psql.stdin.write(f"{sql};\nSELECT 'failed ' || :'ERROR';\n")
            self.psql.stdin.flush()
        except BrokenPipeError:  # it could not connect, or has lost the server
            return None
        lines = []
        for line in self.psql.stdout:
            if line == "failed true\n":
                return None
            if line == "failed false\n":
                return lines[0] if lines else ""
            lines.append(line.rstrip("\n"))
        return None


class Sqlite(Bank):
    PREPARED = "SELECT count(*) FROM settle_prepared"
    WRITE = "BEGIN IMMEDIATE; UPDATE three_phase_account SET balance = balance; ROLLBACK"

    def __init__(self, path):
        self.path = str(path)
        self.target = "sqlite:" + self.path
        self.for_agent = ["--sqlite", self.path]

    def ask(self, sql):
        file = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            row = None
            for statement in sql.split(";"):
                row = file.execute(statement).fetchone()
            return "" if row is None else str(row[0])
        except sqlite3.Error:
            return None
        finally:
            file.close()
