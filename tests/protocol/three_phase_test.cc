// The rules of a three-phase commit that everything else rests on, each in one place. The scripts
// in scripts/three_phase show the whole of each situation.
#include "protocol/three_phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "protocol/describe.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {

namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using State = TwoPhase::State;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);

MATCHER_P(Sends, kind, ToString(kind)) {
  const auto* send = std::get_if<effect::Send>(&arg);
  return send != nullptr && send->kind == kind;
}
MATCHER_P(Persists, words, words) {
  const auto* persist = std::get_if<effect::Persist>(&arg);
  return persist != nullptr && Describe(persist->record).starts_with(words);
}
MATCHER_P(AnswersPeer, state, settle::ToString(state)) {
  const auto* answer = std::get_if<effect::AnswerPeer>(&arg);
  return answer != nullptr && answer->answer.state == state;
}
MATCHER(TellsAnything, "a reply") {
  return std::holds_alternative<effect::ReplyDecided>(arg) ||
         std::holds_alternative<effect::ReplyApplied>(arg);
}

// A machine and the records that it asked for.
struct Stage {
  TwoPhase machine{kGtid, {}, {}, Protocol::kThreePhase};
  std::vector<Record> records{};

  Effects Handle(const Event& event) {
    Effects effects = machine.Handle(event);
    for (const Effect& effect : effects) {
      if (const auto* persist = std::get_if<effect::Persist>(&effect))
        records.push_back(persist->record);
    }
    return effects;
  }
};

Stage PreparingWith(BranchNumber branches) {
  Stage stage;
  for (BranchNumber number = 1; number <= branches; ++number) {
    const std::string n = std::to_string(number);
    stage.Handle(event::Enlist{"bank-" + n, "db-" + n, "s" + n, "p", "k" + n, {"h:" + n}});
  }
  stage.Handle(event::CommitRequested{});
  return stage;
}
Stage VotedWith(BranchNumber branches) {
  Stage stage = PreparingWith(branches);
  for (BranchNumber number = 1; number <= branches; ++number)
    stage.Handle(event::Voted{{number, {Vote::kCommit, {}, "", false}}});
  return stage;
}
event::SiteAnswered Accepted(BranchNumber site, const Ballot& ballot = kFirstBallot) {
  return {site, {SiteState::kPreCommitted, ballot, ballot, {}}};
}
event::PeerCalled Asks(PeerVerb verb, const Ballot& ballot, std::uint64_t call = 7) {
  return {call, {verb, ballot, {}}};
}

TEST(ThreePhase, TheCoordinatorIsAWitnessWhenTheNumberOfBranchesIsEven) {
  for (const BranchNumber branches : {1, 2, 3, 4, 5}) {
    const auto quorum = PreparingWith(branches).machine.quorum();
    ASSERT_TRUE(quorum);
    EXPECT_THAT(quorum->sites, SizeIs(branches % 2 == 0 ? branches + 1 : branches));
    EXPECT_EQ(quorum->sites.front().site.number, branches % 2 == 0 ? 0U : 1U);
    EXPECT_EQ(quorum->needed, (branches + 2) / 2);
  }
}

TEST(ThreePhase, PreCommitIsSentOnlyAfterItsRecordIsDurable) {
  Stage stage = PreparingWith(2);
  stage.Handle(event::Voted{{1, {Vote::kCommit, {}, "", false}}});
  const Effects effects = stage.Handle(event::Voted{{2, {Vote::kCommit, {}, "", false}}});
  EXPECT_THAT(effects, Contains(Persists("pre-commit record")));
  EXPECT_THAT(effects, Not(Contains(Sends(CommandKind::kPreCommit))));
  EXPECT_THAT(stage.Handle(event::Persisted{}), Contains(Sends(CommandKind::kPreCommit)).Times(2));
}

TEST(ThreePhase, BeforePreCommitTheCoordinatorAbortsAloneAndWritesNothing) {
  const std::vector<Event> causes{event::VoteTimerFired{}, event::SessionLost{"s2"},
                                  event::AbortRequested{AbortCause::kRequested, "", {}},
                                  event::Voted{{2, {Vote::kNo, {}, "no", false}}},
                                  Asks(PeerVerb::kElect, {2, 1})};
  for (const Event& cause : causes) {
    Stage stage = PreparingWith(2);
    stage.Handle(event::Voted{{1, {Vote::kCommit, {}, "", false}}});
    EXPECT_THAT(stage.Handle(cause), Contains(Sends(CommandKind::kAbort))) << Describe(cause);
    EXPECT_EQ(stage.machine.state(), State::kAborting) << Describe(cause);
    EXPECT_THAT(stage.records, IsEmpty()) << Describe(cause);
  }
}

TEST(ThreePhase, M10_AfterPreCommitNobodyIsToldAndNothingIsSentUntilAMajorityDecided) {
  const std::vector<Event> causes{
      event::VoteTimerFired{},        event::DeadlineReached{},
      event::SessionLost{"s2"},       event::AbortRequested{AbortCause::kOperator, "", {}},
      event::CommitRequested{},       event::RetryTimerFired{},
      event::RetryRequested{},        event::FoundPrepared{1, "bank-1"},
      event::ResourceReady{"bank-2"}, Accepted(1)};
  Stage stage = VotedWith(3);
  stage.Handle(event::Persisted{});
  for (const Event& cause : causes) {
    const Effects effects = stage.Handle(cause);
    EXPECT_THAT(effects, Each(Not(Sends(CommandKind::kAbort)))) << Describe(cause);
    EXPECT_THAT(effects, Each(Not(Sends(CommandKind::kCommit)))) << Describe(cause);
    EXPECT_THAT(effects, Each(Not(TellsAnything()))) << Describe(cause);
    EXPECT_EQ(stage.machine.state(), State::kQuorum) << Describe(cause);
  }
  EXPECT_THAT(stage.Handle(Accepted(3)), ElementsAre(testing::_, Persists("commit record")));
}

TEST(ThreePhase, M11_ASiteThatSpeaksOfAnAbsurdBallotLeavesARoundToLead) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  Stage stage = VotedWith(2);
  stage.Handle(event::Persisted{});
  stage.Handle(event::SiteAnswered{1, {SiteState::kWaiting, {kMost, 2}, {}, {}}});
  stage.Handle(event::RetryTimerFired{});
  ASSERT_THAT(stage.records, Not(IsEmpty()));
  const auto* ballot = std::get_if<BallotRecord>(&stage.records.back());
  ASSERT_NE(ballot, nullptr);
  EXPECT_LT(ballot->at.elected.round, kMost) << "it could not be sent";
  EXPECT_THAT(stage.Handle(event::Persisted{}), Contains(Sends(CommandKind::kElect)).Times(2));
}

TEST(ThreePhase, ADecisionIsToldOnlyAfterItIsDurable) {
  Stage commit = VotedWith(2);
  commit.Handle(event::Persisted{});
  EXPECT_THAT(commit.Handle(Accepted(1)), Each(Not(TellsAnything())));
  EXPECT_THAT(commit.Handle(event::Persisted{}), Contains(TellsAnything()));

  Stage abort = VotedWith(2);
  abort.Handle(event::Persisted{});
  const event::SiteAnswered knows{1, {SiteState::kAborted, {2, 1}, {2, 1}, {{2, 1}, {1, 2}}}};
  const Effects learned = abort.Handle(knows);
  EXPECT_THAT(learned, Each(Not(TellsAnything())));
  EXPECT_THAT(learned, Each(Not(Sends(CommandKind::kAbort))));
  const Effects durable = abort.Handle(event::Persisted{});
  EXPECT_THAT(durable, Contains(TellsAnything()));
  EXPECT_THAT(durable, Contains(Sends(CommandKind::kAbort)).Times(2));
}

TEST(ThreePhase, M11_TheWitnessAnswersOnlyWhatIsDurable) {
  Stage stage = VotedWith(2);
  stage.Handle(event::Persisted{});
  EXPECT_THAT(stage.Handle(Asks(PeerVerb::kElect, {2, 1})), ElementsAre(Persists("ballot record")));
  EXPECT_THAT(stage.Handle(event::Persisted{}), ElementsAre(AnswersPeer(SiteState::kPreCommitted)));
  EXPECT_THAT(stage.Handle(Asks(PeerVerb::kPreAbort, {2, 1})),
              ElementsAre(Persists("ballot record: pre-aborted")));
  EXPECT_THAT(stage.Handle(event::Persisted{}), ElementsAre(AnswersPeer(SiteState::kPreAborted)));
}

TEST(ThreePhase, M11_OnlyAHigherBallotIsLed) {
  Stage stage = VotedWith(3);
  stage.Handle(event::Persisted{});
  stage.Handle(event::SiteAnswered{2, {SiteState::kWaiting, {9, 2}, {}, {}}});
  EXPECT_THAT(stage.Handle(event::RetryTimerFired{}),
              Contains(Persists("ballot record: pre-committed elected 10.0")));
}

TEST(ThreePhase, ASitesEndAfterAQuorumsAbortIsWaitedFor) {
  Stage stage = VotedWith(3);
  stage.Handle(event::Persisted{});
  stage.Handle(event::SiteAnswered{1, {SiteState::kAborted, {2, 1}, {2, 1}, {{2, 1}, {1, 2}}}});
  stage.Handle(event::Persisted{});
  EXPECT_THAT(stage.Handle(event::SessionLost{"s3"}), Contains(Sends(CommandKind::kAbort)));
  EXPECT_THAT(stage.Handle(event::RetryTimerFired{}),
              Contains(Sends(CommandKind::kAbort)).Times(3));
  for (const BranchNumber branch : {1, 2, 3}) {
    EXPECT_EQ(stage.machine.state(), State::kAborting);
    stage.Handle(event::Finished{branch, {BranchEnd::kAborted, ""}});
  }
  EXPECT_EQ(stage.machine.state(), State::kDone);
}

TEST(ThreePhase, TheSummarySaysWhoIsMissingAndThenWhoDecided) {
  Stage stage = VotedWith(2);
  stage.Handle(event::Persisted{});
  QuorumSummary summary = *stage.machine.quorum();
  EXPECT_EQ(summary.by.ballot, kFirstBallot);
  EXPECT_THAT(summary.missing, ElementsAre(1, 2));
  EXPECT_EQ(summary.sites.front().last->state, SiteState::kPreCommitted);
  EXPECT_EQ(summary.sites[1].last, std::nullopt);
  stage.Handle(Accepted(2));
  summary = *stage.machine.quorum();
  EXPECT_EQ(summary.by, (DecidedBy{kFirstBallot, {0, 2}}));
  EXPECT_THAT(summary.missing, IsEmpty());
  EXPECT_EQ(summary.sites.front().last->state, SiteState::kCommitted);
  EXPECT_EQ(summary.sites[2].last->state, SiteState::kPreCommitted);
}

TEST(ThreePhase, OfTwoPhasesThereIsNoQuorum) {
  TwoPhase machine(kGtid, {}, {});
  machine.Handle(event::Enlist{"bank-1", "db", "s1", "p", "k1"});
  machine.Handle(event::CommitRequested{});
  EXPECT_EQ(machine.quorum(), std::nullopt);
  EXPECT_THAT(machine.Handle(Accepted(1)), IsEmpty());
}

// What a start makes of every prefix of the records.
TEST(ThreePhase, M10_ARestartNeverPresumesWhatWasPreCommitted) {
  for (const bool commits : {true, false}) {
    Stage stage = VotedWith(2);
    stage.Handle(event::Persisted{});
    stage.Handle(Asks(PeerVerb::kElect, {2, 1}));
    stage.Handle(event::Persisted{});
    stage.Handle(Asks(commits ? PeerVerb::kPreCommit : PeerVerb::kPreAbort, {2, 1}));
    stage.Handle(event::Persisted{});
    const DecidedBy by{{2, 1}, {0, 1}};
    const SiteState final = commits ? SiteState::kCommitted : SiteState::kAborted;
    stage.Handle(event::SiteAnswered{1, {final, {2, 1}, {2, 1}, by}});
    ASSERT_THAT(stage.records, SizeIs(4));
    TwoPhase::RestoredQuorum records;
    for (const Record& record : stage.records) {
      if (const auto* one = std::get_if<PreCommitRecord>(&record)) records.pre_commit = *one;
      if (const auto* one = std::get_if<BallotRecord>(&record)) records.ballot = *one;
      if (const auto* one = std::get_if<CommitRecord>(&record)) records.commit = *one;
      if (const auto* one = std::get_if<QuorumAbortRecord>(&record)) records.abort = *one;
      TwoPhase restored(records, {});
      const bool decided = records.commit || records.abort;
      EXPECT_EQ(restored.state(), !decided  ? State::kQuorum
                                  : commits ? State::kCommitting
                                            : State::kAborting);
      EXPECT_EQ(restored.quorum()->sites.size(), 3U);
      const Effects effects = restored.Handle(event::Restored{});
      if (decided) {
        const CommandKind kind = commits ? CommandKind::kCommit : CommandKind::kAbort;
        EXPECT_THAT(effects, Contains(Sends(kind)).Times(2));
        EXPECT_EQ(restored.quorum()->by, by);
        continue;
      }
      // Its own ballot is above the one that it joined, and nothing is sent before that is durable.
      const std::string round = records.ballot ? "3.0" : "2.0";
      EXPECT_THAT(effects, Contains(testing::Truly([&](const Effect& effect) {
                    const auto* persist = std::get_if<effect::Persist>(&effect);
                    return persist != nullptr &&
                           Describe(persist->record).find("elected " + round) != std::string::npos;
                  })));
      EXPECT_THAT(effects, Each(Not(Sends(CommandKind::kElect))));
      EXPECT_THAT(restored.Handle(event::Persisted{}),
                  Contains(Sends(CommandKind::kElect)).Times(2));
    }
  }
}

}  // namespace
}  // namespace settle::coordinator
