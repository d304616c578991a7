#include "protocol/describe.h"

#include <utility>
#include <variant>

#include "protocol/saga_describe.h"

namespace settle::coordinator {
namespace {

std::string Quoted(const std::string& text) { return "\"" + Escaped(text) + "\""; }

std::string Number(std::uint64_t number) { return std::to_string(number); }

// " evidence=<database>/<timeline>/<local transaction>", or nothing.
std::string Trailing(const Evidence& evidence) {
  if (evidence == Evidence{}) return "";
  return " evidence=" + Escaped(evidence.database) + "/" + Number(evidence.timeline) + "/" +
         Escaped(evidence.local_transaction);
}

std::string TrailingReason(const std::string& reason) {
  return reason.empty() ? "" : " " + Quoted(reason);
}

std::string Words(const VoteResult& vote) {
  return settle::ToString(vote.vote) + Trailing(vote.evidence) + TrailingReason(vote.reason) +
         (vote.retryable ? " retryable" : "");
}

std::string Words(const std::vector<BranchVote>& votes,
                  const std::vector<event::OwnBranch>& branches) {
  std::string text;
  for (const BranchVote& vote : votes) text += " " + Number(vote.branch) + "=" + Words(vote.result);
  for (const event::OwnBranch& own : branches)
    text += " own " + Number(own.number) + " " + own.resource;
  return text;
}

std::string Words(const DecidedBranch& branch) {
  return Number(branch.number) + " " + branch.resource + " " + settle::ToString(branch.vote) +
         Trailing(branch.evidence);
}

// " by 0 2": branches or sites, after a word; nothing if there are none.
std::string TrailingNumbers(const char* word, const std::vector<BranchNumber>& numbers) {
  std::string text = numbers.empty() ? "" : std::string(" ") + word;
  for (const BranchNumber number : numbers) text += " " + Number(number);
  return text;
}

std::string TrailingSites(const Roster& sites) {
  std::vector<BranchNumber> numbers;
  for (const Site& site : sites) numbers.push_back(site.number);
  return TrailingNumbers("sites", numbers);
}

// " ballot 2.1 by 0 1"; nothing of what was decided alone.
std::string Trailing(const Ballot& ballot, const std::vector<BranchNumber>& quorum) {
  return (ballot == Ballot{} ? "" : " ballot " + settle::ToString(ballot)) +
         TrailingNumbers("by", quorum);
}

std::string Words(const SiteAnswer& answer) {
  return std::string(settle::ToString(answer.state)) + " elected " +
         settle::ToString(answer.elected) + " accepted " + settle::ToString(answer.accepted) +
         Trailing(answer.decided.ballot, answer.decided.quorum);
}

// "force commit "alice" "agreed by telephone"", "verdict 2 abort ...", "stray commit NAME ...".
std::string Described(const HeuristicIntent& intent) {
  std::string text = ToString(intent.act);
  if (intent.act == HeuristicAct::kVerdict)
    text += " " + Number(intent.branches.empty() ? 0 : intent.branches.front().number);
  text += std::string(" ") + settle::ToString(intent.to);
  if (!intent.database_name.empty()) text += " " + Escaped(intent.database_name);
  return text + " " + Quoted(intent.operator_name) + " " + Quoted(intent.reason);
}

std::string Words(const std::vector<DecidedBranch>& branches) {
  std::string text;
  for (const DecidedBranch& branch : branches) {
    text += (text.empty() ? " " : ", ") + Words(branch);
  }
  return text;
}

struct EventWords {
  std::string operator()(const event::Enlist& e) const {
    std::string text = "enlist " + e.resource + " session " + e.session + " key " + e.request_key;
    for (const std::string& peer : e.peers) text += " peer " + peer;
    return text;
  }
  std::string operator()(const event::TryRequested& e) const {
    return "try " + e.participant + "/" + e.action + " key " + e.request_key + " " +
           DescribeJson(e.input);
  }
  std::string operator()(const event::CommitRequested& e) const {
    return "commit" + Words(e.votes, e.own);
  }
  std::string operator()(const event::OnePhaseRequested& e) const {
    return "one-phase " + Number(e.branch) + Trailing(e.evidence) +
           (e.own ? " own " + Number(e.own->number) + " " + e.own->resource : "");
  }
  std::string operator()(const event::LastResourceRequested& e) const {
    return "last-resource " + Number(e.branch) + Trailing(e.evidence) + Words(e.votes, e.own);
  }
  std::string operator()(const event::AbortRequested& e) const {
    std::string text = std::string("abort ") + settle::ToString(e.cause) + TrailingReason(e.reason);
    if (!e.rolled_back.empty()) text += " rolled-back";
    for (const BranchNumber number : e.rolled_back) text += " " + Number(number);
    return text;
  }
  std::string operator()(const event::DeadlineReached&) const { return "deadline"; }
  std::string operator()(const event::VoteTimerFired&) const { return "vote-timer"; }
  std::string operator()(const event::RetryTimerFired&) const { return "retry-timer"; }
  std::string operator()(const event::Voted& e) const {
    return "vote " + Number(e.vote.branch) + " " + Words(e.vote.result);
  }
  std::string operator()(const event::SiteAnswered& e) const {
    return "site " + Number(e.site) + " " + Words(e.answer);
  }
  std::string operator()(const event::PeerCalled& e) const {
    return "peer " + Number(e.call) + " " + settle::ToString(e.message.verb) +
           Trailing(e.message.ballot, e.message.quorum);
  }
  std::string operator()(const event::Finished& e) const {
    return "finished " + Number(e.branch) + " " + settle::ToString(e.result.end) +
           TrailingReason(e.result.detail);
  }
  std::string operator()(const event::Answered& e) const {
    std::string text = "answer " + Number(e.branch) + " " + settle::ToString(e.op) + " " +
                       std::to_string(e.attempt) + " " + settle::ToString(e.answer.kind);
    if (e.answer.kind == AnswerKind::kOngoing)
      return text + " " + std::to_string(e.answer.poll_after_ms);
    if (e.answer.kind == AnswerKind::kDone)
      return text + (e.answer.text.empty() ? "" : " " + DescribeJson(e.answer.text));
    return text + TrailingReason(e.answer.text);
  }
  std::string operator()(const event::CallTimerFired& e) const {
    return "call-timer " + Number(e.branch) + (e.unserved ? " unserved" : "");
  }
  std::string operator()(const event::ParticipantReady& e) const {
    return "participant-ready " + e.participant;
  }
  std::string operator()(const event::Persisted&) const { return "persisted"; }
  std::string operator()(const event::PersistRefused& e) const {
    return "persist-refused" + TrailingReason(e.reason);
  }
  std::string operator()(const event::SessionLost& e) const { return "session-lost " + e.session; }
  std::string operator()(const event::ResourceReady& e) const {
    return "resource-ready " + e.resource;
  }
  std::string operator()(const event::FoundPrepared& e) const {
    return "found-prepared " + Number(e.branch) + " " + e.resource + Trailing(e.evidence) +
           (e.last ? " last " + Number(e.last->branch) + " " + e.last->resource +
                         Trailing(e.last->evidence)
                   : "");
  }
  std::string operator()(const event::RetryRequested&) const { return "retry"; }
  std::string operator()(const event::SkipRequested& e) const {
    return "skip " + Number(e.branch) + " " + Quoted(e.operator_name) + " " + Quoted(e.reason);
  }
  std::string operator()(const event::ForgetRequested& e) const {
    return "forget " + Quoted(e.operator_name) + " " + Quoted(e.reason);
  }
  std::string operator()(const event::HeuristicRequested& e) const {
    return "heuristic " + Described(e.intent);
  }
  std::string operator()(const event::Restored& e) const {
    return e.forgotten ? "restored, " + Describe(Record(*e.forgotten)) : "restored";
  }
};

struct RecordWords {
  std::string operator()(const CommitRecord& record) const {
    return "commit record:" + Words(record.branches) + Trailing(record.by.ballot, record.by.quorum);
  }
  std::string operator()(const PreCommitRecord& record) const {
    return "pre-commit record:" + Words(record.branches) + TrailingSites(record.sites);
  }
  std::string operator()(const BallotRecord& record) const {
    return "ballot record: " + Words(record.at);
  }
  std::string operator()(const QuorumAbortRecord& record) const {
    return "quorum abort record:" + Trailing(record.by.ballot, record.by.quorum) +
           TrailingReason(record.reason);
  }
  std::string operator()(const OnePhaseRecord& record) const {
    return "one-phase record: " + Words(record.branch);
  }
  std::string operator()(const LastResourceRecord& record) const {
    return "last-resource record: " + Number(record.last) + " decides:" + Words(record.branches);
  }
  std::string operator()(const HeuristicRecord& record) const {
    return "heuristic record: " + Number(record.branch) + " " + settle::ToString(record.end) +
           TrailingReason(record.detail);
  }
  std::string operator()(const HeuristicIntentRecord& record) const {
    return "heuristic intent record: " + Described(record.intent) + ":" +
           Words(record.intent.branches);
  }
  std::string operator()(const EndRecord& record) const {
    return "end record: " + Describe(record.summary.ending);
  }
  std::string operator()(const ResourceRecord& record) const {
    return "resource record: " + record.resource + " is " + Escaped(record.identity);
  }
  std::string operator()(const DefinitionRecord& record) const {
    return "definition record: " + Escaped(record.definition.name) + " version " +
           std::to_string(record.definition.version);
  }
  std::string operator()(const PauseRecord& record) const {
    const std::string what = record.scope == PauseScope::kParticipant     ? record.name
                             : record.scope == PauseScope::kEverythingNew ? "everything new"
                                                                          : "drain";
    return "pause record: " + what + (record.paused ? " on" : " off") + " by " +
           Quoted(record.operator_name) + " " + Quoted(record.reason);
  }
  std::string operator()(const RegisteredRecord& record) const {
    return "registered record: " + Number(record.branch) + " " + record.participant + "/" +
           record.action + " " + DescribeJson(record.input);
  }
  // A saga's own; ForgetRecord, which both have, is described here.
  template <typename OfSaga>
  std::string operator()(const OfSaga& record) const {
    return saga::Describe(SagaRecord(record));
  }
  std::string operator()(const ForgetRecord& record) const {
    return "forget record: by " + Quoted(record.operator_name) + " " + Quoted(record.reason) +
           " of " + Describe(record.ending);
  }
};

struct EffectWords {
  std::string operator()(const effect::Send& e) const {
    return std::string("send ") + ToString(e.kind) + " " + Number(e.branch) + " " + e.resource +
           " " + (e.session.empty() ? std::string("any-session") : "session " + e.session) +
           " attempt " + std::to_string(e.attempt) + Trailing(e.evidence) + TrailingSites(e.sites) +
           Trailing(e.ballot, e.quorum) +
           (e.prepared.empty() ? "" : " prepared " + Escaped(e.prepared));
  }
  std::string operator()(const effect::AbortOwn& e) const {
    return "abort own branches session " + e.session;
  }
  std::string operator()(const effect::Call& e) const {
    return std::string("call ") + settle::ToString(e.op) + " " + Number(e.branch) + " " +
           e.participant + "/" + e.action + " attempt " + std::to_string(e.attempt) + " " +
           DescribeJson(e.input) + (e.result.empty() ? "" : " result " + DescribeJson(e.result));
  }
  std::string operator()(const effect::Pause& e) const {
    return "pause " + Number(e.branch) +
           (e.poll_after_ms != 0 ? " for " + std::to_string(e.poll_after_ms) + " ms"
                                 : " step " + std::to_string(e.fruitless));
  }
  std::string operator()(const effect::StopCall& e) const {
    return "stop call " + Number(e.branch);
  }
  std::string operator()(const effect::Alarm& e) const {
    return "alarm " + Number(e.branch) + " " + Quoted(e.what);
  }
  std::string operator()(const effect::TryAccepted& e) const {
    return "try accepted " + Number(e.branch);
  }
  std::string operator()(const effect::TryAnswered& e) const {
    return "try answered " + Number(e.branch);
  }
  std::string operator()(const effect::Skipped& e) const { return "skipped " + Number(e.branch); }
  std::string operator()(const effect::Persist& e) const { return "persist " + Describe(e.record); }
  std::string operator()(const effect::PersistLazily& e) const {
    return "persist lazily " + Describe(e.record);
  }
  std::string operator()(const effect::ArmTimer& e) const {
    return std::string("arm ") + ToString(e.timer) + " step " + std::to_string(e.attempt);
  }
  std::string operator()(const effect::CancelTimer& e) const {
    return std::string("cancel ") + ToString(e.timer);
  }
  std::string operator()(const effect::ReplyDecided& e) const {
    return "reply decided: " + Describe(e.ending) + (e.finish_here ? ", finish here" : "");
  }
  std::string operator()(const effect::ReplyApplied& e) const {
    return "reply applied: " + Describe(e.ending);
  }
  std::string operator()(const effect::Enlisted& e) const { return "enlisted " + Number(e.branch); }
  std::string operator()(const effect::HeuristicRecorded&) const { return "heuristic recorded"; }
  std::string operator()(const effect::AnswerPeer& e) const {
    return "answer peer " + Number(e.call) + " " + Words(e.answer);
  }
  std::string operator()(const effect::OnePhaseGranted&) const { return "one-phase granted"; }
  std::string operator()(const effect::OnePhaseDeclined&) const { return "one-phase declined"; }
  std::string operator()(const effect::Refuse& e) const {
    return std::string("refuse as ") + settle::ToString(e.code) + " " + Quoted(e.message);
  }
  std::string operator()(const effect::Forget&) const { return "forget"; }
};

}  // namespace

const char* ToString(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: return "prepare";
    case CommandKind::kCommit: return "commit";
    case CommandKind::kAbort: return "abort";
    case CommandKind::kProve: return "prove";
    case CommandKind::kElect: return "elect";
    case CommandKind::kPreCommit: return "pre-commit";
    case CommandKind::kPreAbort: return "pre-abort";
  }
  return "unrecognised";
}

const char* ToString(Timer timer) {
  switch (timer) {
    case Timer::kVote: return "vote-timer";
    case Timer::kRetry: return "retry-timer";
  }
  return "unrecognised";
}

std::string DescribeJson(const std::string& text) {
  std::string shown;
  for (const char c : text) {
    const bool plain = c >= ' ' && c < 127;
    shown += plain ? std::string(1, c) : Escaped(std::string(1, c));
  }
  return shown;
}

std::string Describe(const Event& event) { return std::visit(EventWords{}, event); }

std::string Describe(const Record& record) { return std::visit(RecordWords{}, record); }

std::string Describe(const Effect& effect) { return std::visit(EffectWords{}, effect); }

std::string Describe(const Ending& ending) {
  std::string text = settle::ToString(ending.outcome);
  if (ending.cause != AbortCause::kNone || ending.retryable) {
    text += std::string(" (") + settle::ToString(ending.cause) +
            (ending.retryable ? ", retryable)" : ")");
  }
  return text + TrailingReason(ending.reason);
}

std::string Describe(const TwoPhase& machine) {
  std::string text = ToString(machine.state());
  for (const TwoPhase::Branch& branch : machine.branches()) {
    text += (branch.number == machine.branches().front().number ? ": " : ", ") +
            Number(branch.number) + " " + StateOf(branch);
  }
  return text;
}

}  // namespace settle::coordinator
