#include "crash_matrix/play.h"

#include <algorithm>
#include <regex>
#include <utility>

#include "crash_matrix/stage.h"

namespace settle::crash_matrix {
namespace {

std::string Words(const Ending& ending) {
  const std::string outcome = ToString(ending.outcome);
  if (ending.cause == AbortCause::kNone) return outcome;
  return outcome + " (" + ToString(ending.cause) + ")";
}

// Whether an answer about a transaction that nobody touched by hand is the truth.
bool IsTrue(const Fate& fate) {
  if (fate.answer.committed()) return fate.committed == fate.wrote;
  if (fate.answer.aborted()) return fate.committed == 0;
  return false;
}

// The same after an operator's hand, which an abort that nobody remembers cannot know of.
bool IsTrueOfHandled(const Fate& fate) {
  switch (fate.answer.outcome) {
    case Outcome::kCommitted: return fate.committed == fate.wrote;
    // An abort keeps no list of its branches: those that were not committed may be unknown by now.
    case Outcome::kHeuristicCommit: return fate.committed != 0;
    case Outcome::kHeuristicRollback: return fate.committed == 0;
    case Outcome::kMixed: return fate.committed != 0 && fate.committed != fate.wrote;
    case Outcome::kAborted:
    case Outcome::kHazard: return true;
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return false;
  }
  return false;
}

}  // namespace

// Asks as a client does that was never answered, and compares with the databases.
void Stage::CheckAnswer(simulation::Note& note) {
  const simulation::Tally tally = simulation::Count(note);
  Fate fate{note.gtid, Ask(note.gtid), note.told, tally.wrote, tally.committed};
  note.said_at_the_end = fate.answer.outcome;
  const bool handled = note.meddled();
  if (!(handled ? IsTrueOfHandled(fate) : IsTrue(fate))) {
    played_.violations.push_back(note.gtid.text() + ": the coordinator answers " +
                                 Words(fate.answer) + ", and " + std::to_string(fate.committed) +
                                 " of " + std::to_string(fate.wrote) + " branches committed");
  }
  // What changed nothing anywhere leaves nothing that a crash must not lose, not even its name.
  const bool told_otherwise = note.told && *note.told != fate.answer.outcome;
  if (told_otherwise && !handled && fate.wrote != 0) {
    played_.violations.push_back(note.gtid.text() + ": the client was told " +
                                 ToString(*note.told) + ", and the answer is " +
                                 Words(fate.answer));
  }
  played_.fates.push_back(std::move(fate));
}

Ending Stage::Ask(const Gtid& gtid) {
  std::optional<Ending> answer;
  coordinator_.Arrive([&](coordinator::Engine&, coordinator::Inquiry& inquiry) {
    inquiry.AskOutcome(gtid, [&answer](const Result<Ending>& ending) {
      answer = ending ? *ending
                      : Ending{Outcome::kUnknown, AbortCause::kNone, ending.error().message, false};
    });
  });
  const coordinator::Instant until = world_.now() + kBound;
  while (!answer && world_.now() < until) world_.Step();
  return answer ? *answer : Ending{Outcome::kUnknown, AbortCause::kNone, "no answer", false};
}

// Without a crash the scenario must be what it says it is.
void Stage::CheckUndisturbed() {
  const auto violation = [&](std::string what) { played_.violations.push_back(std::move(what)); };
  if (played_.fates.size() != scenario_.ends.size()) return violation("not all were begun");
  for (std::size_t i = 0; i < scenario_.ends.size(); ++i) {
    const End& wanted = scenario_.ends[i];
    const Fate& fate = played_.fates[i];
    if (fate.answer.outcome != wanted.outcome || fate.answer.cause != wanted.cause)
      violation("it ended as " + Words(fate.answer) + ": " + fate.answer.reason);
    if (fate.told.has_value() != wanted.told)
      violation(wanted.told ? "the client was not told" : "the client was told");
  }
  for (const Incident& incident : scenario_.incidents) {
    if (!happened_.contains(&incident))
      violation("no trouble after " + incident.actor + " " + incident.step);
  }
  for (const auto& [kind, left] : strikes_) {
    if (left != 0) violation("the fault did not strike: " + kind);
  }
  for (const MessagesAreLost& lost : losses_) {
    if (lost.times != 0) violation("no message was lost: " + lost.what);
  }
  if (staging_.timing.value_or(scenario_.timing) != scenario_.timing) return;
  for (const std::string& words : scenario_.shows) {
    if (std::none_of(played_.steps.begin(), played_.steps.end(),
                     [&](const Step& step) { return step.what.find(words) != std::string::npos; }))
      violation("no step contains: " + words);
  }
}

void Stage::CheckCrashes() {
  if (played_.crashes.size() != crashes_.size()) {
    played_.violations.push_back("only " + std::to_string(played_.crashes.size()) + " of " +
                                 std::to_string(crashes_.size()) + " crashes happened");
  }
  // A crash can turn a commit into an abort, never an abort into a commit.
  for (std::size_t i = 0; i < played_.fates.size(); ++i) {
    const bool aborts = scenario_.ends[i].outcome == Outcome::kAborted;
    if (aborts && played_.fates[i].committed != 0)
      played_.violations.push_back("it committed, and without the crash it aborts");
  }
}

Played Play(const Scenario& scenario, Databases databases, const std::vector<Crash>& crashes,
            const Staging& staging) {
  return Stage(scenario, databases, crashes, staging).Run();
}

std::string ToString(const Crash& crash) {
  std::string text = crash.actor + ":" + std::to_string(crash.after) + ":" +
                     (crash.restart == Restart::kSoon ? "soon" : "late");
  if (crash.survived != 0) text += ":" + std::to_string(crash.survived);
  return text;
}

std::optional<Crash> ParseCrash(const std::string& text) {
  static const std::regex grammar("([a-z0-9-]+):([1-9][0-9]{0,5}):(soon|late)(?::([0-9]{1,3}))?");
  std::smatch parts;
  if (!std::regex_match(text, parts, grammar)) return std::nullopt;
  return Crash{parts[1], std::stoul(parts[2]), parts[3] == "soon" ? Restart::kSoon : Restart::kLate,
               parts[4].matched ? std::stoul(parts[4]) : 0};
}

}  // namespace settle::crash_matrix
