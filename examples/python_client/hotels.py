#!/usr/bin/python3
"""The hotels of examples/trip_saga, served by Python. Everything else of the trip may be C++.

    hotels.py [--coordinator HOST:PORT] hotels.db      until SIGTERM or SIGINT

The file is what `trip_saga --create` made, or any with its tables and those of
`settle barrier install`. Needs what transfer.py needs.
"""

import argparse
import os
import signal
import sys

from actions import ActionParticipant
from barrier import Barrier, done, failed
from settle_wire.participant.ttypes import ActionOp


# Hotel begins
def reserve(database, gtid, wanted):
    if wanted.get("fail"):
        return failed("nothing is free in this season")
    taken = database.execute(
        "UPDATE offer SET free = free - 1 WHERE free > 0 RETURNING price").fetchall()
    if not taken:
        return failed("nothing is free")
    price = taken[0][0]
    database.execute("INSERT INTO booking VALUES (?, ?, ?, 'reserved')",
                     (gtid, wanted["customer"], price))
    return done({"price": price})


def cancel(database, gtid):
    database.execute("UPDATE booking SET state = 'cancelled' WHERE trip = ?", (gtid,))
    database.execute("UPDATE offer SET free = free + 1")
    return done()


def serve(call, barrier):
    if call.op == ActionOp.COMPENSATE:
        return barrier.run(call, lambda database, wanted, result: cancel(database, call.gtid))
    # The barrier answers a fence by itself.
    return barrier.run(call, lambda database, wanted, result: reserve(database, call.gtid, wanted))
# Hotel ends


def dying(serve_call, when):
    """For whoever wants to see that nothing is lost, and nothing done twice."""
    def serve_and_die(call, barrier):
        if when == "after":
            serve_call(call, barrier)
        os.kill(os.getpid(), signal.SIGKILL)
    return serve_and_die


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--coordinator", default="127.0.0.1:7420", metavar="HOST:PORT")
    parser.add_argument("--die", choices=("before", "after"),
                        help="by SIGKILL, at the first call: before it takes effect, or after that "
                             "and before it is answered")
    parser.add_argument("database", metavar="hotels.db")
    arguments = parser.parse_args()

    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # the threads inherit it
    barrier = Barrier(arguments.database)
    carry_out = dying(serve, arguments.die) if arguments.die else serve
    hotels = ActionParticipant(arguments.coordinator, "hotels", barriers=[barrier])
    hotels.serve("reserve", lambda call: carry_out(call, barrier))
    hotels.start()
    print("serving", flush=True)
    signal.sigwait(ends)
    hotels.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
