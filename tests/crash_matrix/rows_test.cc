// The catalogue of what a coordinator must survive when it is killed: each named point, and how it
// must end there. The matrix has them among all others; here is what makes each of them special.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "crash_matrix/matrix.h"

namespace settle::crash_matrix {
namespace {

using ::testing::IsEmpty;

bool Does(const Step& step, const std::string& actor, const std::string& what) {
  return step.actor == actor && step.what.starts_with(what);
}

std::size_t Count(const Played& played, const std::string& actor, const std::string& what,
                  std::size_t since = 0) {
  std::size_t count = 0;
  for (std::size_t i = since; i < played.steps.size(); ++i)
    count += Does(played.steps[i], actor, what) ? 1 : 0;
  return count;
}

class KilledCoordinator : public ::testing::TestWithParam<Databases> {
 protected:
  const Scenario& Named(const std::string& name) { return *FindScenario(name); }

  // The deaths of `mortal` right after each step of `actor` that begins with `what`.
  std::vector<Crash> DeathsAfter(const Scenario& scenario, const std::string& actor,
                                 const std::string& what,
                                 const std::string& mortal = kCoordinator) {
    const Played whole = Play(scenario, GetParam(), {});
    EXPECT_THAT(whole.violations, IsEmpty());
    std::vector<Crash> deaths;
    std::size_t after = 0;
    for (const Step& step : whole.steps) {
      if (mortal == kEverybody || step.actor == mortal) ++after;
      if (Does(step, actor, what)) deaths.push_back({mortal, after});
    }
    EXPECT_FALSE(deaths.empty()) << "nobody does this: " << actor << " " << what;
    return deaths;
  }

  Played Die(const Scenario& scenario, const std::vector<Crash>& crashes) {
    Played played = Play(scenario, GetParam(), crashes);
    EXPECT_EQ(played.crashes.size(), crashes.size()) << ToString(crashes.front());
    EXPECT_THAT(played.violations, IsEmpty()) << ToString(crashes.front());
    return played;
  }

  void ExpectAborted(const Played& played) {
    for (const Fate& fate : played.fates) {
      EXPECT_EQ(fate.answer.outcome, Outcome::kAborted);
      EXPECT_EQ(fate.committed, 0u);
    }
    EXPECT_FALSE(played.fates.empty());
  }

  void ExpectCommitted(const Played& played) {
    for (const Fate& fate : played.fates) {
      EXPECT_EQ(fate.answer.outcome, Outcome::kCommitted);
      EXPECT_EQ(fate.committed, fate.wrote);
      EXPECT_NE(fate.wrote, 0u);
    }
    EXPECT_FALSE(played.fates.empty());
  }
};

TEST_P(KilledCoordinator, C01_AfterBeginReplied_NothingIsOnTheParticipantsAndTheGtidIsSpent) {
  for (const Crash& crash :
       DeathsAfter(Named("commit-here-and-there"), kCoordinator, "sends answer to begin")) {
    const Played played = Die(Named("commit-here-and-there"), {crash});
    ExpectAborted(played);
    EXPECT_EQ(played.fates[0].answer.cause, AbortCause::kPresumed);
    EXPECT_EQ(played.fates[0].wrote, 0u);
    // A later gtid has the later epoch in it.
    EXPECT_EQ(played.fates[0].gtid.epoch(), 1u);
    EXPECT_EQ(Count(played, kCoordinator, "raises the epoch to 2"), 1u);
  }
}

TEST_P(KilledCoordinator, C01_AfterBeginReplied_TheNextLifeGivesOutOtherGtids) {
  const Crash crash =
      DeathsAfter(Named("one-after-another"), kCoordinator, "sends answer to begin")[0];
  const Played played = Die(Named("one-after-another"), {crash});
  ASSERT_EQ(played.fates.size(), 2u);
  EXPECT_NE(played.fates[0].gtid, played.fates[1].gtid);
  EXPECT_EQ(played.fates[0].gtid.sequence(), played.fates[1].gtid.sequence());
  EXPECT_LT(played.fates[0].gtid.epoch(), played.fates[1].gtid.epoch());
}

TEST_P(KilledCoordinator, C02_AfterEnlist_BeforePrepare_TheOpenWorkIsRolledBack) {
  const Scenario& scenario = Named("commit-there");
  for (Crash crash : DeathsAfter(scenario, kCoordinator, "sends answer to enlist")) {
    for (const Restart restart : {Restart::kSoon, Restart::kLate}) {
      crash.restart = restart;
      const Played played = Die(scenario, {crash});
      ExpectAborted(played);
      // All that was begun was rolled back, and nothing was ever prepared.
      EXPECT_GE(Count(played, "process-2", "works in"), 1u);
      EXPECT_EQ(Count(played, "process-2", "rolls back in"),
                Count(played, "process-2", "works in"));
      EXPECT_EQ(Count(played, "process-2", "prepares in"), 0u);
    }
  }
}

TEST_P(KilledCoordinator, C03_AfterSomePrepares_BeforeAllVotes_AllAreAbortedByPresumption) {
  const Scenario& scenario = Named("commit-there");
  const Crash after_first_vote = DeathsAfter(scenario, kCoordinator, "sends answer to report")[0];
  const Played played = Die(scenario, {after_first_vote});
  ExpectAborted(played);
  EXPECT_EQ(played.fates[0].answer.cause, AbortCause::kPresumed);
  EXPECT_GE(Count(played, "process-2", "prepares in"), 1u);
  EXPECT_EQ(Count(played, kCoordinator, "appends commit record"), 0u);
  EXPECT_GE(Count(played, "process-2", "aborts in", played.crashes[0]), 1u);
}

TEST_P(KilledCoordinator, C04_AfterAllVotes_BeforeTheDecision_TheClientAsksAndHearsAborted) {
  for (const char* name : {"commit-here", "commit-there", "commit-here-and-there"}) {
    for (const Crash& crash : DeathsAfter(Named(name), kCoordinator, "appends commit record")) {
      const Played played = Die(Named(name), {crash});
      ExpectAborted(played);
      EXPECT_EQ(played.fates[0].told, Outcome::kAborted);
    }
  }
}

TEST_P(KilledCoordinator, C05_InsideTheLogsCommit_EitherAllCommitOrAllAbort) {
  const Scenario& scenario = Named("commit-here-and-there");
  for (Crash crash : DeathsAfter(scenario, kCoordinator, "appends commit record")) {
    crash.survived = 0;
    ExpectAborted(Die(scenario, {crash}));
    crash.survived = 1;
    ExpectCommitted(Die(scenario, {crash}));
  }
}

TEST_P(KilledCoordinator, C05_InAGroupOfDecisions_ThoseThatSurviveAreCommittedAndNoOther) {
  const Scenario& scenario = Named("three-commits-at-once");
  std::size_t torn = 0;
  for (const Crash& crash : PointsOf(Play(scenario, GetParam(), {}), kCoordinator)) {
    if (crash.survived == 0) continue;
    const Played played = Die(scenario, {crash});
    std::size_t committed = 0;
    for (const Fate& fate : played.fates) committed += fate.answer.committed() ? 1 : 0;
    torn += committed != 0 && committed != played.fates.size() ? 1 : 0;
  }
  EXPECT_GT(torn, 0u) << "no crash left one decision and took another";
}

TEST_P(KilledCoordinator, C06_AfterTheDecision_BeforeAnyCommand_AllCommitAfterTheRestart) {
  for (const char* name : {"commit-here", "commit-there", "commit-here-and-there"}) {
    const Scenario& scenario = Named(name);
    for (Crash crash : DeathsAfter(scenario, kCoordinator, "has made durable commit record")) {
      for (const Restart restart : {Restart::kSoon, Restart::kLate}) {
        crash.restart = restart;
        const Played played = Die(scenario, {crash});
        ExpectCommitted(played);
        EXPECT_EQ(played.fates[0].told, Outcome::kCommitted);
      }
    }
  }
}

TEST_P(KilledCoordinator, C07_AfterOneOfTwoCommits_TheOtherCommits_TheFirstAnswersWithProof) {
  const Scenario& scenario = Named("commit-there");
  // With everybody, so that no process remembers what it did: the database must prove it.
  const Crash crash = DeathsAfter(scenario, "process-2", "commits in", kEverybody)[0];
  const Played played = Die(scenario, {crash});
  ExpectCommitted(played);
  EXPECT_EQ(Count(played, "bank-a", "commits") + Count(played, "bank-b", "commits"), 2u);
  EXPECT_EQ(Count(played, "process-2", "commits in"), 3u) << "the first was not told again";
}

TEST_P(KilledCoordinator, C08_AfterAllAcks_BeforeTheEnd_CommitsAreRepeatedHarmlesslyAndItEndsOnce) {
  const Scenario& scenario = Named("commit-there");
  for (const Crash& crash : DeathsAfter(scenario, kCoordinator, "appends end record")) {
    const Played played = Die(scenario, {crash});
    ExpectCommitted(played);
    const std::size_t since = played.crashes[0];
    EXPECT_GE(Count(played, kCoordinator, "sends answer to fetch, commit", since), 1u);
    EXPECT_EQ(Count(played, "bank-a", "commits", since), 0u);
    EXPECT_EQ(Count(played, kCoordinator, "has written end record"), 1u);
  }
}

TEST_P(KilledCoordinator, C09_AfterTheEnd_BeforeTheReplyArrived_ARetryGetsCommitted) {
  const Scenario& scenario = Named("commit-reply-lost");
  for (Crash crash : DeathsAfter(scenario, kCoordinator, "has written end record")) {
    for (const std::size_t survived : {0, 1}) {  // it is lazy, and not synced
      crash.survived = survived;
      const Played played = Die(scenario, {crash});
      ExpectCommitted(played);
      EXPECT_EQ(played.fates[0].told, Outcome::kCommitted);
      EXPECT_GE(Count(played, "process-1", "sends commit", played.crashes[0]), 1u);
    }
  }
}

// Every first crash, every step of the recovery from it, and every step of the recovery from that.
TEST_P(KilledCoordinator, C10_DuringRecovery_AtEachStep_ThreeTimesInARow_TheEndIsTheSame) {
  const Scenario& scenario = Named("commit-there");
  // What was begun before the first crash was decided by it, one way or the other.
  const auto begun_before = [](const Played& once) {
    return Count(once, kCoordinator, "sends answer to begin") >
           Count(once, kCoordinator, "sends answer to begin", once.crashes[0]);
  };
  std::size_t plays = 0;
  for (const Crash& first : PointsOf(Play(scenario, GetParam(), {}), kCoordinator)) {
    const Played once = Die(scenario, {first});
    for (const Crash& second : PointsOf(once, kCoordinator, once.crashes.back())) {
      const Played twice = Die(scenario, {first, second});
      for (const Crash& third : PointsOf(twice, kCoordinator, twice.crashes.back())) {
        const Played thrice = Die(scenario, {first, second, third});
        ++plays;
        if (begun_before(once)) {
          EXPECT_EQ(thrice.fates[0].answer.outcome, once.fates[0].answer.outcome);
        }
      }
    }
  }
  EXPECT_GT(plays, 1000u);
}

// Of three-phase commit.
TEST_P(KilledCoordinator, M10_InsidePreCommitsFlush_ItIsPresumedAbortedOrLedInARound) {
  const Scenario& scenario = Named("quorum-two-sites-and-the-witness");
  for (Crash crash : DeathsAfter(scenario, kCoordinator, "appends pre-commit record")) {
    crash.survived = 0;
    const Played lost = Die(scenario, {crash});
    ExpectAborted(lost);
    EXPECT_EQ(lost.fates[0].answer.cause, AbortCause::kPresumed);
    EXPECT_EQ(Count(lost, kCoordinator, "appends ballot record"), 0u);
    crash.survived = 1;
    const Played kept = Die(scenario, {crash});
    ExpectCommitted(kept);  // as the witness it has pre-committed, and that is in every majority
    EXPECT_GE(Count(kept, kCoordinator, "sends answer to fetch, elect", kept.crashes[0]), 1u);
  }
}

TEST_P(KilledCoordinator, M10_AfterPreCommit_AwayForLong_TheSitesEndItBeforeItIsBack) {
  const Scenario& scenario = Named("quorum-three-sites");
  for (Crash crash : DeathsAfter(scenario, kCoordinator, "sends answer to fetch, pre-commit")) {
    crash.restart = Restart::kLate;
    const Played played = Die(scenario, {crash});
    std::size_t back = 0;
    while (!Does(played.steps.at(back), kCoordinator, "raises the epoch to 2")) ++back;
    const char* ends = played.fates[0].answer.committed() ? "commits" : "aborts";
    for (const char* bank : {"bank-a", "bank-b", "bank-c"}) {
      EXPECT_EQ(Count(played, bank, ends), 1u) << bank;
      EXPECT_EQ(Count(played, bank, ends, back), 0u) << bank << " has waited for the coordinator";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Over, KilledCoordinator,
                         ::testing::Values(Databases::kPostgres, Databases::kSqlite,
                                           Databases::kMixed),
                         [](const auto& info) { return std::string(ToString(info.param)); });

}  // namespace
}  // namespace settle::crash_matrix
