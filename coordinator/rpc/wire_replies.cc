// To the wire.
#include <limits>

#include "access/policy.h"
#include "protocol/describe.h"
#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

wire::ErrorCode::type ToWire(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetry: return wire::ErrorCode::RETRY;
    case ErrorCode::kRetryTransaction: return wire::ErrorCode::RETRY_TRANSACTION;
    case ErrorCode::kAskOutcome: return wire::ErrorCode::ASK_OUTCOME;
    case ErrorCode::kRefused: return wire::ErrorCode::REFUSED;
    case ErrorCode::kInvalid: return wire::ErrorCode::INVALID;
    case ErrorCode::kNotFound: return wire::ErrorCode::NOT_FOUND;
    case ErrorCode::kUnavailable: return wire::ErrorCode::UNAVAILABLE;
    case ErrorCode::kWrongLog: return wire::ErrorCode::WRONG_LOG;
    case ErrorCode::kExpired: return wire::ErrorCode::EXPIRED;
    case ErrorCode::kStaleEpoch: return wire::ErrorCode::STALE_EPOCH;
    case ErrorCode::kVersion: return wire::ErrorCode::VERSION;
    case ErrorCode::kDenied: return wire::ErrorCode::DENIED;
    case ErrorCode::kCorrupt: return wire::ErrorCode::CORRUPT;
    case ErrorCode::kInternal: return wire::ErrorCode::INTERNAL;
  }
  return wire::ErrorCode::INTERNAL;
}

wire::Outcome::type ToWire(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCommitted: return wire::Outcome::COMMITTED;
    case Outcome::kAborted: return wire::Outcome::ABORTED;
    case Outcome::kUndecided: return wire::Outcome::UNDECIDED;
    case Outcome::kUnknown: return wire::Outcome::UNKNOWN;
    case Outcome::kExpired: return wire::Outcome::EXPIRED;
    case Outcome::kMixed: return wire::Outcome::MIXED;
    case Outcome::kHazard: return wire::Outcome::HAZARD;
    case Outcome::kHeuristicRollback: return wire::Outcome::HEURISTIC_ROLLBACK;
    case Outcome::kHeuristicCommit: return wire::Outcome::HEURISTIC_COMMIT;
  }
  return wire::Outcome::UNKNOWN;
}

wire::AbortCause::type ToWire(AbortCause cause) {
  switch (cause) {
    case AbortCause::kNone: return wire::AbortCause::NONE;
    case AbortCause::kRequested: return wire::AbortCause::REQUESTED;
    case AbortCause::kDeadline: return wire::AbortCause::DEADLINE;
    case AbortCause::kVotedNo: return wire::AbortCause::VOTED_NO;
    case AbortCause::kVoteTimeout: return wire::AbortCause::VOTE_TIMEOUT;
    case AbortCause::kParticipantLost: return wire::AbortCause::PARTICIPANT_LOST;
    case AbortCause::kOperator: return wire::AbortCause::OPERATOR;
    case AbortCause::kLogRefused: return wire::AbortCause::LOG_REFUSED;
    case AbortCause::kPresumed: return wire::AbortCause::PRESUMED;
    case AbortCause::kRolledBack: return wire::AbortCause::ROLLED_BACK;
    case AbortCause::kStepFailed: return wire::AbortCause::STEP_FAILED;
    case AbortCause::kQuorum: return wire::AbortCause::QUORUM;
  }
  return wire::AbortCause::NONE;
}

wire::CommandKind::type ToWire(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: return wire::CommandKind::PREPARE;
    case CommandKind::kCommit: return wire::CommandKind::COMMIT;
    case CommandKind::kAbort: return wire::CommandKind::ABORT;
    case CommandKind::kProve: return wire::CommandKind::PROVE;
    case CommandKind::kElect: return wire::CommandKind::ELECT;
    case CommandKind::kPreCommit: return wire::CommandKind::PRE_COMMIT;
    case CommandKind::kPreAbort: return wire::CommandKind::PRE_ABORT;
  }
  return static_cast<wire::CommandKind::type>(
      0);  // refused by every reader, never taken for a command
}

// Enough to tell sessions apart: whoever knows the whole name can act as that session.
constexpr std::size_t kSessionShown = 8;

// Counts are far below this; one that is not is shown as the largest, not as a negative number.
template <typename To, typename From>
To Clamped(From value) {
  return value > static_cast<From>(std::numeric_limits<To>::max()) ? std::numeric_limits<To>::max()
                                                                   : static_cast<To>(value);
}

wire::BranchView ToWire(const BranchSummary& branch) {
  wire::BranchView view;
  view.branch = Clamped<std::int32_t>(branch.number);
  view.resource = branch.resource;
  view.identity = branch.identity;
  view.process = branch.process;
  view.state = branch.state;
  view.vote = branch.vote;
  view.evidence = coordinator::ToWire(branch.evidence);
  view.attempts = branch.attempts;
  view.last_error = OneLine(branch.last_error);
  return view;
}

wire::Command ToWire(const Command& command) {
  wire::Command reply;
  reply.kind = ToWire(command.kind);
  reply.gtid = command.key.gtid.text();
  reply.branch = Clamped<std::int32_t>(command.key.number);
  reply.resource = command.resource;
  reply.attempt = command.attempt;
  reply.epoch = Clamped<std::int64_t>(command.epoch);
  reply.evidence = coordinator::ToWire(command.evidence);
  AddQuorum(command, reply);
  if (!command.trace_parent.empty()) reply.__set_trace_parent(command.trace_parent);
  return reply;
}

}  // namespace

wire::Evidence ToWire(const Evidence& evidence) {
  wire::Evidence reply;
  reply.database = evidence.database;
  reply.timeline = Clamped<std::int32_t>(evidence.timeline);
  reply.local_transaction = evidence.local_transaction;
  return reply;
}

wire::ServiceError ToWire(const Error& error) {
  wire::ServiceError reply;
  reply.code = ToWire(error.code);
  reply.message = error.message;
  if (!error.advice.empty()) reply.__set_advice(error.advice);
  return reply;
}

wire::Ending ToWire(const Ending& ending) {
  wire::Ending reply;
  reply.outcome = ToWire(ending.outcome);
  reply.cause = ToWire(ending.cause);
  reply.reason = OneLine(ending.reason);
  reply.retryable = ending.retryable;
  return reply;
}

wire::CommitReply ToWire(const CommitAnswer& answer) {
  wire::CommitReply reply;
  reply.ending = ToWire(answer.ending);
  reply.finish_here = answer.finish_here;
  for (const BranchNumber branch : answer.unfinished) {
    reply.unfinished.push_back(Clamped<std::int32_t>(branch));
  }
  return reply;
}

wire::OnePhaseReply ToWire(const OnePhaseAnswer& answer) {
  wire::OnePhaseReply reply;
  reply.granted = answer.granted;
  if (!answer.granted && answer.ending.outcome != Outcome::kUndecided)
    reply.__set_ending(ToWire(answer.ending));
  return reply;
}

wire::CommandBatch ToWire(const CommandBatch& batch) {
  wire::CommandBatch reply;
  reply.number = batch.number;
  reply.commands.reserve(batch.commands.size());
  for (const Command& command : batch.commands) reply.commands.push_back(ToWire(command));
  for (const SagaCall& call : batch.calls) reply.calls.push_back(ToWire(call));
  for (const Question& question : batch.questions) reply.questions.push_back(ToWire(question));
  reply.__isset.questions = !reply.questions.empty();
  reply.__isset.calls = !reply.calls.empty();
  if (batch.ended_through) {
    wire::EndedThrough through;
    through.epoch = Clamped<std::int64_t>(batch.ended_through->epoch);
    through.sequence = Clamped<std::int64_t>(batch.ended_through->sequence);
    reply.__set_ended_through(through);
  }
  return reply;
}

namespace {

wire::HeuristicView ToWire(const HeuristicIntent& intent) {
  wire::HeuristicView view;
  view.act = ToString(intent.act);
  view.to = settle::ToString(intent.to);
  view.operator_name = intent.operator_name;
  view.reason = intent.reason;
  view.at_us = intent.at;
  for (const DecidedBranch& branch : intent.branches)
    view.branches.push_back(static_cast<std::int32_t>(branch.number));
  view.database_name = OneLine(intent.database_name);
  return view;
}

}  // namespace

wire::TransactionView ToWire(const TransactionView& view) {
  const TransactionSummary& summary = view.summary;
  wire::TransactionView reply;
  reply.gtid = summary.gtid.text();
  reply.state = summary.state;
  reply.ending = ToWire(summary.ending);
  reply.owner = summary.origin.owner;
  reply.comment = summary.origin.comment;
  reply.began_us = summary.origin.began;
  if (summary.origin.began != 0) reply.__set_identity(access::NameOf(summary.origin.identity));
  reply.ended_us = summary.ended;
  for (const BranchSummary& branch : summary.branches) reply.branches.push_back(ToWire(branch));
  for (const TimelineEntry& entry : summary.timeline) {
    wire::TimelineEntry line;
    line.at_us = entry.at;
    line.what = entry.what;
    reply.timeline.push_back(line);
  }
  reply.waiting_for = view.waiting_for;
  reply.advice = view.advice;
  if (summary.saga) reply.__set_saga(ToWire(*summary.saga));
  if (summary.quorum) reply.__set_quorum(ToWire(*summary.quorum));
  for (const HeuristicIntent& intent : summary.heuristics)
    reply.heuristic.push_back(ToWire(intent));
  reply.__isset.heuristic = !reply.heuristic.empty();
  if (!view.would.empty()) reply.__set_would(view.would);
  if (!summary.origin.trace_parent.empty()) reply.__set_trace_parent(summary.origin.trace_parent);
  return reply;
}

wire::StrayView ToWire(const Stray& stray) {
  wire::StrayView reply;
  reply.resource = stray.resource;
  reply.database_name = OneLine(stray.database_name);
  reply.why = stray.why;
  reply.first_seen_us = stray.first_seen;
  reply.last_seen_us = stray.last_seen;
  return reply;
}

wire::SessionView ToWire(const SessionView& session) {
  wire::SessionView line;
  line.session = session.session.substr(0, kSessionShown);
  line.process = session.process;
  line.attached_us = session.attached;
  line.idle_ms = session.idle.count();
  if (!session.peer_address.empty()) line.__set_peer_address(session.peer_address);
  return line;
}

wire::ParticipantView ToWire(const ParticipantRow& row) {
  const ParticipantView& view = row.view;
  wire::ParticipantView reply;
  reply.resource = view.resource;
  reply.identity = view.identity;
  for (const SessionView& session : view.sessions) reply.sessions.push_back(ToWire(session));
  reply.waiting = Clamped<std::int64_t>(row.waiting);
  reply.refused_identity = view.refused_identity;
  for (const SessionView& session : view.action_sessions)
    reply.action_sessions.push_back(ToWire(session));
  reply.__isset.action_sessions = !reply.action_sessions.empty();
  if (row.paused) reply.__set_pause(ToWire(*row.paused));
  return reply;
}

wire::SendAgainReply ToWire(const RetriedView& view) {
  wire::SendAgainReply reply;
  reply.transactions = Clamped<std::int64_t>(view.transactions);
  for (const RetriedResource& one : view.resources) {
    wire::SentAgain line;
    line.resource = one.resource;
    line.command = one.command;
    line.branches = Clamped<std::int64_t>(one.branches);
    for (const SessionView& session : one.sessions) line.sessions.push_back(ToWire(session));
    line.last_error = one.last_error;
    reply.sent.push_back(line);
  }
  return reply;
}

wire::StatusReply ToWire(const StatusView& view, const std::string& release) {
  wire::StatusReply reply;
  reply.log_id = view.log.log_id;
  reply.epoch = Clamped<std::int64_t>(view.log.epoch);
  reply.release = release;
  reply.started_us = view.started;
  for (const auto& [state, count] : view.open) reply.open[state] = Clamped<std::int64_t>(count);
  reply.committed = Clamped<std::int64_t>(view.ended.committed);
  reply.aborted = Clamped<std::int64_t>(view.ended.aborted);
  reply.heuristics = Clamped<std::int64_t>(view.damaged);
  reply.forgotten = Clamped<std::int64_t>(view.ended.heuristic);
  reply.sessions = Clamped<std::int64_t>(view.sessions);
  reply.__set_sagas(Clamped<std::int64_t>(view.sagas));
  reply.__set_ended_epoch(Clamped<std::int64_t>(view.ended_through.epoch));
  reply.__set_ended_sequence(Clamped<std::int64_t>(view.ended_through.sequence));
  reply.__set_oldest_unended(view.oldest_unended ? view.oldest_unended->text() : "");
  reply.__set_log_records(Clamped<std::int64_t>(view.written.records));
  reply.__set_log_records_forced(Clamped<std::int64_t>(view.written.forced));
  reply.__set_log_flushes(Clamped<std::int64_t>(view.written.flushes));
  reply.__set_commands_sent(Clamped<std::int64_t>(view.messages.commands));
  reply.__set_reports_taken(Clamped<std::int64_t>(view.messages.reports));
  AddControl(view, reply);
  for (const LostEpochs& lost : view.log.lost) {
    wire::LostEpochsView one;
    one.first = Clamped<std::int64_t>(lost.first);
    one.last = Clamped<std::int64_t>(lost.last);
    one.taken_us = lost.taken;
    one.settled = !view.unsettled_loss || lost.first < *view.unsettled_loss;
    reply.lost.push_back(one);
  }
  reply.__isset.lost = !reply.lost.empty();
  return reply;
}

wire::BackupView ToWire(const LogBackup::Progress& progress) {
  wire::BackupView view;
  view.copied = Clamped<std::int64_t>(progress.copied);
  view.size = Clamped<std::int64_t>(progress.size);
  view.complete = progress.complete;
  return view;
}

}  // namespace settle::coordinator
