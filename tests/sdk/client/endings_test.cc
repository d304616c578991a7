#include "client/endings.h"

#include <gtest/gtest.h>

#include "client/context_text.h"

namespace settle::sdk {
namespace {

const Ending kCommitted{Outcome::kCommitted, AbortCause::kNone, {}, false};
const Ending kAborted{Outcome::kAborted, AbortCause::kDeadline, "deadline", true};

BranchFate Fate(BranchNumber number, BranchEnd end) {
  return {number, "bank-b", FinishResult{end, "detail"}, {}};
}

Outcome Of(const Ending& decided, const std::vector<BranchFate>& fates,
           Scope scope = Scope::kWhole) {
  return SettledEnding(decided, fates, scope).outcome;
}

TEST(Endings, AgreementChangesNothing) {
  EXPECT_EQ(SettledEnding(kCommitted, {Fate(1, BranchEnd::kCommitted)}, Scope::kWhole), kCommitted);
  EXPECT_EQ(SettledEnding(kAborted, {Fate(1, BranchEnd::kAborted)}, Scope::kWhole), kAborted);
  EXPECT_EQ(SettledEnding(kCommitted, {}, Scope::kPart), kCommitted);
}

TEST(Endings, P05_ABranchRolledBackAgainstTheDecisionMakesItMixed) {
  const Ending ending = SettledEnding(
      kCommitted, {Fate(1, BranchEnd::kCommitted), Fate(2, BranchEnd::kAborted)}, Scope::kWhole);
  EXPECT_EQ(ending.outcome, Outcome::kMixed);
  EXPECT_NE(ending.reason.find("branch 2 in bank-b was rolled back by someone else: detail"),
            std::string::npos);
}

TEST(Endings, P05_AllBranchesRolledBackIsAHeuristicRollbackUnlessOthersHaveBranchesToo) {
  const std::vector<BranchFate> all{Fate(1, BranchEnd::kAborted), Fate(2, BranchEnd::kAborted)};
  EXPECT_EQ(Of(kCommitted, all), Outcome::kHeuristicRollback);
  EXPECT_EQ(Of(kCommitted, all, Scope::kPart), Outcome::kMixed);
}

TEST(Endings, WhatCannotBeProvedIsAHazard) {
  EXPECT_EQ(Of(kCommitted, {Fate(1, BranchEnd::kCommitted), Fate(2, BranchEnd::kHazard)}),
            Outcome::kHazard);
  EXPECT_EQ(Of(kAborted, {Fate(1, BranchEnd::kHazard)}), Outcome::kHazard);
}

TEST(Endings, P06_ABranchCommittedAgainstAnAbortIsReported) {
  EXPECT_EQ(Of(kAborted, {Fate(1, BranchEnd::kCommitted)}), Outcome::kHeuristicCommit);
  EXPECT_EQ(Of(kAborted, {Fate(1, BranchEnd::kCommitted), Fate(2, BranchEnd::kAborted)}),
            Outcome::kMixed);
}

TEST(Endings, ABranchThatIsNotAppliedYetIsNamedAndTheOutcomeStays) {
  const Ending ending =
      SettledEnding(kCommitted, {{2, "bank-b", std::nullopt, "connection refused"}}, Scope::kWhole);
  EXPECT_TRUE(ending.committed());
  EXPECT_EQ(ending.reason, "committed; branch 2 in bank-b not applied yet: connection refused");
}

TEST(Endings, AnUnknownEndingSaysWhatToDo) {
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 2, 3);
  const Ending ending = UnknownEnding(gtid, "the reply was lost");
  EXPECT_EQ(ending.outcome, Outcome::kUnknown);
  EXPECT_NE(ending.reason.find(gtid.text()), std::string::npos);
  EXPECT_NE(ending.reason.find("AskOutcome"), std::string::npos);
}

TEST(ContextText, IsReadBackAndNothingElseIs) {
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 2, 3);
  const std::string text = ContextText({gtid});
  EXPECT_EQ(text, "settle1;" + gtid.text()) << "as every release reads it";
  ASSERT_TRUE(ParseContextText(text));
  EXPECT_EQ(*ParseContextText(text), (Context{gtid}));
  EXPECT_LT(text.size(), 300u);
  for (const std::string& wrong :
       {std::string(), std::string("settle1;"), gtid.text(), text + " ", " " + text, text + ";x",
        std::string("SETTLE1;") + gtid.text(), text + std::string(1, '\0'),
        std::string("settle1;abcdefghijkl.01.2.00000003")}) {
    EXPECT_FALSE(ParseContextText(wrong)) << wrong;
  }
}

TEST(ContextText, ANewerFormIsRefusedByVersion) {
  EXPECT_EQ(ParseContextText("settle3;whatever").error().code, ErrorCode::kVersion);
}

TEST(ContextText, CarriesATraceAndIgnoresWhatIsNone) {
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 2, 3);
  const Context traced{gtid, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
  const std::string text = ContextText(traced);
  EXPECT_EQ(text, "settle2;" + gtid.text() + ";" + traced.trace_parent);
  EXPECT_LT(text.size(), 300u);
  ASSERT_TRUE(ParseContextText(text));
  EXPECT_EQ(*ParseContextText(text), traced);
  for (const std::string& untraced : {"settle2;" + gtid.text(), "settle2;" + gtid.text() + ";",
                                      "settle2;" + gtid.text() + ";00-what-ever", text + "x"}) {
    ASSERT_TRUE(ParseContextText(untraced)) << untraced;
    EXPECT_EQ(*ParseContextText(untraced), (Context{gtid})) << untraced;
  }
  EXPECT_FALSE(ParseContextText("settle2;" + gtid.text() + " ;" + traced.trace_parent));
  EXPECT_FALSE(ParseContextText("settle2;"));
}

}  // namespace
}  // namespace settle::sdk
