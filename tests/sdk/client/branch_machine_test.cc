// The rules of one branch, as given, one event, expected effects.
#include "participant/branch_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::sdk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Evidence kEvidence{"fake:1", 7, "4711"};
const VoteResult kYes{Vote::kCommit, kEvidence, {}, false};
const VoteResult kReadOnly{Vote::kReadOnly, {}, {}, false};
const VoteResult kNo{Vote::kNo, {}, "constraint failed", true};
constexpr bool kMayBeSite = true;  // nothing is known of it here
const FinishResult kCommitted{BranchEnd::kCommitted, {}};
const FinishResult kAborted{BranchEnd::kAborted, {}};
const FinishResult kRetry{BranchEnd::kRetry, "connection refused"};

event::Commanded Command(CommandKind kind) { return {kind, kEvidence}; }

BranchMachine Left() {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationLeft{});
  return branch;
}
BranchMachine PreparedByCommand() {
  BranchMachine branch = Left();
  branch.Handle(Command(CommandKind::kPrepare));
  branch.Handle(event::Voted{kYes});
  return branch;
}
BranchMachine PreparingByApplication() {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationPrepares{});
  return branch;
}
BranchMachine PreparedByApplication() {
  BranchMachine branch = PreparingByApplication();
  branch.Handle(event::Voted{kYes});
  return branch;
}

MATCHER_P(VotesNo, reason, "") {
  const auto* report = std::get_if<effect::ReportVote>(&arg);
  return report != nullptr && report->vote.vote == Vote::kNo &&
         report->vote.reason.find(reason) != std::string::npos;
}
MATCHER_P(ReportsEnd, end, "") {
  const auto* report = std::get_if<effect::ReportEnd>(&arg);
  return report != nullptr && report->end.end == end;
}

TEST(BranchMachine, P01_APrepareIsDoneOnceHoweverOftenItIsCommanded) {
  BranchMachine branch = Left();
  EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), ElementsAre(effect::Prepare{}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Voted{kYes}), ElementsAre(effect::ReportVote{kYes}));
  EXPECT_EQ(branch.state(), BranchState::kPrepared);
}

TEST(BranchMachine, P01_ARepeatedPrepareGetsTheSameVoteWithTheSameEvidence) {
  BranchMachine yes = PreparedByCommand();
  EXPECT_THAT(yes.Handle(Command(CommandKind::kPrepare)), ElementsAre(effect::ReportVote{kYes}));
  for (const VoteResult& vote : {kReadOnly, kNo}) {
    BranchMachine branch = Left();
    branch.Handle(Command(CommandKind::kPrepare));
    EXPECT_THAT(branch.Handle(event::Voted{vote}), ElementsAre(effect::ReportVote{vote}));
    EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)),
                ElementsAre(effect::ReportVote{vote}));
  }
}

TEST(BranchMachine, P01_APrepareOfAnUnknownBranchIsRefusedForGood) {
  BranchMachine branch = BranchMachine::Unknown();
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), ElementsAre(VotesNo("not know")));
  EXPECT_EQ(branch.state(), BranchState::kEnded);
  EXPECT_EQ(branch.end().end, BranchEnd::kAborted);
}

TEST(BranchMachine, P02_AnAbortThatOvertakesPrepareKillsTheBranch) {
  for (BranchMachine branch : {BranchMachine::Opened(), Left()}) {
    EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)), ElementsAre(effect::Fence{}));
    EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), IsEmpty());
    EXPECT_THAT(branch.Handle(event::Fenced{}),
                ElementsAre(VotesNo("rolled back"), ReportsEnd(BranchEnd::kAborted)));
    EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), ElementsAre(VotesNo("rolled back")));
    EXPECT_THAT(branch.Handle(event::ApplicationPrepares{}), IsEmpty());
  }
}

TEST(BranchMachine, P02_AnAbortDuringAPrepareByCommandRollsBackWhatWasPrepared) {
  BranchMachine branch = Left();
  branch.Handle(Command(CommandKind::kPrepare));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Voted{kYes}),
              ElementsAre(effect::FinishByHandle{Decision::kAbort}, VotesNo("rolled back")));
  EXPECT_THAT(branch.Handle(event::Finished{kAborted}), ElementsAre(effect::ReportEnd{kAborted}));
}

TEST(BranchMachine, P02_AnAbortDuringAPrepareByTheApplicationRollsBackWhatWasPrepared) {
  BranchMachine branch = PreparingByApplication();
  branch.Handle(Command(CommandKind::kAbort));
  EXPECT_THAT(branch.Handle(event::Voted{kYes}),
              ElementsAre(effect::FinishByHandle{Decision::kAbort}));
  EXPECT_EQ(branch.state(), BranchState::kFinishing);
}

TEST(BranchMachine, P02_AnAbortDuringAPrepareThatFailsIsAnsweredAborted) {
  BranchMachine branch = PreparingByApplication();
  branch.Handle(Command(CommandKind::kAbort));
  EXPECT_THAT(branch.Handle(event::Voted{kNo}), ElementsAre(ReportsEnd(BranchEnd::kAborted)));
  BranchMachine read_only = PreparingByApplication();
  read_only.Handle(Command(CommandKind::kAbort));
  EXPECT_THAT(read_only.Handle(event::Voted{kReadOnly}),
              ElementsAre(ReportsEnd(BranchEnd::kAborted)));
}

TEST(BranchMachine, NobodyWaitsForTheEndOfABranchThatWasHandedOver) {
  BranchMachine branch = PreparedByApplication();
  EXPECT_THAT(branch.Handle(event::ApplicationHandsOver{Decision::kCommit}),
              ElementsAre(effect::FinishByHandle{Decision::kCommit, false, {}, false}));
}

TEST(BranchMachine, P03_ACommitIsDoneOnceHoweverOftenItIsCommanded) {
  BranchMachine branch = PreparedByCommand();
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
              ElementsAre(effect::FinishByHandle{Decision::kCommit}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Finished{kCommitted}),
              ElementsAre(effect::ReportEnd{kCommitted}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
              ElementsAre(effect::ReportEnd{kCommitted}));
}

TEST(BranchMachine, P03_ACommandAndTheApplicationDoNotFinishTheSameBranchTwice) {
  BranchMachine by_command = PreparedByApplication();
  by_command.Handle(Command(CommandKind::kCommit));
  EXPECT_THAT(by_command.Handle(event::ApplicationFinishes{Decision::kCommit}), IsEmpty());
  BranchMachine by_application = PreparedByApplication();
  EXPECT_THAT(by_application.Handle(event::ApplicationFinishes{Decision::kCommit}),
              ElementsAre(effect::Proceed{}));
  EXPECT_THAT(by_application.Handle(Command(CommandKind::kCommit)), IsEmpty());
  EXPECT_THAT(by_application.Handle(event::Finished{kCommitted}),
              ElementsAre(effect::ReportEnd{kCommitted}));
}

TEST(BranchMachine, P03_ACommitThatCouldNotBeDoneIsTriedAgainByKeyWithTheEvidenceOfTheVote) {
  BranchMachine branch = PreparedByApplication();
  branch.Handle(event::ApplicationFinishes{Decision::kCommit});
  EXPECT_THAT(branch.Handle(event::Finished{kRetry}), ElementsAre(effect::ReportEnd{kRetry}));
  EXPECT_EQ(branch.state(), BranchState::kPrepared);
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
              ElementsAre(effect::FinishByKey{Decision::kCommit, kEvidence}));
}

TEST(BranchMachine, P03_ACommitOfAnUnknownBranchIsDoneByKeyWithTheEvidenceOfTheCommand) {
  BranchMachine branch = BranchMachine::Unknown();
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
              ElementsAre(effect::FinishByKey{Decision::kCommit, kEvidence, kMayBeSite}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Finished{kRetry}), ElementsAre(effect::ReportEnd{kRetry}));
  EXPECT_EQ(branch.state(), BranchState::kUnknown);
}

TEST(BranchMachine, P04_AnAbortOfAnUnknownBranchIsDoneByKey) {
  BranchMachine branch = BranchMachine::Unknown();
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)),
              ElementsAre(effect::FinishByKey{Decision::kAbort, kEvidence, kMayBeSite}));
  EXPECT_THAT(branch.Handle(event::Finished{kAborted}), ElementsAre(effect::ReportEnd{kAborted}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), ElementsAre(VotesNo("")));
}

TEST(BranchMachine, P05_WhatTheDatabaseProvesIsReportedEvenAgainstTheDecision) {
  BranchMachine branch = PreparedByCommand();
  branch.Handle(Command(CommandKind::kCommit));
  EXPECT_THAT(branch.Handle(event::Finished{{BranchEnd::kAborted, "proved"}}),
              ElementsAre(effect::ReportEnd{{BranchEnd::kAborted, "proved"}}));
}

TEST(BranchMachine, P13_ADeadBranchCanNeitherBePreparedNorCommittedByItsApplication) {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(Command(CommandKind::kAbort));
  for (int fenced = 0; fenced < 2; ++fenced) {
    EXPECT_THAT(branch.Handle(event::ApplicationPrepares{}), IsEmpty());
    EXPECT_THAT(branch.Handle(event::ApplicationAsksOnePhase{}), IsEmpty());
    EXPECT_THAT(branch.Handle(event::ApplicationFinishes{Decision::kCommit}), IsEmpty());
    EXPECT_THAT(branch.Handle(event::ApplicationLeft{}), IsEmpty());
    branch.Handle(event::Fenced{});
  }
  EXPECT_EQ(branch.state(), BranchState::kEnded);
}

TEST(BranchMachine, P14_ABranchThatItsApplicationDropsIsRolledBackAndVotesNo) {
  BranchMachine branch = BranchMachine::Opened();
  EXPECT_THAT(branch.Handle(event::ApplicationDrops{"the callee failed", true}),
              ElementsAre(effect::Proceed{}));
  EXPECT_THAT(branch.Handle(event::Fenced{}), ElementsAre(VotesNo("the callee failed")));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)),
              ElementsAre(VotesNo("the callee failed")));
}

TEST(BranchMachine, P11_AReadOnlyBranchToldToAbortHasNothingToRollBack) {
  BranchMachine branch = Left();
  branch.Handle(Command(CommandKind::kPrepare));
  branch.Handle(event::Voted{kReadOnly});
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)),
              ElementsAre(ReportsEnd(BranchEnd::kAborted)));
}

TEST(BranchMachine, APrepareBeforeTheApplicationHasLeftIsRefusedAndRollsBack) {
  BranchMachine branch = BranchMachine::Opened();
  EXPECT_THAT(branch.Handle(Command(CommandKind::kPrepare)), ElementsAre(effect::Fence{}));
  EXPECT_THAT(branch.Handle(event::Fenced{}), ElementsAre(VotesNo("has not called Leave()")));
}

TEST(BranchMachine, NothingIsCommittedThatHasNotVoted) {
  for (BranchMachine branch : {BranchMachine::Opened(), Left(), PreparingByApplication()}) {
    const BranchState before = branch.state();
    EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
                ElementsAre(ReportsEnd(BranchEnd::kRetry)));
    EXPECT_EQ(branch.state(), before);
  }
}

TEST(BranchMachine, ThereIsOneDecisionEver) {
  BranchMachine committing = PreparedByCommand();
  committing.Handle(Command(CommandKind::kCommit));
  EXPECT_THAT(committing.Handle(Command(CommandKind::kAbort)),
              ElementsAre(ReportsEnd(BranchEnd::kRetry)));
  committing.Handle(event::Finished{kRetry});
  EXPECT_THAT(committing.Handle(Command(CommandKind::kAbort)),
              ElementsAre(ReportsEnd(BranchEnd::kRetry)));
  EXPECT_THAT(committing.Handle(event::ApplicationFinishes{Decision::kAbort}), IsEmpty());
  BranchMachine aborting = PreparedByCommand();
  aborting.Handle(Command(CommandKind::kAbort));
  aborting.Handle(event::Finished{kRetry});
  EXPECT_THAT(aborting.Handle(Command(CommandKind::kCommit)),
              ElementsAre(ReportsEnd(BranchEnd::kRetry)));
}

TEST(BranchMachine, ANewLifeOfTheCoordinatorFencesWhatIsNotPrepared) {
  for (BranchMachine branch : {BranchMachine::Opened(), Left()}) {
    EXPECT_THAT(branch.Handle(event::Forgotten{"restarted"}), ElementsAre(effect::Fence{}));
    EXPECT_THAT(branch.Handle(event::Fenced{}), IsEmpty());
    EXPECT_EQ(branch.end().end, BranchEnd::kAborted);
  }
}

TEST(BranchMachine, ANewLifeOfTheCoordinatorLeavesPreparedBranchesAlone) {
  for (BranchMachine branch : {PreparedByApplication(), PreparedByCommand()}) {
    EXPECT_THAT(branch.Handle(event::Forgotten{"restarted"}), IsEmpty());
    EXPECT_EQ(branch.state(), BranchState::kPrepared);
  }
}

TEST(BranchMachine, AVoteThatNobodyWasToldIsWithdrawnWhenTheCoordinatorIsRestarted) {
  BranchMachine branch = PreparingByApplication();
  EXPECT_THAT(branch.Handle(event::Forgotten{"restarted"}), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Voted{kYes}),
              ElementsAre(effect::FinishByHandle{Decision::kAbort}));
}

TEST(BranchMachine, ARollbackThatTheCoordinatorNeedNotKnowIsNotReported) {
  BranchMachine branch = PreparedByApplication();
  branch.Handle(event::ApplicationFinishes{Decision::kAbort, false});
  EXPECT_THAT(branch.Handle(event::Finished{kAborted}), IsEmpty());
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)),
              ElementsAre(effect::ReportEnd{kAborted}));
}

TEST(BranchMachine, OnePhaseLeaveAndCommitAreTheApplicationsAlone) {
  BranchMachine branch = BranchMachine::Opened();
  EXPECT_THAT(branch.Handle(event::ApplicationAsksOnePhase{}), ElementsAre(effect::Proceed{}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kProve)),
              ElementsAre(ReportsEnd(BranchEnd::kRetry)));
  EXPECT_THAT(branch.Handle(event::ApplicationCommitsOnePhase{}), ElementsAre(effect::Proceed{}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Finished{kCommitted}),
              ElementsAre(effect::ReportEnd{kCommitted}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kProve)),
              ElementsAre(effect::ReportEnd{kCommitted}));
}

TEST(BranchMachine, AnAbortBeforeTheLeaveToCommitFencesTheBranch) {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationAsksOnePhase{});
  EXPECT_THAT(branch.Handle(Command(CommandKind::kAbort)), ElementsAre(effect::Fence{}));
  EXPECT_THAT(branch.Handle(event::ApplicationCommitsOnePhase{}), IsEmpty());
}

TEST(BranchMachine, AOnePhaseCommitThatWasGivenUpIsProvedOnCommand) {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationAsksOnePhase{});
  branch.Handle(event::ApplicationCommitsOnePhase{});
  branch.Handle(event::OnePhaseGivenUp{});
  EXPECT_THAT(branch.Handle(Command(CommandKind::kProve)), ElementsAre(effect::Prove{kEvidence}));
  EXPECT_THAT(branch.Handle(Command(CommandKind::kProve)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Finished{kCommitted}),
              ElementsAre(effect::ReportEnd{kCommitted}));
}

TEST(BranchMachine, ADeclinedOnePhaseCommitGoesOnToPrepare) {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationAsksOnePhase{});
  branch.Handle(event::OnePhaseDeclined{});
  EXPECT_THAT(branch.Handle(event::ApplicationPrepares{}), ElementsAre(effect::Proceed{}));
}

}  // namespace
}  // namespace settle::sdk
