#!/usr/bin/python3
"""Moves an amount between two ledgers in one global transaction: both get an entry, or neither.

    transfer.py [--coordinator HOST:PORT] FROM.db TO.db move ID AMOUNT
    transfer.py ... FROM.db TO.db serve     finishes what crashed programs left prepared
    transfer.py ... FROM.db TO.db outcome GTID

Needs python3-thrift and the code that Thrift makes of the wire contract:

    mkdir generated
    thrift --gen py -out generated /usr/share/settle/thrift/types.thrift
    thrift --gen py -out generated /usr/share/settle/thrift/coordinator.thrift
    thrift --gen py -out generated /usr/share/settle/thrift/participant.thrift
    PYTHONPATH=generated ./transfer.py a.db b.db move 17 100

Prints the outcome, the gtid and the reason. Exit code 0: committed; 1: aborted; 2: wrong usage;
3: not known.
"""

import argparse
import sys

from coordinator import Coordinator, Unavailable, Unknown, warn
from ledger import Ledger
from participant import Participant
from settle_wire.types.ttypes import Outcome, ServiceError


def enlist(coordinator, participant, gtid, ledger, work):
    session = participant.session()
    if session is None:
        raise Unavailable("this process is not attached to the coordinator")
    branch = coordinator.enlist(gtid, ledger, session)
    if not participant.open(gtid, branch, ledger, session, work):
        raise Unavailable("the session was lost while the branch was being enlisted")


def move(coordinator, participant, arguments):
    gtid = coordinator.begin(comment=f"move {arguments.amount} as {arguments.id}")
    print(f"began {gtid}", flush=True)
    try:
        enlist(coordinator, participant, gtid, "from", (arguments.id, -arguments.amount))
        enlist(coordinator, participant, gtid, "to", (arguments.id, arguments.amount))
        if arguments.hold:
            print("holding", flush=True)
            sys.stdin.read()
    except (ServiceError, Unavailable, Unknown) as why:
        return gtid, coordinator.abort(gtid, f"a branch could not be enlisted: {why}")
    if arguments.abort:
        return gtid, coordinator.abort(gtid, "--abort was given")
    return gtid, coordinator.commit(gtid)


def tell(gtid, ending):
    words = [Outcome._VALUES_TO_NAMES[ending.outcome].lower(), gtid, ending.reason]
    print(" ".join(word for word in words if word), flush=True)
    return {Outcome.COMMITTED: 0, Outcome.ABORTED: 1}.get(ending.outcome, 3)


def run(arguments):
    coordinator = Coordinator(arguments.coordinator, "transfer.py", arguments.patience)
    if arguments.verb == "outcome":
        return tell(arguments.gtid, coordinator.outcome(arguments.gtid))
    participant = Participant(arguments.coordinator, "transfer.py",
                              [Ledger("from", arguments.source), Ledger("to", arguments.target)])
    participant.start()
    try:
        if arguments.verb == "move":
            return tell(*move(coordinator, participant, arguments))
        print("serving", flush=True)
        sys.stdin.read()
        return 0
    finally:
        participant.stop()
        coordinator.close()


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--coordinator", default="127.0.0.1:7420", metavar="HOST:PORT")
    parser.add_argument("--patience", type=float, default=10.0, metavar="SECONDS",
                        help="how long a call is repeated before its answer counts as lost")
    parser.add_argument("source", metavar="FROM.db")
    parser.add_argument("target", metavar="TO.db")
    verbs = parser.add_subparsers(dest="verb", required=True)
    mover = verbs.add_parser("move")
    mover.add_argument("id")
    mover.add_argument("amount", type=int)
    mover.add_argument("--hold", action="store_true", help="wait for the end of stdin first")
    mover.add_argument("--abort", action="store_true", help="then abort instead of committing")
    verbs.add_parser("serve", help="until the end of stdin")
    verbs.add_parser("outcome").add_argument("gtid")
    return parser.parse_args()


def main():
    try:
        return run(parse())
    except (ServiceError, Unavailable) as why:
        warn(f"transfer.py: nothing was done: {getattr(why, 'message', why)}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
