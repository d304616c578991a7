"""A participant that serves actions of sagas: it dials in, fetches calls, answers them.

    barrier = Barrier("hotels.db")
    participant = ActionParticipant("127.0.0.1:7420", "hotels", concurrency=4, barriers=[barrier])
    participant.serve("reserve", lambda call: ...)     # call: settle_wire.participant ActionCall
    participant.start()

One thread fetches, on one connection; handlers run on a pool of threads; one thread reports, on
another connection. A handler returns an answer of barrier.py; what it raises is an unknown outcome.
"""

import collections
import concurrent.futures
import random
import threading
import time

from thrift.Thrift import TException

from barrier import unknown
from coordinator import Connection, label, warn
from settle_wire.participant.ttypes import (
    ActionAnswer, AnswerKind, AttachRequest, FetchRequest, ReportRequest)
from settle_wire.types.constants import PROTOCOL_VERSION
from settle_wire.types.ttypes import ErrorCode, ServiceError

POLL_S = 1.0  # also how long a stop may take
LOST = (TException, OSError, EOFError)


class ActionParticipant:
    def __init__(self, address, name, concurrency=4, barriers=()):
        self._address = address
        self._name = name
        self._barriers = list(barriers)
        self._handlers = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(concurrency)
        self._log_id = ""
        self._epochs = {}  # by log id: the highest epoch seen; no call of a lower one is obeyed
        self._received_through = 0
        self._pruned_through = (0, 0)
        self._changed = threading.Condition()  # of what follows
        self._session = None
        self._in_hand = {}  # (gtid, step, op) -> the newest copy of a call that waits or runs
        self._answers = collections.deque()
        self._stopping = threading.Event()  # nothing more is fetched
        self._leaving = threading.Event()   # and nothing is at work any more
        self._threads = [threading.Thread(target=self._fetch_on, daemon=True),
                         threading.Thread(target=self._report_on, daemon=True)]

    def serve(self, action, handler):
        self._handlers[action] = handler

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Blocking: what is at work ends, its answers are reported, and the session is detached."""
        self._stopping.set()
        self._threads[0].join()
        self._pool.shutdown()
        self._leaving.set()
        with self._changed:
            self._changed.notify_all()
        self._threads[1].join()

    # --- fetching

    def _fetch_on(self):
        connection = None
        pause_s = 0.05
        while not self._stopping.is_set():
            try:
                if connection is None:
                    connection = Connection(self._address, self._name, POLL_S + 5.0)
                    self._meet(connection.hello.log_id, connection.hello.epoch)
                if self._session is None:
                    self._attach(connection.participant)
                self._fetch(connection.participant)
                pause_s = 0.05
                continue
            except ServiceError as error:
                if error.code == ErrorCode.NOT_FOUND:
                    self._set_session(None)  # lost: attach again, at once
                    continue
                warn(f"not served: {error.message}")
            except LOST as error:
                # The session outlives the connection, if the same life of the coordinator is there.
                warn(f"no connection to the coordinator: {error}")
                if connection is not None:
                    connection.close()
                connection = None
            self._stopping.wait(pause_s * random.uniform(0.8, 1.2))
            pause_s = min(2 * pause_s, 2.0)
        if connection is not None:
            connection.close()

    def _meet(self, log_id, epoch):
        highest = self._epochs.get(log_id, 0)
        if epoch < highest:
            raise ServiceError(
                ErrorCode.STALE_EPOCH, f"log {log_id} is at epoch {epoch}, and {highest} was seen: "
                "it was restored from an older copy, or an old coordinator still runs")
        if (log_id, epoch) != (self._log_id, highest):
            self._set_session(None)
        self._log_id, self._epochs[log_id] = log_id, epoch

    def _set_session(self, session):
        with self._changed:
            self._session = session
            self._changed.notify_all()

    def _attach(self, wire):
        reply = wire.attach(AttachRequest(
            PROTOCOL_VERSION, PROTOCOL_VERSION, label(self._name), [],
            self._epochs.get(self._log_id, 0), self._log_id, [self._name]))
        self._meet(reply.log_id, reply.epoch)
        self._received_through = 0
        self._set_session(reply.session)

    def _fetch(self, wire):
        batch = wire.fetch(FetchRequest(
            self._session, self._received_through, 100, int(POLL_S * 1000)))
        # A batch whose acknowledgement was lost comes again: its calls have been taken.
        if batch.number > self._received_through:
            for call in batch.calls or []:
                self._take(call)
            self._received_through = batch.number
        mark = batch.ended_through
        if mark and (mark.epoch, mark.sequence) > self._pruned_through:
            self._pruned_through = (mark.epoch, mark.sequence)
            self._pool.submit(self._prune, self._log_id, mark)

    # --- calls

    def _take(self, call):
        foreign = not call.gtid.startswith(self._log_id + ".")
        if foreign or call.epoch < self._epochs[self._log_id]:
            warn(f"refused a call for {call.gtid}: another log's, or of an earlier life")
            return
        call.deadline = time.monotonic() + call.timeout_ms / 1000
        key = (call.gtid, call.step, call.op)
        with self._changed:
            is_copy = key in self._in_hand  # then the answer is the answer to this copy
            self._in_hand[key] = call
        if not is_copy:
            self._pool.submit(self._carry_out, key)

    def _carry_out(self, key):
        with self._changed:
            call = self._in_hand[key]
        try:
            if time.monotonic() >= call.deadline:
                kind, text = unknown("it was not begun: its time was over before a thread was free")
            elif call.action not in self._handlers:
                served = ", ".join(self._handlers)
                kind, text = unknown(f"{self._name} serves no {call.action}; it serves {served}")
            else:
                kind, text = self._handlers[call.action](call)
        except Exception as error:  # whatever it is, nothing is known
            kind, text = unknown(f"the handler raised {error!r}")
        if kind != AnswerKind.DONE:
            text = " ".join(text.split())[:1000]
        with self._changed:
            newest = self._in_hand.pop(key)
            self._answers.append(ActionAnswer(
                newest.gtid, newest.step, newest.op, newest.attempt, kind, text, 0))
            self._changed.notify_all()

    def _prune(self, log_id, mark):
        for barrier in self._barriers:
            try:
                barrier.prune(log_id, mark.epoch, mark.sequence)
            except Exception as error:  # the next, higher mark removes these rows as well
                warn(f"a barrier cannot be pruned: {error}")

    # --- reporting

    def _report_on(self):
        connection = None
        pause_s = 0.05
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._answers or self._leaving.is_set())
                # Some at a time: sixteen results of 64 KiB are a report of 1 MiB.
                answers = list(self._answers)[:16]
                session = self._session
            if not answers:
                break  # leaving, and everything is told
            try:
                if connection is None:
                    connection = Connection(self._address, self._name)
                if answers and session is not None:
                    connection.participant.report(ReportRequest(session, [], [], [], answers))
                    with self._changed:
                        for _ in answers:
                            self._answers.popleft()
                    pause_s = 0.05
                    continue
            except (ServiceError, *LOST) as error:
                if isinstance(error, ServiceError) and error.code == ErrorCode.INVALID:
                    warn(f"answers were refused and dropped: {error.message}")
                    with self._changed:
                        for _ in answers:
                            self._answers.popleft()
                    continue
                if not isinstance(error, ServiceError):
                    if connection is not None:
                        connection.close()
                    connection = None
            if self._leaving.is_set() and pause_s >= 0.4:
                break  # some attempts were enough: the calls come again elsewhere
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 2.0)
        self._detach(connection)

    def _detach(self, connection):
        try:
            if connection is None:
                connection = Connection(self._address, self._name)
            if self._session is not None:
                connection.participant.detach(self._session)
            connection.close()
        except (ServiceError, *LOST):
            pass  # the coordinator notices by itself, a session time-out later
