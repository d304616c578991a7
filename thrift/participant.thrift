/**
 * What a participant's process calls. It dials in and stays attached: it fetches commands by a long poll on one
 * connection and reports results on another. The coordinator never dials out.
 */
include "types.thrift"

namespace cpp settle.wire
namespace py settle_wire.participant

struct ResourceOffer {
  /** The resource's name: 1 to 64 of [A-Za-z0-9._-]. */
  1: required string name
  /** The identity of the database behind it; a name that comes back with another is refused. */
  2: required string identity
  /** host:port at which this process answers the resource's peers (peer.thrift); absent: its branches cannot be sites
      of a three-phase commit. */
  3: optional string peer_address
}

struct AttachRequest {
  /** The lowest and the highest PROTOCOL_VERSION the caller speaks. */
  1: required i32 version_low
  /** See version_low. */
  2: required i32 version_high
  /** Who attaches, for people: program, host, process id; at most 200 bytes. */
  3: required string process
  /** The resources that this process serves; at most 1000. */
  4: required list<ResourceOffer> resources
  /** The highest epoch this process has seen of the log `log_id_seen`; 0 and empty at first. */
  5: required i64 epoch_seen
  /** The id of the log that this process was attached to last; empty at first. */
  6: required string log_id_seen
  /** The participants whose actions this process serves for sagas, each 1 to 64 of [A-Za-z0-9._-]; at most
      1000. Any process of a participant's name may be called. */
  7: optional list<string> participants
  /** This process answers questions. Absent: it is of a release that knows none, and is never asked. */
  8: optional bool answers_questions
  /** The release of Settle that the process was built with, for people; at most 50 bytes. Absent: it is not said. */
  9: optional string release
}

struct AttachReply {
  /** The version both will use. */
  1: required i32 version
  /** The session's name, to be given with every later call. */
  2: required string session
  /** The id of the coordinator's decision log: 12 of [a-z0-9]. */
  3: required string log_id
  /** The coordinator's current life; raised at every start. */
  4: required i64 epoch
  /** Fetch again within this many milliseconds or the session is taken for lost. */
  5: required i64 session_timeout_ms
}

enum CommandKind {
  PREPARE = 1,  // make the branch durable and vote
  COMMIT = 2,   // the decision is commit
  ABORT = 3,    // the decision is abort
  PROVE = 4,    // one-phase: say what became of the branch, by evidence
  ELECT = 5,       // three-phase: join the ballot; answered by a SiteReport, as the next two
  PRE_COMMIT = 6,  // three-phase: accept commit under the ballot
  PRE_ABORT = 7    // three-phase: accept abort under the ballot
}

struct Command {
  /** What to do. */
  1: required CommandKind kind
  /** The transaction's id. */
  2: required string gtid
  /** The branch, counted from 1 within its transaction; at most 1000. 0, of ABORT alone: every branch of the transaction
      that this process numbered itself (BeginRequest.own_branches), those that it is about to open included; no end is reported. */
  3: required i32 branch
  /** The resource in which to do it; empty for branch 0. */
  4: required string resource
  /** How often this command was sent, from 1. */
  5: required i32 attempt
  /** The sender's epoch; a lower one than already seen is refused. */
  6: required i64 epoch
  /** As given with the vote; empty for PREPARE and for an abort before the vote. */
  7: required types.Evidence evidence
  /** Three-phase, of PREPARE: the transaction's sites, to be stored with the vote. */
  8: optional list<types.Site> sites
  /** Three-phase: of all but PREPARE. */
  9: optional types.Ballot ballot
  /** Three-phase, of COMMIT and ABORT: the sites whose acceptances were the majority. */
  10: optional list<i32> quorum
  /** The W3C traceparent that the transaction was begun with; absent: none. */
  11: optional string trace_parent
  /** Of COMMIT and ABORT: a person decided so of a branch that another log, or nobody, answers for. It is the one that
      is prepared under this name in the database of `resource`; gtid and branch are those of the person's act, under
      which its end is reported. Nothing may be done unless a scan of that database finds the name prepared. */
  12: optional string prepared
}

enum ActionOp {
  ACTION = 1,      // do the step
  COMPENSATE = 2,  // undo the step, as far as it was done; from now on it must never be done
  FENCE = 3,       // done already? then say so; else make sure that it can never be done
  TRY = 4,         // reserve, so that CONFIRM cannot fail
  CONFIRM = 5,     // make the reservation final
  CANCEL = 6       // give the reservation back; from now on it must never be made
}

/**
 * A call of a saga's step, or of a reservation of another transaction. It may come more than once and must take effect once: whoever serves it notes gtid, step and
 * op in the same local transaction as the effect.
 */
struct ActionCall {
  /** What to do. */
  1: required ActionOp op
  /** The saga's id, or the transaction's. */
  2: required string gtid
  /** The step, counted from 1 within its saga; of a reservation, its branch. */
  3: required i32 step
  /** Who is to do it, as named when attaching. */
  4: required string participant
  /** Which of its actions. */
  5: required string action
  /** How often this call was sent, from 1. */
  6: required i32 attempt
  /** The sender's epoch; a lower one than already seen is refused. */
  7: required i64 epoch
  /** After so many milliseconds without an answer the call is sent again. */
  8: required i64 timeout_ms
  /** Of an action or try: its input, JSON. Of a compensation, confirm or cancel: what that was called with; absent if
      it is not known any more, so whoever does the action keeps it. */
  9: optional string input
  /** Of a compensation, confirm or cancel: the result of the action or try, JSON; absent if it is not known. */
  10: optional string result
  /** As Command has it. */
  11: optional string trace_parent
}

enum AnswerKind {
  DONE = 1,       // it took effect, now or at an earlier call; for a fence: the action had run
  FAILED = 2,     // an action or try: definitively not, for a reason of the business, and nothing took effect
  ONGOING = 3,    // it takes its time: ask again
  UNKNOWN = 4,    // nothing is known: the call will be sent again
  SUPPRESSED = 5  // an action, try or fence: it never was done and can never be done any more
}

struct ActionAnswer {
  /** As the call that it answers has it. */
  1: required string gtid
  /** See gtid. */
  2: required i32 step
  /** See gtid. */
  3: required ActionOp op
  /** See gtid. */
  4: required i32 attempt
  /** What is so. */
  5: required AnswerKind kind
  /** Of DONE: the result, JSON, at most 64 KiB; may be empty. Else: why, one line. */
  6: required string text
  /** Of ONGOING: after how many milliseconds to ask again; at most a day. Else 0. */
  7: required i64 poll_after_ms
}

struct FetchRequest {
  /** As AttachReply gave it. */
  1: required string session
  /** The number of the last batch that arrived, 0 at first; the one after it is sent again until this says
      so. */
  2: required i64 received_through
  /** At most so many commands; 1 to 1000. */
  3: required i32 most
  /** Wait so long for the first command, in milliseconds; at most the session time-out. */
  4: required i64 wait_ms
}

/**
 * Every saga and TCC transaction of the session's log whose (epoch, sequence) is at or below this has ended,
 * durably: none of their calls comes any more, so what a participant keeps to tell a repeated call may go. It never
 * falls within a life of the coordinator; a restart may bring a lower one, which says nothing new.
 */
struct EndedThrough {
  1: required i64 epoch
  2: required i64 sequence
}

enum QuestionKind {
  INSPECT = 1,  // how is a branch in its database now?
  EXAMINE = 2   // is a database fit for what Settle promises?
}

/** Asked for an operator; nothing is decided by the answer, and nothing waits for it but the operator. */
struct Question {
  /** Given back with the answer. Never used twice. */
  1: required i64 number
  /** What is asked; one that is not known is answered by an error. */
  2: required QuestionKind kind
  /** The resource to ask. */
  3: required string resource
  /** Nobody waits for the answer after so many milliseconds. */
  4: required i64 timeout_ms
  /** Of INSPECT: the branch. */
  5: optional string gtid
  /** See gtid. */
  6: optional i32 branch
  /** See gtid: as given with the vote; its texts are empty before. */
  7: optional types.Evidence evidence
}

struct QuestionAnswer {
  /** As the question has it. An answer to a question that nobody waits for any more is dropped. */
  1: required i64 number
  /** To INSPECT. */
  2: optional types.LiveBranch live
  /** To EXAMINE. */
  3: optional types.Examination examination
  /** In place of the other two: why there is no answer, one line. */
  4: optional string error
}

struct CommandBatch {
  /** Counts from 1 within the session; 0 for an empty batch. */
  1: required i64 number
  /** To be carried out once each; a command may come again in a later batch. */
  2: required list<Command> commands
  /** Calls of sagas; as the commands. Only for processes that named participants when they attached. */
  3: optional list<ActionCall> calls
  /** Only for processes that named participants; absent while there is nothing to say. Empty batches have it too. */
  4: optional EndedThrough ended_through
  /** Only for processes that said that they answer them. */
  5: optional list<Question> questions
}

struct VoteReport {
  /** The transaction's id. */
  1: required string gtid
  /** The vote of one of its branches. */
  2: required types.BranchVote vote
}

struct EndReport {
  /** The transaction's id. */
  1: required string gtid
  /** The branch, counted from 1 within its transaction; at most 1000. */
  2: required i32 branch
  /** What is so in the database now. */
  3: required types.BranchEnd became
  /** One line: why, in the database's words. */
  4: required string detail
}

/** Three-phase: what a site holds. */
struct SiteReport {
  /** The transaction's id. */
  1: required string gtid
  /** The site: its branch, counted from 1. */
  2: required i32 branch
  3: required types.SiteAnswer answer
}

/** A prepared branch that a scan of a database found. */
struct FoundBranch {
  /** The resource in whose database the scan found it. */
  1: required string resource
  /** The name it bears in the database, unparsed. */
  2: required string database_name
  /** What it would have voted with: of one that is prepared in the name of a last resource, because a coordinator may
      have no record of it. Absent: it is not known. */
  3: optional types.Evidence evidence
}

struct ReportRequest {
  /** As AttachReply gave it. */
  1: required string session
  /** Answers to PREPARE; at most 10,000. */
  2: required list<VoteReport> votes
  /** Answers to COMMIT, ABORT and PROVE; at most 10,000. */
  3: required list<EndReport> ends
  /** The coordinator answers by a command, or leaves the branch alone. */
  4: required list<FoundBranch> found
  /** Answers to calls of sagas; at most 10,000. */
  5: optional list<ActionAnswer> answers
  /** Answers to ELECT, PRE_COMMIT and PRE_ABORT; before the end of a branch, what its site holds. At most 10,000. */
  6: optional list<SiteReport> sites
  /** At most 10,000. */
  7: optional list<QuestionAnswer> question_answers
}

service ParticipantService {
  /** Starts a session. Refused when a resource's name is bound to another database. */
  AttachReply attach(1: AttachRequest request) throws (1: types.ServiceError error)

  /** Waits for commands. NOT_FOUND: the session is lost, attach again. */
  CommandBatch fetch(1: FetchRequest request) throws (1: types.ServiceError error)

  /** Can be repeated: the same report twice has the effect of one. */
  void report(1: ReportRequest request) throws (1: types.ServiceError error)

  /** Ends the session; branches it had not prepared are aborted. */
  void detach(1: string session) throws (1: types.ServiceError error)
}
