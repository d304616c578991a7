// What `settle explain` says, of every state of every protocol: each case is a page under
// tests/admin/explanations, as an operator would read it, reviewed line by line. After a change:
//
//   SETTLE_REWRITE_SCRIPTS=1 build/dev/bin/admin_test --gtest_filter='Explanations*'
#include "admin/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "admin/plain_words.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
constexpr WallTime kBegan = 1'767'323'045'000'006;  // 2026-01-02 03:04:05 UTC
constexpr WallTime kMinute = 60'000'000;

// Of no database.
BranchSummary Part(BranchNumber number, const std::string& resource, const std::string& identity,
                   const std::string& state) {
  BranchSummary part;
  part.number = number;
  part.resource = resource;
  part.identity = identity;
  part.state = state;
  return part;
}

BranchSummary BranchIn(BranchNumber number, const std::string& resource, const std::string& state) {
  BranchSummary branch = Part(number, resource, "postgresql:7301:16384", state);
  branch.process = "shop@web1:4711";
  const bool voted = state != "working" && state != "preparing" && state != "delegating";
  if (voted) branch.vote = "commit";
  if (voted) branch.evidence = {"postgresql:7301:16384", 1, "744"};
  return branch;
}

TransactionSummary InState(const std::string& state, const std::string& first,
                           const std::string& second) {
  TransactionSummary summary;
  summary.gtid = kGtid;
  summary.state = state;
  summary.ending.outcome = Outcome::kUndecided;
  if (state == "committing") summary.ending.outcome = Outcome::kCommitted;
  if (state == "aborting")
    summary.ending = {Outcome::kAborted, AbortCause::kVotedNo, "bank-b: duplicate key", false};
  summary.origin = {"shop@web1:4711", "order 17", kBegan};
  summary.branches.push_back(BranchIn(1, "bank-a", first));
  if (!second.empty()) summary.branches.push_back(BranchIn(2, "bank-b", second));
  return summary;
}

TransactionSummary Ended(Ending ending, const std::string& state = "done") {
  TransactionSummary summary = InState(state, "committed", "committed");
  summary.ending = std::move(ending);
  if (state == "done") summary.ended = kBegan + kMinute;
  return summary;
}

TransactionSummary ThreePhase(const std::string& state, const std::string& branches) {
  TransactionSummary summary = InState(state, branches, branches);
  QuorumSummary quorum;
  quorum.sites = {{{0, "", {}}, SiteAnswer{SiteState::kPreCommitted, {2, 0}, {1, 0}, {}}},
                  {{1, "bank-a", {}}, std::nullopt},
                  {{2, "bank-b", {}}, std::nullopt}};
  quorum.needed = 2;
  quorum.by.ballot = {2, 0};
  if (state == "quorum") quorum.missing = {1, 2};
  summary.quorum = quorum;
  return summary;
}

TransactionSummary Saga(const std::string& state, const std::string& first,
                        const std::string& second, const std::string& error = {}) {
  TransactionSummary summary = InState(state, first, second);
  summary.branches[0] = Part(1, "airline", "step flight, action reserve-seat", first);
  summary.branches[1] = Part(2, "hotel", "step room, action book", second);
  summary.branches[1].attempts = 3;
  summary.branches[1].last_error = error;
  if (state == "compensating" || state == "stopping" || state == "fencing")
    summary.ending = {Outcome::kAborted, AbortCause::kStepFailed, "no room is free", false};
  SagaSummary saga;
  saga.name = "trip";
  saga.version = 3;
  saga.steps.resize(2);
  saga.steps[0].number = 1;
  saga.steps[1].number = 2;
  summary.saga = saga;
  return summary;
}

TransactionSummary Reservations(const std::string& state, const std::string& branch,
                                const std::string& error = {}) {
  TransactionSummary summary = InState(state, branch, "");
  summary.branches[0] = Part(1, "inventory", "action reserve", branch);
  summary.branches[0].attempts = 2;
  summary.branches[0].last_error = error;
  return summary;
}

const char* const kStray = "settle:aaaabbbbcccc.1.7.deadbeef:1";

TransactionSummary Stray() {
  TransactionSummary summary = InState("committing", "committing", "");
  summary.origin = {"ann", std::string("prepared as ") + kStray, kBegan};
  HeuristicIntent act;
  act.act = HeuristicAct::kStray;
  act.to = Decision::kCommit;
  act.database_name = kStray;
  act.operator_name = "ann";
  act.reason = "its log is gone";
  summary.heuristics = {act};
  return summary;
}

LiveRow Asked(const TransactionSummary& summary, BranchNumber number, LiveBranch live) {
  LiveRow row{number, {kBegan + 5 * kMinute, 12ms, "shop@web1:4711", ""}, std::move(live)};
  row.comparison = Compare(DecisionOf(summary), summary.branches[number - 1], *row.live);
  return row;
}

LiveRow Unserved(BranchNumber number, WallTime since) {
  LiveRow row{number, {kBegan + 5 * kMinute, 0ms, "", "no process serves it"}};
  row.unserved_since = since;
  return row;
}

LiveBranch PreparedWithWaiters() {
  LiveBranch live;
  live.prepared = true;
  live.prepared_at = kBegan + kMinute;
  live.owner = "teller";
  live.proof = Proof::kInProgress;
  live.locks = 5;
  live.relations = {"account"};
  live.waiting = 4;
  live.waiters = {{4711, "eve", "billing", 4min, "account"},
                  {4712, "bob", "", 50s, "account"},
                  {4713, "", "reports", 800ms, ""}};
  return live;
}

LiveBranch Gone(Proof proof, const std::string& detail) {
  LiveBranch live;
  live.proof = proof;
  live.proof_detail = detail;
  return live;
}

TransactionSummary ByLastResource(const std::string& state, const std::string& error) {
  TransactionSummary summary = InState("last-resource", state, "prepared");
  summary.gtid = *Gtid::Parse(kGtid.text() + "-last");
  summary.branches[0].evidence = {"postgresql:7:16384", 1, "744"};
  summary.branches[0].last_error = error;
  return summary;
}

struct Case {
  const char* name;  // of its page
  TransactionSummary summary;
  std::vector<LiveRow> live{};
};

std::vector<Case> TwoPhaseCases() {
  std::vector<Case> cases{
      {"active", InState("active", "working", "working")},
      {"preparing", InState("preparing", "prepared", "preparing")},
      {"deciding", InState("deciding", "prepared", "prepared")},
      {"committing-unserved", InState("committing", "committed", "committing")},
      {"committing-with-waiters", InState("committing", "committing", "committing")},
      {"committing-rolled-back-by-hand", InState("committing", "committed", "committing")},
      {"committing-without-proof", InState("committing", "committed", "committing")},
      {"aborting-file-unserved", InState("aborting", "aborting", "refused")},
      {"one-phase", InState("one-phase", "one-phase", "")},
      {"delegating", InState("delegating", "working", "")},
  };
  cases[3].summary.branches[1].attempts = 14;
  cases[3].summary.branches[1].last_error = NobodyServes("bank-b");
  cases[3].live = {Asked(cases[3].summary, 1, Gone(Proof::kCommitted, "transaction 744 committed")),
                   Unserved(2, kBegan + 2 * kMinute)};
  cases[4].live = {Asked(cases[4].summary, 1, PreparedWithWaiters())};
  cases[5].live = {
      Asked(cases[5].summary, 2, Gone(Proof::kAborted, "transaction 744 was rolled back"))};
  cases[6].live = {Asked(cases[6].summary, 2, Gone(Proof::kNone, "a fail-over took place"))};
  cases[7].summary.branches[0].identity = "sqlite:6f1c:99";
  cases[7].summary.branches[0].last_error = NobodyServes("bank-a");
  cases[7].live = {Unserved(1, 0)};
  cases[8].summary.branches[0].last_error = NobodyServes("bank-a");
  cases[8].live = {Unserved(1, 0)};
  cases.push_back({"stray-committing", Stray()});
  cases.push_back({"committing-refused", InState("committing", "committed", "committing")});
  cases.back().summary.branches[1].last_error = "permission denied to finish prepared transaction";
  cases.push_back({"last-resource-unserved", ByLastResource("one-phase", NobodyServes("bank-a"))});
  cases.back().live = {Unserved(1, 0)};
  cases.push_back(
      {"last-resource-without-proof", ByLastResource("hazard", "a fail-over took place")});
  return cases;
}

std::vector<Case> EndedCases() {
  const std::string said = "branch 2 in bank-b: transaction 744 was rolled back";
  std::vector<Case> cases{
      {"committed", Ended({Outcome::kCommitted, AbortCause::kNone, "", false})},
      {"aborted-deadline", Ended({Outcome::kAborted, AbortCause::kDeadline, "", true})},
      {"aborted-by-operator",
       Ended({Outcome::kAborted, AbortCause::kOperator, "eve: stuck since noon", false})},
      {"presumed",
       Ended({Outcome::kAborted, AbortCause::kPresumed, "the log has no record of it", false})},
      {"forgotten", Ended({Outcome::kMixed, AbortCause::kNone,
                           "forgotten by ann: credited by hand; damage: " + said, false})},
      {"damaged-mixed", Ended({Outcome::kMixed, AbortCause::kNone, said, false}, "damaged")},
      {"damaged-hazard", Ended({Outcome::kHazard, AbortCause::kNone,
                                "branch 2 in bank-b: a fail-over took place", false},
                               "damaged")},
      {"damaged-heuristic-commit", Ended({Outcome::kHeuristicCommit, AbortCause::kRequested,
                                          "branch 1 in bank-a: transaction 744 committed", false},
                                         "damaged")},
      {"forgetting", Ended({Outcome::kMixed, AbortCause::kNone, said, false}, "forgetting")},
      {"quarantined", Ended({Outcome::kUnknown, AbortCause::kNone,
                             "its records in the log contradict themselves: it has a commit "
                             "record and an abort record",
                             false},
                            "quarantined")},
  };
  cases.push_back({"quarantined-of-unknown-branches", cases[9].summary});
  cases.back().summary.branches.clear();
  cases.push_back({"forcing", cases[9].summary});
  cases.back().summary.state = "forcing";
  cases[1].summary.branches.resize(1);
  cases[3].summary.branches.clear();
  cases[3].summary.origin = {};
  cases[3].summary.ended = 0;
  cases[0].summary.origin.identity = "cn:shop";
  cases[5].summary.branches[1].state = "aborted";
  cases[5].live = {
      Asked(cases[5].summary, 1, Gone(Proof::kCommitted, "transaction 744 committed")),
      Asked(cases[5].summary, 2, Gone(Proof::kAborted, "transaction 744 was rolled back"))};
  cases[6].summary.branches[1].state = "hazard";
  cases[9].live = {Asked(cases[9].summary, 1, PreparedWithWaiters())};
  return cases;
}

std::vector<Case> OtherCases() {
  std::vector<Case> cases{
      {"3pc-preparing", ThreePhase("preparing", "preparing")},
      {"3pc-pre-committing", ThreePhase("pre-committing", "prepared")},
      {"3pc-quorum", ThreePhase("quorum", "prepared")},
      {"3pc-committing", ThreePhase("committing", "committing")},
      {"3pc-aborting", ThreePhase("aborting", "aborting")},
      {"saga-beginning", Saga("beginning", "waiting", "waiting")},
      {"saga-running", Saga("running", "done", "running")},
      {"saga-running-stuck", Saga("running", "done", "running", NobodyServes("hotel"))},
      {"saga-fencing", Saga("fencing", "done", "fencing", "no answer in time")},
      {"saga-stopping", Saga("stopping", "done", "failed")},
      {"saga-compensating-stuck", Saga("compensating", "undone", "undoing", "no such booking")},
      {"saga-ending", Saga("ending", "done", "done")},
      {"saga-damaged", Saga("damaged", "undone", "skipped")},
      {"saga-committed", Saga("done", "done", "done")},
      {"saga-aborted", Saga("done", "undone", "failed")},
      {"tcc-trying", Reservations("active", "trying")},
      {"tcc-confirming-stuck", Reservations("committing", "confirming", "the shelf is empty")},
      {"tcc-cancelling-unserved",
       Reservations("aborting", "cancelling", NobodyServes("inventory"))},
  };
  cases.push_back({"tcc-and-database", InState("committing", "committing", "committed")});
  cases.back().summary.branches.push_back(Part(3, "inventory", "action reserve", "confirming"));
  cases.push_back({"tcc-half-confirmed", Reservations("committing", "confirmed")});
  cases.back().summary.branches.push_back(Part(2, "shipping", "action book", "confirming"));
  cases.push_back({"saga-running-held-back",
                   Saga("running", "done", "running", "hotel is paused by ann since noon: moved")});
  cases.push_back(
      {"saga-running-past-its-pivot", Saga("running", "done", "running", "the hotel is closed")});
  cases.back().summary.saga->steps[0].kind = saga::StepKind::kPivot;
  cases[2].summary.branches[0].last_error = NobodyServes("bank-a");
  cases[2].live = {Unserved(1, kBegan + kMinute)};
  cases[12].summary.ending = {Outcome::kHazard, AbortCause::kStepFailed,
                              "step room was skipped by ann: the hotel is closed", false};
  cases[13].summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
  cases[14].summary.ending = {Outcome::kAborted, AbortCause::kStepFailed, "no room is free", false};
  return cases;
}

void Put(std::ostream& page, const char* head, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return;
  page << head << "\n";
  for (const std::string& sentence : sentences) page << "  - " << sentence << "\n";
}

std::string PageOf(const Case& one) {
  const Explanation words = InPlainWords(Explain(one.summary), one.live);
  std::ostringstream page;
  Put(page, "happened", words.happened);
  Put(page, "waits for", words.waits_for);
  Put(page, "safe", words.safe);
  Put(page, "harmful", words.harmful);
  Put(page, "commands", words.commands);
  return page.str();
}

void Check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const std::string path = std::string(EXPLANATIONS) + "/" + one.name + ".txt";
    if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) std::ofstream(path) << PageOf(one);
    std::ifstream file(path);
    std::ostringstream written;
    written << file.rdbuf();
    EXPECT_EQ(PageOf(one), written.str())
        << path << ": rewrite it with SETTLE_REWRITE_SCRIPTS=1 and review the difference";
  }
}

TEST(Explanations, OfTwoPhaseCommitReadAsTheirPages) { Check(TwoPhaseCases()); }
TEST(Explanations, OfWhatHasEndedReadAsTheirPages) { Check(EndedCases()); }
TEST(Explanations, OfOtherProtocolsReadAsTheirPages) { Check(OtherCases()); }

// Whatever is unfinished has all four parts, so that nobody is left without a next step.
TEST(Explanations, EveryUnfinishedStateSaysWhatIsSafeWhatIsNotAndWhatToType) {
  for (const auto& cases : {TwoPhaseCases(), EndedCases(), OtherCases()}) {
    for (const Case& one : cases) {
      const Explanation words = InPlainWords(Explain(one.summary), one.live);
      EXPECT_FALSE(words.happened.empty()) << one.name;
      EXPECT_FALSE(words.safe.empty()) << one.name;
      if (one.summary.state == "done") continue;
      EXPECT_FALSE(words.waits_for.empty()) << one.name;
      EXPECT_FALSE(words.commands.empty()) << one.name;
      for (const std::string& command : words.commands)
        EXPECT_TRUE(command.starts_with("settle ")) << one.name << ": " << command;
      if (one.summary.state != "forgetting") {
        EXPECT_FALSE(words.harmful.empty()) << one.name;
      }
    }
  }
}

TEST(PlainWords, DurationsAndTimesAreAsPeopleSayThem) {
  EXPECT_EQ(DurationInWords(850ms), "850 ms");
  EXPECT_EQ(DurationInWords(12'300ms), "12 s");
  EXPECT_EQ(DurationInWords(4min + 59s), "4 min");
  EXPECT_EQ(DurationInWords(3h + 5min), "3 h 5 min");
  EXPECT_EQ(DurationInWords(24h * 9 + 4h), "9 d 4 h");
  EXPECT_EQ(TimeInWords(kBegan), "2026-01-02 03:04:05 UTC");
}

TEST(PlainWords, WhoWaitsIsNamedTheLongestFirstAndTheRestCounted) {
  EXPECT_EQ(WaitingInWords(PreparedWithWaiters()),
            "4 sessions wait behind it, the longest for 4 min: pid 4711 app 'billing' user eve on "
            "account; pid 4712 user bob on account; pid 4713 app 'reports'; and 1 more");
  LiveBranch one = PreparedWithWaiters();
  one.waiting = 1;
  one.waiters.resize(1);
  EXPECT_EQ(WaitingInWords(one),
            "1 session waits behind it, for 4 min: pid 4711 app 'billing' user eve on account");
  EXPECT_EQ(WaitingInWords(LiveBranch{}), "");
}

// The table of docs/protocols.md, "Proof instead of guessing", and what is undecided.
}  // namespace
}  // namespace settle::coordinator
