// What operators see of three-phase commits, and what they may do to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"
#include "support/sites_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

SiteSummary Heard(BranchNumber number, const std::string& resource) {
  return {{number, resource, {}}, SiteAnswer{SiteState::kPreCommitted, {2, 0}, {1, 0}, {}}};
}

// Three branches under the coordinator's second ballot; two of them have not answered.
TransactionSummary WithoutAMajority() {
  TransactionSummary summary;
  summary.gtid = Gtid::Make("k3m9qxw4c7ab", 2, 1, 7);
  summary.state = "quorum";
  summary.ending.outcome = Outcome::kUndecided;
  QuorumSummary quorum;
  for (const auto& [number, resource] : {std::pair{1U, "orders"}, {2U, "stock"}, {3U, "mail"}}) {
    BranchSummary branch;
    branch.number = number;
    branch.resource = resource;
    branch.identity = "postgresql:8:77";
    branch.state = "prepared";
    summary.branches.push_back(branch);
    quorum.sites.push_back(Heard(number, resource));
  }
  quorum.needed = 2;
  quorum.by.ballot = {2, 0};
  quorum.missing = {2, 3};
  summary.quorum = quorum;
  summary.branches[1].last_error = NobodyServes("stock");
  return summary;
}

TEST(ExplainQuorum, M10_WhoIsMissingForAMajorityIsNamed) {
  const TransactionView view = Explain(WithoutAMajority());
  EXPECT_EQ(view.waiting_for,
            "1 more of its 3 sites to answer ballot 2.0 (2 of 3 decide); missing: site 2 (stock), "
            "no process serves stock; site 3 (mail)");
  EXPECT_THAT(view.advice,
              AllOf(HasSubstr("settle agent --resource stock"),
                    HasSubstr("'settle retry k3m9qxw4c7ab.2.1.00000007' asks them now"),
                    HasSubstr("if they decide otherwise, that splits it")));
}

TEST(ExplainQuorum, TheWitnessIsNoProcessToBringBack) {
  TransactionSummary summary = WithoutAMajority();
  summary.quorum->sites.insert(summary.quorum->sites.begin(), {{0, "", {}}, std::nullopt});
  summary.quorum->missing = {0, 3};
  summary.quorum->needed = 3;
  summary.branches.back().last_error = NobodyServes("mail");
  const TransactionView view = Explain(summary);
  EXPECT_THAT(view.waiting_for,
              HasSubstr("missing: the witness; site 3 (mail), no process serves mail"));
  EXPECT_THAT(view.advice, HasSubstr("settle agent --resource mail"));
}

TEST(ExplainQuorum, WithAMajorityItWaitsForTheLog) {
  TransactionSummary summary = WithoutAMajority();
  summary.quorum->missing = {3};
  EXPECT_THAT(Explain(summary).waiting_for, HasSubstr("disk"));
  summary.state = "pre-committing";
  summary.quorum->by.ballot = {};
  EXPECT_THAT(Explain(summary).waiting_for, HasSubstr("disk"));
}

TEST(ExplainQuorum, DamageHoldsTheNotesOfSites) {
  TransactionSummary summary = WithoutAMajority();
  summary.state = "damaged";
  EXPECT_THAT(Explain(summary).advice, HasSubstr("participants keep their notes"));
}

TEST(QuorumViews, M10_AMinorityIsInDoubtAndSaysWhoIsMissing) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = sites.Prepared();
  admin.engine.Begin();  // active: not in doubt
  sites.stock.Detach();
  sites.orders.Detach();
  admin.engine.Advance(3s);
  const Result<InDoubtView> view = admin.InDoubt();
  ASSERT_TRUE(view);
  EXPECT_EQ(view->count, 1U);
  ASSERT_THAT(view->transactions, SizeIs(1));
  EXPECT_EQ(view->transactions[0].summary.gtid, gtid);
  EXPECT_EQ(view->transactions[0].waiting_for,
            "1 more of its 3 sites to answer ballot 1.0 (2 of 3 decide); missing: site 1 (orders), "
            "no process serves orders; site 2 (stock), no process serves stock");
  const Result<ParticipantPage> participants = admin.Participants();
  ASSERT_TRUE(participants);
  for (const ParticipantRow& row : participants->rows) {
    EXPECT_EQ(row.waiting, 1U) << row.view.resource;
  }
}

TEST(QuorumViews, OnceItWasPreCommittedAnOperatorCannotDecide) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = sites.Prepared();
  for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
    const Result<TransactionView> refused = admin.Resolve(gtid, to);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message,
                AllOf(HasSubstr("only a majority of its sites can decide it"),
                      HasSubstr("missing: site 1 (orders); site 2 (stock)")));
  }
  EXPECT_EQ(admin.Show(gtid)->summary.state, "quorum");
}

TEST(QuorumViews, BeforePreCommitAnOperatorCanAbort) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = admin.engine.Begin({{}, "", "shop", Protocol::kThreePhase});
  sites.orders.Enlist(gtid, "orders");
  sites.stock.Enlist(gtid, "stock");
  const Result<TransactionView> ended = admin.Resolve(gtid, Decision::kAbort);
  ASSERT_TRUE(ended) << Describe(ended.error());
  EXPECT_TRUE(ended->summary.ending.aborted());
}

TEST(QuorumViews, RetryAsksTheMissingSitesNow) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = sites.Prepared();
  sites.orders.Take();  // lost
  sites.stock.Take();
  const Result<RetriedView> retried = admin.Retry(gtid);
  ASSERT_TRUE(retried) << Describe(retried.error());
  EXPECT_EQ(retried->transactions, 1U);
  ASSERT_THAT(retried->resources, SizeIs(2));
  EXPECT_EQ(retried->resources[0].resource, "orders");
  EXPECT_EQ(retried->resources[0].command, "pre-commit");
  EXPECT_EQ(retried->resources[0].branches, 1U);
  EXPECT_THAT(retried->resources[0].sessions, SizeIs(1));
  EXPECT_THAT(sites.orders.TakeWords(), ElementsAre("pre-commit 1"));
  EXPECT_THAT(sites.stock.TakeWords(), ElementsAre("pre-commit 2"));
}

TEST(QuorumViews, RetryOfAResourceReachesThoseThatWaitForItsAnswer) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  sites.Prepared();
  sites.orders.Take();
  sites.stock.Take();
  EXPECT_EQ(admin.RetryAll("stock")->transactions, 1U);
  EXPECT_THAT(sites.stock.TakeWords(), ElementsAre("pre-commit 2"));
}

TEST(QuorumViews, WhereAProcessAnswersItsPeersIsShown) {
  AdminUnderTest admin;
  const ThreeSites sites(admin.engine);
  const Result<ParticipantPage> page = admin.Participants();
  ASSERT_TRUE(page);
  ASSERT_THAT(page->rows, SizeIs(2));
  EXPECT_EQ(page->rows[0].view.sessions.at(0).peer_address, "10.0.0.1:7421");
}

TEST(QuorumViews, AnEndedOneIsShownWithItsQuorum) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = sites.Prepared();
  sites.Work();
  const Result<TransactionView> shown = admin.Show(gtid);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->summary.state, "done");
  EXPECT_THAT(shown->waiting_for, IsEmpty());
  ASSERT_TRUE(shown->summary.quorum);
  EXPECT_EQ(shown->summary.quorum->by.ballot, kFirstBallot);
  EXPECT_THAT(shown->summary.quorum->by.quorum, Not(IsEmpty()));
}

}  // namespace
}  // namespace settle::coordinator
