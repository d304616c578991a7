#include "admin/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kLog = "k3m9qxw4c7ab";

TransactionSummary InState(const std::string& state, const std::string& branch_state) {
  TransactionSummary summary;
  summary.gtid = Gtid::Make(kLog, 2, 1, 7);
  summary.state = state;
  BranchSummary branch;
  branch.number = 1;
  branch.resource = "bank-a";
  branch.identity = "postgresql:8:77";
  branch.state = branch_state;
  summary.branches.push_back(branch);
  return summary;
}

TEST(Explain, EveryStateSaysWhatItWaitsFor) {
  EXPECT_THAT(Explain(InState("active", "working")).waiting_for, HasSubstr("its application"));
  EXPECT_EQ(Explain(InState("preparing", "preparing")).waiting_for,
            "the vote of branch 1 in bank-a");
  EXPECT_THAT(Explain(InState("deciding", "prepared")).waiting_for, HasSubstr("disk"));
  EXPECT_THAT(Explain(InState("delegating", "working")).waiting_for, HasSubstr("disk"));
  EXPECT_THAT(Explain(InState("one-phase", "one-phase")).waiting_for, HasSubstr("proof"));
  EXPECT_EQ(Explain(InState("last-resource", "one-phase")).waiting_for,
            "proof of what became of its last resource, branch 1 in bank-a");
  EXPECT_THAT(Explain(InState("last-resource", "hazard")).waiting_for, HasSubstr("a person"));
  EXPECT_EQ(Explain(InState("committing", "committing")).waiting_for,
            "branch 1 in bank-a to commit");
  EXPECT_EQ(Explain(InState("aborting", "aborting")).waiting_for, "branch 1 in bank-a to abort");
  EXPECT_EQ(Explain(InState("damaged", "hazard")).waiting_for, "a person");
  EXPECT_EQ(Explain(InState("quarantined", "prepared")).waiting_for, "a person");
  EXPECT_EQ(Explain(InState("done", "committed")).waiting_for, "");
}

TEST(Explain, WhatIsWaitedForNamesTheLastError) {
  TransactionSummary summary = InState("committing", "committing");
  summary.branches[0].last_error = "connection refused";
  EXPECT_EQ(Explain(summary).waiting_for, "branch 1 in bank-a (connection refused) to commit");
}

TEST(Explain, DamageThatIsNotYetWrittenDownWaitsForTheLog) {
  EXPECT_THAT(Explain(InState("committing", "aborted")).waiting_for, HasSubstr("disk"));
  EXPECT_THAT(Explain(InState("aborting", "committed")).waiting_for, HasSubstr("disk"));
}

TEST(Explain, AdviceIsACommandThatCanBePasted) {
  EXPECT_THAT(Explain(InState("active", "working")).advice,
              HasSubstr("settle resolve k3m9qxw4c7ab.2.1.00000007 abort --reason"));
  EXPECT_THAT(Explain(InState("committing", "committing")).advice,
              HasSubstr("settle retry k3m9qxw4c7ab.2.1.00000007'"));
  EXPECT_THAT(Explain(InState("aborting", "aborting")).advice,
              HasSubstr("settle retry k3m9qxw4c7ab.2.1.00000007'"));
  EXPECT_THAT(Explain(InState("last-resource", "one-phase")).advice,
              HasSubstr("settle retry k3m9qxw4c7ab.2.1.00000007'"));
  EXPECT_THAT(Explain(InState("last-resource", "hazard")).advice,
              HasSubstr("settle resolve k3m9qxw4c7ab.2.1.00000007 commit|abort --heuristic"));
  EXPECT_THAT(Explain(InState("damaged", "hazard")).advice,
              HasSubstr("settle forget k3m9qxw4c7ab.2.1.00000007 --reason"));
}

TEST(Explain, WhoeverWasSentTheCommandAndLeftIsMissedAtOnce) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  Participant agent(admin.engine, {"bank-a"});
  bank.Detach();
  EXPECT_THAT(agent.TakeWords(), ElementsAre("commit 1"));
  EXPECT_THAT(admin.Show(gtid)->advice, HasSubstr("nothing is needed while bank-a is at work"));
  agent.Detach();  // no branch is its own: nothing is sent again before the retry timer fires
  for (const TransactionView& view : {*admin.Show(gtid), admin.InDoubt()->transactions.at(0)}) {
    EXPECT_EQ(view.summary.branches[0].last_error, NobodyServes("bank-a"));
    EXPECT_THAT(view.advice, HasSubstr("start a process that serves bank-a"));
  }
}

TEST(Explain, TheStockAgentIsOfferedForADatabaseThatNobodyServes) {
  for (const char* state : {"committing", "aborting", "one-phase"}) {
    TransactionSummary summary = InState(state, state);
    BranchSummary& branch = summary.branches[0];
    branch.last_error = NobodyServes("bank-a");
    EXPECT_THAT(Explain(summary).advice, HasSubstr("start a process that serves bank-a, or run "
                                                   "'settle agent --resource bank-a ...'"));
    branch.identity = "directory:8:77";
    EXPECT_THAT(Explain(summary).advice, testing::Not(HasSubstr("settle agent")));
    branch.identity = "sqlite:8:77";
    EXPECT_THAT(Explain(summary).advice, HasSubstr("settle agent --resource bank-a"));
  }
}

TEST(Explain, ADatabaseThatIsServedNeedsNoProcessButItsCauseMended) {
  TransactionSummary summary = InState("committing", "committing");
  EXPECT_THAT(Explain(summary).advice, HasSubstr("nothing is needed while bank-a is at work"));
  summary.branches[0].last_error = "permission denied";
  EXPECT_THAT(Explain(summary).advice,
              AllOf(HasSubstr("mend the cause at bank-a"), testing::Not(HasSubstr("agent"))));
}

TEST(Views, ARunningTransactionIsShownWithItsTimeline) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  const auto view = admin.Show(gtid);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->summary.state, "committing");
  EXPECT_EQ(view->summary.ending.outcome, Outcome::kCommitted);
  EXPECT_FALSE(view->summary.timeline.empty());
  EXPECT_THAT(view->waiting_for, HasSubstr("branch 1 in bank-a"));
}

TEST(Views, AnEndedTransactionIsShownFromTheLog) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  const auto view = admin.Show(gtid);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->summary.state, "done");
  EXPECT_EQ(view->waiting_for, "");
  EXPECT_FALSE(view->summary.timeline.empty());
}

TEST(Views, AGtidWithoutARecordIsShownAsPresumedAborted) {
  AdminUnderTest admin;
  const auto view = admin.Show(Gtid::Make(kLog, 1, 17, 7));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->summary.ending.outcome, Outcome::kAborted);
  EXPECT_EQ(view->summary.ending.cause, AbortCause::kPresumed);
}

TEST(Views, AForeignOrUnknownGtidIsSaidToBeThat) {
  AdminUnderTest admin;
  EXPECT_EQ(admin.Show(Gtid::Make("zzzzzzzzzzzz", 1, 1, 7)).error().code, ErrorCode::kWrongLog);
  EXPECT_EQ(admin.Show(Gtid::Make(kLog, 3, 1, 7)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(admin.Show(Gtid::Make(kLog, 2, 99, 7)).error().code, ErrorCode::kNotFound);
}

TEST(Views, L10_APrunedTransactionIsSaidToBeThatAndNeverShownAsAborted) {
  AdminUnderTest admin;
  const Gtid gtid = Gtid::Make(kLog, 1, 17, 7);
  admin.engine.log().pruned.insert(gtid);
  EXPECT_EQ(admin.Show(gtid).error().code, ErrorCode::kExpired);
  for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
    EXPECT_EQ(admin.Resolve(gtid, to).error().code, ErrorCode::kExpired);
  }
}

TEST(Views, ALogThatCannotBeReadIsAnErrorAndNoPresumption) {
  AdminUnderTest admin;
  admin.engine.log().unreadable = true;
  EXPECT_FALSE(admin.Show(Gtid::Make(kLog, 1, 17, 7)));
}

// Three open ones, newest 6, and three that ended, newest 3.
struct Listed : AdminUnderTest {
  Listed() {
    for (int i = 0; i < 6; ++i) gtids.push_back(engine.Begin());
    for (int i = 0; i < 3; ++i) {
      Answer<Ending> ended;
      engine.engine().Abort({gtids[static_cast<std::size_t>(i)], AbortCause::kRequested, "r", {}},
                            ended.done());
    }
    engine.Run();
  }
  // All pages of the list, each as the sequences in it.
  std::vector<std::vector<std::uint64_t>> Pages(Which which, std::size_t most) {
    std::vector<std::vector<std::uint64_t>> pages;
    std::string cursor;
    do {
      const auto page = List(which, most, cursor);
      if (!page) return {};
      pages.emplace_back();
      for (const TransactionView& view : page->transactions) {
        pages.back().push_back(view.summary.gtid.sequence());
        EXPECT_THAT(view.summary.timeline, IsEmpty()) << "timelines are for show";
      }
      cursor = page->next_cursor;
    } while (!cursor.empty() && pages.size() < 20);
    return pages;
  }
  std::vector<Gtid> gtids;
};

TEST(Views, AListShowsOpenOnesBeforeEndedOnesNewestFirst) {
  Listed admin;
  EXPECT_THAT(admin.Pages(Which::kAll, 100), ElementsAre(ElementsAre(6, 5, 4, 3, 2, 1)));
  EXPECT_THAT(admin.Pages(Which::kOpen, 100), ElementsAre(ElementsAre(6, 5, 4)));
  EXPECT_THAT(admin.Pages(Which::kEnded, 100), ElementsAre(ElementsAre(3, 2, 1)));
}

TEST(Views, A04_EveryTransactionIsOnExactlyOnePage) {
  Listed admin;
  for (std::size_t most = 1; most <= 7; ++most) {
    for (const Which which : {Which::kAll, Which::kOpen, Which::kEnded}) {
      std::vector<std::uint64_t> all;
      for (const auto& page : admin.Pages(which, most)) {
        EXPECT_LE(page.size(), most);
        all.insert(all.end(), page.begin(), page.end());
      }
      const std::vector<std::uint64_t> open{6, 5, 4};
      const std::vector<std::uint64_t> ended{3, 2, 1};
      std::vector<std::uint64_t> expected = which == Which::kEnded ? ended : open;
      if (which == Which::kAll) expected.insert(expected.end(), ended.begin(), ended.end());
      EXPECT_EQ(all, expected) << "pages of " << most;
    }
  }
}

TEST(Views, ATransactionThatEndsBetweenTwoPagesDoesNotShiftTheOthers) {
  Listed admin;
  const auto first = admin.List(Which::kAll, 2);
  ASSERT_TRUE(first);
  Answer<Ending> ended;
  admin.engine.engine().Abort({admin.gtids[5], AbortCause::kRequested, "r", {}}, ended.done());
  const auto second = admin.List(Which::kAll, 2, first->next_cursor);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->transactions.front().summary.gtid, admin.gtids[3]);
}

TEST(Views, A03_ACursorThatNoListGaveIsRefused) {
  Listed admin;
  for (const char* cursor : {"x", "open:x", "open:zzz.1.1", "k3m9qxw4c7ab.2.1.00000001"}) {
    const auto page = admin.List(Which::kAll, 10, cursor);
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().code, ErrorCode::kInvalid);
  }
  EXPECT_EQ(admin.List(Which::kOpen, 10, "ended:").error().code, ErrorCode::kInvalid);
}

TEST(Views, A03_APageOfNoneIsRefused) {
  Listed admin;
  const auto page = admin.List(Which::kAll, 0);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kInvalid);
}

TEST(Views, InDoubtIsWhatIsDecidedAndNotCarriedOutOrDamaged) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  admin.engine.Begin();  // active: not in doubt
  const Gtid committing = admin.Committing(bank);
  const Gtid damaged = admin.Committing(bank);
  bank.Finish(damaged, 1, BranchEnd::kHazard);
  const auto view = admin.InDoubt();
  ASSERT_TRUE(view);
  ASSERT_EQ(view->transactions.size(), 2U);
  EXPECT_EQ(view->transactions[0].summary.gtid, damaged);
  EXPECT_EQ(view->transactions[1].summary.gtid, committing);
  EXPECT_THAT(view->strays, IsEmpty());
}

TEST(Views, A04_InDoubtIsPagedWithTheCountOfAll) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  std::vector<Gtid> newest_first;
  for (int i = 0; i < 7; ++i) newest_first.insert(newest_first.begin(), admin.Committing(bank));
  admin.engine.Begin();
  admin.inquiry.Found("bank-a", "settle:zzzzzzzzzzzz.1.1.00000007:1");
  std::vector<Gtid> listed;
  std::string cursor;
  do {
    const auto view = admin.InDoubt(3, cursor);
    ASSERT_TRUE(view) << Describe(view.error());
    EXPECT_EQ(view->count, 7U);
    EXPECT_LE(view->transactions.size(), 3U);
    EXPECT_EQ(view->strays.size(), cursor.empty() ? 1U : 0U);
    for (const TransactionView& one : view->transactions) listed.push_back(one.summary.gtid);
    cursor = view->next_cursor;
  } while (!cursor.empty());
  EXPECT_EQ(listed, newest_first);
  EXPECT_EQ(admin.InDoubt(3, "ended:").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(admin.InDoubt(0).error().code, ErrorCode::kInvalid);
}

// Whatever begins and ends between two pages: what ran all the time is listed once, and what ended
// is not lost between the open and the ended.
TEST(Views, A04_ACursorStaysGoodWhileTransactionsBeginAndEnd) {
  AdminUnderTest admin;
  std::vector<Gtid> all;
  for (int i = 0; i < 12; ++i) all.push_back(admin.engine.Begin());
  std::map<Gtid, int> seen;
  std::string cursor;
  do {
    const auto page = admin.List(Which::kAll, 2, cursor);
    ASSERT_TRUE(page) << Describe(page.error());
    for (const TransactionView& one : page->transactions) ++seen[one.summary.gtid];
    cursor = page->next_cursor;
    admin.engine.Begin();  // newer than the page: not on later ones
    const std::size_t turn = seen.size() / 2;
    if (turn >= all.size()) continue;
    // One that was listed already, or will be: its end is not written before the next page is read.
    admin.engine.log().held = true;
    ASSERT_TRUE(admin.Resolve(all[turn], Decision::kAbort));
    if (turn % 2 == 0) admin.engine.log().held = false;
    admin.engine.Run();
  } while (!cursor.empty());
  for (const Gtid& gtid : all) EXPECT_GE(seen[gtid], 1) << gtid.text() << " is on no page";
  for (const auto& [gtid, times] : seen) {
    const bool still_runs = admin.engine.AskOutcome(gtid).outcome == Outcome::kUndecided;
    if (still_runs) {
      EXPECT_EQ(times, 1) << gtid.text();
    }
  }
}

TEST(Views, A04_ParticipantsArePagedAndAResourceIsNeverDivided) {
  AdminUnderTest admin;
  Participant one(admin.engine, {"bank-a", "bank-b", "bank-c", "bank-d"});
  Participant two(admin.engine, {"bank-b"});
  Participant three(admin.engine, {"bank-b"});
  std::vector<std::vector<std::string>> pages;
  std::string cursor;
  do {
    const auto page = admin.Participants(2, cursor);
    ASSERT_TRUE(page) << Describe(page.error());
    pages.emplace_back();
    for (const ParticipantRow& row : page->rows) pages.back().push_back(row.view.resource);
    cursor = page->next_cursor;
  } while (!cursor.empty());
  EXPECT_THAT(pages, ElementsAre(ElementsAre("bank-a"), ElementsAre("bank-b"),
                                 ElementsAre("bank-c", "bank-d")));
  EXPECT_EQ(admin.Participants(2, "no name").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(admin.Participants(0).error().code, ErrorCode::kInvalid);
}

TEST(Views, InDoubtShowsStrays) {
  AdminUnderTest admin;
  admin.inquiry.Found("bank-a", "settle:zzzzzzzzzzzz.1.1.00000007:1");
  const auto view = admin.InDoubt();
  ASSERT_TRUE(view);
  ASSERT_EQ(view->strays.size(), 1U);
  EXPECT_EQ(view->strays[0].resource, "bank-a");
}

TEST(Views, AParticipantShowsHowManyTransactionsWaitForIt) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a", "bank-b"});
  admin.Committing(bank);
  admin.Committing(bank);
  const auto page = admin.Participants();
  ASSERT_TRUE(page);
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].view.resource, "bank-a");
  EXPECT_EQ(page->rows[0].waiting, 2U);
  EXPECT_EQ(page->rows[1].waiting, 0U);
}

TEST(Views, StatusCountsOpenTransactionsByStateAndEachSessionOnce) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a", "bank-b"});
  Participant other(admin.engine, {"bank-b"});
  admin.engine.Begin();
  admin.Committing(bank);
  const auto status = admin.engine.Blocking([&] { return admin.views.Status(); });
  ASSERT_TRUE(status);
  EXPECT_EQ(status->log.log_id, kLog);
  EXPECT_EQ(status->open, (std::map<std::string, std::size_t>{{"active", 1}, {"committing", 1}}));
  EXPECT_EQ(status->sessions, 2U);
}

}  // namespace
}  // namespace settle::coordinator
