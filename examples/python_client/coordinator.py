"""Global transactions from Python, through nothing but the wire contract.

    coordinator = Coordinator("127.0.0.1:7420", "shop")
    gtid = coordinator.begin(comment="order 17")
    branch = coordinator.enlist(gtid, "ledger", participant.session)   # see participant.py
    ...
    ending = coordinator.commit(gtid)

A commit has three endings: committed, aborted with a reason, and unknown. Unknown means that the
answer could not be had: ask outcome(gtid) later, and never do the work again under a new gtid.
"""

import logging
import os
import socket
import sys
import time
import uuid

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException, TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport

from settle_wire.coordinator import CoordinatorService
from settle_wire.coordinator.ttypes import (
    AbortRequest, BeginRequest, CommitRequest, EnlistRequest, HelloRequest, Wait)
from settle_wire.participant import ParticipantService
from settle_wire.types.constants import PROTOCOL_VERSION
from settle_wire.types.ttypes import AbortCause, Ending, ErrorCode, Outcome, ServiceError

# Why a connection cannot be had is said once, by who gives up.
logging.getLogger("thrift").setLevel(logging.CRITICAL)

PASSING = (ErrorCode.RETRY, ErrorCode.UNAVAILABLE, ErrorCode.ASK_OUTCOME)


class Unavailable(Exception):
    """Nothing was done: the coordinator could not be reached, or it said so itself."""


class Unknown(Exception):
    """An attempt was sent and its reply lost: it may or may not have had its effect."""


def label(application):
    return f"{application}@{socket.gethostname()}:{os.getpid()}"[:200]


def _unknown(gtid, why):
    return Ending(Outcome.UNKNOWN, AbortCause.NONE, f"ask the outcome of {gtid}: {why}", False)


def warn(line):
    print(line, file=sys.stderr, flush=True)


class Connection:
    """Framed binary Thrift; the services share the one port under their names. For one thread.

    A connection on which a call failed half way is closed and not used again: the next thing to be
    read from it would be the answer to another question."""

    def __init__(self, address, application, timeout_s=5.0):
        host, port = address.rsplit(":", 1)
        self._socket = TSocket(host.strip("[]"), int(port))
        self.set_timeout(timeout_s)
        self._frames = TFramedTransport(self._socket)
        protocol = TBinaryProtocol(self._frames, strictRead=True, strictWrite=True,
                                   string_length_limit=1 << 20, container_length_limit=100_000)
        self.coordinator = CoordinatorService.Client(TMultiplexedProtocol(protocol, "coordinator"))
        self.participant = ParticipantService.Client(TMultiplexedProtocol(protocol, "participant"))
        self._frames.open()
        try:
            self.hello = self.coordinator.hello(
                HelloRequest(PROTOCOL_VERSION, PROTOCOL_VERSION, label(application)))
        except BaseException:
            self.close()
            raise

    def set_timeout(self, seconds):
        """How long one call may take. Longer than what the call itself is told to wait."""
        self._socket.setTimeout(seconds * 1000)

    def close(self):
        self._frames.close()


class Coordinator:
    """For one thread. Every function blocks. Attempts begin for `patience_s`; each takes at most
    what the call itself waits and five seconds."""

    def __init__(self, address, application, patience_s=10.0):
        self._address = address
        self._application = application
        self._patience_s = patience_s
        self._connection = None

    def begin(self, timeout_s=30.0, comment=""):
        """The gtid. If its reply is lost, an empty transaction is left to its deadline."""
        request = BeginRequest(int(timeout_s * 1000), comment, label(self._application))
        try:
            return self._call(lambda wire: wire.begin_transaction(request)).gtid
        except Unknown as why:
            raise Unavailable(str(why)) from why

    def enlist(self, gtid, resource, session):
        """The number of a new branch, whose work is done by the process of `session`."""
        # The same key in every attempt: a repeated call gets the same branch.
        request = EnlistRequest(gtid, resource, session, uuid.uuid4().hex)
        return self._call(lambda wire: wire.enlist(request)).branch

    def commit(self, gtid, wait_s=10.0):
        """How it ended, once every branch has carried it out; unknown if it takes over `wait_s`."""
        request = CommitRequest(gtid, [], Wait.APPLIED, int(wait_s * 1000))
        ending = self._ending(gtid, lambda wire: wire.commit(request).ending, wait_s)
        if ending.outcome == Outcome.UNDECIDED:
            return _unknown(gtid, "it was not decided in the time allowed, and goes on")
        return ending

    def abort(self, gtid, reason):
        """How it ended: committed, if the abort came too late."""
        request = AbortRequest(gtid, reason, [])
        return self._ending(gtid, lambda wire: wire.abort(request))

    def outcome(self, gtid):
        """What became of it."""
        return self._ending(gtid, lambda wire: wire.outcome(gtid))

    def close(self):
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ending(self, gtid, what, wait_s=0.0):
        try:
            return self._call(what, wait_s)
        except (Unavailable, Unknown) as why:
            return _unknown(gtid, why)

    def _call(self, what, wait_s=0.0):
        """Makes a call, and again while its trouble may pass: every call of the contract can be
        repeated, and every attempt gets the same answer."""
        give_up = time.monotonic() + self._patience_s
        pause_s = 0.05
        maybe_done = False
        while True:
            sent = False
            try:
                if self._connection is None:
                    self._connection = Connection(self._address, self._application)
                self._connection.set_timeout(wait_s + 5.0)
                sent = True
                return what(self._connection.coordinator)
            except ServiceError as error:
                if error.code not in PASSING:
                    raise  # fix the call, or give the transaction up: repeating will not help
                maybe_done |= error.code == ErrorCode.ASK_OUTCOME
                why = error.message
            except TApplicationException:
                raise  # the two programs do not speak the same contract
            except (TException, OSError, EOFError) as error:
                self.close()
                maybe_done |= sent
                why = str(error)
            if time.monotonic() + pause_s > give_up:
                raise Unknown(why) if maybe_done else Unavailable(why)
            warn(f"trying again: {why}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)
