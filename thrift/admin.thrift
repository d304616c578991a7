/** What an operator's tools call. */
include "types.thrift"

namespace cpp settle.wire
namespace py settle_wire.admin

struct BranchView {
  /** The branch's number within its transaction, from 1. */
  1: required i32 branch
  /** The resource's name; of a reservation or a step, the participant's. */
  2: required string resource
  /** Identity of the database; of a reservation "action" and its name. */
  3: required string identity
  /** Who does its work: the process label of its session; empty when that session is gone. */
  4: required string process
  /** working, preparing, prepared, read-only, refused, committing, aborting, one-phase, committed, aborted,
      hazard. Of a reservation: registering, trying, reserved, refused, confirming, cancelling, confirmed, cancelled,
      hazard. */
  5: required string state
  /** "commit", "read-only", "no" or empty before the vote. */
  6: required string vote
  /** As given with the vote; its texts are empty before it. */
  7: required types.Evidence evidence
  /** How often the latest command was sent: to a process that was attached, and not again before that fetched it. */
  8: required i32 attempts
  /** The last thing that went wrong; empty if nothing did. */
  9: required string last_error
}

struct TimelineEntry {
  /** Microseconds since 1970-01-01 UTC, by the coordinator's clock. */
  1: required i64 at_us
  /** One line, in words for people. */
  2: required string what
}

struct StepView {
  /** The step's number, from 1 in the order of the definition; it is its branch's as well. */
  1: required i32 step
  /** Unique within the saga. */
  2: required string name
  /** Of those that serve its participant. */
  3: required string action
  /** "compensatable", "no-undo" or "pivot". */
  4: required string kind
  /** The steps that must be done before. */
  5: required list<i32> after
  /** Microseconds since 1970-01-01 UTC: when it was called first; 0: not yet, or before a restart. */
  6: required i64 called_us
  /** Microseconds since 1970-01-01 UTC: since when it is in its state; 0: not known, since before a restart. */
  7: required i64 changed_us
  /** What its action gave, JSON; absent: nothing, not known, or more than is kept (256 KiB of a saga). */
  8: optional string result
}

/** Of a saga, beside its branches: they have each step's participant, state, attempts and last error. */
struct SagaView {
  /** The definition's name and version. */
  1: required string name
  2: required i32 version
  /** What it was started with; may be empty. */
  3: required string request_key
  /** In the order of the definition; filled by show, empty in lists. */
  4: required list<StepView> steps
}

/** A site of a three-phase commit. */
struct SiteView {
  /** Its branch; 0: the coordinator's witness. */
  1: required i32 number
  /** Of the branch; empty for the witness. */
  2: required string resource
  /** host:port of the processes that answer its peers. */
  3: required list<string> addresses
  /** What it answered last: initial, waiting, pre-committed, pre-aborted, committed, aborted; empty: nothing yet. */
  4: required string state
  /** The last election it joined and the last attempt it accepted, as "round.leader"; empty: nothing heard, or none. */
  5: required string elected
  6: required string accepted
}

/** Of a three-phase commit, beside its branches. */
struct QuorumView {
  /** By number. */
  1: required list<SiteView> sites
  /** So many of them decide. */
  2: required i32 needed
  /** The ballot under which it was decided, or is being tried: "round.leader"; empty before the first. */
  3: required string ballot
  /** Who led it: "coordinator", or "site 2 (orders)"; empty before the first. */
  4: required string leader
  /** Once decided: the sites whose acceptances were the majority; 0 is the witness. */
  5: required list<i32> quorum
  /** Undecided: the sites that have not answered, and are needed for a majority. */
  6: required list<i32> missing
}

/** What a person did instead of the protocol. */
struct HeuristicView {
  /** "force": every branch was told `to`, though nobody could come to that decision. "verdict": it was not known how a
      branch in hazard ended, and `to` is what a person says is so. "stray": a prepared branch that the log does not
      answer for was told `to`. */
  1: required string act
  /** "commit" or "abort". */
  2: required string to
  /** Who, and why, as they said. */
  3: required string operator_name
  4: required string reason
  /** Microseconds since 1970-01-01 UTC. It was durable before anything of it was done. */
  5: required i64 at_us
  /** The branches it is about. */
  6: required list<i32> branches
  /** Of a stray: the name that its database has for it; else empty. */
  7: required string database_name
}

struct TransactionView {
  /** The transaction's id. */
  1: required string gtid
  /** active, preparing, deciding, delegating, one-phase, committing, aborting, damaged, forgetting, quarantined,
      done. Of a three-phase commit also: pre-committing, quorum (a majority of its sites decides).
      Of a saga: beginning, running, fencing, stopping, compensating, ending, damaged, forgetting, quarantined,
      done; its steps are shown as branches. */
  2: required string state
  /** UNDECIDED while it is. */
  3: required types.Ending ending
  /** Who began it, as the application said. */
  4: required string owner
  /** The application's own words, as given at begin. */
  5: required string comment
  /** Microseconds since 1970-01-01 UTC; ended_us is 0 while it has not ended. */
  6: required i64 began_us
  /** Microseconds since 1970-01-01 UTC; 0 while it has not ended. */
  7: required i64 ended_us
  /** In the order they were enlisted. */
  8: required list<BranchView> branches
  /** Filled by show; empty in lists. */
  9: required list<TimelineEntry> timeline
  /** What it waits for, one line; empty when it has ended. */
  10: required string waiting_for
  /** What an operator can safely do, one line; empty when nothing is needed. */
  11: required string advice
  /** Of a saga alone. */
  12: optional SagaView saga
  /** Of a three-phase commit alone. */
  13: optional QuorumView quorum
  /** Who began it, as far as their connection proved it: "cn:shop", "uid:1000"; "local": nothing was proved. Absent
      where the log does not know how it began. */
  15: optional string identity
  /** In order; absent: none. */
  16: optional list<HeuristicView> heuristic
  /** The W3C traceparent that it was begun with; absent: none. */
  17: optional string trace_parent
  /** Of a dry run alone: what would be done, one line. Nothing was. */
  18: optional string would
}

/** A prepared branch in a database that this log does not answer for. */
struct StrayView {
  /** The resource whose database holds it. */
  1: required string resource
  /** As the database names it. */
  2: required string database_name
  /** Why it is left alone: another log, an unknown epoch, not ours. */
  3: required string why
  /** Microseconds since 1970-01-01 UTC, of the first scan that found it. */
  4: required i64 first_seen_us
  /** Microseconds since 1970-01-01 UTC, of the latest scan that found it. */
  5: required i64 last_seen_us
}

struct ListRequest {
  /** "open" (not ended), "ended", or "all". */
  1: required string which
  /** At most so many; 1 to 1000. */
  2: required i32 most
  /** Continue after this cursor, as an earlier reply gave it; empty for the newest. */
  3: required string cursor
}

struct ListReply {
  /** Newest first. */
  1: required list<TransactionView> transactions
  /** Empty when there are no more. */
  2: required string next_cursor
}

struct PageRequest {
  /** At most so many; 1 to 1000. */
  1: required i32 most
  /** Continue after this cursor, as an earlier reply gave it; empty for the first page. */
  2: required string cursor
}

struct InDoubtReply {
  /** Decided and not carried out everywhere, or damaged; newest first. */
  1: required list<TransactionView> transactions
  /** Prepared branches that this log does not answer for; on the first page. */
  2: required list<StrayView> strays
  /** Empty when there are no more transactions. */
  3: required string next_cursor
  /** Transactions in doubt, on all pages. */
  4: required i64 count
}

struct SessionView {
  /** The first characters of the session's name: enough to tell it from others, not to act as it. */
  1: required string session
  /** Who attached: program, host, process id. */
  2: required string process
  /** Microseconds since 1970-01-01 UTC. */
  3: required i64 attached_us
  /** Milliseconds since it last fetched. */
  4: required i64 idle_ms
  /** host:port where it answers the resource's peers in three-phase commits; absent: it is no site. */
  5: optional string peer_address
}

/** What an operator holds back. What is decided goes on being finished all the same. */
struct PauseView {
  /** "participant": what is new of one resource or participant; "everything new"; "drain". */
  1: required string scope
  /** Of the first scope; else empty. */
  2: required string name
  /** Who, and why, which may be empty. */
  3: required string operator_name
  4: required string reason
  /** Microseconds since 1970-01-01 UTC, by the coordinator's clock. */
  5: required i64 since_us
}

struct ParticipantView {
  /** The resource's name. */
  1: required string resource
  /** The database that the name stands for. */
  2: required string identity
  /** Empty when nobody serves the resource now. */
  3: required list<SessionView> sessions
  /** Transactions that wait for this resource. */
  4: required i64 waiting
  /** The identity that was refused last, if one was: empty otherwise. */
  5: required string refused_identity
  /** Who serves actions of sagas under this name; `sessions` serve the resource of this name. */
  6: optional list<SessionView> action_sessions
  /** Absent: it is not paused. */
  7: optional PauseView pause
}

struct ParticipantsReply {
  /** By name. A page holds at most so many resources and, together, sessions as were asked for; a resource is never
      divided. */
  1: required list<ParticipantView> participants
  /** Empty when there are no more. */
  2: required string next_cursor
}

struct SendAgainRequest {
  /** The transaction's id, whole; empty for every transaction that waits for an answer to its decision. */
  1: required string gtid
  /** With an empty gtid: only those that wait for this resource; empty for any. */
  2: required string resource
  /** With the gtid of a saga: only this step, by its name or its number; absent or empty: all of them. */
  3: optional string step
  /** Who asks, at most 200 bytes; absent of an older program. */
  4: optional string operator_name
  /** Say what would be sent, and send nothing. Absent: false. */
  5: optional bool dry_run
}

/** What was sent again to one resource. */
struct SentAgain {
  /** The resource's name. */
  1: required string resource
  /** "commit", "abort", or "prove" (what became of it); to a participant "action", "compensate" or "fence" of
      a saga's step, "confirm" or "cancel" of a reservation. */
  2: required string command
  /** To so many branches. */
  3: required i64 branches
  /** Who can carry it out; empty: nobody is attached, and it is sent again when somebody is. */
  4: required list<SessionView> sessions
  /** What one of the branches answered last, if something went wrong; else empty. */
  5: required string last_error
}

struct SendAgainReply {
  /** So many transactions had something to be sent. */
  1: required i64 transactions
  2: required list<SentAgain> sent
}

struct ResolveRequest {
  /** The transaction's id, whole; empty with `prepared`. */
  1: required string gtid
  /** "commit" or "abort"; with `branch`, what is so: "committed" or "aborted". */
  2: required string to
  /** Who asks, and why; both required, at most 200 and 1000 bytes. */
  3: required string operator_name
  /** At most 1000 bytes. */
  4: required string reason
  /** A person decides instead of the protocol: that is durable before anything is done, and shown until it is
      forgotten. Only where nobody else can decide, never against a decision. Absent: false. */
  5: optional bool heuristic
  /** With `heuristic`: the branch in hazard of which a person says how it ended. */
  6: optional i32 branch
  /** With `heuristic`: a prepared branch that this log does not answer for (StrayView), by its resource and the name
      that its database has for it. */
  7: optional string resource
  8: optional string prepared
  /** Say what would be done, and do nothing. Absent: false. */
  9: optional bool dry_run
}

struct ActOnStepRequest {
  /** The saga's id, whole. */
  1: required string gtid
  /** The step's name or number. */
  2: required string step
  /** "skip": it counts as settled, and what it left behind is damage. "set-input": what is outstanding is called
      with this input from now on. Only a compensation, or a step after the pivot, that does not get on. */
  3: required string act
  /** Of "set-input": JSON, at most 64 KiB; else empty. */
  4: required string input
  /** Who asks, and why; both required, at most 200 and 1000 bytes. */
  5: required string operator_name
  /** At most 1000 bytes. */
  6: required string reason
}

/** A stored definition. */
struct DefinitionView {
  1: required string name
  2: required i32 version
  /** How many. */
  3: required i32 steps
  /** Who stored it, as they said. */
  4: required string stored_by
  /** Microseconds since 1970-01-01 UTC. */
  5: required i64 stored_us
  /** The definition as a JSON document; absent in lists. */
  6: optional string document
}

struct DefinitionsReply {
  /** By name and version. */
  1: required list<DefinitionView> definitions
  /** Empty when there are no more. */
  2: required string next_cursor
}

struct ForgetRequest {
  /** The transaction's id, whole. */
  1: required string gtid
  /** Who repaired it, and how; both required, at most 200 and 1000 bytes. */
  2: required string operator_name
  /** At most 1000 bytes. */
  3: required string reason
  /** Say what would be done, and do nothing. Absent: false. */
  4: optional bool dry_run
}

struct PauseRequest {
  /** A resource or a participant of sagas; empty: everything new. */
  1: required string name
  /** Who asks, and why; both required, at most 200 and 1000 bytes. */
  2: required string operator_name
  /** At most 1000 bytes. */
  3: required string reason
}

struct DrainRequest {
  /** Begin nothing new from now on; false: it begins again. */
  1: required bool on
  /** Who asks; required, at most 200 bytes. */
  2: required string operator_name
  /** At most 1000 bytes; may be empty. */
  3: required string reason
}

struct LookRequest {
  /** The transaction's id, whole. */
  1: required string gtid
  /** Wait so many milliseconds for the databases' answers, at most 60,000; 0 takes the default, 2,000. */
  2: required i64 wait_ms
  /** Ask nobody. */
  3: optional bool without_live
}

/** When a process was asked, and who answered. */
struct AskedNow {
  /** Microseconds since 1970-01-01 UTC, by the coordinator's clock. */
  1: required i64 asked_us
  /** Until the answer, or until it was given up. */
  2: required i64 took_ms
  /** Who answered, as it attached; empty: nobody. */
  3: required string process
  /** One line: why there is no answer; empty: there is one. */
  4: required string why_not
}

/** A branch in its database, asked now. */
struct LiveView {
  /** The branch's number within its transaction. */
  1: required i32 branch
  2: required AskedNow how
  /** Absent: no answer. */
  3: optional types.LiveBranch live
  /** What is decided against what the database says, in words; empty without an answer. */
  4: required string comparison
  /** They cannot both be so unless somebody interfered, or data was lost. */
  5: required bool contradicts
  /** Who waits behind it, in words; empty if nobody does. */
  6: required string waiting
  /** Absent: somebody serves the database. Since when nobody does, in microseconds since 1970-01-01 UTC; 0: not since
      the coordinator was started. */
  7: optional i64 unserved_since_us
}

/** Sentences in plain words; each can stand alone. */
struct Explanation {
  1: required list<string> happened
  /** Empty when it has ended. */
  2: required list<string> waits_for
  /** What can be done without harm. */
  3: required list<string> safe
  /** What would do damage, and why. */
  4: required list<string> harmful
  /** Commands to paste, the most useful first. */
  5: required list<string> commands
}

struct LookReply {
  /** As show has it. */
  1: required TransactionView transaction
  /** Of each branch that is in a database. */
  2: required list<LiveView> live
  3: required Explanation explanation
}

struct ExamineRequest {
  /** Only this resource; empty: all of them, by pages. */
  1: required string resource
  /** As LookRequest has it. */
  2: required i64 wait_ms
  /** At most so many resources; 1 to 1000. */
  3: required i32 most
  /** Continue after this cursor, as an earlier reply gave it; empty for the first page. */
  4: required string cursor
}

/** A database, asked now whether it is fit for what Settle promises. */
struct ExaminedView {
  1: required string resource
  2: required string identity
  3: required AskedNow how
  /** Absent: no answer. */
  4: optional types.Examination examination
}

struct ExamineReply {
  /** By name. */
  1: required list<ExaminedView> resources
  /** Empty when there are no more. */
  2: required string next_cursor
}

/** An action that an operator asked for, with what came of it. */
struct AuditEntry {
  /** Of its row in the trail; rises. */
  1: required i64 number
  /** Microseconds since 1970-01-01 UTC, by the coordinator's clock: when it was asked for. */
  2: required i64 asked_us
  /** Who asked, as the connection proves it: a certificate's names, a uid, or only an address. */
  3: required string caller
  /** Who asked, as they said. */
  4: required string operator_name
  /** In words: "resolve to abort", "forget". */
  5: required string action
  /** What it was about: a gtid, a resource. */
  6: required string target
  /** As they said; may be empty. */
  7: required string reason
  /** Microseconds since 1970-01-01 UTC; 0: no result is recorded, it may or may not have been done. */
  8: required i64 answered_us
  /** "asked" while there is no other; "done", "refused: ...", "unknown: ...". */
  9: required string result
}

struct AuditRequest {
  /** At most so many; 1 to 1000. */
  1: required i32 most
  /** Continue after this cursor, as an earlier reply gave it; empty for the newest. */
  2: required string cursor
  /** Only what was asked for since then, microseconds since 1970-01-01 UTC; 0: all. */
  3: required i64 since_us
  /** Only of this target, this operator; empty: any. */
  4: required string target
  5: required string operator_name
}

struct AuditReply {
  /** Newest first. */
  1: required list<AuditEntry> entries
  /** Empty when there are no more. */
  2: required string next_cursor
  /** Rows that are kept, up to two for each action, and older ones that are not kept any more. */
  3: required i64 rows
  4: required i64 pruned
  /** What was found wrong with the trail when the log was opened, in words; empty: nothing. */
  5: required string damage
}

/** What a restored log does not know. */
struct LostEpochsView {
  /** The epoch of the backup, and the last one before the restored log's first life. */
  1: required i64 first
  2: required i64 last
  /** Microseconds since 1970-01-01 UTC: when the backup was made; 0: not known. */
  3: required i64 taken_us
  /** Somebody has said that everything of it was looked after (settled --losses-settled). */
  4: required bool settled
}

struct StatusReply {
  /** 12 of [a-z0-9]. */
  1: required string log_id
  /** The coordinator's current life; raised at every start. */
  2: required i64 epoch
  /** The coordinator's release, for people. */
  3: required string release
  /** Microseconds since 1970-01-01 UTC. */
  4: required i64 started_us
  /** Transactions by state. */
  5: required map<string, i64> open
  /** Transactions that ended as committed since the log was made, pruned ones included. */
  6: required i64 committed
  /** Transactions that ended as aborted since the log was made, pruned ones included. */
  7: required i64 aborted
  /** Transactions that are damaged (mixed, a hazard, a heuristic), or in which a person decided, and that nobody has
      forgotten yet. */
  8: required i64 heuristics
  /** Participant sessions attached now. */
  9: required i64 sessions
  /** Damaged transactions in the log that an operator has forgotten, once they were repaired. */
  10: required i64 forgotten
  /** Of `open`, those that are sagas. */
  11: optional i64 sagas
  /** Everything with this epoch and sequence or below has ended: participants throw away what they kept for it. */
  12: optional i64 ended_epoch
  13: optional i64 ended_sequence
  /** The oldest that has not ended, which holds that back; empty if all has ended. */
  14: optional string oldest_unended
  /** Records that the decision log has written since the coordinator started, forced and lazy. */
  15: optional i64 log_records
  /** Of those, the forced ones: somebody waited for each to be durable. */
  16: optional i64 log_records_forced
  /** How often the decision log waited for its disk since the coordinator started, its checkpoints aside. Fewer than
      forced records: many were written together. */
  17: optional i64 log_flushes
  /** Commands and calls of actions that went to participants since the coordinator started, those that were sent again
      included: one by one, however many travelled in a batch. */
  18: optional i64 commands_sent
  /** Votes, ends of branches, records of sites and answers to calls that participants reported since the coordinator
      started: one by one, however many travelled in a batch. */
  19: optional i64 reports_taken
  /** Transactions in doubt, as in InDoubtReply. */
  20: optional i64 in_doubt
  /** Microseconds since 1970-01-01 UTC: when the oldest of them began; absent: there is none, or it is not known. */
  21: optional i64 oldest_in_doubt_us
  /** Transactions that are not decided; sagas are not among them. */
  22: optional i64 undecided
  /** Transactions and sagas that wait for each resource or participant. */
  23: optional map<string, i64> waiting
  /** What operators hold back. */
  24: optional list<PauseView> pauses
  /** As in AuditReply. */
  25: optional i64 audit_rows
  26: optional i64 audit_pruned
  27: optional string audit_damage
  /** The log was restored from a backup, and what was written in these epochs after that was lost: what is not in the
      log of transactions of these epochs is unknown. Absent: nothing was lost. */
  30: optional list<LostEpochsView> lost
}

/** How far a backup is. */
struct BackupView {
  /** Bytes that are copied, of how many. */
  1: required i64 copied
  2: required i64 size
  /** It can be read now, and `size` is its size. */
  3: required bool complete
}

struct DiagnosisReply {
  /** Microseconds since 1970-01-01 UTC, by the coordinator's clock. */
  1: required i64 at_us
  /** Of the coordinator, its log and machine, and what it waits for. */
  2: required list<types.Finding> findings
}

service AdminService {
  StatusReply status() throws (1: types.ServiceError error)
  ListReply list_transactions(1: ListRequest request) throws (1: types.ServiceError error)
  TransactionView show(1: string gtid) throws (1: types.ServiceError error)
  /** What show says, and beside it what every database that holds a branch says when it is asked now. Decides nothing. */
  LookReply look(1: LookRequest request) throws (1: types.ServiceError error)

  /** What every database says when it is asked now whether it is fit for what Settle promises. NOT_FOUND: no such resource. */
  ExamineReply examine(1: ExamineRequest request) throws (1: types.ServiceError error)
  InDoubtReply in_doubt(1: PageRequest request) throws (1: types.ServiceError error)
  ParticipantsReply participants(1: PageRequest request) throws (1: types.ServiceError error)

  /** Ends an undecided transaction by abort, or hurries a decided one. Refused against a durable decision. With
      `heuristic` a person decides where nobody else can; of a stray the view is that of the act, which has a gtid of
      its own. */
  TransactionView resolve(1: ResolveRequest request) throws (1: types.ServiceError error)

  /** Sends again, now, what decided transactions still wait for. Decides nothing. Refused for one that is undecided or
      damaged; one that has ended has nothing left to be sent. */
  SendAgainReply send_again(1: SendAgainRequest request) throws (1: types.ServiceError error)

  /** What an operator does about a step that is stuck. Durable before the answer. REFUSED says what the step is. */
  TransactionView act_on_step(1: ActOnStepRequest request) throws (1: types.ServiceError error)

  /** Stored definitions of sagas. */
  DefinitionsReply definitions(1: PageRequest request) throws (1: types.ServiceError error)

  /** One of them with its document; version 0 takes the highest. NOT_FOUND. */
  DefinitionView definition(1: string name, 2: i32 version) throws (1: types.ServiceError error)

  /** Ends a damaged transaction once a person has repaired it. Refused for any other. Who did it and why is durable
      before the answer. Can be repeated; another operator is told who was first. */
  TransactionView forget(1: ForgetRequest request) throws (1: types.ServiceError error)

  /** From now on nothing new goes to the resource or participant, or nothing new is begun at all; durable before the
      answer. Again: the answer says who did it first. NOT_FOUND: nobody of that name ever was here. */
  PauseView pause(1: PauseRequest request) throws (1: types.ServiceError error)

  /** Lifts that, and answers what it was. NOT_FOUND: it is not paused. */
  PauseView resume(1: PauseRequest request) throws (1: types.ServiceError error)

  /** As pause and resume of everything new, under a name of its own: to take the coordinator out of service. */
  PauseView drain(1: DrainRequest request) throws (1: types.ServiceError error)

  /** What operators asked for: each of the calls here that changes something is written down before it is done. */
  AuditReply audit(1: AuditRequest request) throws (1: types.ServiceError error)

  /** Examines the coordinator and its machine. Writes a little beside the log, to see how long that takes. */
  DiagnosisReply diagnose() throws (1: types.ServiceError error)

  /** Begins a backup of the decision log: a copy of this moment, made aside while the coordinator serves. It belongs to
      this connection and goes with it. RETRY: another one is being made or read; UNAVAILABLE: there is no room for it. */
  BackupView backup_begin() throws (1: types.ServiceError error)

  /** Waits a moment, less than a second, for more of it. REFUSED: none was begun on this connection. */
  BackupView backup_progress() throws (1: types.ServiceError error)

  /** At most 1 MiB of it from an offset; empty at its end. REFUSED: none was begun on this connection, or it is not
      complete. */
  binary backup_read(1: i64 offset) throws (1: types.ServiceError error)

  /** It is not needed any more. Can be repeated. */
  void backup_end() throws (1: types.ServiceError error)

  /** Accepts that a resource's name now stands for another database. */
  void accept_identity(1: string resource, 2: string identity, 3: string operator_name, 4: string reason)
      throws (1: types.ServiceError error)
}
