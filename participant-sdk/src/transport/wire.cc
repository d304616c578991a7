#include "transport/wire.h"

#include <limits>
#include <utility>

#include "settle/vocabulary/trace_parent.h"
#include "transport/wire_values.h"
#include "wire/types_constants.h"

namespace settle::sdk {
namespace {

// How many bytes the UTF-8 character at the front of `text` has; 0 if it is not one.
std::size_t CharacterLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  std::size_t length = 0;
  if (lead < 0x80)
    length = 1;
  else if (lead >= 0xC2 && lead < 0xE0)
    length = 2;
  else if (lead >= 0xE0 && lead < 0xF0)
    length = 3;
  else if (lead >= 0xF0 && lead < 0xF5)
    length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::int32_t VersionLow() { return 1; }
std::int32_t VersionHigh() { return wire::g_types_constants.PROTOCOL_VERSION; }

wire::Vote::type ToWire(Vote vote) {
  switch (vote) {
    case Vote::kCommit: return wire::Vote::COMMIT;
    case Vote::kReadOnly: return wire::Vote::READ_ONLY;
    case Vote::kNo: return wire::Vote::NO;
  }
  return wire::Vote::NO;
}

wire::BranchEnd::type ToWire(BranchEnd end) {
  switch (end) {
    case BranchEnd::kCommitted: return wire::BranchEnd::COMMITTED;
    case BranchEnd::kAborted: return wire::BranchEnd::ABORTED;
    case BranchEnd::kHazard: return wire::BranchEnd::HAZARD;
    case BranchEnd::kRetry: return wire::BranchEnd::RETRY;
  }
  return wire::BranchEnd::RETRY;
}

wire::Evidence ToWire(const Evidence& evidence) {
  wire::Evidence out;
  out.database = evidence.database;
  out.timeline = static_cast<std::int32_t>(evidence.timeline);
  out.local_transaction = evidence.local_transaction;
  return out;
}

Evidence FromWire(const wire::Evidence& evidence) {
  return {evidence.database, static_cast<std::uint32_t>(evidence.timeline),
          evidence.local_transaction};
}

wire::BranchVote ToWire(BranchNumber branch, const VoteResult& result) {
  wire::BranchVote out;
  out.branch = static_cast<std::int32_t>(branch);
  out.vote = ToWire(result.vote);
  out.evidence = ToWire(result.evidence);
  out.reason = OneLine(result.reason, kTextMost);
  out.retryable = result.retryable;
  return out;
}

Result<Outcome> FromWire(wire::Outcome::type outcome) {
  switch (outcome) {
    case wire::Outcome::COMMITTED: return Outcome::kCommitted;
    case wire::Outcome::ABORTED: return Outcome::kAborted;
    case wire::Outcome::UNDECIDED: return Outcome::kUndecided;
    case wire::Outcome::UNKNOWN: return Outcome::kUnknown;
    case wire::Outcome::EXPIRED: return Outcome::kExpired;
    case wire::Outcome::MIXED: return Outcome::kMixed;
    case wire::Outcome::HAZARD: return Outcome::kHazard;
    case wire::Outcome::HEURISTIC_ROLLBACK: return Outcome::kHeuristicRollback;
    case wire::Outcome::HEURISTIC_COMMIT: return Outcome::kHeuristicCommit;
  }
  return Strange("outcome " + std::to_string(static_cast<int>(outcome)));
}

Result<AbortCause> FromWire(wire::AbortCause::type cause) {
  switch (cause) {
    case wire::AbortCause::NONE: return AbortCause::kNone;
    case wire::AbortCause::REQUESTED: return AbortCause::kRequested;
    case wire::AbortCause::DEADLINE: return AbortCause::kDeadline;
    case wire::AbortCause::VOTED_NO: return AbortCause::kVotedNo;
    case wire::AbortCause::VOTE_TIMEOUT: return AbortCause::kVoteTimeout;
    case wire::AbortCause::PARTICIPANT_LOST: return AbortCause::kParticipantLost;
    case wire::AbortCause::OPERATOR: return AbortCause::kOperator;
    case wire::AbortCause::LOG_REFUSED: return AbortCause::kLogRefused;
    case wire::AbortCause::PRESUMED: return AbortCause::kPresumed;
    case wire::AbortCause::ROLLED_BACK: return AbortCause::kRolledBack;
    case wire::AbortCause::STEP_FAILED: return AbortCause::kStepFailed;
    case wire::AbortCause::QUORUM: return AbortCause::kQuorum;
  }
  return Strange("abort cause " + std::to_string(static_cast<int>(cause)));
}

Result<CommandKind> FromWire(wire::CommandKind::type kind) {
  switch (kind) {
    case wire::CommandKind::PREPARE: return CommandKind::kPrepare;
    case wire::CommandKind::COMMIT: return CommandKind::kCommit;
    case wire::CommandKind::ABORT: return CommandKind::kAbort;
    case wire::CommandKind::PROVE: return CommandKind::kProve;
    case wire::CommandKind::ELECT: return CommandKind::kElect;
    case wire::CommandKind::PRE_COMMIT: return CommandKind::kPreCommit;
    case wire::CommandKind::PRE_ABORT: return CommandKind::kPreAbort;
  }
  return Strange("command " + std::to_string(static_cast<int>(kind)));
}

Result<std::string> LogIdFromWire(const std::string& log_id) {
  if (!IsLogId(log_id)) return Strange("the log id \"" + Escaped(log_id) + "\"");
  return log_id;
}

Result<Command> FromWire(const wire::Command& command) {
  Result<CommandKind> kind = FromWire(command.kind);
  Result<Gtid> gtid = Gtid::Parse(command.gtid);
  const bool all_own = command.branch == 0 && command.kind == wire::CommandKind::ABORT;
  Result<BranchNumber> branch = all_own ? BranchNumber{0} : BranchFromWire(command.branch);
  Result<Epoch> epoch = EpochFromWire(command.epoch);
  if (!kind) return Fail(kind.error());
  if (!gtid) return Fail(gtid.error());
  if (!branch) return Fail(branch.error());
  if (!epoch) return Fail(epoch.error());
  Command out{*kind,  {*std::move(gtid), *branch}, command.resource, command.attempt,
              *epoch, FromWire(command.evidence)};
  if (Status quorum = AddQuorum(command, out); !quorum) return Fail(quorum.error());
  out.prepared = command.prepared;
  out.trace_parent = TraceParentFrom(command.trace_parent);
  return out;
}

}  // namespace

std::string OneLine(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    if (out.size() + (length == 0 ? 1 : length) > most) break;
    const bool control =
        length == 1 && (static_cast<unsigned char>(text[0]) < 32 || text[0] == 127);
    if (length == 0) {
      out += '?';
    } else if (control) {
      out += ' ';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

wire::BeginRequest ToWire(const BeginCall& call) {
  wire::BeginRequest out;
  out.timeout_ms = call.timeout.count();
  out.comment = OneLine(call.comment, kTextMost);
  out.owner = OneLine(call.owner, kLabelMost);
  if (call.protocol == Protocol::kThreePhase) out.__set_protocol(wire::Protocol::THREE_PHASE);
  if (!call.trace_parent.empty()) out.__set_trace_parent(OneLine(call.trace_parent, kLabelMost));
  if (call.last_resource) out.__set_last_resource(true);
  if (call.own_branches == 0) return out;
  out.__set_own_branches(static_cast<std::int32_t>(call.own_branches));
  out.__set_session(call.session);
  return out;
}

wire::EnlistRequest ToWire(const EnlistCall& call) {
  wire::EnlistRequest out;
  out.gtid = call.gtid.text();
  out.resource = call.resource;
  out.session = call.session;
  out.request_key = call.request_key;
  return out;
}

namespace {

std::vector<wire::OwnBranch> ToWire(const std::vector<OwnBranch>& own) {
  std::vector<wire::OwnBranch> out;
  for (const OwnBranch& branch : own) {
    wire::OwnBranch& named = out.emplace_back();
    named.number = static_cast<std::int32_t>(branch.number);
    named.resource = branch.resource;
  }
  return out;
}

}  // namespace

wire::CommitRequest ToWire(const CommitCall& call) {
  wire::CommitRequest out;
  out.gtid = call.gtid.text();
  for (const BranchVote& vote : call.votes) out.votes.push_back(ToWire(vote.branch, vote.result));
  out.wait = call.wait == Wait::kApplied ? wire::Wait::APPLIED : wire::Wait::DECISION;
  out.wait_ms = call.wait_at_most.count();
  if (!call.own.empty()) out.__set_branches(ToWire(call.own));
  return out;
}

wire::OnePhaseRequest ToWire(const OnePhaseCall& call) {
  wire::OnePhaseRequest out;
  out.gtid = call.gtid.text();
  out.branch = static_cast<std::int32_t>(call.branch);
  out.evidence = ToWire(call.evidence);
  if (!call.own_resource.empty()) out.__set_resource(call.own_resource);
  if (!call.votes) return out;
  out.__isset.votes = true;
  for (const BranchVote& vote : *call.votes) out.votes.push_back(ToWire(vote.branch, vote.result));
  if (!call.own.empty()) out.__set_branches(ToWire(call.own));
  return out;
}

wire::AbortRequest ToWire(const AbortCall& call) {
  wire::AbortRequest out;
  out.gtid = call.gtid.text();
  out.reason = OneLine(call.reason, kTextMost);
  out.rolled_back.assign(call.rolled_back.begin(), call.rolled_back.end());
  return out;
}

wire::AttachRequest ToWire(const AttachCall& call) {
  wire::AttachRequest out;
  out.version_low = VersionLow();
  out.version_high = VersionHigh();
  out.process = OneLine(call.process, kLabelMost);
  for (const OfferedResource& resource : call.resources) {
    wire::ResourceOffer offer;
    offer.name = resource.name;
    offer.identity = resource.identity;
    if (!resource.peer_address.empty()) offer.__set_peer_address(resource.peer_address);
    out.resources.push_back(std::move(offer));
  }
  out.epoch_seen = static_cast<std::int64_t>(call.epoch_seen);
  out.log_id_seen = call.log_id_seen;
  if (!call.participants.empty()) out.__set_participants(call.participants);
  out.__set_answers_questions(true);
  out.__set_release(SETTLE_RELEASE);
  return out;
}

wire::FetchRequest ToWire(const FetchCall& call) {
  wire::FetchRequest out;
  out.session = call.session;
  out.received_through = call.received_through;
  out.most = call.most;
  out.wait_ms = call.wait.count();
  return out;
}

wire::ReportRequest ToWire(const ReportCall& call) {
  wire::ReportRequest out;
  out.session = call.session;
  for (const VoteReport& vote : call.votes) {
    wire::VoteReport report;
    report.gtid = vote.key.gtid.text();
    report.vote = ToWire(vote.key.number, vote.result);
    out.votes.push_back(std::move(report));
  }
  for (const EndReport& end : call.ends) {
    wire::EndReport report;
    report.gtid = end.key.gtid.text();
    report.branch = static_cast<std::int32_t>(end.key.number);
    report.became = ToWire(end.result.end);
    report.detail = OneLine(end.result.detail, kTextMost);
    out.ends.push_back(std::move(report));
  }
  for (const FoundBranch& found : call.found) {
    wire::FoundBranch report;
    report.resource = found.resource;
    report.database_name = found.database_name;
    if (found.evidence != Evidence{}) report.__set_evidence(ToWire(found.evidence));
    out.found.push_back(std::move(report));
  }
  std::vector<wire::ActionAnswer> answers;
  for (const ActionAnswer& answer : call.answers) answers.push_back(ToWire(answer));
  if (!answers.empty()) out.__set_answers(answers);
  std::vector<wire::SiteReport> sites;
  for (const SiteReport& site : call.sites) sites.push_back(ToWire(site));
  if (!sites.empty()) out.__set_sites(sites);
  std::vector<wire::QuestionAnswer> told;
  for (const QuestionAnswer& answer : call.question_answers) told.push_back(ToWire(answer));
  if (!told.empty()) out.__set_question_answers(told);
  return out;
}

Result<Hello> FromWire(const wire::HelloReply& reply) {
  if (reply.version < VersionLow() || reply.version > VersionHigh()) {
    return Fail(ErrorCode::kVersion, "the coordinator chose version " +
                                         std::to_string(reply.version) +
                                         " of the contract, which this release does not speak");
  }
  Result<std::string> log_id = LogIdFromWire(reply.log_id);
  Result<Epoch> epoch = EpochFromWire(reply.epoch);
  if (!log_id) return Fail(log_id.error());
  if (!epoch) return Fail(epoch.error());
  return Hello{*std::move(log_id), *epoch, OneLine(reply.release, kLabelMost)};
}

Result<Begun> FromWire(const wire::BeginReply& reply) {
  Result<Gtid> gtid = Gtid::Parse(reply.gtid);
  Result<Epoch> epoch = EpochFromWire(reply.epoch);
  if (!gtid) return Fail(gtid.error());
  if (!epoch) return Fail(epoch.error());
  if (!reply.__isset.own_branches) return Begun{*std::move(gtid), *epoch};
  const Result<BranchNumber> own = BranchFromWire(reply.own_branches);
  if (!own) return Fail(own.error());
  return Begun{*std::move(gtid), *epoch, *own};
}

Result<BranchNumber> FromWire(const wire::EnlistReply& reply) {
  return BranchFromWire(reply.branch);
}

Result<Ending> FromWire(const wire::Ending& ending) {
  Result<Outcome> outcome = FromWire(ending.outcome);
  Result<AbortCause> cause = FromWire(ending.cause);
  if (!outcome) return Fail(outcome.error());
  if (!cause) return Fail(cause.error());
  return Ending{*outcome, *cause, OneLine(ending.reason, kTextMost), ending.retryable};
}

Result<CommitAnswer> FromWire(const wire::CommitReply& reply) {
  Result<Ending> ending = FromWire(reply.ending);
  if (!ending) return Fail(ending.error());
  CommitAnswer answer{*std::move(ending), reply.finish_here, {}};
  for (const std::int32_t number : reply.unfinished) {
    Result<BranchNumber> branch = BranchFromWire(number);
    if (!branch) return Fail(branch.error());
    answer.unfinished.push_back(*branch);
  }
  return answer;
}

Result<OnePhaseAnswer> FromWire(const wire::OnePhaseReply& reply) {
  OnePhaseAnswer answer{reply.granted, std::nullopt};
  if (!reply.__isset.ending) return answer;
  Result<Ending> ending = FromWire(reply.ending);
  if (!ending) return Fail(ending.error());
  answer.ending = *std::move(ending);
  return answer;
}

Result<Attached> FromWire(const wire::AttachReply& reply) {
  Result<std::string> log_id = LogIdFromWire(reply.log_id);
  Result<Epoch> epoch = EpochFromWire(reply.epoch);
  if (!log_id) return Fail(log_id.error());
  if (!epoch) return Fail(epoch.error());
  if (reply.session.empty()) return Strange("an empty session name");
  if (reply.session_timeout_ms < 1) {
    return Strange("a session time-out of " + std::to_string(reply.session_timeout_ms) + " ms");
  }
  return Attached{reply.session, *std::move(log_id), *epoch,
                  milliseconds(reply.session_timeout_ms)};
}

Result<CommandBatch> FromWire(const wire::CommandBatch& batch, const std::string& log_id) {
  CommandBatch out;
  out.number = batch.number;
  if (batch.number < 0) return Strange("batch number " + std::to_string(batch.number));
  for (const wire::Command& command : batch.commands) {
    Result<Command> converted = FromWire(command);
    // One command that makes no sense spoils the batch: it would otherwise be acknowledged unread.
    if (!converted) return Fail(converted.error());
    out.commands.push_back(*std::move(converted));
  }
  for (const wire::ActionCall& call : batch.calls) {
    Result<ActionCall> converted = FromWire(call);
    if (!converted) return Fail(converted.error());
    out.calls.push_back(*std::move(converted));
  }
  for (const wire::Question& question : batch.questions) {
    out.questions.push_back(FromWire(question));
  }
  if (batch.__isset.ended_through) {
    Result<EndedThrough> mark = FromWire(batch.ended_through, log_id);
    if (!mark) return Fail(mark.error());
    out.ended_through = *std::move(mark);
  }
  return out;
}

}  // namespace settle::sdk
