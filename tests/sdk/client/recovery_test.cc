// When an undecided site stops waiting for its coordinator, and what it does then: given, one
// event, expected act.
#include "participant/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "participant/site_words.h"

namespace settle::sdk {
namespace {

using recovery::Time;
using std::chrono_literals::operator""ms;
using testing::ElementsAre;

// The third site: the coordinator's witness.
const Roster kSites{{0, {}, {}}, {1, "orders", {"10.0.0.1:7"}}, {2, "stock", {"10.0.0.2:7"}}};
const SiteAnswer kWaiting{SiteState::kWaiting, kFirstBallot, {}, {}};
const SiteAnswer kCommitted{SiteState::kCommitted, {2, 2}, {2, 2}, {{2, 2}, {1, 2}}};

SiteAnswer Joined(const Ballot& ballot) { return {SiteState::kWaiting, ballot, {}, {}}; }
SiteAnswer Accepted(SiteState state, const Ballot& ballot) { return {state, ballot, ballot, {}}; }

Recovery SiteOne(double chance = 0) { return Recovery(1, kSites, {}, 0ms, chance); }

// Alone since the beginning, and its patience is over.
Recovery Asking() {
  Recovery site = SiteOne();
  site.InTouch(false, 0ms);
  site.Next(3'000ms);
  return site;
}
// It leads ballot 2.1, and its own record has joined.
Recovery Leading() {
  Recovery site = Asking();
  site.Over(3'000ms, 0);
  site.Next(3'000ms);
  site.Took({2, 1}, Joined({2, 1}));
  return site;
}

MATCHER_P(WaitsUntil, time, "") {
  const auto* wait = std::get_if<recovery::Wait>(&arg);
  return wait != nullptr && wait->until == time;
}
MATCHER_P2(Tells, verb, to, "") {
  const auto* tell = std::get_if<recovery::Tell>(&arg);
  return tell != nullptr && tell->message.verb == verb && tell->to == std::vector<BranchNumber>(to);
}
MATCHER_P(TakesABallotAbove, round, "") {
  const auto* take = std::get_if<recovery::TakeBallot>(&arg);
  return take != nullptr && take->above == static_cast<std::uint64_t>(round);
}
MATCHER_P2(Obeys, verb, ballot, "") {
  const auto* obey = std::get_if<recovery::Obey>(&arg);
  return obey != nullptr && obey->message.verb == verb && obey->message.ballot == ballot;
}
MATCHER(IsDone, "") { return std::holds_alternative<recovery::Done>(arg); }

std::vector<BranchNumber> Of(std::initializer_list<BranchNumber> numbers) { return numbers; }

TEST(Recovery, WhileTheCoordinatorCanBeReachedItIsTrustedTenTimesAsLong) {
  Recovery site = SiteOne();
  site.InTouch(true, 0ms);
  EXPECT_THAT(site.Next(3'000ms), WaitsUntil(30'000ms));
  site.InTouch(false, 20'000ms);
  EXPECT_THAT(site.Next(20'000ms), WaitsUntil(23'000ms)) << "counted from the loss of the link";
  EXPECT_THAT(site.Next(23'000ms), Tells(PeerVerb::kState, Of({0, 2})));
}

TEST(Recovery, ChanceMakesAWaitUpToTwiceAsLong) {
  Recovery site = SiteOne(0.5);
  site.InTouch(false, 0ms);
  EXPECT_THAT(site.Next(0ms), WaitsUntil(4'500ms));
}

TEST(Recovery, WhoeverSpeaksOfTheBranchGivesTheCoordinatorTimeAgain) {
  Recovery site = SiteOne();
  site.InTouch(false, 0ms);
  site.Heard(2'000ms, 0);
  EXPECT_THAT(site.Next(3'000ms), WaitsUntil(5'000ms));
  Recovery leading = Leading();
  leading.Heard(4'000ms, 0);
  EXPECT_THAT(leading.Next(4'000ms), WaitsUntil(7'000ms)) << "it leaves the round to whoever spoke";
}

TEST(Recovery, M10_ItAsksFirstAndObeysAPeerThatKnows) {
  Recovery site = Asking();
  site.Answered(2, kCommitted);
  EXPECT_TRUE(site.Satisfied());
  EXPECT_THAT(site.Next(3'001ms), Obeys(PeerVerb::kCommit, (Ballot{2, 2})));
  site.Obeyed(kCommitted);
  EXPECT_THAT(site.Next(3'002ms), IsDone()) << "who led that tells the others";
}

TEST(Recovery, M10_WithoutAnybodyWhoKnowsItLeadsARoundAboveAllThatItHeardOf) {
  Recovery site = Asking();
  site.Answered(2, Joined({5, 2}));
  site.Over(3'000ms, 0);
  EXPECT_THAT(site.Next(3'000ms), TakesABallotAbove(5));
  site.Took({6, 1}, Joined({6, 1}));
  EXPECT_THAT(site.Next(3'000ms), Tells(PeerVerb::kElect, Of({0, 2})));
}

TEST(Recovery, M10_TwoOfThreeDecideAndItsOwnRecordKnowsFirst) {
  Recovery site = Leading();
  EXPECT_THAT(site.Next(3'000ms), Tells(PeerVerb::kElect, Of({0, 2})));
  site.Answered(2, Joined({2, 1}));
  EXPECT_TRUE(site.Satisfied()) << "the witness is not waited for";
  site.Over(3'010ms, 0);
  EXPECT_THAT(site.Next(3'010ms), Tells(PeerVerb::kPreAbort, Of({0, 1, 2})));
  site.Answered(1, Accepted(SiteState::kPreAborted, {2, 1}));
  EXPECT_FALSE(site.Satisfied());
  site.Answered(2, Accepted(SiteState::kPreAborted, {2, 1}));
  site.Over(3'020ms, 0);
  EXPECT_THAT(site.Next(3'020ms), Obeys(PeerVerb::kAbort, (Ballot{2, 1})));
  site.Obeyed({SiteState::kAborted, {2, 1}, {2, 1}, {{2, 1}, {1, 2}}});
  EXPECT_THAT(site.Next(3'030ms), Tells(PeerVerb::kAbort, Of({0, 2})));
  site.Over(3'040ms, 0);
  EXPECT_THAT(site.Next(3'040ms), IsDone());
}

TEST(Recovery, M10_APreCommitThatMayHaveReachedAMajorityIsRepeated) {
  Recovery site = Leading();
  site.Answered(2, {SiteState::kPreCommitted, {2, 1}, kFirstBallot, {}});
  EXPECT_THAT(site.Next(3'000ms), Tells(PeerVerb::kPreCommit, Of({0, 1, 2})));
}

TEST(Recovery, M10_AMinorityDecidesNothingWaitsAndSaysWhomItMisses) {
  Recovery site = Leading();
  Time now = 3'000ms;
  std::vector<Time> pauses;
  for (int i = 0; i < 7; ++i) {
    EXPECT_THAT(site.Next(now), Tells(PeerVerb::kElect, Of({0, 2})));
    site.Over(now, 0);
    ASSERT_THAT(site.shortage(), testing::Optional(Recovery::Shortage{Of({1}), Of({0, 2}), 2}));
    pauses.push_back(site.Due() - now);
    EXPECT_THAT(site.Next(now), WaitsUntil(site.Due()));
    now = site.Due();
    EXPECT_THAT(site.Next(now), Tells(PeerVerb::kState, Of({0, 2}))) << "it asks again first";
    site.Over(now, 0);
    const std::uint64_t round = static_cast<std::uint64_t>(i) + 2;
    EXPECT_THAT(site.Next(now), TakesABallotAbove(round)) << "never the same ballot twice";
    site.Took({round + 1, 1}, Joined({round + 1, 1}));
  }
  EXPECT_THAT(pauses, ElementsAre(250ms, 500ms, 1'000ms, 2'000ms, 4'000ms, 4'000ms, 4'000ms));
  EXPECT_EQ(ShortageWords(*site.shortage(), kSites, {{2, "10.0.0.2:7: connection refused"}}),
            "waits until 2 of its 3 sites can be reached; reached: site 1 (orders); not reached: "
            "the coordinator's witness, site 2 (stock) [10.0.0.2:7: connection refused]");
}

TEST(Recovery, M11_WhoeverIsOutbidPausesAndIsNotShortOfSites) {
  Recovery site = Leading();
  site.Next(3'000ms);
  site.Answered(2, Joined({7, 2}));
  site.Answered(0, Joined({7, 2}));
  EXPECT_FALSE(site.Satisfied());
  site.Over(3'100ms, 0);
  EXPECT_FALSE(site.shortage());
  EXPECT_THAT(site.Next(3'100ms), WaitsUntil(3'350ms));
  site.Next(3'350ms);
  site.Over(3'350ms, 0);
  EXPECT_THAT(site.Next(3'350ms), TakesABallotAbove(7));
}

TEST(Recovery, M10_AnAnswerThatComesLateIsStillObeyed) {
  Recovery site = Leading();
  site.Next(3'000ms);
  site.Over(3'100ms, 0);
  site.Answered(2, kCommitted);
  EXPECT_THAT(site.Next(3'100ms), Obeys(PeerVerb::kCommit, (Ballot{2, 2})));
}

TEST(Recovery, AnOwnDatabaseThatCannotBeReachedIsTriedAgain) {
  Recovery site = Asking();
  site.Over(3'000ms, 0);
  site.Next(3'000ms);
  site.Failed(3'000ms, 0);
  EXPECT_THAT(site.Next(3'000ms), WaitsUntil(3'250ms));
  site.Next(3'250ms);
  site.Answered(2, kCommitted);
  site.Failed(3'300ms, 0);
  EXPECT_THAT(site.Next(3'300ms), WaitsUntil(3'800ms)) << "the decision could not be kept: again";
}

TEST(Recovery, NothingIsLeftToDoOnceItsRecordIsFinalByAnothersWord) {
  Recovery site = Leading();
  site.Settled();
  EXPECT_THAT(site.Next(3'000ms), IsDone());
}

TEST(SiteWords, SayWhoDecidedAndHow) {
  EXPECT_EQ(DecisionWords(kCommitted, kSites),
            "committed by its sites: ballot 2.2, led by site 2 (stock); the majority: 1, 2");
  EXPECT_EQ(DecisionWords({SiteState::kCommitted, {1, 0}, {1, 0}, {{1, 0}, {0, 2}}}, kSites),
            "committed by its sites: ballot 1.0, led by the coordinator; the majority: witness, 2");
  EXPECT_EQ(DecisionWords({SiteState::kAborted, {2, 1}, {}, {}}, {}),
            "aborted before any site can have pre-committed");
}

}  // namespace
}  // namespace settle::sdk
