// What is decided against what a database says now.
#include "admin/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/live.h"

namespace settle::coordinator {
namespace {

using testing::HasSubstr;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
const char* const kStray = "settle:aaaabbbbcccc.1.7.deadbeef:1";

// One that has voted.
BranchSummary Branch(const std::string& state) {
  BranchSummary branch;
  branch.number = 1;
  branch.resource = "bank-a";
  branch.state = state;
  branch.vote = "commit";
  branch.evidence = {"postgresql:7301:16384", 1, "744"};
  return branch;
}

LiveBranch Gone(Proof proof, const std::string& detail) {
  LiveBranch live;
  live.proof = proof;
  live.proof_detail = detail;
  return live;
}

TEST(Comparisons, EveryRowOfTheTableOfProofIsSaidInWords) {
  struct Row {
    Decided decided;
    bool prepared;
    Proof proof;
    bool contradicts;
    const char* says;
  };
  const Row rows[] = {
      {Decided::kCommit, true, Proof::kInProgress, false, "is committed when"},
      {Decided::kCommit, false, Proof::kCommitted, false, "committed"},
      {Decided::kCommit, false, Proof::kAborted, true, "heuristic rollback"},
      {Decided::kCommit, false, Proof::kInProgress, false, "still in progress"},
      {Decided::kCommit, false, Proof::kNone, true, "hazard"},
      {Decided::kAbort, true, Proof::kInProgress, false, "is rolled back when"},
      {Decided::kAbort, false, Proof::kCommitted, true, "heuristic commit"},
      {Decided::kAbort, false, Proof::kAborted, false, "rolled back"},
      {Decided::kAbort, false, Proof::kNone, false, "no proof"},
      {Decided::kNothing, true, Proof::kInProgress, false, "waits for the decision"},
      {Decided::kNothing, false, Proof::kCommitted, true, "although nothing is decided"},
      {Decided::kNothing, false, Proof::kAborted, true, "although it has voted"},
      {Decided::kNothing, false, Proof::kNone, false, "not prepared"},
      {Decided::kByBranch, true, Proof::kInProgress, true, "never is"},
      {Decided::kByBranch, false, Proof::kCommitted, false, "committed"},
      {Decided::kByBranch, false, Proof::kAborted, false, "rolled back"},
      {Decided::kUnclear, true, Proof::kInProgress, false, "prepared"},
  };
  for (const Row& row : rows) {
    LiveBranch live = Gone(row.proof, "");
    live.prepared = row.prepared;
    const Comparison comparison = Compare(row.decided, Branch("prepared"), live);
    EXPECT_EQ(comparison.contradicts, row.contradicts) << row.says;
    EXPECT_THAT(comparison.words, HasSubstr(row.says));
  }
}

TEST(Comparisons, ABranchThatWasReportedAsEndedAndIsPreparedContradictsThat) {
  LiveBranch live;
  live.prepared = true;
  EXPECT_TRUE(Compare(Decided::kCommit, Branch("committed"), live).contradicts);
  EXPECT_TRUE(Compare(Decided::kAbort, Branch("aborted"), live).contradicts);
}

TEST(Comparisons, WhatWasReportedAsCommittedAndCannotBeProvedAnyMoreContradictsNothing) {
  const Comparison comparison =
      Compare(Decided::kCommit, Branch("committed"), Gone(Proof::kNone, "a fail-over took place"));
  EXPECT_FALSE(comparison.contradicts);
  EXPECT_THAT(comparison.words, HasSubstr("any more (a fail-over took place)"));
}

TEST(Comparisons, NobodyDecidedOfAHazardThatWasLeftToItsOnlyBranch) {
  TransactionSummary summary;
  summary.state = "damaged";
  summary.ending = {Outcome::kHazard, AbortCause::kNone, "a fail-over took place", false};
  summary.branches = {Branch("committed"), Branch("hazard")};
  EXPECT_EQ(DecisionOf(summary), Decided::kCommit);
  summary.branches.resize(1);
  summary.branches[0].vote.clear();
  EXPECT_EQ(DecisionOf(summary), Decided::kByBranch);
}

TEST(Comparisons, AStrayIsLookedForUnderItsOwnName) {
  TransactionSummary summary;
  summary.gtid = kGtid;
  summary.branches = {Branch("committing")};
  HeuristicIntent act;
  act.database_name = kStray;
  summary.heuristics = {act};
  EXPECT_EQ(KeyInTheDatabase(summary, summary.branches[0]).DatabaseName(), kStray);
  summary.heuristics.clear();
  EXPECT_EQ(KeyInTheDatabase(summary, summary.branches[0]), (BranchKey{kGtid, 1}));
}

TEST(Comparisons, ABranchThatNeverVotedAndIsNotPreparedContradictsNothing) {
  BranchSummary working = Branch("working");
  working.vote.clear();
  working.evidence = {};
  EXPECT_EQ(Compare(Decided::kNothing, working, LiveBranch{}), (Comparison{"not prepared", false}));
  EXPECT_EQ(Compare(Decided::kAbort, working, LiveBranch{}), (Comparison{"not prepared", false}));
}

}  // namespace
}  // namespace settle::coordinator
