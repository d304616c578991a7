#include "protocol/event_parser.h"

#include <array>
#include <optional>
#include <string>

#include "protocol/word_reader.h"

namespace settle::coordinator {
namespace {

Evidence TakeEvidenceIfAny(WordReader& reader) {
  const std::optional<std::string> text = reader.TakeAfter("evidence=");
  if (!text) return {};
  const std::size_t last = text->rfind('/');
  const std::size_t middle =
      last == std::string::npos || last == 0 ? last : text->rfind('/', last - 1);
  if (middle == std::string::npos || middle == last) return reader.Bad(*text), Evidence{};
  return {Unescaped(text->substr(0, middle)),
          reader.Number(text->substr(middle + 1, last - middle - 1)),
          Unescaped(text->substr(last + 1))};
}

VoteResult TakeVote(WordReader& reader, const std::string& word) {
  VoteResult vote;
  vote.vote = reader.OneOf(std::array{Vote::kCommit, Vote::kReadOnly, Vote::kNo}, word);
  vote.evidence = TakeEvidenceIfAny(reader);
  vote.reason = reader.TakeQuotedIfAny();
  vote.retryable = reader.TakeIf("retryable");
  return vote;
}

// After "own": "1 bank-a".
event::OwnBranch TakeOwn(WordReader& reader) {
  event::OwnBranch own;
  own.number = reader.TakeNumber();
  own.resource = reader.Take();
  return own;
}

event::CommitRequested TakeCommit(WordReader& reader) {
  event::CommitRequested commit;
  while (!reader.AtEnd() && !reader.error()) {
    if (reader.TakeIf("own")) {
      commit.own.push_back(TakeOwn(reader));
      continue;
    }
    const std::string word = reader.Take();
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      reader.Bad(word);
      break;
    }
    const BranchNumber branch = reader.Number<BranchNumber>(word.substr(0, equals));
    commit.votes.push_back({branch, TakeVote(reader, word.substr(equals + 1))});
  }
  return commit;
}

// "last-resource 1 evidence=pg-a/1/701 2=commit own 1 bank-a own 2 bank-b"
event::LastResourceRequested TakeLastResource(WordReader& reader) {
  event::LastResourceRequested asked;
  asked.branch = reader.TakeNumber();
  asked.evidence = TakeEvidenceIfAny(reader);
  event::CommitRequested others = TakeCommit(reader);
  asked.votes = std::move(others.votes);
  asked.own = std::move(others.own);
  return asked;
}

// "found-prepared 2 bank-b", and " last 1 bank-a evidence=pg-a/1/701" if its name says so.
event::FoundPrepared TakeFoundPrepared(WordReader& reader) {
  event::FoundPrepared found;
  found.branch = reader.TakeNumber();
  found.resource = reader.Take();
  found.evidence = TakeEvidenceIfAny(reader);
  if (!reader.TakeIf("last")) return found;
  found.last.emplace();
  found.last->branch = reader.TakeNumber();
  found.last->resource = reader.Take();
  found.last->evidence = TakeEvidenceIfAny(reader);
  return found;
}

// "2.1"
Ballot BallotOf(WordReader& reader, const std::string& text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return reader.Bad(text), Ballot{};
  return {reader.Number<std::uint64_t>(text.substr(0, dot)), reader.Number(text.substr(dot + 1))};
}

// "ballot 2.1 by 0 1", or nothing.
DecidedBy TakeDecidedByIfAny(WordReader& reader) {
  DecidedBy by;
  if (reader.TakeIf("ballot")) by.ballot = BallotOf(reader, reader.Take());
  if (!reader.TakeIf("by")) return by;
  while (!reader.AtEnd() && !reader.error()) by.quorum.push_back(reader.TakeNumber());
  return by;
}

event::SiteAnswered TakeSiteAnswered(WordReader& reader) {
  constexpr std::array kStates{SiteState::kInitial,      SiteState::kWaiting,
                               SiteState::kPreCommitted, SiteState::kPreAborted,
                               SiteState::kCommitted,    SiteState::kAborted};
  event::SiteAnswered answered;
  answered.site = reader.TakeNumber();
  answered.answer.state = reader.OneOf(kStates, reader.Take());
  reader.Expect("elected");
  answered.answer.elected = BallotOf(reader, reader.Take());
  reader.Expect("accepted");
  answered.answer.accepted = BallotOf(reader, reader.Take());
  answered.answer.decided = TakeDecidedByIfAny(reader);
  return answered;
}

event::PeerCalled TakePeerCalled(WordReader& reader) {
  constexpr std::array kVerbs{PeerVerb::kState,    PeerVerb::kElect,  PeerVerb::kPreCommit,
                              PeerVerb::kPreAbort, PeerVerb::kCommit, PeerVerb::kAbort};
  event::PeerCalled called;
  called.call = reader.TakeNumber<std::uint64_t>();
  called.message.verb = reader.OneOf(kVerbs, reader.Take());
  DecidedBy by = TakeDecidedByIfAny(reader);
  called.message.ballot = by.ballot;
  called.message.quorum = std::move(by.quorum);
  return called;
}

event::AbortRequested TakeAbort(WordReader& reader) {
  event::AbortRequested abort;
  abort.cause =
      reader.OneOf(std::array{AbortCause::kRequested, AbortCause::kOperator}, reader.Take());
  abort.reason = reader.TakeQuotedIfAny();
  if (reader.TakeIf("rolled-back")) {
    while (!reader.AtEnd() && !reader.error()) abort.rolled_back.push_back(reader.TakeNumber());
  }
  return abort;
}

// "try inventory/reserve key k1 {}"
event::TryRequested TakeTry(WordReader& reader) {
  event::TryRequested asked;
  const std::string where = reader.Take();
  const std::size_t slash = where.find('/');
  if (slash == std::string::npos) return reader.Bad(where), asked;
  asked.participant = where.substr(0, slash);
  asked.action = where.substr(slash + 1);
  reader.Expect("key");
  asked.request_key = reader.Take();
  asked.input = reader.TakeRest();
  return asked;
}

event::Answered TakeAnswered(WordReader& reader) {
  constexpr std::array kOps{ActionOp::kTry, ActionOp::kConfirm, ActionOp::kCancel};
  constexpr std::array kKinds{AnswerKind::kDone, AnswerKind::kFailed, AnswerKind::kOngoing,
                              AnswerKind::kUnknown, AnswerKind::kSuppressed};
  event::Answered answered;
  answered.branch = reader.TakeNumber();
  answered.op = reader.OneOf(kOps, reader.Take());
  answered.attempt = reader.TakeNumber<int>();
  Answer& answer = answered.answer;
  answer.kind = reader.OneOf(kKinds, reader.Take());
  if (answer.kind == AnswerKind::kDone) {
    answer.text = reader.TakeRest();
  } else if (answer.kind == AnswerKind::kOngoing) {
    answer.poll_after_ms = reader.TakeNumber<std::int64_t>();
  } else {
    answer.text = reader.TakeQuotedIfAny();
  }
  return answered;
}

// "heuristic force commit "alice" "why"", "heuristic verdict 2 abort "alice" "why"".
event::HeuristicRequested TakeHeuristic(WordReader& reader) {
  HeuristicIntent intent;
  intent.act =
      reader.OneOf(std::array{HeuristicAct::kForce, HeuristicAct::kVerdict, HeuristicAct::kStray},
                   reader.Take());
  if (intent.act == HeuristicAct::kVerdict)
    intent.branches.push_back({reader.TakeNumber(), "", Vote::kCommit, {}});
  intent.to = reader.OneOf(std::array{Decision::kCommit, Decision::kAbort}, reader.Take());
  intent.operator_name = reader.TakeQuotedIfAny();
  intent.reason = reader.TakeQuotedIfAny();
  return {intent};
}

Event TakeEvent(WordReader& reader) {
  if (reader.TakeIf("enlist")) {
    event::Enlist enlist;
    enlist.resource = reader.Take();
    reader.Expect("session");
    enlist.session = reader.Take();
    reader.Expect("key");
    enlist.request_key = reader.Take();
    while (reader.TakeIf("peer")) enlist.peers.push_back(reader.Take());
    return enlist;
  }
  if (reader.TakeIf("try")) return TakeTry(reader);
  if (reader.TakeIf("answer")) return TakeAnswered(reader);
  if (reader.TakeIf("call-timer")) {
    const auto branch = reader.TakeNumber();
    return event::CallTimerFired{branch, reader.TakeIf("unserved")};
  }
  if (reader.TakeIf("participant-ready")) return event::ParticipantReady{reader.Take()};
  if (reader.TakeIf("skip")) {
    event::SkipRequested skip;
    skip.branch = reader.TakeNumber();
    skip.operator_name = reader.TakeQuotedIfAny();
    skip.reason = reader.TakeQuotedIfAny();
    return skip;
  }
  if (reader.TakeIf("commit")) return TakeCommit(reader);
  if (reader.TakeIf("one-phase")) {
    const BranchNumber branch = reader.TakeNumber();
    event::OnePhaseRequested asked{branch, TakeEvidenceIfAny(reader)};
    if (reader.TakeIf("own")) asked.own = TakeOwn(reader);
    return asked;
  }
  if (reader.TakeIf("last-resource")) return TakeLastResource(reader);
  if (reader.TakeIf("abort")) return TakeAbort(reader);
  if (reader.TakeIf("deadline")) return event::DeadlineReached{};
  if (reader.TakeIf("vote-timer")) return event::VoteTimerFired{};
  if (reader.TakeIf("retry-timer")) return event::RetryTimerFired{};
  if (reader.TakeIf("vote")) {
    const BranchNumber branch = reader.TakeNumber();
    return event::Voted{{branch, TakeVote(reader, reader.Take())}};
  }
  if (reader.TakeIf("site")) return TakeSiteAnswered(reader);
  if (reader.TakeIf("peer")) return TakePeerCalled(reader);
  if (reader.TakeIf("finished")) {
    event::Finished finished{reader.TakeNumber(), {}};
    constexpr std::array kEnds{BranchEnd::kCommitted, BranchEnd::kAborted, BranchEnd::kHazard,
                               BranchEnd::kRetry};
    finished.result.end = reader.OneOf(kEnds, reader.Take());
    finished.result.detail = reader.TakeQuotedIfAny();
    return finished;
  }
  if (reader.TakeIf("persisted")) return event::Persisted{};
  if (reader.TakeIf("persist-refused")) return event::PersistRefused{reader.TakeQuotedIfAny()};
  if (reader.TakeIf("session-lost")) return event::SessionLost{reader.Take()};
  if (reader.TakeIf("resource-ready")) return event::ResourceReady{reader.Take()};
  if (reader.TakeIf("found-prepared")) return TakeFoundPrepared(reader);
  if (reader.TakeIf("retry")) return event::RetryRequested{};
  if (reader.TakeIf("forget")) {
    event::ForgetRequested forget;
    forget.operator_name = reader.TakeQuotedIfAny();
    forget.reason = reader.TakeQuotedIfAny();
    return forget;
  }
  if (reader.TakeIf("heuristic")) return TakeHeuristic(reader);
  if (reader.TakeIf("restored")) return event::Restored{};
  reader.Bad(reader.Take());
  return event::Restored{};
}

}  // namespace

Result<Event> ParseEvent(std::string_view line) {
  WordReader reader(line);
  Event event = TakeEvent(reader);
  if (!reader.error() && !reader.AtEnd()) reader.Bad(reader.Take());
  if (!reader.error()) return event;
  return Fail(ErrorCode::kInvalid,
              "\"" + *reader.error() + "\" was not understood in: " + std::string(line));
}

}  // namespace settle::coordinator
