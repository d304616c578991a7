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

std::string Words(const DecidedBranch& branch) {
  return Number(branch.number) + " " + branch.resource + " " + settle::ToString(branch.vote) +
         Trailing(branch.evidence);
}

struct EventWords {
  std::string operator()(const event::Enlist& e) const {
    return "enlist " + e.resource + " session " + e.session + " key " + e.request_key;
  }
  std::string operator()(const event::CommitRequested& e) const {
    std::string text = "commit";
    for (const BranchVote& vote : e.votes)
      text += " " + Number(vote.branch) + "=" + Words(vote.result);
    return text;
  }
  std::string operator()(const event::OnePhaseRequested& e) const {
    return "one-phase " + Number(e.branch) + Trailing(e.evidence);
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
  std::string operator()(const event::Finished& e) const {
    return "finished " + Number(e.branch) + " " + settle::ToString(e.result.end) +
           TrailingReason(e.result.detail);
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
    return "found-prepared " + Number(e.branch) + " " + e.resource;
  }
  std::string operator()(const event::RetryRequested&) const { return "retry"; }
  std::string operator()(const event::ForgetRequested& e) const {
    return "forget " + Quoted(e.operator_name) + " " + Quoted(e.reason);
  }
  std::string operator()(const event::Restored& e) const {
    return e.forgotten ? "restored, " + Describe(Record(*e.forgotten)) : "restored";
  }
};

struct RecordWords {
  std::string operator()(const CommitRecord& record) const {
    std::string text = "commit record:";
    for (const DecidedBranch& branch : record.branches) {
      text += (branch.number == 1 ? " " : ", ") + Words(branch);
    }
    return text;
  }
  std::string operator()(const OnePhaseRecord& record) const {
    return "one-phase record: " + Words(record.branch);
  }
  std::string operator()(const HeuristicRecord& record) const {
    return "heuristic record: " + Number(record.branch) + " " + settle::ToString(record.end) +
           TrailingReason(record.detail);
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
           " attempt " + std::to_string(e.attempt) + Trailing(e.evidence);
  }
  std::string operator()(const effect::Persist& e) const { return "persist " + Describe(e.record); }
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
    text +=
        (branch.number == 1 ? ": " : ", ") + Number(branch.number) + " " + ToString(branch.state);
  }
  return text;
}

}  // namespace settle::coordinator
