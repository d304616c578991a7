// The rules of a branch that is a site of three-phase commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "participant/branch_table.h"

namespace settle::sdk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Evidence kEvidence{"fake:1", 7, "4711"};
const Evidence kOfTheRecord{"fake:1", 7, "4712"};
const VoteResult kYes{Vote::kCommit, kEvidence, {}, false};
const Roster kSites{{1, "orders", {"10.0.0.1:7"}}, {2, "stock", {"10.0.0.2:7"}}, {0, {}, {}}};
const DecidedBy kByThem{{2, 2}, {1, 2}};
const FinishResult kCommitted{BranchEnd::kCommitted, {}};
const FinishResult kRetry{BranchEnd::kRetry, "connection refused"};

event::Commanded Prepare() { return {CommandKind::kPrepare, {}, kSites}; }
event::Commanded Command(CommandKind kind) { return {kind, kEvidence, {}, {{1, 0}, {0, 1}}}; }
event::SitesDecided Decided(Decision decision) { return {decision, kOfTheRecord, kByThem}; }

BranchMachine Left() {
  BranchMachine branch = BranchMachine::Opened();
  branch.Handle(event::ApplicationLeft{});
  return branch;
}
BranchMachine Preparing() {
  BranchMachine branch = Left();
  branch.Handle(Prepare());
  return branch;
}
BranchMachine Prepared() {
  BranchMachine branch = Preparing();
  branch.Handle(event::Voted{kYes});
  return branch;
}

MATCHER_P2(ReportsEnd, end, words, "") {
  const auto* report = std::get_if<effect::ReportEnd>(&arg);
  return report != nullptr && report->end.end == end &&
         report->end.detail.find(words) != std::string::npos;
}
MATCHER(VotesNo, "") {
  const auto* report = std::get_if<effect::ReportVote>(&arg);
  return report != nullptr && report->vote.vote == Vote::kNo;
}

TEST(SiteBranch, ItIsPreparedWithTheSitesOfItsTransaction) {
  BranchMachine branch = Left();
  EXPECT_THAT(branch.Handle(Prepare()), ElementsAre(effect::Prepare{kSites}));
  EXPECT_THAT(branch.Handle(event::Voted{kYes}), ElementsAre(effect::ReportVote{kYes}));
}

TEST(SiteBranch, ItsRecordIsAskedBeforeItIsFinishedAndNoOthers) {
  BranchMachine site = Prepared();
  EXPECT_THAT(
      site.Handle(Command(CommandKind::kCommit)),
      ElementsAre(effect::FinishByHandle{Decision::kCommit, true, DecidedBy{{1, 0}, {0, 1}}}));
  BranchMachine two_phase = Left();
  two_phase.Handle(event::Commanded{CommandKind::kPrepare, {}, {}});
  two_phase.Handle(event::Voted{kYes});
  EXPECT_FALSE(two_phase.may_be_site());
  EXPECT_THAT(two_phase.Handle(event::Commanded{CommandKind::kCommit, kEvidence}),
              ElementsAre(effect::FinishByHandle{Decision::kCommit}));
}

// Otherwise the coordinator would take it for ended, and nobody told the process that works in it.
TEST(SiteBranch, M10_ElectedBeforeItsVoteItIsEndedByItsOwnProcessAlone) {
  const event::SitesDecided unvoted{Decision::kAbort, {}, {}, false};
  BranchMachine elsewhere = BranchMachine::Unknown();
  EXPECT_THAT(elsewhere.Handle(unvoted), IsEmpty());
  BranchMachine here = BranchMachine::Opened();
  here.Handle(event::ApplicationLeft{});
  EXPECT_THAT(here.Handle(unvoted), ElementsAre(BranchEffect{effect::Fence{}}));
}

TEST(SiteBranch, M10_WhatItsSitesDecidedIsCarriedOutAndReportedWithoutACommand) {
  BranchMachine branch = Prepared();
  EXPECT_THAT(branch.Handle(Decided(Decision::kCommit)),
              ElementsAre(effect::FinishByHandle{Decision::kCommit, true, kByThem}));
  EXPECT_THAT(branch.Handle(Decided(Decision::kCommit)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Finished{kCommitted}),
              ElementsAre(effect::ReportEnd{kCommitted}));
}

TEST(SiteBranch, M10_InAnotherProcessItIsFinishedByItsKeyWithTheEvidenceOfItsRecord) {
  BranchMachine branch = BranchMachine::Unknown();
  EXPECT_THAT(branch.Handle(Decided(Decision::kAbort)),
              ElementsAre(effect::FinishByKey{Decision::kAbort, kOfTheRecord, true, kByThem}));
}

TEST(SiteBranch, M10_SitesThatDecideBeforeItsVoteHaveItRolledBack) {
  BranchMachine working = BranchMachine::Opened();
  EXPECT_THAT(working.Handle(Decided(Decision::kAbort)), ElementsAre(effect::Fence{}));
  EXPECT_THAT(working.Handle(event::Fenced{}),
              ElementsAre(ReportsEnd(BranchEnd::kAborted, "its sites")));
  EXPECT_THAT(working.Handle(Prepare()), ElementsAre(VotesNo()));
  BranchMachine preparing = Preparing();
  EXPECT_THAT(preparing.Handle(Decided(Decision::kAbort)), IsEmpty());
  EXPECT_THAT(preparing.Handle(event::Voted{kYes}),
              ElementsAre(effect::FinishByHandle{Decision::kAbort, true, kByThem}, VotesNo()));
}

TEST(SiteBranch, M11_ACommandAgainstItsRecordDoesNothingAndTheRecordIsFollowed) {
  BranchMachine branch = Prepared();
  branch.Handle(Command(CommandKind::kAbort));
  // Told meanwhile: the command that is under way will hear of it from the record.
  EXPECT_THAT(branch.Handle(Decided(Decision::kCommit)), IsEmpty());
  EXPECT_THAT(branch.Handle(event::Overruled{"its sites decided otherwise"}),
              ElementsAre(ReportsEnd(BranchEnd::kRetry, "decided otherwise")));
  EXPECT_EQ(branch.state(), BranchState::kPrepared);
  EXPECT_THAT(branch.Handle(Decided(Decision::kCommit)),
              ElementsAre(effect::FinishByHandle{Decision::kCommit, true, kByThem}));
}

TEST(SiteBranch, M11_WhatTheCoordinatorOnlySaidDoesNotStandAgainstTheRecord) {
  BranchMachine branch = Prepared();
  branch.Handle(Command(CommandKind::kAbort));
  branch.Handle(event::Finished{kRetry});
  EXPECT_THAT(branch.Handle(Decided(Decision::kCommit)),
              ElementsAre(effect::FinishByKey{Decision::kCommit, kEvidence, true, kByThem}));
}

// Otherwise a person's word against what the sites decided would be refused for ever, and what
// became of the branch never be told.
TEST(SiteBranch, M11_ACommandAfterADecisionThatFailedAtTheConnectionAsksTheRecord) {
  BranchMachine branch = Prepared();
  branch.Handle(Decided(Decision::kAbort));
  branch.Handle(event::Finished{kRetry});
  const DecidedBy forced{{1, 0}, {0, 1}};
  EXPECT_THAT(branch.Handle(Command(CommandKind::kCommit)),
              ElementsAre(effect::FinishByKey{Decision::kCommit, kEvidence, true, forced}));
  EXPECT_THAT(branch.Handle(event::Overruled{"its sites decided otherwise"}),
              ElementsAre(ReportsEnd(BranchEnd::kRetry, "decided otherwise")));
  EXPECT_THAT(branch.Handle(Decided(Decision::kAbort)),
              ElementsAre(effect::FinishByKey{Decision::kAbort, kEvidence, true, kByThem}));
  EXPECT_THAT(branch.Handle(event::Finished{{BranchEnd::kAborted, {}}}),
              ElementsAre(ReportsEnd(BranchEnd::kAborted, "")));
}

TEST(SiteBranch, BranchesLeftToACoordinatorThatHasGivenThemUpAreRolledBack) {
  BranchTable table;
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 1, 9);
  table.Attach("s1", "abcdefghijkl");
  for (BranchNumber number = 1; number <= 3; ++number) table.Adopt({gtid, number}, "bank", "s1");
  table.Handle({gtid, 1}, event::ApplicationLeft{});
  table.Handle({gtid, 2}, event::ApplicationPrepares{});
  table.Handle({gtid, 2}, event::Voted{kYes});
  EXPECT_THAT(table.ForgetLeft("gone"), ElementsAre(Step{{gtid, 1}, "bank", effect::Fence{}}));
  EXPECT_THAT(table.ForgetLeft("gone"), IsEmpty());
}

}  // namespace
}  // namespace settle::sdk
