// A round, as the one who leads it sees it.
#include "quorum/round.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quorum/site.h"

namespace settle::quorum {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Roster kThree{{1}, {2}, {3}};
constexpr Ballot kMine{3, 1};
constexpr Ballot kEarlier{2, 2};

SiteAnswer Joined(SiteState state, Ballot accepted = {}) { return {state, kMine, accepted, {}}; }
SiteAnswer Accepted(const Round& round) {
  const bool commit = round.message().verb == PeerVerb::kPreCommit;
  return {commit ? SiteState::kPreCommitted : SiteState::kPreAborted,
          round.ballot(),
          round.ballot(),
          {}};
}
SiteAnswer Ended(SiteState state, DecidedBy by = {}) { return {state, kEarlier, kEarlier, by}; }

TEST(Round, TheFirstCoordinatorsBeginsWithPreCommit) {
  const Round round = Round::First(kThree);
  EXPECT_EQ(round.message(), (PeerMessage{PeerVerb::kPreCommit, kFirstBallot, {}}));
  EXPECT_THAT(round.Unanswered(), ElementsAre(1, 2, 3));
}

TEST(Round, CommitsOnceAMajorityHasAcceptedAndNotBefore) {
  Round round = Round::First(kThree);
  EXPECT_FALSE(round.Take(2, Accepted(round)));
  EXPECT_EQ(round.decision(), std::nullopt);
  EXPECT_TRUE(round.Take(3, Accepted(round)));
  EXPECT_EQ(round.decision(), Decision::kCommit);
  EXPECT_EQ(round.decided(), (DecidedBy{kFirstBallot, {2, 3}}));
  EXPECT_EQ(round.message(), (PeerMessage{PeerVerb::kCommit, kFirstBallot, {2, 3}}));
}

TEST(Round, OneSiteThatAnswersTwiceIsNoMajority) {
  Round round = Round::First(kThree);
  round.Take(2, Accepted(round));
  EXPECT_FALSE(round.Take(2, Accepted(round)));
  EXPECT_EQ(round.decision(), std::nullopt);
}

TEST(Round, OfFourSitesTwoAreNoMajority) {
  Round round = Round::First({{1}, {2}, {3}, {4}});
  round.Take(1, Accepted(round));
  EXPECT_FALSE(round.Take(2, Accepted(round)));
  EXPECT_TRUE(round.Take(3, Accepted(round)));
  EXPECT_EQ(round.needed(), 3u);
}

TEST(Round, ARecoveryBeginsWithAnElection) {
  const Round round(kThree, kMine);
  EXPECT_EQ(round.message(), (PeerMessage{PeerVerb::kElect, kMine, {}}));
}

TEST(Round, M10_WithoutAMajorityItWaits) {
  Round round(kThree, kMine);
  EXPECT_FALSE(round.Take(1, Joined(SiteState::kPreCommitted, kFirstBallot)));
  EXPECT_EQ(round.message().verb, PeerVerb::kElect);
  EXPECT_THAT(round.Unanswered(), ElementsAre(2, 3));
}

TEST(Round, AbortsWhenNobodyOfTheMajorityAcceptedAnything) {
  Round round(kThree, kMine);
  round.Take(1, Joined(SiteState::kWaiting));
  EXPECT_TRUE(round.Take(2, Joined(SiteState::kWaiting)));
  EXPECT_EQ(round.message(), (PeerMessage{PeerVerb::kPreAbort, kMine, {}}));
  EXPECT_THAT(round.Unanswered(), ElementsAre(1, 2, 3));
  round.Take(1, Accepted(round));
  EXPECT_TRUE(round.Take(3, Accepted(round)));
  EXPECT_EQ(round.decision(), Decision::kAbort);
}

TEST(Round, RepeatsTheLatestAttemptWhenThatWasToCommit) {
  Round round(kThree, kMine);
  round.Take(1, Joined(SiteState::kPreAborted, kFirstBallot));
  EXPECT_TRUE(round.Take(2, Joined(SiteState::kPreCommitted, kEarlier)));
  EXPECT_EQ(round.message().verb, PeerVerb::kPreCommit);
}

TEST(Round, M11_APreCommitOfAnEarlierAttemptCountsForNothing) {
  Round round(kThree, kMine);
  round.Take(1, Joined(SiteState::kPreCommitted, kFirstBallot));
  EXPECT_TRUE(round.Take(2, Joined(SiteState::kPreAborted, kEarlier)));
  EXPECT_EQ(round.message().verb, PeerVerb::kPreAbort);
}

TEST(Round, OnePreCommitOfTheLatestAttemptIsEnough) {
  Round round(kThree, kMine);
  round.Take(1, Joined(SiteState::kWaiting));
  EXPECT_TRUE(round.Take(3, Joined(SiteState::kPreCommitted, kFirstBallot)));
  EXPECT_EQ(round.message().verb, PeerVerb::kPreCommit);
}

TEST(Round, ObeysADecidedSiteWithoutAMajorityAndSaysByWhomItWasDecided) {
  for (const auto& [state, verb] : {std::pair{SiteState::kCommitted, PeerVerb::kCommit},
                                    std::pair{SiteState::kAborted, PeerVerb::kAbort}}) {
    Round round(kThree, kMine);
    EXPECT_TRUE(round.Take(2, Ended(state, {kEarlier, {2, 3}})));
    EXPECT_EQ(round.message(), (PeerMessage{verb, kEarlier, {2, 3}}));
    EXPECT_EQ(round.decided(), (DecidedBy{kEarlier, {2, 3}}));
    EXPECT_THAT(round.Unanswered(), ElementsAre(1, 3));
  }
}

TEST(Round, ADecisionIsToldUntilEverySiteHasObeyed) {
  Round round = Round::First(kThree);
  round.Take(1, Accepted(round));
  round.Take(2, Accepted(round));
  EXPECT_FALSE(round.Take(1, Ended(SiteState::kCommitted)));
  EXPECT_FALSE(round.Take(2, {SiteState::kPreCommitted, kFirstBallot, kFirstBallot, {}}));
  EXPECT_THAT(round.Unanswered(), ElementsAre(2, 3));
  round.Take(2, Ended(SiteState::kCommitted));
  round.Take(3, Ended(SiteState::kCommitted));
  EXPECT_THAT(round.Unanswered(), IsEmpty());
}

TEST(Round, ALateAnswerToTheElectionIsNoAcceptance) {
  Round round(kThree, kMine);
  round.Take(1, Joined(SiteState::kWaiting));
  round.Take(2, Joined(SiteState::kWaiting));
  EXPECT_FALSE(round.Take(3, Joined(SiteState::kPreAborted, kEarlier)));
  EXPECT_THAT(round.Unanswered(), ElementsAre(1, 2, 3));
}

TEST(Round, M11_AnAnswerUnderAnotherBallotDoesNotCountAndIsNoted) {
  Round round(kThree, kMine);
  EXPECT_FALSE(round.Take(2, {SiteState::kWaiting, {4, 2}, {}, {}}));
  EXPECT_THAT(round.Unanswered(), ElementsAre(1, 2, 3));
  EXPECT_EQ(round.highest(), (Ballot{4, 2}));
}

TEST(Round, NobodyButASiteOfItCounts) {
  Round round = Round::First(kThree);
  round.Take(1, Accepted(round));
  EXPECT_FALSE(round.Take(7, Accepted(round)));
  EXPECT_FALSE(round.Take(0, Ended(SiteState::kAborted)));
  EXPECT_EQ(round.decision(), std::nullopt);
}

}  // namespace
}  // namespace settle::quorum
