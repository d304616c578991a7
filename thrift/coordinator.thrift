/** What an application calls to run global transactions. */
include "types.thrift"

namespace cpp settle.wire
namespace py settle_wire.coordinator

struct HelloRequest {
  /** The lowest and the highest PROTOCOL_VERSION the caller speaks. */
  1: required i32 version_low
  /** See version_low. */
  2: required i32 version_high
  /** Who calls, for people: program, host, process id; at most 200 bytes. */
  3: required string application
}

struct HelloReply {
  /** The version both will use. */
  1: required i32 version
  /** The id of the coordinator's decision log: 12 of [a-z0-9]. */
  2: required string log_id
  /** The coordinator's current life; raised at every start. */
  3: required i64 epoch
  /** The coordinator's release, for people. */
  4: required string release
}

struct BeginRequest {
  /** Aborted if commit was not asked within this many milliseconds; 0 takes the coordinator's default. */
  1: required i64 timeout_ms
  /** The application's own words, for example a business key; at most 1000 bytes. Shown to operators. */
  2: required string comment
  /** Who owns the transaction, for people; at most 200 bytes. */
  3: required string owner
  /** Absent: TWO_PHASE. */
  4: optional types.Protocol protocol
  /** The value of a W3C traceparent header. Given on with whatever is asked of participants for this transaction, and
      put into the log; what is no such value is ignored. */
  5: optional string trace_parent
  /** How many branches the caller would number itself, without a call of enlist for each: it names those that it came to
      need when it asks to commit. All of them are worked in by the process of `session`. BeginReply says how many are granted. */
  6: optional i32 own_branches
  /** With own_branches: the participant session (see participant.thrift) of the process that begins it. Lost before commit
      was asked for, it takes the transaction with it: aborted. */
  7: optional string session
  /** True: it may be committed by a last resource (commit_one_phase with votes). Its gtid then ends in "-last", and an
      outcome that the log does not know is UNKNOWN, never presumed ABORTED. Absent: false. */
  8: optional bool last_resource
}

struct BeginReply {
  /** The transaction's id: everything else about it is asked by this. */
  1: required string gtid
  /** The life of the coordinator that began it. */
  2: required i64 epoch
  /** The caller may number the branches 1 to this itself; the coordinator numbers from the next one. Absent or 0: it enlists
      each. None are granted if the session is not attached, belongs to another identity or has its queue of commands full; while
      an operator has something paused; to a three-phase commit; and by coordinators of older releases. */
  3: optional i32 own_branches
}

/** A branch that the caller numbered itself. */
struct OwnBranch {
  /** 1 to BeginReply.own_branches: the n that are named are 1 to n. */
  1: required i32 number
  /** The resource's name, as the session of BeginRequest attached with it. */
  2: required string resource
}

struct EnlistRequest {
  /** The transaction's id. */
  1: required string gtid
  /** The resource's name, as its session attached with it. */
  2: required string resource
  /** The participant session (see participant.thrift) whose process does the branch's work. */
  3: required string session
  /** Chosen by the caller, unique within the transaction, at most 64 bytes: a repeated call with the same
      key gets the same branch. */
  4: required string request_key
}

struct EnlistReply {
  /** The branch's number within the transaction, from 1. */
  1: required i32 branch
}

struct TryRequest {
  /** The transaction's id. */
  1: required string gtid
  /** Who is to reserve, as its processes name it when they attach: 1 to 64 of [A-Za-z0-9._-]. */
  2: required string participant
  /** Which of its actions; as the participant's name. */
  3: required string action
  /** What to reserve, JSON; at most 64 KiB. */
  4: required string input
  /** Chosen by the caller, unique among the transaction's tries, at most 64 bytes: a repeated call with the same key
      and content is the same branch. */
  5: required string request_key
  /** Reply ONGOING after this many milliseconds at the latest; the try goes on. 0 takes the coordinator's default. */
  6: required i64 wait_ms
}

enum TryOutcome {
  RESERVED = 1,  // a commit of the transaction confirms it, an abort cancels it
  FAILED = 2,    // it cannot be reserved, for a reason of the business: the transaction can only abort
  ONGOING = 3    // not known yet; the same call waits on
}

struct TryReply {
  /** The branch's number within the transaction, from 1. */
  1: required i32 branch
  /** What is so. */
  2: required TryOutcome became
  /** Of RESERVED: the participant's result, JSON. Else: why, one line; may be empty. */
  3: required string text
}

enum Wait {
  DECISION = 1,  // reply when the decision is durable
  APPLIED = 2    // reply when every branch has carried it out
}

struct CommitRequest {
  /** The transaction's id. */
  1: required string gtid
  /** Votes of branches that the caller prepared itself. */
  2: required list<types.BranchVote> votes
  /** What to wait for before the reply. */
  3: required Wait wait
  /** Reply "undecided" or "unknown to me" after this many milliseconds at the latest; the transaction goes
      on. 0 takes the coordinator's default. */
  4: required i64 wait_ms
  /** Every branch that the caller numbered itself. INVALID, and nothing is changed: a number that was not granted, or twice; a
      resource that the session does not serve. */
  5: optional list<OwnBranch> branches
}

struct CommitReply {
  /** UNDECIDED when wait_ms passed before a decision. */
  1: required types.Ending ending
  /** The caller voted for every branch and finishes them itself, at once; it reports the ends. */
  2: required bool finish_here
  /** Branches that had not ended when the reply was sent; empty for wait = APPLIED unless wait_ms passed. */
  3: required list<i32> unfinished
}

struct OnePhaseRequest {
  /** The transaction's id. */
  1: required string gtid
  /** The branch that decides, the only one or, with votes, the last resource: owned by the caller, still open. */
  2: required i32 branch
  /** Its evidence, taken before it commits. */
  3: required types.Evidence evidence
  /** The branch's resource, if the caller numbered the branch itself. When not granted, it is named again with commit. Not
      with votes. */
  4: optional string resource
  /** The branch is not the only one: it is the last resource, and decides. These are the votes of all others, none of
      them NO; each that is COMMIT is prepared under a name that says so (docs/protocols.md, "Logging last resource").
      Only of a transaction that was begun with last_resource. */
  5: optional list<types.BranchVote> votes
  /** With votes: every branch that the caller numbered itself, as with commit. */
  6: optional list<OwnBranch> branches
}

struct OnePhaseReply {
  /** True: commit the branch now and report its end. False: there are other branches; prepare it and call
      commit. */
  1: required bool granted
  /** Meaningful when not granted because the transaction has ended. */
  2: optional types.Ending ending
}

struct AbortRequest {
  /** The transaction's id. */
  1: required string gtid
  /** Why, one line, at most 1000 bytes. */
  2: required string reason
  /** Branches of the caller that are already rolled back. */
  3: required list<i32> rolled_back
}

struct StartSagaRequest {
  /** The definition, a JSON document: see docs/protocols.md. Empty: the stored one that `name` says. */
  1: string definition
  /** The saga's input, JSON; at most 64 KiB. */
  2: required string input
  /** The application's own words, for example a business key; at most 1000 bytes. Shown to operators. */
  3: required string comment
  /** Who owns the saga, for people; at most 200 bytes. */
  4: required string owner
  /** Chosen by the caller, at most 64 bytes, unique among those of the caller's identity (among those of all
      callers of whom nothing is proved): a repeated start with the same key gets the saga that the first one began, as long as the coordinator remembers that saga (settled
      --keep-ended). REFUSED: the key was used with another definition or input. */
  5: optional string request_key
  /** Start the definition that define_saga stored under this name. */
  6: optional string name
  /** With `name`: this version; absent or 0: the highest that is stored. */
  7: optional i32 version
  /** As BeginRequest has it. */
  8: optional string trace_parent
}

struct DefineSagaRequest {
  /** The definition, a JSON document as StartSagaRequest has it; its name and version are what it is stored under. */
  1: required string definition
  /** Who stores it, for people; at most 200 bytes. */
  2: required string owner
}

struct DefineSagaReply {
  1: required string name
  2: required i32 version
  /** It was stored before, with the same content: nothing was done. */
  3: required bool known
}

struct AwaitSagaRequest {
  /** The saga's id. */
  1: required string gtid
  /** Reply UNDECIDED after this many milliseconds at the latest; at most a day. */
  2: required i64 wait_ms
}

struct AwaitSagaReply {
  /** UNDECIDED when wait_ms passed before the end. */
  1: required types.Ending ending
  /** Of a saga that is committed: by step, the result, JSON, of those that gave one. Steps whose results would make
      this longer than 256 KiB are missing. */
  2: optional map<string, string> results
}

service CoordinatorService {
  /** First call on a connection: agrees on a version and learns whose log this is. */
  HelloReply hello(1: HelloRequest request) throws (1: types.ServiceError error)

  BeginReply begin_transaction(1: BeginRequest request) throws (1: types.ServiceError error)

  /** Refused once commit or abort has begun. */
  EnlistReply enlist(1: EnlistRequest request) throws (1: types.ServiceError error)

  /** Reserves in a service, as a branch of the transaction. Refused once commit or abort has begun. That the branch is
      there is durable before the participant is called; commit confirms the reservation, abort cancels it. */
  TryReply try_branch(1: TryRequest request) throws (1: types.ServiceError error)

  /** Can be repeated: every call for one gtid gets the same ending. */
  CommitReply commit(1: CommitRequest request) throws (1: types.ServiceError error)

  /** Hands the decision to the only branch's resource, after recording that durably; with votes, to the last
      resource's, and nothing need be recorded. Can be repeated. */
  OnePhaseReply commit_one_phase(1: OnePhaseRequest request) throws (1: types.ServiceError error)

  /** Replies with how the transaction ended, which is "committed" if the abort came too late. */
  types.Ending abort(1: AbortRequest request) throws (1: types.ServiceError error)

  /** Stores a definition under its name and version, durably. It is never changed: REFUSED for another content under
      the same name and version. A running saga keeps the definition that it began with. */
  DefineSagaReply define_saga(1: DefineSagaRequest request) throws (1: types.ServiceError error)

  /** Starts a saga; it is durable when the reply comes. INVALID names what is wrong with the definition. NOT_FOUND: no
      such definition is stored. */
  BeginReply start_saga(1: StartSagaRequest request) throws (1: types.ServiceError error)

  /** Waits for a saga's end. REFUSED for a transaction that is none and is undecided. abort cancels a saga: REFUSED once its pivot has run; outcome asks for its ending. */
  AwaitSagaReply await_saga(1: AwaitSagaRequest request) throws (1: types.ServiceError error)

  /** What became of it? Blocks for no one. EXPIRED: it ended, and its record was pruned; whether it was
      committed is not known here any more, and nothing may be presumed. */
  types.Ending outcome(1: string gtid) throws (1: types.ServiceError error)
}
