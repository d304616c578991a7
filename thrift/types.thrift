/**
 * Values that every Settle service uses.
 *
 * Rules of this contract: field numbers are never reused; every enum starts at 1, so that a missing or zero
 * value is refused and never means "commit"; text is UTF-8; times are microseconds since 1970-01-01 UTC for
 * people to read and decide nothing; durations are milliseconds.
 *
 * Transport: framed, binary protocol, one port. The services share it by Thrift's multiplexing, under the names
 * "coordinator", "participant", "peer" and "admin".
 * Several calls may be sent on one connection before their replies are received: they are begun in the order in which
 * they came, and answered in that order. So a call that waits long holds back the replies of those behind it.
 *
 * Limits on what a server takes: a frame 16 MiB (settled --max-frame-bytes), one string 1 MiB, one list 10,000
 * items, a duration one day. What is longer is refused by name; what cannot be a call at all closes the connection.
 */
namespace cpp settle.wire
namespace py settle_wire.types

/** The version of this contract. Peers send the range they speak and use the highest they share. */
const i32 PROTOCOL_VERSION = 1

enum ErrorCode {
  RETRY = 1,              // nothing was done: repeat this call
  RETRY_TRANSACTION = 2,  // the transaction is over, a new one may succeed
  ASK_OUTCOME = 3,        // not known: ask the outcome, never redo the work
  REFUSED = 4,            // the state does not allow it
  INVALID = 5,            // the call is wrong
  NOT_FOUND = 6,          // no such transaction, branch, session or resource
  UNAVAILABLE = 7,        // something needed cannot be reached
  WRONG_LOG = 8,          // the gtid belongs to another coordinator's log
  EXPIRED = 9,            // ended, and its record was pruned
  STALE_EPOCH = 10,       // belongs to an earlier life of the coordinator
  VERSION = 11,           // no common version
  DENIED = 12,            // not allowed for this caller
  CORRUPT = 13,           // durable data is damaged
  INTERNAL = 14           // a defect
}

/** What every call may throw. */
exception ServiceError {
  /** What the caller can do. */
  1: required ErrorCode code
  /** What happened and what state things are in, one line. */
  2: required string message
  /** What to do next, one line; may be empty. */
  3: optional string advice
}

enum Outcome {
  COMMITTED = 1,
  ABORTED = 2,
  UNDECIDED = 3,
  UNKNOWN = 4,
  EXPIRED = 5,
  MIXED = 6,
  HAZARD = 7,
  HEURISTIC_ROLLBACK = 8,
  HEURISTIC_COMMIT = 9
}

enum AbortCause {
  NONE = 1,
  REQUESTED = 2,
  DEADLINE = 3,
  VOTED_NO = 4,
  VOTE_TIMEOUT = 5,
  PARTICIPANT_LOST = 6,
  OPERATOR = 7,
  LOG_REFUSED = 8,
  PRESUMED = 9,
  ROLLED_BACK = 10,
  STEP_FAILED = 11,
  QUORUM = 12
}

/** The answer to "what became of it?". */
struct Ending {
  /** How it ended, or that it has not. */
  1: required Outcome outcome
  /** NONE unless it was aborted. */
  2: required AbortCause cause
  /** One line for people. */
  3: required string reason
  /** Aborted for a passing cause: the same work under a new gtid may succeed. */
  4: required bool retryable
}

enum Vote {
  COMMIT = 1,     // durably prepared
  READ_ONLY = 2,  // wrote nothing, released
  NO = 3          // rolled back
}

/** Recorded with a vote so that a lost branch can be settled by proof. */
struct Evidence {
  /** Identity of the database, for example "postgresql:<system identifier>:<database oid>". */
  1: required string database
  /** PostgreSQL's timeline; 0 where there is none. */
  2: required i32 timeline
  /** The database's own name of the transaction (xid8 in decimal); may be empty. */
  3: required string local_transaction
}

struct BranchVote {
  /** The branch, counted from 1 within its transaction; at most 1000. */
  1: required i32 branch
  /** What the branch promises. */
  2: required Vote vote
  /** Kept with the decision; texts are empty where there is none. */
  3: required Evidence evidence
  /** Of a no-vote: why, one line. */
  4: required string reason
  /** Of a no-vote: the cause may pass. */
  5: required bool retryable
}

/** How a transaction is brought to its decision. */
enum Protocol {
  TWO_PHASE = 1,   // the coordinator's log decides
  THREE_PHASE = 2  // a majority of the sites decides, with or without the coordinator
}

/** Numbers the attempts of a three-phase commit to reach a decision; compared by round, then leader. */
struct Ballot {
  1: required i64 round
  /** The number of the site that leads; 0: the coordinator. */
  2: required i32 leader
}

/** One that has a voice in a three-phase commit. */
struct Site {
  /** Its branch, counted from 1; 0: the coordinator's witness. */
  1: required i32 number
  /** Of the branch; empty for the witness. */
  2: required string resource
  /** host:port of the processes that answer its peers; at most 16. The witness answers where the coordinator does. */
  3: required list<string> addresses
}

enum SiteState {
  INITIAL = 1,        // has not voted
  WAITING = 2,        // voted yes; prepared
  PRE_COMMITTED = 3,  // accepted an attempt to commit
  PRE_ABORTED = 4,    // accepted an attempt to abort
  COMMITTED = 5,      // decided; final
  ABORTED = 6         // decided; final
}

/** What a site holds durably once it has heard what it answers to. */
struct SiteAnswer {
  1: required SiteState state
  /** The last election it joined. */
  2: required Ballot elected
  /** The last attempt it accepted; round 0: none. */
  3: required Ballot accepted
  /** Of COMMITTED and ABORTED: the ballot under which it was decided; absent: alone, before anybody could have
      pre-committed. */
  4: optional Ballot decided_ballot
  /** With decided_ballot: the sites whose acceptances were the majority. */
  5: optional list<i32> decided_quorum
}

/** What is so in the database after trying to finish a branch. */
enum BranchEnd {
  COMMITTED = 1,  // done now or proved
  ABORTED = 2,    // done now, proved, or never prepared
  HAZARD = 3,     // gone, and no proof
  RETRY = 4       // nothing is known yet
}

/** What a database's own record says became of a branch's transaction. */
enum Proof {
  COMMITTED = 1,
  ABORTED = 2,
  IN_PROGRESS = 3,
  NONE = 4  // there is no record, or it is none of the database that the vote was given in
}

/** A session of a database that waits for what a branch holds. */
struct WaitingSession {
  /** Of the database's session; of a file, the program's. */
  1: required i64 process_id
  /** Empty: not known, as the other texts. */
  2: required string user
  /** As it names itself to the database. */
  3: required string application
  /** Since it began to wait. */
  4: required i64 waits_ms
  /** What it waits for. */
  5: required string relation
}

/** One branch as its database had it when it was asked. For people: nothing is decided by it. */
struct LiveBranch {
  1: required bool prepared
  /** By the database's clock; 0: not prepared, or not known. */
  2: required i64 prepared_us
  /** The role that prepared it; empty: not prepared, or not known. */
  3: required string owner
  4: required Proof proof
  /** One line: where the proof comes from, or why there is none. */
  5: required string proof_detail
  /** How many locks it holds. */
  6: required i64 locks
  /** What they are on; at most 20. */
  7: required list<string> relations
  /** How many sessions wait behind it. */
  8: required i64 waiting
  /** Those that wait longest, the longest first; at most 20. */
  9: required list<WaitingSession> waiters
  /** One line: what could not be seen, and why; empty: nothing. */
  10: required string unseen
}

/** How much an operator should care. A sound deployment has nothing above NOTE. */
enum Severity {
  OK = 1,       // looked at, and as it should be
  NOTE = 2,     // worth knowing; nothing needs to be done
  WARNING = 3,  // works now; a fault that is likely enough will do damage, or stop work
  PROBLEM = 4   // the promise is weakened, or work stands still, now
}

/** What an examination of a part of a deployment found; docs/doctor.md has every code. */
struct Finding {
  /** [a-z0-9-], begins with the part it is about. */
  1: required string code
  2: required Severity severity
  /** One line, with the figures. */
  3: required string what
  /** One line: what to do; may be empty. */
  4: required string advice
}

/** How a database is set up and fares. */
struct Examination {
  /** At most 200. */
  1: required list<Finding> findings
  /** Microseconds since 1970-01-01 UTC by its own clock, read while it was asked; 0: it has none. */
  2: required i64 clock_us
}
