// Branches that whoever begins a transaction numbers itself: whose they are, and what becomes of
// them when their session, the deadline or a pause comes first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct OwnBranches : testing::Test {
  Begun Begin(BeginCall call) {
    Answer<Begun> begun;
    engine.engine().Begin(std::move(call), begun.done());
    engine.Run();
    return begun.ok() ? *begun : Begun{};
  }
  Begun BeginOwn(BranchNumber count = 8) { return Begin(Asking(bank, count)); }
  static BeginCall Asking(const Participant& whose, BranchNumber count) {
    BeginCall call;
    call.own_branches = count;
    call.session = whose.session();
    return call;
  }
  static CommitCall Naming(const Gtid& gtid, std::vector<event::OwnBranch> own) {
    CommitCall call{gtid, {}, Wait::kDecision};
    for (const event::OwnBranch& one : own)
      call.votes.push_back({one.number, {Vote::kCommit, {"db", 1, "1"}, "", false}});
    call.own = std::move(own);
    return call;
  }
  Answer<CommitAnswer> Commit(CommitCall call) {
    Answer<CommitAnswer> answer;
    engine.engine().Commit(std::move(call), answer.done());
    engine.Run();
    return answer;
  }

  EngineUnderTest engine;
  Participant bank{engine, {"bank-a", "bank-b"}};
};

TEST_F(OwnBranches, AreNamedWithTheCommitAndKnownFromThen) {
  const Begun begun = BeginOwn();
  EXPECT_EQ(begun.own_branches, 8U);
  EXPECT_THAT(engine.Show(begun.gtid).branches, IsEmpty());
  EXPECT_TRUE(engine.Show(begun.gtid).own_unnamed);
  const auto answer = Commit(Naming(begun.gtid, {{1, "bank-a"}, {2, "bank-b"}}));
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_TRUE(answer->ending.committed());
  EXPECT_TRUE(answer->finish_here);
  const TransactionSummary shown = engine.Show(begun.gtid);
  EXPECT_FALSE(shown.own_unnamed);
  ASSERT_THAT(shown.branches, SizeIs(2));
  EXPECT_EQ(shown.branches[0].resource, "bank-a");
  EXPECT_EQ(shown.branches[0].identity, "db:bank-a");
  EXPECT_EQ(shown.branches[1].process, "process");
  bank.Finish(begun.gtid, 1, BranchEnd::kCommitted);
  bank.Finish(begun.gtid, 2, BranchEnd::kCommitted);
  EXPECT_THAT(engine.ListOpen(), IsEmpty());
}

TEST_F(OwnBranches, ARepeatedCommitHearsTheSame) {
  const Begun begun = BeginOwn();
  const CommitCall call = Naming(begun.gtid, {{1, "bank-a"}, {2, "bank-b"}});
  ASSERT_TRUE(Commit(call)->ending.committed());
  const auto again = Commit(call);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again->ending.committed());
  EXPECT_THAT(engine.Show(begun.gtid).branches, SizeIs(2));
}

TEST_F(OwnBranches, WhatIsRefusedChangesNothing) {
  const Begun begun = BeginOwn(2);
  for (const CommitCall& call :
       {Naming(begun.gtid, {{3, "bank-a"}}), Naming(begun.gtid, {{1, "bank-a"}, {1, "bank-b"}}),
        Naming(begun.gtid, {{2, "bank-a"}}), Naming(begun.gtid, {{1, "bank-a"}, {2, "bank-z"}})}) {
    const auto refused = Commit(call);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << refused.error().message;
    EXPECT_THAT(engine.Show(begun.gtid).branches, IsEmpty());
    EXPECT_EQ(engine.Show(begun.gtid).state, "active");
  }
  EXPECT_TRUE(Commit(Naming(begun.gtid, {{1, "bank-a"}}))->ending.committed());
}

TEST_F(OwnBranches, NoneAreGrantedWithoutASessionOfTheSameIdentity) {
  BeginCall call = Asking(bank, 8);
  call.session = "s99";
  EXPECT_EQ(Begin(call).own_branches, 0U);
  call = Asking(bank, 8);
  call.identity = "somebody else";
  const Begun begun = Begin(call);
  EXPECT_EQ(begun.own_branches, 0U);
  EXPECT_EQ(Commit(Naming(begun.gtid, {{1, "bank-a"}})).error().code, ErrorCode::kInvalid);
}

TEST_F(OwnBranches, NoneAreGrantedToAThreePhaseCommit) {
  BeginCall call = Asking(bank, 8);
  call.protocol = Protocol::kThreePhase;
  EXPECT_EQ(Begin(call).own_branches, 0U);
}

TEST_F(OwnBranches, LeaveHalfOfTheNumbersToOthers) {
  EngineUnderTest small(Settings{.branches_max = 4});
  Participant other(small, {"bank-a"});
  Answer<Begun> begun;
  small.engine().Begin(Asking(other, 8), begun.done());
  small.Run();
  ASSERT_TRUE(begun.ok());
  EXPECT_EQ(begun->own_branches, 2U);
  EXPECT_EQ(other.Enlist(begun->gtid, "bank-a", "k1"), 3U);
  EXPECT_EQ(other.Enlist(begun->gtid, "bank-a", "k2"), 4U);
  EXPECT_EQ(other.Enlist(begun->gtid, "bank-a", "k3"), 0U) << "the maximum is reached";
}

TEST_F(OwnBranches, APauseIsHeededByEnlistingAndLetsGoOnWhatBeganBefore) {
  const Begun before = BeginOwn();
  Answer<PauseRecord> paused;
  engine.engine().Pause({PauseScope::kParticipant, "bank-a", true, "alice", "its disk is full", 0},
                        paused.done());
  engine.Run();
  ASSERT_TRUE(paused.ok());
  const Begun after = BeginOwn();
  EXPECT_EQ(after.own_branches, 0U);
  EXPECT_EQ(bank.Enlist(after.gtid, "bank-a"), 0U) << "refused by the pause";
  EXPECT_TRUE(Commit(Naming(before.gtid, {{1, "bank-a"}}))->ending.committed());
}

TEST_F(OwnBranches, P12_TheLossOfTheirSessionAbortsAtOnce) {
  BeginOwn();
  ASSERT_THAT(engine.ListOpen(), SizeIs(1));
  bank.Detach();
  EXPECT_THAT(engine.ListOpen(), IsEmpty());
  EXPECT_TRUE(engine.observer().Saw("the process that owned a branch was lost"));
}

// The shard has not heard of the loss when it looks at the request.
TEST_F(OwnBranches, P12_ACommitThatRacesTheLossOfItsSessionIsAborted) {
  const Begun begun = BeginOwn();
  Answer<CommitAnswer> answer;
  engine.engine().Commit(Naming(begun.gtid, {{1, "bank-a"}}), answer.done());
  Answer<std::monostate> detached;
  engine.engine().Detach(bank.session(), detached.done());
  engine.Run();
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->ending.cause, AbortCause::kParticipantLost) << answer->ending.reason;
}

TEST_F(OwnBranches, P12_TheDeadlineTellsTheirSessionToRollThemBack) {
  BeginCall call = Asking(bank, 8);
  call.timeout = std::chrono::milliseconds(500);
  const Begun begun = Begin(call);
  bank.Take();
  engine.Advance(std::chrono::milliseconds(700));
  const std::vector<Command> told = bank.Take();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].kind, CommandKind::kAbort);
  EXPECT_EQ(told[0].key, (BranchKey{begun.gtid, 0}));
  EXPECT_THAT(engine.ListOpen(), IsEmpty()) << "nobody is waited for";
}

// Nothing sends it again, and the application may never go on.
TEST_F(OwnBranches, C22_TheirAbortFindsRoomInAFullQueue) {
  EngineUnderTest small(Settings{.shards = 1, .commands_queued_max = 1});
  Participant slow(small, {"bank-a"});
  BeginCall call = Asking(slow, 8);
  call.timeout = std::chrono::milliseconds(500);
  const Gtid first = small.Begin(call);
  const Gtid second = small.Begin(call);
  const Gtid other = small.Begin();
  ASSERT_EQ(slow.Enlist(other, "bank-a"), 1U);
  Answer<Ending> aborted;
  small.engine().Abort({other, AbortCause::kRequested, "no", {}}, aborted.done());
  small.Run();
  Answer<Begun> third;
  small.engine().Begin(Asking(slow, 8), third.done());
  small.Run();
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->own_branches, 0U) << "the queue is full: it would grow without a bound";
  small.Advance(std::chrono::milliseconds(700));
  std::vector<BranchKey> told;
  for (const Command& command : slow.Take()) told.push_back(command.key);
  EXPECT_THAT(told, testing::UnorderedElementsAre(BranchKey{other, 1}, BranchKey{first, 0},
                                                  BranchKey{second, 0}));
  small.engine().Begin(Asking(slow, 8), third.done());
  small.Run();
  EXPECT_EQ(third->own_branches, 8U) << "it has room again";
}

TEST_F(OwnBranches, P07_AScanOfTheNextProcessEndsThemWhenTheirSessionIsLost) {
  const Begun begun = BeginOwn();
  Participant next(engine, {"bank-a", "bank-b"});
  Answer<std::monostate> found;
  engine.engine().FoundPrepared({begun.gtid, 2}, "bank-b", {}, {}, found.done());
  engine.Run();
  EXPECT_THAT(next.TakeWords(), IsEmpty()) << "undecided";
  bank.Detach();
  EXPECT_THAT(next.TakeWords(), ElementsAre("abort 2"));
  next.Finish(begun.gtid, 2, BranchEnd::kAborted);
  EXPECT_THAT(engine.ListOpen(), IsEmpty());
}

TEST_F(OwnBranches, AreLeftAloneByAScanWhileItIsOpenAndAbortedAfterwards) {
  Participant other(engine, {"bank-c"});
  const Begun begun = BeginOwn();
  ASSERT_EQ(other.Enlist(begun.gtid, "bank-c"), 9U);
  bank.Take();
  Answer<std::monostate> found;
  engine.engine().FoundPrepared({begun.gtid, 1}, "bank-a", {}, {}, found.done());
  engine.Run();
  EXPECT_TRUE(found.ok());
  EXPECT_THAT(bank.TakeWords(), IsEmpty()) << "undecided";
  Answer<Ending> aborted;
  engine.engine().Abort({begun.gtid, AbortCause::kRequested, "no", {}}, aborted.done());
  engine.Run();
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 0", "abort 1"));
  Answer<std::monostate> again;
  engine.engine().FoundPrepared({begun.gtid, 2}, "bank-b", {}, {}, again.done());
  engine.Run();
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 2"));
  other.Finish(begun.gtid, 9, BranchEnd::kAborted);
  bank.Finish(begun.gtid, 1, BranchEnd::kAborted);
  EXPECT_THAT(engine.ListOpen(), SizeIs(1)) << "what was found is waited for";
  bank.Finish(begun.gtid, 2, BranchEnd::kAborted);
  EXPECT_THAT(engine.ListOpen(), IsEmpty());
}

TEST_F(OwnBranches, ALoneOneIsCommittedInOnePhase) {
  const Begun begun = BeginOwn();
  OnePhaseCall call{begun.gtid, 1, {"db", 1, "1"}};
  call.own = {{1, "bank-z"}};
  Answer<OnePhaseAnswer> refused;
  engine.engine().CommitOnePhase(call, refused.done());
  engine.Run();
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("bank-z"));
  call.own = {{1, "bank-a"}};
  Answer<OnePhaseAnswer> granted;
  engine.engine().CommitOnePhase(call, granted.done());
  engine.Run();
  ASSERT_TRUE(granted.ok());
  EXPECT_TRUE(granted->granted);
}

TEST_F(OwnBranches, TheyJoinWithTheLeaveToALastResource) {
  BeginCall asking = Asking(bank, 8);
  asking.last_resource = true;
  const Begun begun = Begin(asking);
  ASSERT_TRUE(begun.gtid.allows_last_resource());
  OnePhaseCall call{begun.gtid, 1, {"db", 1, "1"}};
  call.votes = {{2, {Vote::kCommit, {"db", 1, "2"}, "", false}}};
  call.own = {{1, "bank-a"}, {2, "bank-z"}};
  const auto ask = [&] {
    Answer<OnePhaseAnswer> answer;
    engine.engine().CommitOnePhase(call, answer.done());
    engine.Run();
    return answer;
  };
  EXPECT_THAT(ask().error().message, HasSubstr("bank-z"));
  EXPECT_THAT(engine.Show(begun.gtid).branches, IsEmpty());
  call.own[1].resource = "bank-b";
  ASSERT_TRUE(ask()->granted);
  const TransactionSummary shown = engine.Show(begun.gtid);
  EXPECT_EQ(shown.state, "last-resource");
  ASSERT_THAT(shown.branches, SizeIs(2));
  EXPECT_EQ(shown.branches[0].identity, "db:bank-a");
  EXPECT_EQ(shown.branches[1].state, "prepared");
  Participant others(engine, {"bank-a", "bank-b"});
  others.Take();
  bank.Detach();
  EXPECT_THAT(others.TakeWords(), ElementsAre("prove 1")) << "whoever was to commit it is gone";
}

}  // namespace
}  // namespace settle::coordinator
