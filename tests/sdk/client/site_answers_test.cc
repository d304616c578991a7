// What a site answers whom, what it keeps before it answers, and what it never does (M10, M11).
#include <atomic>
#include <limits>
#include <thread>

#include "participant/sites.h"
#include "sites_under_test.h"

namespace settle::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SiteAnswers : public SitesTest {
 protected:
  static PeerCall Call(const BranchKey& key, PeerVerb verb, const Ballot& ballot = {},
                       std::vector<BranchNumber> quorum = {}) {
    return {key, "orders", {verb, ballot, std::move(quorum)}};
  }
  // One that hears nothing of anybody for as long as the test takes.
  std::unique_ptr<SiteProcess> Orders() { return Start(orders_, 100s); }
  const Roster sites_ = SitesIn({orders_, stock_});
};

TEST_F(SiteAnswers, M10_ElectedBeforeItsVoteItAbortsDurablyAndNeverVotesYes) {
  const auto orders = Orders();
  const auto working = orders->Work(Key(1));
  const auto answer = orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {2, 2}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->state, SiteState::kAborted);
  EXPECT_EQ(orders->ledger().forced(), 1u);
  ASSERT_TRUE(WaitUntil([&] { return orders->HasEnded(Key(1), BranchEnd::kAborted); }));
  EXPECT_FALSE(working->Work()) << "what was being done in it is rolled back";
}

TEST_F(SiteAnswers, M10_APrepareThatComesAfterAnElectionVotesNo) {
  // Elected in another process of the same database, which knows nothing of the work.
  const auto other = Start(orders_, 100s);
  const auto owner = std::make_unique<SiteProcess>(network_, "at-another", orders_, 100s);
  ASSERT_TRUE(other->participant().Answer(Call(Key(1), PeerVerb::kElect, {2, 2})));
  const VoteResult vote = owner->Prepare(Key(1), sites_);
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_THAT(vote.reason, HasSubstr("peers decided"));
  EXPECT_FALSE(orders_->IsPrepared(Key(1)));
}

TEST_F(SiteAnswers, M11_AStaleBallotIsRefusedAndWhatIsKeptIsAnswered) {
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  Participant& site = orders->participant();
  EXPECT_EQ(site.Answer(Call(Key(1), PeerVerb::kElect, {5, 2}))->elected, (Ballot{5, 2}));
  const std::size_t forced = orders->ledger().forced();
  for (const PeerVerb verb : {PeerVerb::kElect, PeerVerb::kPreCommit, PeerVerb::kPreAbort}) {
    const auto answer = site.Answer(Call(Key(1), verb, {3, 0}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->state, SiteState::kWaiting);
    EXPECT_EQ(answer->elected, (Ballot{5, 2}));
    EXPECT_EQ(answer->accepted, Ballot());
  }
  orders->Command(CommandKind::kPreCommit, Key(1), {}, kFirstBallot);
  const ReportCall told =
      orders->Reported([](const ReportCall& all) { return !all.sites.empty(); });
  EXPECT_EQ(told.sites.front().answer.accepted, Ballot()) << "the first coordinator was outbid";
  EXPECT_EQ(orders->ledger().forced(), forced) << "a refusal writes nothing";
}

TEST_F(SiteAnswers, WhatItJoinsAndAcceptsIsForcedAndADecisionIsNot) {
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  std::size_t forced = orders->ledger().forced();
  orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {2, 2})).value();
  EXPECT_EQ(orders->ledger().forced(), ++forced);
  orders->participant().Answer(Call(Key(1), PeerVerb::kPreCommit, {2, 2})).value();
  EXPECT_EQ(orders->ledger().forced(), ++forced);
  orders->participant().Answer(Call(Key(1), PeerVerb::kCommit, {2, 2}, {1, 2})).value();
  EXPECT_EQ(orders->ledger().forced(), forced);
  ASSERT_TRUE(WaitUntil([&] { return orders->HasEnded(Key(1), BranchEnd::kCommitted); }));
}

TEST_F(SiteAnswers, AQuestionWritesNothingAndIsAnsweredByWhateverIsKept) {
  const auto orders = Orders();
  EXPECT_EQ(*orders->participant().Answer(Call(Key(1), PeerVerb::kState)), SiteAnswer());
  EXPECT_FALSE(orders->ledger().Now(Key(1)));
  const auto other = orders->participant().Answer({Key(2), "stock", {}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  orders->participant().Prune({kLog, 1, 1});
  ASSERT_TRUE(WaitUntil([&] { return orders->ledger().mark().sequence == 1; }));
  EXPECT_EQ(orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {2, 2})).error().code,
            ErrorCode::kExpired);
}

TEST_F(SiteAnswers, M11_ACoordinatorThatSaysTheOppositeChangesNothingAndIsTold) {
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  // Decided in the database by another process of it; this one has not heard of it.
  const auto other = std::make_unique<SiteProcess>(network_, "at-another", orders_, 100s);
  SiteRecord record = *orders_->ledger->Now(Key(1));
  const SiteRecord before = record;
  record.at.state = SiteState::kCommitted;
  record.at.decided = {{2, 2}, {1, 2}};
  ASSERT_TRUE(*orders_->ledger->Put(Key(1), before, record, SiteLedger::Durability::kLazy));
  orders->Command(CommandKind::kAbort, Key(1));
  const ReportCall told =
      orders->Reported([](const ReportCall& all) { return all.ends.size() == 2; });
  EXPECT_EQ(told.ends[0].result.end, BranchEnd::kRetry);
  EXPECT_THAT(told.ends[0].result.detail,
              HasSubstr("told to abort, but its sites decided otherwise: committed by its sites: "
                        "ballot 2.2, led by site 2 (stock)"));
  EXPECT_EQ(told.ends[1].result.end, BranchEnd::kCommitted) << "the record is followed";
  EXPECT_EQ(told.sites.front().answer, record.at);
  EXPECT_EQ(orders_->Count("abort 1"), 0u);
  EXPECT_EQ(orders_->Count("commit 1"), 1u);
}

TEST_F(SiteAnswers, ACommandOfTheCoordinatorPutsTheRecordToItsEndFirst) {
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  orders->Command(CommandKind::kPreCommit, Key(1), {}, kFirstBallot);
  ASSERT_TRUE(WaitUntil([&] { return orders->StateOf(Key(1)) == SiteState::kPreCommitted; }));
  SiteState seen = SiteState::kInitial;
  orders_->on_finish = [&](const BranchKey& key, Decision) {
    seen = orders->StateOf(key);
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  orders->Command(CommandKind::kCommit, Key(1), {}, kFirstBallot);
  orders->Reported([](const ReportCall& all) { return !all.ends.empty(); });
  EXPECT_EQ(seen, SiteState::kCommitted);
}

TEST_F(SiteAnswers, ATwoPhaseBranchThatThisProcessPreparedAsksNoLedger) {
  const auto orders = Orders();
  ASSERT_EQ(orders->Prepare(Key(1), {}).vote, Vote::kCommit);
  orders->Command(CommandKind::kCommit, Key(1));
  orders->Reported([](const ReportCall& all) { return !all.ends.empty(); });
  EXPECT_TRUE(orders->HasEnded(Key(1), BranchEnd::kCommitted));
  EXPECT_EQ(orders->ledger().asked(), 0u);
}

TEST_F(SiteAnswers, ATwoPhaseBranchThatIsFoundIsLeftToTheCoordinator) {
  const auto orders = Orders();
  orders->participant().InTouch(true);
  orders_->SetPrepared(Key(1));
  orders->participant().Scan();
  const ReportCall told =
      orders->Reported([](const ReportCall& all) { return !all.found.empty(); });
  EXPECT_EQ(told.found.front().database_name, Key(1).DatabaseName());
  EXPECT_EQ(orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {2, 2})).error().code,
            ErrorCode::kNotFound)
      << "and never taken for a site that has not voted";
}

TEST_F(SiteAnswers, ATwoPhaseBranchIsFinishedByItsKeyAlsoWhenItsRecordWouldBePruned) {
  const auto orders = Orders();
  for (const BranchNumber number : {1u, 2u}) {
    orders_->SetPrepared(Key(number));
    orders->Command(CommandKind::kCommit, Key(number));
    orders->Reported([](const ReportCall& all) { return !all.ends.empty(); });
    EXPECT_TRUE(orders->HasEnded(Key(number), BranchEnd::kCommitted)) << number;
    ASSERT_TRUE(orders_->ledger->Prune({kLog, 1, 1}));
  }
}

TEST_F(SiteAnswers, WithoutALedgerOrPeersItVotesNoAndSaysWhatToDo) {
  const auto plain = std::make_shared<FakeResource>("plain");
  const auto process = Start(plain);
  const VoteResult no_ledger = process->Prepare(Key(1), sites_);
  EXPECT_EQ(no_ledger.vote, Vote::kNo);
  EXPECT_THAT(no_ledger.reason, HasSubstr("commit transactions that it is in by two phases"));
  EXPECT_EQ(plain->Count("fence 1"), 1u);

  Participant no_peers({{orders_, orders_->identity}}, 1, {}, [](const std::string&) {});
  ASSERT_TRUE(no_peers.Attach({"session", kLog, 1, 10'000ms}));
  EXPECT_EQ(no_peers.PeerAddressOf("orders"), "");
  ASSERT_TRUE(no_peers.Adopt(Key(1), "orders", "session"));
  ASSERT_TRUE(no_peers.Hold(Key(1), *orders_->Open(Key(1))));
  no_peers.Tell(Key(1), event::ApplicationLeft{});
  Command prepare{CommandKind::kPrepare, Key(1), "orders", 1, 1, {}};
  prepare.sites = sites_;
  no_peers.Carry(std::vector{prepare});
  const ReportCall told = no_peers.outbox().Take(10);
  ASSERT_EQ(told.votes.size(), 1u);
  EXPECT_THAT(told.votes[0].result.reason, HasSubstr("give it PeerOptions"));
}

TEST_F(SiteAnswers, M11_OfTwoProcessesOfOneSiteOnlyOneLeadsABallot) {
  Start(orders_, 100s)->Prepare(Key(1), sites_);
  const Sites one({orders_});
  const Sites other({orders_});
  std::mutex mutex;
  std::vector<Ballot> taken;
  const auto lead = [&](const Sites& sites) {
    for (int i = 0; i < 200; ++i) {
      const auto mine = sites.Lead(Key(1), "orders", 1);
      if (!mine) continue;  // the other was quicker sixteen times
      std::lock_guard lock(mutex);
      taken.push_back(mine->ballot);
    }
  };
  std::thread first([&] { lead(one); });
  std::thread second([&] { lead(other); });
  first.join();
  second.join();
  EXPECT_GT(taken.size(), 200u);
  EXPECT_EQ(std::set<Ballot>(taken.begin(), taken.end()).size(), taken.size());
}

TEST_F(SiteAnswers, M11_NonsenseFromAPeerLeavesARoundToLead) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {kMost, 2})).value();
  const auto taken = Sites({orders_}).Lead(Key(1), "orders", kMost);
  ASSERT_TRUE(taken);
  EXPECT_LT(taken->ballot.round, kMost) << "it could not be sent";
  EXPECT_EQ(taken->record.at.elected, taken->ballot);
}

TEST_F(SiteAnswers, HowItWasDecidedIsSaidOnceHoweverOftenPeersAskAndItIsNotFinished) {
  std::atomic<int> attempts = 0;
  const auto refuse = [&](const BranchKey&, Decision) {
    ++attempts;
    return FinishResult{BranchEnd::kRetry, "the server starts up"};
  };
  orders_->on_finish = refuse;
  orders_->on_finish_by_key = refuse;
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  orders->participant().Answer(Call(Key(1), PeerVerb::kAbort, {2, 2}, {0, 2})).value();
  ASSERT_TRUE(WaitUntil([&] {
    orders->participant().Answer(Call(Key(1), PeerVerb::kState)).value();
    return attempts > 3;
  }));
  EXPECT_EQ(orders->CountWarned("was aborted by its sites"), 1u);
}

TEST_F(SiteAnswers, ALostRaceForTheRecordIsRunAgainAndNotForEver) {
  const auto orders = Orders();
  orders->Prepare(Key(1), sites_);
  int races = 1;
  std::uint64_t round = 10;
  orders_->ledger->on_put = [&](const BranchKey& key) {
    if (races-- <= 0) return;
    const auto hook = std::exchange(orders_->ledger->on_put, nullptr);
    const SiteRecord now = *orders_->ledger->Now(key);
    SiteRecord other = now;
    other.at.elected = {++round, 2};
    ASSERT_TRUE(*orders_->ledger->Put(key, now, other, SiteLedger::Durability::kForce));
    orders_->ledger->on_put = hook;
  };
  EXPECT_EQ(orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {20, 2}))->elected,
            (Ballot{20, 2}));
  EXPECT_EQ(races, 0 - 1);
  races = 1000;
  round = 20;
  const auto never = orders->participant().Answer(Call(Key(1), PeerVerb::kElect, {9000, 2}));
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, ErrorCode::kRetry);
}

TEST_F(SiteAnswers, NoEndIsReportedBeforeWhatWasSaidOfItsSite) {
  Outbox outbox;
  for (BranchNumber site = 1; site <= 3; ++site) outbox.Add(SiteReport{Key(site), {}});
  outbox.Add(EndReport{Key(1), {}});
  EXPECT_TRUE(outbox.Take(2).ends.empty());
  const ReportCall second = outbox.Take(2);
  EXPECT_EQ(second.sites.size(), 1u);
  EXPECT_EQ(second.ends.size(), 1u);
}

TEST_F(SiteAnswers, WhatIsTriedAgainAndAgainDoesNotFillTheOutboxOfWhoIsNotAttached) {
  Outbox outbox;
  SiteAnswer latest;
  for (std::uint64_t round = 2; round <= 4; ++round) {
    latest.elected = {round, 2};
    outbox.Add(SiteReport{Key(1), latest});
    outbox.Add(EndReport{Key(1), {BranchEnd::kRetry, "round " + std::to_string(round)}});
  }
  outbox.Add(EndReport{Key(2), {BranchEnd::kRetry, "another branch"}});
  outbox.Add(EndReport{Key(1), {BranchEnd::kAborted, ""}});
  const ReportCall all = outbox.Take(100);
  ASSERT_EQ(all.sites.size(), 1u);
  EXPECT_EQ(all.sites.front().answer, latest);
  ASSERT_EQ(all.ends.size(), 3u);
  EXPECT_EQ(all.ends[0].result.detail, "round 4");
  EXPECT_EQ(all.ends[1].key, Key(2));
  EXPECT_EQ(all.ends[2].result.end, BranchEnd::kAborted);
  const SiteAnswer decided{SiteState::kCommitted, {4, 2}, {4, 2}, {}};
  outbox.Add(SiteReport{Key(1), decided});
  outbox.Add(SiteReport{Key(1), latest});
  EXPECT_EQ(outbox.Take(100).sites.front().answer, decided)
      << "whoever comes late says nothing new";
}

}  // namespace
}  // namespace settle::sdk
