// The rule of a site, as the law has it.
#include "quorum/site.h"

#include <gtest/gtest.h>

#include <limits>

namespace settle::quorum {
namespace {

constexpr SiteState kAll[] = {SiteState::kInitial,      SiteState::kWaiting,
                              SiteState::kPreCommitted, SiteState::kPreAborted,
                              SiteState::kCommitted,    SiteState::kAborted};
constexpr SiteState kVoted[] = {SiteState::kWaiting, SiteState::kPreCommitted,
                                SiteState::kPreAborted};
constexpr Ballot kLow{2, 1};
constexpr Ballot kHigh{2, 3};

SiteAnswer At(SiteState state, Ballot elected = kFirstBallot, Ballot accepted = {}) {
  return {state, elected, accepted, {}};
}
PeerMessage Elect(Ballot ballot) { return {PeerVerb::kElect, ballot, {}}; }
PeerMessage PreCommit(Ballot ballot) { return {PeerVerb::kPreCommit, ballot, {}}; }
PeerMessage PreAbort(Ballot ballot) { return {PeerVerb::kPreAbort, ballot, {}}; }
PeerMessage Commit(Ballot ballot) { return {PeerVerb::kCommit, ballot, {1, 2}}; }
PeerMessage Abort(Ballot ballot) { return {PeerVerb::kAbort, ballot, {1, 2}}; }

TEST(Site, JoinsAHigherElectionAndKeepsWhatItHasAccepted) {
  for (const SiteState state : kVoted) {
    const SiteAnswer after = After(At(state, kLow, kLow), Elect(kHigh));
    EXPECT_EQ(after, At(state, kHigh, kLow)) << ToString(state);
  }
}

TEST(Site, M11_RefusesAnElectionThatIsNotHigher) {
  for (const Ballot ballot : {kHigh, kLow, kFirstBallot})
    EXPECT_EQ(After(At(SiteState::kWaiting, kHigh), Elect(ballot)), At(SiteState::kWaiting, kHigh));
}

TEST(Site, ComparesBallotsByRoundThenByLeader) {
  EXPECT_EQ(After(At(SiteState::kWaiting, {2, 3}), Elect({3, 1})).elected, (Ballot{3, 1}));
  EXPECT_EQ(After(At(SiteState::kWaiting, {3, 1}), Elect({2, 3})).elected, (Ballot{3, 1}));
  EXPECT_EQ(After(At(SiteState::kWaiting, {3, 1}), Elect({3, 2})).elected, (Ballot{3, 2}));
}

// Whoever sends nonsense must not use up the ballots: what is above the highest that can be sent
// could not be led.
TEST(Site, M11_RefusesAnElectionThatNoRoundCanHaveComeTo) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const SiteAnswer waits = At(SiteState::kWaiting, kHigh);
  EXPECT_EQ(After(waits, Elect({kMost, 1})), waits);
  EXPECT_EQ(After({}, Elect({kMost, 1})), SiteAnswer());
  EXPECT_EQ(After(waits, Elect({kHigh.round + kLeapMost + 1, 1})), waits);
  EXPECT_EQ(After(waits, Elect({kHigh.round + kLeapMost, 1})).elected.round,
            kHigh.round + kLeapMost);
}

TEST(Site, M11_WhoeverLeadsIsAboveAllThatWasHeardOfAndJoinsItsOwnElection) {
  EXPECT_EQ(NextRound({2, 1}, 1), 3u);
  EXPECT_EQ(NextRound({2, 1}, 7), 8u);
  const std::uint64_t far = NextRound({2, 1}, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(After(At(SiteState::kWaiting, {2, 1}), Elect({far, 1})).elected.round, far);
}

TEST(Site, ElectedBeforeItsVoteItHasAborted) {
  EXPECT_EQ(After({}, Elect(kLow)), At(SiteState::kAborted, kLow));
}

TEST(Site, AcceptsAnAttemptOfTheElectionItJoined) {
  for (const SiteState state : kVoted) {
    EXPECT_EQ(After(At(state, kLow, kFirstBallot), PreCommit(kLow)),
              At(SiteState::kPreCommitted, kLow, kLow));
    EXPECT_EQ(After(At(state, kLow, kFirstBallot), PreAbort(kLow)),
              At(SiteState::kPreAborted, kLow, kLow));
  }
}

TEST(Site, AcceptsTheFirstCoordinatorsAttemptWithoutAnElection) {
  EXPECT_EQ(After(At(SiteState::kWaiting), PreCommit(kFirstBallot)),
            At(SiteState::kPreCommitted, kFirstBallot, kFirstBallot));
}

TEST(Site, M11_RefusesAnAttemptOfAnyOtherElection) {
  for (const SiteState state : kVoted) {
    const SiteAnswer kept = At(state, kLow, kFirstBallot);
    for (const Ballot ballot : {kFirstBallot, kHigh}) {
      EXPECT_EQ(After(kept, PreCommit(ballot)), kept);
      EXPECT_EQ(After(kept, PreAbort(ballot)), kept);
    }
  }
}

TEST(Site, AcceptsNothingBeforeItsVote) {
  EXPECT_EQ(After({}, PreCommit(kFirstBallot)), SiteAnswer{});
  EXPECT_EQ(After({}, PreAbort(kFirstBallot)), SiteAnswer{});
}

TEST(Site, ObeysADecisionOfAnyBallotAndKeepsByWhom) {
  for (const SiteState state : kVoted) {
    SiteAnswer committed = At(SiteState::kCommitted, kHigh, kLow);
    committed.decided = {kLow, {1, 2}};
    EXPECT_EQ(After(At(state, kHigh, kLow), Commit(kLow)), committed);
    SiteAnswer aborted = At(SiteState::kAborted, kHigh, kLow);
    aborted.decided = {kLow, {1, 2}};
    EXPECT_EQ(After(At(state, kHigh, kLow), Abort(kLow)), aborted);
  }
}

TEST(Site, AbortsBeforeItsVoteAndNeverCommitsWithoutIt) {
  EXPECT_EQ(After({}, Abort({})).state, SiteState::kAborted);
  EXPECT_EQ(After({}, Commit(kFirstBallot)), SiteAnswer{});
}

TEST(Site, M11_StaysInAFinalStateWhateverItIsTold) {
  for (const SiteState state : {SiteState::kCommitted, SiteState::kAborted}) {
    SiteAnswer kept = At(state, kLow, kLow);
    kept.decided = {kLow, {1, 3}};
    for (const PeerMessage& message : {PeerMessage{}, Elect(kHigh), PreCommit(kLow), PreAbort(kLow),
                                       Commit(kHigh), Abort(kHigh)})
      EXPECT_EQ(After(kept, message), kept) << ToString(message.verb);
  }
}

TEST(Site, AnswersAQuestionWithoutAChange) {
  for (const SiteState state : kAll) EXPECT_EQ(After(At(state), {}), At(state));
}

TEST(Site, AMessageThatComesTwiceChangesNothingTheSecondTime) {
  for (const SiteState state : kAll) {
    for (const PeerMessage& message :
         {Elect(kHigh), PreCommit(kLow), PreAbort(kLow), Commit(kLow), Abort(kLow)}) {
      const SiteAnswer once = After(At(state, kLow), message);
      EXPECT_EQ(After(once, message), once);
    }
  }
}

TEST(Site, ForcesWhatItJoinsAndWhatItAccepts) {
  EXPECT_EQ(HowToKeep(At(SiteState::kWaiting), At(SiteState::kWaiting, kLow)), Keep::kForced);
  EXPECT_EQ(
      HowToKeep(At(SiteState::kWaiting), At(SiteState::kPreCommitted, kFirstBallot, kFirstBallot)),
      Keep::kForced);
  EXPECT_EQ(HowToKeep(At(SiteState::kPreCommitted, kLow, kFirstBallot),
                      At(SiteState::kPreCommitted, kLow, kLow)),
            Keep::kForced);
  EXPECT_EQ(HowToKeep({}, At(SiteState::kAborted, kLow)), Keep::kForced);
}

TEST(Site, KeepsLazilyWhatItIsToldThatOthersKnow) {
  const SiteAnswer kept = At(SiteState::kPreCommitted, kLow, kLow);
  EXPECT_EQ(HowToKeep(kept, After(kept, Commit(kLow))), Keep::kLazily);
  EXPECT_EQ(HowToKeep(kept, After(kept, Abort(kLow))), Keep::kLazily);
}

TEST(Site, KeepsNothingWhenNothingChanged) {
  const SiteAnswer kept = At(SiteState::kPreCommitted, kHigh, kLow);
  EXPECT_EQ(HowToKeep(kept, After(kept, Elect(kLow))), Keep::kNothing);
}

}  // namespace
}  // namespace settle::quorum
