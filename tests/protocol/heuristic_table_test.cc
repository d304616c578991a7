// The heuristic table: what each answer of a resource leads to, in each phase. It is read from
// docs/heuristics.md, where people read it, and compared with what happens; to have its cells
// written anew after a change, and then to review them line by line:
//   SETTLE_REWRITE_SCRIPTS=1 build/dev/bin/heuristic_table_test
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>

#include "protocol/heuristic_play.h"

namespace settle::coordinator {
namespace {

struct Row {
  std::string phase;  // the heading that its table is under
  std::string answer;
  std::function<Casting()> cast;
};

FinishResult Committed() { return {BranchEnd::kCommitted, "transaction 7 committed"}; }
FinishResult RolledBack() { return {BranchEnd::kAborted, "transaction 7 was rolled back"}; }
FinishResult Retry(const char* why) { return {BranchEnd::kRetry, why}; }
FinishResult Hazard(const char* why) { return {BranchEnd::kHazard, why}; }
FinishResult Obeyed(Decision decision) {
  return {decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, ""};
}

Casting Votes(const VoteResult& vote) {
  return {.on_prepare = [vote] { return vote; }};
}

Casting Of(Casting::Process process) { return {.process = process}; }

// What the database answers to a finish; `times` so often, and then it obeys.
using Finish = std::function<FinishResult()>;
constexpr int kAlways = 1'000'000;
Casting Finishes(const Finish& answer, int times = kAlways) {
  Casting casting;
  casting.on_finish = [answer, left = std::make_shared<int>(times)](Decision decision) {
    return (*left)-- > 0 ? answer() : Obeyed(decision);
  };
  return casting;
}

FinishResult Throws() { throw std::runtime_error("XAER_PROTO"); }
Casting FinishesByThrowing() {
  Casting casting;
  casting.on_finish = [left = std::make_shared<int>(1)](Decision decision) {
    return (*left)-- > 0 ? Throws() : Obeyed(decision);
  };
  return casting;
}

Casting AndTheSibling(Casting casting, BranchEnd end) {
  casting.on_sibling_finish = [end](Decision) { return FinishResult{end, "by hand"}; };
  return casting;
}

// The other branch cannot be prepared, after this one was.
Casting Aborts(Casting casting) {
  casting.sibling_votes_no = true;
  return casting;
}

Casting OnePhase(const Finish& commit, const Finish& proof = {}, int times = kAlways) {
  Casting casting{.on_one_phase = commit, .one_phase = true};
  casting.on_prove = [proof, left = std::make_shared<int>(times)] {
    return proof && (*left)-- > 0 ? proof() : Committed();
  };
  return casting;
}

FinishResult Lost() { return Retry("COMMIT's reply was lost"); }
FinishResult InProgress() { return Retry("transaction 7 is still in progress"); }
FinishResult Busy() { return Retry("40001 could not serialize"); }
FinishResult Forgotten() { return Hazard("transaction 7 is too old"); }
FinishResult FailedOver() { return Hazard("a fail-over took place"); }
FinishResult Half() { return Hazard("it says itself that half of it committed"); }
FinishResult DoesNotSay() { return Hazard("it does not say what it did"); }

const std::vector<Row>& Rows() {
  using Process = Casting::Process;
  static const std::vector<Row> rows{
      {"Prepare", "ok", [] { return Casting{}; }},
      {"Prepare", "read-only",
       [] {
         return Votes({Vote::kReadOnly, {}, "", false});
       }},
      {"Prepare", "rolled back",
       [] {
         return Votes({Vote::kNo, {}, "a constraint", false});
       }},
      {"Prepare", "failed for now",
       [] {
         return Votes({Vote::kNo, {}, "40001", true});
       }},
      {"Prepare", "protocol error",
       [] { return Casting{.on_prepare = []() -> VoteResult { throw std::runtime_error("?"); }}; }},
      {"Prepare", "unknown branch", [] { return Of(Process::kForgot); }},
      {"Prepare", "no answer in time", [] { return Of(Process::kSilent); }},
      {"Prepare", "its process is gone", [] { return Of(Process::kGone); }},

      {"Commit", "ok", [] { return Casting{}; }},
      {"Commit", "unknown branch, proof: committed", [] { return Finishes(Committed); }},
      {"Commit", "unknown branch, proof: rolled back", [] { return Finishes(RolledBack); }},
      {"Commit", "unknown branch, proof: in progress", [] { return Finishes(InProgress, 2); }},
      {"Commit", "unknown branch, no proof", [] { return Finishes(Forgotten); }},
      {"Commit", "unknown branch, other timeline", [] { return Finishes(FailedOver); }},
      {"Commit", "heuristic commit", [] { return Finishes(Committed); }},
      {"Commit", "heuristic rollback", [] { return Finishes(RolledBack); }},
      {"Commit", "heuristic rollback of every branch",
       [] { return AndTheSibling(Finishes(RolledBack), BranchEnd::kAborted); }},
      {"Commit", "heuristic mixed", [] { return Finishes(Half); }},
      {"Commit", "heuristic hazard", [] { return Finishes(DoesNotSay); }},
      {"Commit", "hazard, and a sibling was rolled back",
       [] { return AndTheSibling(Finishes(DoesNotSay), BranchEnd::kAborted); }},
      {"Commit", "failed for now", [] { return Finishes(Busy, 1); }},
      {"Commit", "protocol error", [] { return FinishesByThrowing(); }},
      {"Commit", "retry later", [] { return Finishes(Busy, 3); }},
      {"Commit", "retry later, tries exceeded", [] { return Finishes(Busy); }},

      {"Abort", "ok", [] { return Aborts({}); }},
      {"Abort", "read-only",
       [] {
         return Aborts(Votes({Vote::kReadOnly, {}, "", false}));
       }},
      {"Abort", "unknown branch, proof: rolled back", [] { return Aborts(Finishes(RolledBack)); }},
      {"Abort", "unknown branch, proof: committed", [] { return Aborts(Finishes(Committed)); }},
      {"Abort", "unknown branch, proof: in progress",
       [] { return Aborts(Finishes(InProgress, 2)); }},
      {"Abort", "unknown branch, no proof", [] { return Aborts(Finishes(Forgotten)); }},
      {"Abort", "unknown branch, other timeline", [] { return Aborts(Finishes(FailedOver)); }},
      {"Abort", "heuristic rollback", [] { return Aborts(Finishes(RolledBack)); }},
      {"Abort", "heuristic commit", [] { return Aborts(Finishes(Committed)); }},
      {"Abort", "heuristic mixed", [] { return Aborts(Finishes(Half)); }},
      {"Abort", "heuristic hazard", [] { return Aborts(Finishes(DoesNotSay)); }},
      {"Abort", "failed for now", [] { return Aborts(Finishes(Busy, 1)); }},
      {"Abort", "protocol error", [] { return Aborts(FinishesByThrowing()); }},
      {"Abort", "retry later", [] { return Aborts(Finishes(Busy, 3)); }},
      {"Abort", "retry later, tries exceeded", [] { return Aborts(Finishes(Busy)); }},

      {"One phase", "ok", [] { return OnePhase(Committed); }},
      {"One phase", "rolled back", [] { return OnePhase(RolledBack, RolledBack); }},
      {"One phase", "reply lost, proof: committed", [] { return OnePhase(Lost, Committed); }},
      {"One phase", "reply lost, proof: rolled back", [] { return OnePhase(Lost, RolledBack); }},
      {"One phase", "reply lost, proof: in progress", [] { return OnePhase(Lost, InProgress, 2); }},
      {"One phase", "reply lost, no proof", [] { return OnePhase(Lost, Forgotten); }},
      {"One phase", "reply lost, other timeline", [] { return OnePhase(Lost, FailedOver); }},
      {"One phase", "reply lost, tries exceeded", [] { return OnePhase(Lost, InProgress); }},
  };
  return rows;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", then ") + word;
  return text.empty() ? "nothing yet" : text;
}

std::string WordsFor(const Record& record) {
  if (std::holds_alternative<CommitRecord>(record)) return "commit";
  if (std::holds_alternative<OnePhaseRecord>(record)) return "one-phase";
  const auto* heuristic = std::get_if<HeuristicRecord>(&record);
  if (heuristic == nullptr) return "?";
  return "heuristic " + std::to_string(heuristic->branch) + " " + ToString(heuristic->end);
}

std::string LogOf(const Play& play) {
  std::string text;
  for (const Record& record : play.records()) text += (text.empty() ? "" : ", ") + WordsFor(record);
  if (play.forgotten()) text += text.empty() ? "end" : ", end";
  return text.empty() ? "nothing" : text;
}

std::string Outcome(const Play& play) {
  if (!play.machine()) return "aborted (presumed)";
  const std::string state = ToString(play.machine()->state());
  const std::string outcome = ToString(play.machine()->ending().outcome);
  return state == "done" || state == "damaged" ? outcome : outcome + ", " + state;
}

std::string SiblingOf(const Play& play) {
  if (play.machine()->branches().size() < 2) return "";
  return ToString(play.machine()->branches()[1].state);
}

std::string LineOf(const Row& row) {
  Play play(row.cast());
  play.Run();
  std::string line = "| " + row.answer + " | " + play.calls(1) + " | " + SiblingOf(play) + " | " +
                     Join(play.told()) + " | " + LogOf(play) + " | ";
  play.Restart();
  return line + play.calls(1) + "; " + Outcome(play) + " |";
}

std::string PathOfThePage() {
  const char* top = std::getenv("SETTLE_SOURCE");
  return (top == nullptr ? std::string(".") : std::string(top)) + "/docs/heuristics.md";
}

// The page with the cells of its tables as they are; `seen` gets what its tables have rows for.
std::string Replay(std::istream& page, std::multiset<std::string>& seen) {
  std::string replayed;
  std::string phase;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) phase = line.substr(line.find_first_not_of("# "));
    const auto row = std::find_if(Rows().begin(), Rows().end(), [&](const Row& one) {
      return one.phase == phase && line.starts_with("| " + one.answer + " |");
    });
    if (row != Rows().end()) {
      seen.insert(phase + ": " + row->answer);
      line = LineOf(*row);
    }
    replayed += line + "\n";
  }
  return replayed;
}

TEST(HeuristicTable, IsWhatHappens) {
  std::stringstream page;
  page << std::ifstream(PathOfThePage()).rdbuf();
  std::multiset<std::string> seen;
  const std::string replayed = Replay(page, seen);
  std::multiset<std::string> wanted;
  for (const Row& row : Rows()) wanted.insert(row.phase + ": " + row.answer);
  EXPECT_EQ(seen, wanted) << "the page has each row once";
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(PathOfThePage()) << replayed;
    return;
  }
  EXPECT_EQ(replayed, page.str()) << "if the new behaviour is right, write it down with "
                                  << "SETTLE_REWRITE_SCRIPTS=1 and review the difference";
}

// ---- What no row may show, whatever the page says.

bool Finishes(const std::string& call) {
  return call.starts_with("commit") || call.starts_with("abort");
}

bool IsDamaged(const Play& play, BranchNumber branch) {
  return std::any_of(play.records().begin(), play.records().end(), [&](const Record& record) {
    const auto* heuristic = std::get_if<HeuristicRecord>(&record);
    return heuristic != nullptr && heuristic->branch == branch;
  });
}

class HeuristicRow : public testing::TestWithParam<Row> {};

TEST_P(HeuristicRow, NoDatabaseHearsBothDecisions) {
  Play play(GetParam().cast());
  play.Run();
  std::vector<std::string> calls = play.journal(1);
  play.Restart();
  const std::vector<std::string> later = play.journal(1);
  calls.insert(calls.end(), later.begin(), later.end());
  const auto hears = [&](const char* decision) {
    return std::any_of(calls.begin(), calls.end(),
                       [&](const std::string& call) { return call.starts_with(decision); });
  };
  EXPECT_FALSE(hears("commit") && hears("abort"));
}

TEST_P(HeuristicRow, ACrashAfterAnyRecordRepeatsNothingThatMustNotBe) {
  Play whole(GetParam().cast());
  whole.Run();
  for (std::size_t records = 1; records <= whole.records().size() + 1; ++records) {
    SCOPED_TRACE("crash after record " + std::to_string(records) + ", or at the end");
    Play play(GetParam().cast(), records);
    play.Run();
    EXPECT_EQ(play.records().size(), std::min(records, whole.records().size()));
    const bool damaged = IsDamaged(play, 1);
    play.Restart();
    for (const std::string& call : play.journal(1)) {
      EXPECT_NE(call, "prepare") << "what was voted stays voted";
      EXPECT_NE(call, "one-phase") << "its leave was used up";
      EXPECT_FALSE(damaged && Finishes(call)) << call << ": its damage is a person's to repair";
    }
    if (!play.machine()) continue;
    const TwoPhase once = *play.machine();
    play.Restart();
    EXPECT_EQ(play.machine()->ending(), once.ending()) << "a second start says another thing";
    const Ending& ending = play.machine()->ending();
    EXPECT_FALSE(whole.machine()->ending().committed() && ending.aborted());
    EXPECT_FALSE(whole.machine()->ending().aborted() && ending.committed());
  }
}

INSTANTIATE_TEST_SUITE_P(HeuristicTable, HeuristicRow, testing::ValuesIn(Rows()),
                         [](const auto& test) {
                           std::string name = test.param.phase + "_" + test.param.answer;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace settle::coordinator
