// Sites that bring their transactions to an end without the coordinator (M10), and what is refused
// (M11), with the participants that ship.
#include "sites_under_test.h"

namespace settle::sdk {
namespace {

class SiteRounds : public SitesTest {};

TEST_F(SiteRounds, M10_TwoSitesAbortWithoutTheWitnessWhatNobodyPreCommitted) {
  const auto orders = Start(orders_);
  const auto stock = Start(stock_);
  const Roster sites = SitesIn({orders_, stock_});
  ASSERT_EQ(orders->Prepare(Key(1), sites).vote, Vote::kCommit);
  ASSERT_EQ(stock->Prepare(Key(2), sites).vote, Vote::kCommit);
  orders->LoseCoordinator();
  stock->LoseCoordinator();
  ASSERT_TRUE(WaitUntil([&] {
    return orders->HasEnded(Key(1), BranchEnd::kAborted) &&
           stock->HasEnded(Key(2), BranchEnd::kAborted);
  }));
  EXPECT_GT(network_.refused(), 0u) << "the witness was asked";
  // Each says under which ballot; should both have led, that need not be the same one.
  for (const auto& [process, number] : {std::pair(orders.get(), 1u), std::pair(stock.get(), 2u)}) {
    const SiteAnswer at = process->ledger().Now(Key(number))->at;
    EXPECT_EQ(at.state, SiteState::kAborted);
    EXPECT_THAT(at.decided.quorum, ::testing::ElementsAre(1, 2));
    EXPECT_EQ(
        process->CountWarned("was aborted by its sites: ballot " + ToString(at.decided.ballot)),
        1u);
  }
}

TEST_F(SiteRounds, M10_APreCommitOfTheLostCoordinatorIsBroughtToCommit) {
  const auto orders = Start(orders_);
  const auto stock = Start(stock_);
  const Roster sites = SitesIn({orders_, stock_});
  ASSERT_EQ(orders->Prepare(Key(1), sites).vote, Vote::kCommit);
  ASSERT_EQ(stock->Prepare(Key(2), sites).vote, Vote::kCommit);
  for (const auto& [process, number] : {std::pair(orders.get(), 1u), std::pair(stock.get(), 2u)}) {
    process->Command(CommandKind::kPreCommit, Key(number), {}, kFirstBallot);
    const ReportCall reported =
        process->Reported([](const ReportCall& all) { return !all.sites.empty(); });
    EXPECT_EQ(reported.sites.front().answer.state, SiteState::kPreCommitted);
  }
  orders->LoseCoordinator();
  stock->LoseCoordinator();
  // How it was decided is reported before what became of the branch.
  const ReportCall told = orders->Reported([](const ReportCall& all) { return !all.ends.empty(); });
  EXPECT_EQ(told.ends.front().result.end, BranchEnd::kCommitted);
  ASSERT_FALSE(told.sites.empty());
  EXPECT_EQ(told.sites.front().answer.state, SiteState::kCommitted);
  ASSERT_TRUE(WaitUntil([&] {
    return orders->HasEnded(Key(1), BranchEnd::kCommitted) &&
           stock->HasEnded(Key(2), BranchEnd::kCommitted);
  }));
  EXPECT_EQ(stock->bank().Count("commit 2"), 1u) << "by its handle, once";
}

TEST_F(SiteRounds, M10_OneSiteOfThreeGoneTheOthersEnd) {
  const auto orders = Start(orders_);
  auto stock = Start(stock_);
  const auto bills = Start(bills_);
  const Roster sites = SitesIn({orders_, stock_, bills_});
  ASSERT_EQ(sites.size(), 3u) << "an odd number of branches needs no witness";
  orders->Prepare(Key(1), sites);
  stock->Prepare(Key(2), sites);
  bills->Prepare(Key(3), sites);
  stock.reset();
  orders->LoseCoordinator();
  bills->LoseCoordinator();
  ASSERT_TRUE(WaitUntil([&] {
    return orders->HasEnded(Key(1), BranchEnd::kAborted) &&
           bills->HasEnded(Key(3), BranchEnd::kAborted);
  }));
  // It comes back, finds what it had prepared, and is told.
  ASSERT_TRUE(stock_->IsPrepared(Key(2)));
  stock = Start(stock_);
  stock->LoseCoordinator();
  stock->participant().Scan();
  ASSERT_TRUE(WaitUntil([&] { return stock->HasEnded(Key(2), BranchEnd::kAborted); }));
  EXPECT_THAT(stock->ledger().Now(Key(2))->at.decided.quorum, ::testing::ElementsAre(1, 3));
}

TEST_F(SiteRounds, M10_AMinorityWaitsSaysSoOnceAndEndsWhenTheOthersAreBack) {
  const auto orders = Start(orders_, 20ms);
  const auto stock = Start(stock_, 20ms);
  network_.Cut("at-stock");
  orders->LoseCoordinator();
  stock->LoseCoordinator();
  const Roster sites = SitesIn({orders_, stock_});
  orders->Prepare(Key(1), sites);
  stock->Prepare(Key(2), sites);
  const std::string waits =
      "waits until 2 of its 3 sites can be reached; reached: site 1 (orders); "
      "not reached: the coordinator's witness [coordinator: connection "
      "refused], site 2 (stock) [at-stock: connection refused]";
  ASSERT_TRUE(WaitUntil([&] { return orders->CountWarned(waits) > 0; }));
  const std::uint64_t first = orders->ledger().Now(Key(1))->at.elected.round;
  ASSERT_TRUE(WaitUntil([&] { return orders->ledger().Now(Key(1))->at.elected.round > first + 2; }))
      << "it goes on trying";
  EXPECT_EQ(orders->CountWarned("waits until"), 1u);
  EXPECT_EQ(orders->CountWarned("gtid=" + Key(1).gtid.text() + " "), 1u);
  EXPECT_EQ(orders->StateOf(Key(1)), SiteState::kWaiting);
  EXPECT_TRUE(orders_->IsPrepared(Key(1)));
  EXPECT_TRUE(stock_->IsPrepared(Key(2)));
  network_.Mend();
  ASSERT_TRUE(WaitUntil([&] {
    return orders->HasEnded(Key(1), BranchEnd::kAborted) &&
           stock->HasEnded(Key(2), BranchEnd::kAborted);
  }));
}

TEST_F(SiteRounds, M10_RoundsLedAtTheSameTimeEndEverybodyAlike) {
  const auto orders = Start(orders_);
  const auto stock = Start(stock_);
  const auto bills = Start(bills_);
  const Roster sites = SitesIn({orders_, stock_, bills_});
  std::vector<Gtid> all;
  for (int i = 0; i < 20; ++i) {
    NextTransaction();
    all.push_back(gtid_);
    ASSERT_EQ(orders->Prepare(Key(1), sites).vote, Vote::kCommit);
    ASSERT_EQ(stock->Prepare(Key(2), sites).vote, Vote::kCommit);
    ASSERT_EQ(bills->Prepare(Key(3), sites).vote, Vote::kCommit);
    if (i % 2 == 0) stock->Command(CommandKind::kPreCommit, Key(2), {}, kFirstBallot);
  }
  for (SiteProcess* process : {orders.get(), stock.get(), bills.get()}) process->LoseCoordinator();
  for (const Gtid& gtid : all) {
    gtid_ = gtid;
    ASSERT_TRUE(WaitUntil([&] {
      return !orders_->IsPrepared(Key(1)) && !stock_->IsPrepared(Key(2)) &&
             !bills_->IsPrepared(Key(3));
    }));
    EXPECT_TRUE(IsFinal(orders->StateOf(Key(1))));
    EXPECT_EQ(orders->StateOf(Key(1)), stock->StateOf(Key(2)));
    EXPECT_EQ(orders->StateOf(Key(1)), bills->StateOf(Key(3)));
  }
}

TEST_F(SiteRounds, M10_AProcessThatComesLaterEndsWhatItFindsPrepared) {
  const Roster sites = SitesIn({orders_, stock_});
  Start(orders_, 10s)->Prepare(Key(1), sites);
  Start(stock_, 10s)->Prepare(Key(2), sites);
  const auto orders = Start(orders_);
  const auto stock = Start(stock_);
  orders->LoseCoordinator();
  stock->LoseCoordinator();
  orders->participant().Scan();
  stock->participant().Scan();
  ASSERT_TRUE(WaitUntil([&] {
    return orders->HasEnded(Key(1), BranchEnd::kAborted) &&
           stock->HasEnded(Key(2), BranchEnd::kAborted);
  }));
  EXPECT_EQ(orders_->Count("abort 1 by key"), 1u);
}

TEST_F(SiteRounds, M10_ABranchWhoseRecordIsFinalIsFinishedWhereverItIsFound) {
  Start(orders_, 10s)->Prepare(Key(1), SitesIn({orders_, stock_}));
  SiteRecord record = *orders_->ledger->Now(Key(1));
  const SiteRecord before = record;
  record.at.state = SiteState::kCommitted;
  record.at.decided = {{3, 2}, {1, 2}};
  ASSERT_TRUE(*orders_->ledger->Put(Key(1), before, record, SiteLedger::Durability::kLazy));
  const auto orders = Start(orders_, 10s);
  orders->participant().Scan();
  const ReportCall told = orders->Reported([](const ReportCall& all) { return !all.ends.empty(); });
  EXPECT_TRUE(orders->HasEnded(Key(1), BranchEnd::kCommitted));
  EXPECT_EQ(told.sites.front().answer, record.at);
  EXPECT_TRUE(told.found.empty()) << "the coordinator need not be asked";
}

TEST_F(SiteRounds, WhileTheCoordinatorIsHeardARoundIsLedTenTimesAsLate) {
  const auto orders = Start(orders_, 50ms);
  const auto prepared = std::chrono::steady_clock::now();
  orders->Prepare(Key(1), SitesIn({orders_, stock_}));
  ASSERT_TRUE(WaitUntil([&] { return network_.refused() > 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - prepared, 500ms);
}

TEST_F(SiteRounds, M10_ADatabaseThatIsDownIsSaidOnceAndTriedAgain) {
  const auto orders = Start(orders_);
  const auto stock = Start(stock_, 10s);
  const Roster sites = SitesIn({orders_, stock_});
  stock->Prepare(Key(2), sites);
  orders->Prepare(Key(1), sites);
  orders_->ledger->SetAway(true);
  orders->LoseCoordinator();
  ASSERT_TRUE(WaitUntil([&] { return orders->CountWarned("cannot be brought to its end") > 0; }));
  const std::size_t asked = orders_->ledger->asked();
  ASSERT_TRUE(WaitUntil([&] { return orders_->ledger->asked() > asked; }));
  EXPECT_EQ(orders->CountWarned("the database is down"), 1u);
  orders_->ledger->SetAway(false);
  ASSERT_TRUE(WaitUntil([&] { return orders->HasEnded(Key(1), BranchEnd::kAborted); }));
}

}  // namespace
}  // namespace settle::sdk
