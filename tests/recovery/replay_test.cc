#include "recovery/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Gtid GtidNumber(std::uint64_t sequence) { return Gtid::Make("k3m9qxw4c7ab", 1, sequence, 7); }

CommitRecord CommitOf(std::uint64_t sequence) {
  return {GtidNumber(sequence),
          {"shop", "order", 1},
          2,
          {{1, "bank-a", Vote::kCommit, {"db:bank-a", 1, "701"}},
           {2, "bank-b", Vote::kCommit, {"db:bank-b", 1, "58"}}}};
}

EndRecord EndOf(std::uint64_t sequence) {
  EndRecord end;
  end.summary.gtid = GtidNumber(sequence);
  end.summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
  return end;
}

HeuristicRecord DamageOf(std::uint64_t sequence, BranchNumber branch) {
  return {GtidNumber(sequence), branch, BranchEnd::kCommitted, "by hand", 3};
}

std::vector<Gtid> GtidsOf(const RestoredState& state) {
  std::vector<Gtid> gtids;
  for (const RestoredTransaction& one : state.open) {
    if (const auto* commit = std::get_if<CommitRecord>(&one.decision)) {
      gtids.push_back(commit->gtid);
    } else if (const auto* one_phase = std::get_if<OnePhaseRecord>(&one.decision)) {
      gtids.push_back(one_phase->gtid);
    } else {
      gtids.push_back(one.heuristics.front().gtid);
    }
  }
  return gtids;
}

TEST(Replay, WhatIsDecidedAndNotEndedIsOpenInTheOrderOfTheDecisions) {
  FakeLog log;
  log.Keep(CommitOf(9));
  log.Keep(CommitOf(3));
  log.Keep(OnePhaseRecord{GtidNumber(5), {}, 0, {1, "bank-a", Vote::kCommit, {}}});
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  EXPECT_THAT(GtidsOf(*state), ElementsAre(GtidNumber(9), GtidNumber(3), GtidNumber(5)));
}

TEST(Replay, WhatEndedIsNotOpen) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.Keep(CommitOf(2));
  log.Keep(EndOf(1));
  log.Keep(EndOf(4));  // an abort: nothing was written before its end
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  EXPECT_THAT(GtidsOf(*state), ElementsAre(GtidNumber(2)));
}

TEST(Replay, DamageBelongsToItsDecision) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.Keep(CommitOf(2));
  log.Keep(DamageOf(1, 2));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  EXPECT_THAT(state->open[0].heuristics, ElementsAre(DamageOf(1, 2)));
  EXPECT_THAT(state->open[1].heuristics, IsEmpty());
}

TEST(Replay, DamageWithoutADecisionIsADamagedAbort) {
  FakeLog log;
  log.Keep(DamageOf(1, 1));
  log.Keep(DamageOf(1, 2));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(state->open[0].decision));
  EXPECT_THAT(state->open[0].heuristics, ElementsAre(DamageOf(1, 1), DamageOf(1, 2)));
}

RegisteredRecord RegisteredOf(std::uint64_t sequence, BranchNumber branch) {
  return {GtidNumber(sequence), {"shop", "order", 1}, branch, "inventory", "reserve", "{}", 2};
}

TEST(Replay, WhatIsRegisteredAndNotEndedIsOpenAndBelongsToItsDecision) {
  FakeLog log;
  log.Keep(RegisteredOf(1, 1));
  log.Keep(RegisteredOf(2, 3));
  log.Keep(RegisteredOf(4, 1));
  log.Keep({CommitRecord{GtidNumber(4), {}, 2, {{1, "inventory", Vote::kCommit, {}}}}});
  log.Keep(RegisteredOf(1, 2));
  log.Keep(EndOf(2));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 2U);
  EXPECT_EQ(state->open[0].gtid(), GtidNumber(1));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(state->open[0].decision));
  EXPECT_THAT(state->open[0].registered, ElementsAre(RegisteredOf(1, 1), RegisteredOf(1, 2)));
  EXPECT_TRUE(std::holds_alternative<CommitRecord>(state->open[1].decision));
  EXPECT_THAT(state->open[1].registered, ElementsAre(RegisteredOf(4, 1)));
  EXPECT_EQ(state->open[1].contradiction, "");
}

PreCommitRecord PreCommitOf(std::uint64_t sequence) {
  const CommitRecord commit = CommitOf(sequence);
  return {commit.gtid,
          commit.origin,
          2,
          commit.branches,
          {{0, "", {}}, {1, "bank-a", {"a:7100"}}, {2, "bank-b", {"b:7100"}}}};
}
BallotRecord BallotOf(std::uint64_t sequence, std::uint64_t round) {
  return {GtidNumber(sequence), {SiteState::kPreCommitted, {round, 0}, kFirstBallot, {}}};
}

TEST(Replay, M10_WhatIsPreCommittedAndNotDecidedIsOpenAndNeverPresumed) {
  FakeLog log;
  log.Keep(PreCommitOf(1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_EQ(state->open[0].gtid(), GtidNumber(1));
  EXPECT_EQ(state->open[0].pre_commit, PreCommitOf(1));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(state->open[0].decision));
  EXPECT_EQ(state->open[0].contradiction, "");
}

TEST(Replay, M11_TheLastBallotHolds) {
  FakeLog log;
  log.Keep(PreCommitOf(1));
  log.Keep(BallotOf(1, 2));
  log.Keep(BallotOf(1, 3));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->open[0].ballot, BallotOf(1, 3));
}

TEST(Replay, M10_AQuorumsDecisionBelongsToWhatWasPreCommitted) {
  FakeLog log;
  log.Keep(PreCommitOf(1));
  log.Keep(PreCommitOf(2));
  log.Keep(BallotOf(1, 2));
  log.Keep(QuorumAbortRecord{GtidNumber(1), 3, {{2, 0}, {0, 1}}, "why"});
  CommitRecord commit = CommitOf(2);
  commit.by = {kFirstBallot, {0, 1}};
  log.Keep(commit);
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<QuorumAbortRecord>(state->open[0].decision));
  EXPECT_TRUE(std::holds_alternative<CommitRecord>(state->open[1].decision));
  for (const RestoredTransaction& one : state->open) EXPECT_EQ(one.contradiction, "");
  log.Keep(EndOf(1));
  log.Keep(EndOf(2));
  EXPECT_THAT(ReplayLog(log)->open, IsEmpty());
}

ForgetRecord ForgottenOf(std::uint64_t sequence) {
  return {GtidNumber(sequence),
          {Outcome::kMixed, AbortCause::kNone, "by hand", false},
          "ann",
          "repaired",
          4};
}

TEST(Replay, DamageThatAPersonForgotAndWhoseEndWasLostIsOpenAndForgotten) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.Keep(DamageOf(1, 2));
  log.Keep(ForgottenOf(1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_EQ(state->open[0].forgotten, ForgottenOf(1));
}

TEST(Replay, C21_WhatIsForgottenWithoutDamageIsQuarantinedAndOthersAreNot) {
  FakeLog log;
  log.Keep(ForgottenOf(1));
  log.Keep(CommitOf(2));
  log.Keep(ForgottenOf(2));
  log.Keep(CommitOf(3));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 3U);
  EXPECT_THAT(state->open[0].contradiction, testing::HasSubstr("no record before"));
  EXPECT_THAT(state->open[1].contradiction, testing::HasSubstr("no record before"));
  EXPECT_EQ(state->open[2].contradiction, "");
}

// As when a branch is reported once more that somebody had committed by hand.
TEST(Replay, DamageFoundAfterItsTransactionWasForgottenIsOpenAgain) {
  FakeLog log;
  log.Keep(DamageOf(1, 2));
  log.Keep(ForgottenOf(1));
  log.Keep(EndOf(1));
  log.Keep(DamageOf(1, 1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_FALSE(state->open[0].forgotten);
}

TEST(Replay, L10_ADecisionThatPruningAppendedAgainBehindItsDamageIsTheSameTransaction) {
  FakeLog log;
  log.Keep(DamageOf(1, 2));
  log.Keep(CommitOf(1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_EQ(state->open[0].contradiction, "");
  EXPECT_TRUE(std::holds_alternative<CommitRecord>(state->open[0].decision));
  EXPECT_THAT(state->open[0].heuristics, ElementsAre(DamageOf(1, 2)));
}

TEST(Replay, C21_WhatWasDecidedAlthoughItHadEndedStaysInQuarantineWhenItsEndIsPruned) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.pruned.insert(GtidNumber(1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->open.size(), 1U);
  EXPECT_THAT(state->open[0].contradiction, testing::HasSubstr("had ended, and was pruned"));
}

TEST(Replay, DamageThatAPersonForgotIsGone) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.Keep(DamageOf(1, 2));
  log.Keep(ForgottenOf(1));
  log.Keep(EndOf(1));
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  EXPECT_THAT(state->open, IsEmpty());
}

TEST(Replay, ResourcesComeInOrderSoThatTheLastOneHolds) {
  FakeLog log;
  log.Keep(ResourceRecord{"bank-a", "db:old", "first attach", "", 1});
  log.Keep(ResourceRecord{"bank-a", "db:new", "eve", "moved", 2});
  const auto state = ReplayLog(log);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->resources.size(), 2U);
  EXPECT_EQ(state->resources.back().identity, "db:new");
}

TEST(Replay, L05_ACorruptLogGivesNothing) {
  FakeLog log;
  log.Keep(CommitOf(1));
  log.corrupt = true;
  const auto state = ReplayLog(log);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kCorrupt);
}

// A life before and a life after, over the same records.
TEST(Replay, C06_ARestoredCommitIsSentAsSoonAsItsResourceAttaches) {
  EngineUnderTest after;
  after.log().Keep(CommitOf(1));
  after.engine().Restore(*ReplayLog(after.log()));
  EXPECT_EQ(after.AskOutcome(GtidNumber(1)).outcome, Outcome::kCommitted);
  Participant bank_b(after, {"bank-b"});
  EXPECT_THAT(bank_b.TakeWords(), ElementsAre("commit 2"));
  Participant bank_a(after, {"bank-a"});
  const std::vector<Command> commands = bank_a.Take();
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0].evidence, (Evidence{"db:bank-a", 1, "701"}));
  EXPECT_EQ(commands[0].epoch, 2U) << "the epoch of this life, not of the decision";
}

TEST(Replay, C08_ARestoredCommitEndsOnce) {
  EngineUnderTest after;
  after.log().Keep(CommitOf(1));
  after.engine().Restore(*ReplayLog(after.log()));
  Participant bank(after, {"bank-a", "bank-b"});
  EXPECT_THAT(bank.TakeWords(), testing::UnorderedElementsAre("commit 1", "commit 2"));
  bank.Finish(GtidNumber(1), 1, BranchEnd::kCommitted);
  bank.Finish(GtidNumber(1), 2, BranchEnd::kCommitted);
  bank.Finish(GtidNumber(1), 2, BranchEnd::kCommitted);
  ASSERT_EQ(after.log().Durable<EndRecord>().size(), 1U);
  EXPECT_EQ(after.log().Durable<EndRecord>()[0].summary.ending.outcome, Outcome::kCommitted);
  EXPECT_THAT(ReplayLog(after.log())->open, IsEmpty());
}

TEST(Replay, C10_RecoveryThatIsKilledAgainAndAgainEndsTheSame) {
  std::vector<Record> records{CommitOf(1), DamageOf(2, 1)};
  for (int life = 0; life < 3; ++life) {
    EngineUnderTest engine;
    for (const Record& record : records) engine.log().Keep(record);
    engine.engine().Restore(*ReplayLog(engine.log()));
    Participant bank(engine, {"bank-a"});
    EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
    bank.Finish(GtidNumber(1), 1, BranchEnd::kCommitted);
    EXPECT_EQ(engine.AskOutcome(GtidNumber(1)).outcome, Outcome::kCommitted);
    EXPECT_EQ(engine.AskOutcome(GtidNumber(2)).outcome, Outcome::kHeuristicCommit);
    records = engine.log().durable();  // killed here: one branch has not ended
  }
}

TEST(Replay, P09_TheDatabasesThatNamesStandForAreRemembered) {
  EngineUnderTest after;
  after.log().Keep(ResourceRecord{"bank-a", "db:old", "first attach", "", 1});
  after.engine().Restore(*ReplayLog(after.log()));
  Answer<Attached> attached;
  after.engine().Attach({"process", {{"bank-a", "db:bank-a"}}, "", 0}, attached.done());
  after.Run();
  ASSERT_TRUE(attached.came());
  EXPECT_EQ(attached.error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::coordinator
