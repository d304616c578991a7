// What every ledger promises (settle/site_ledger.h): find, put by compare-and-set, prune.
#include <atomic>
#include <thread>

#include "quorum/site.h"
#include "sdk/ledger/ledger_world.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum SiteState;
using Durability = SiteLedger::Durability;

class LedgerContract : public LedgerTest {};
SETTLE_FOR_EACH_LEDGER(LedgerContract);

TEST_P(LedgerContract, OfABranchThatNobodyToldNothingIsFound) {
  EXPECT_EQ(Found(), std::nullopt);
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_P(LedgerContract, EveryColumnSurvivesACrashAndIsSeenByOthers) {
  SiteRecord record = Waiting();
  ASSERT_TRUE(Put(std::nullopt, record));
  const auto then = [&](SiteAnswer at) {
    const SiteRecord before = record;
    record.at = std::move(at);
    ASSERT_TRUE(Put(before, record));
    Crash();
    EXPECT_EQ(Found(), record);
    EXPECT_EQ(*world_->Open()->site_ledger()->Find(SiteKey()), record);
  };
  then({kWaiting, {2, 1}, {}, {}});
  then({kPreCommitted, {2, 1}, {2, 1}, {}});
  then({kPreAborted, {18446744073709551615U, 0}, {18446744073709551615U, 0}, {}});
  then({kAborted, {7, 2}, {7, 2}, {{7, 2}, {0, 1}}});
}

TEST_P(LedgerContract, WhatIsSomethingElseByNowIsLeftAsItIs) {
  const SiteRecord waiting = Waiting();
  EXPECT_FALSE(Put(waiting, Fenced({2, 1}))) << "there is nothing to replace";
  EXPECT_EQ(Found(), std::nullopt);
  ASSERT_TRUE(Put(std::nullopt, waiting));
  EXPECT_FALSE(Put(std::nullopt, Fenced({2, 1}))) << "there is something by now";
  // Each part of what is compared.
  std::vector<SiteRecord> others(7, waiting);
  others[0].at.state = kPreCommitted;
  others[1].at.elected = {2, 1};
  others[2].at.accepted = kFirstBallot;
  others[3].at.decided.ballot = kFirstBallot;
  others[4].at.decided.quorum = {1};
  others[5].sites.pop_back();
  others[6].evidence.local_transaction = "743";
  for (const SiteRecord& other : others) EXPECT_FALSE(Put(other, Fenced({2, 1})));
  EXPECT_EQ(Found(), waiting);
  EXPECT_EQ(Found(SiteKey(2)), std::nullopt);
}

TEST_P(LedgerContract, OfManyAtOnceOneWins) {
  constexpr int kAtOnce = 4;
  for (const bool from_nothing : {true, false}) {
    const BranchKey key = SiteKey(from_nothing ? 1 : 2);
    if (!from_nothing) {
      ASSERT_TRUE(Put(std::nullopt, Waiting(), key));
    }
    std::optional<SiteRecord> before;
    if (!from_nothing) before = Waiting();
    std::atomic<int> winner{-1};
    std::atomic<int> winners{0};
    {
      std::vector<std::jthread> leaders;
      for (int i = 0; i < kAtOnce; ++i) {
        leaders.emplace_back([&, i] {
          const auto mine = world_->Open();
          const auto put = mine->site_ledger()->Put(
              key, before, Fenced({2, static_cast<BranchNumber>(i)}), Durability::kForce);
          ASSERT_TRUE(put) << Describe(put.error());
          if (!*put) return;
          winner = i;
          ++winners;
        });
      }
    }
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(Found(key), Fenced({2, static_cast<BranchNumber>(winner)}));
  }
}

TEST_P(LedgerContract, ALazyRecordIsDurableWithTheNextForcedOne) {
  ASSERT_TRUE(Put(std::nullopt, Waiting(), SiteKey(1), Durability::kLazy));
  ASSERT_TRUE(Put(std::nullopt, Waiting(), SiteKey(2), Durability::kForce));
  ASSERT_TRUE(Put(std::nullopt, Waiting(), SiteKey(3), Durability::kLazy));
  Crash();
  EXPECT_EQ(Found(SiteKey(1)), Waiting());
  EXPECT_EQ(Found(SiteKey(2)), Waiting());
  EXPECT_EQ(Found(SiteKey(3)), std::nullopt) << "what makes the first line count";
}

TEST_P(LedgerContract, FinalRecordsUpToTheMarkGoAndTheOthersStay) {
  for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) {
    ASSERT_TRUE(Put(std::nullopt, Fenced({2, 1}), SiteKey(sequence)));
  }
  SiteRecord committed = Waiting();
  committed.at.state = kCommitted;
  ASSERT_TRUE(Put(Fenced({2, 1}), committed, SiteKey(2)));
  ASSERT_TRUE(Put(Fenced({2, 1}), Waiting(), SiteKey(3)));
  const BranchKey of_another_log{Gtid::Make("zzzzzzzzzzzz", 1, 1, 7), 1};
  ASSERT_TRUE(Put(std::nullopt, Fenced({2, 1}), of_another_log));

  ASSERT_TRUE(ledger_->Prune({kLog, 1, 3}));
  EXPECT_EQ(world_->Rows(), "3");
  EXPECT_EQ(Found(SiteKey(3)), Waiting()) << "somebody has to end it";
  EXPECT_EQ(Found(SiteKey(4)), Fenced({2, 1}));
  EXPECT_EQ(Found(of_another_log), Fenced({2, 1}));
  ASSERT_TRUE(ledger_->Prune({kLog, 2, 0})) << "a later epoch is above all of an earlier one";
  EXPECT_EQ(world_->Rows(), "2");
  EXPECT_EQ(ledger_->Prune({"no log", 1, 1}).error().code, ErrorCode::kInvalid);
}

TEST_P(LedgerContract, WhatWasPrunedIsExpiredAlsoAfterACrashAndNothingComesBack) {
  ASSERT_TRUE(Put(std::nullopt, Fenced({2, 1})));
  ASSERT_TRUE(ledger_->Prune({kLog, 1, 2}));
  Crash();
  ASSERT_TRUE(ledger_->Prune({kLog, 1, 1})) << "the mark does not go back";
  for (const std::uint64_t sequence : {1, 2}) {
    const auto found = ledger_->Find(SiteKey(sequence));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kExpired);
    const auto put =
        ledger_->Put(SiteKey(sequence), std::nullopt, Fenced({3, 1}), Durability::kForce);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::kExpired);
    const auto late = world_->Work(*resource_, SiteKey(sequence));
    const VoteResult vote = PrepareSite(*late);
    EXPECT_EQ(vote.vote, Vote::kNo);
    EXPECT_THAT(vote.reason, HasSubstr("ended"));
  }
  EXPECT_EQ(world_->Rows(), "0");
  EXPECT_TRUE(Put(std::nullopt, Fenced({2, 1}), SiteKey(3)));
}

TEST_P(LedgerContract, PruneAgainstPutsAtOnceLeavesNothingBelowTheMarkThatWasNotPutThere) {
  constexpr std::uint64_t kMany = 60;
  std::atomic<std::uint64_t> put_through{0};
  std::jthread elections([&] {
    const auto other = world_->Open();
    for (std::uint64_t sequence = 1; sequence <= kMany; ++sequence) {
      const auto put = other->site_ledger()->Put(SiteKey(sequence), std::nullopt, Fenced({2, 1}),
                                                 Durability::kLazy);
      EXPECT_TRUE(put || put.error().code == ErrorCode::kExpired) << Describe(put.error());
      put_through = sequence;
    }
  });
  while (put_through < kMany) {
    const std::uint64_t mark = put_through + 1;
    ASSERT_TRUE(ledger_->Prune({kLog, 1, mark}));
  }
  elections.join();
  ASSERT_TRUE(ledger_->Prune({kLog, 1, kMany}));
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_P(LedgerContract, WhatSomebodyEditedByHandIsDamageAndIsLeftAsItIs) {
  for (const char* edit :
       {"state = 'Waiting'", "state = ''", "elected = '2'", "accepted = 'x'", "decided = '1.1.1'",
        "quorum = '1;2'", "roster = '1'", "evidence = ''"}) {
    world_->Query("DELETE FROM settle_three_phase");
    ASSERT_TRUE(Put(std::nullopt, Waiting()));
    world_->Query(std::string("UPDATE settle_three_phase SET ") + edit);
    const auto found = ledger_->Find(SiteKey());
    ASSERT_FALSE(found) << edit;
    EXPECT_EQ(found.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(found.error().message, HasSubstr(std::string(edit).substr(0, 5)));
    const auto put = ledger_->Put(SiteKey(), Waiting(), Fenced({2, 1}), Durability::kForce);
    if (put) {
      EXPECT_FALSE(*put) << edit;
    } else {
      EXPECT_EQ(put.error().code, ErrorCode::kCorrupt) << edit;
    }
    EXPECT_EQ(world_->Query(std::string("SELECT count(*) FROM settle_three_phase WHERE ") + edit),
              "1");
    EXPECT_TRUE(ledger_->Prune({"zzzzzzzzzzzz", 1, 1})) << "others go on";
  }
}

TEST_P(LedgerContract, WhatCannotBeStoredIsRefusedAndNothingIsWritten) {
  SiteRecord hostile = Waiting();
  hostile.sites[0].addresses = {"db1:1'); DROP TABLE account; --"};
  const auto put = ledger_->Put(SiteKey(), std::nullopt, hostile, Durability::kForce);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kInvalid);
  const BranchKey huge{Gtid::Make(kLog, 18446744073709551615U, 1, 7), 1};
  EXPECT_EQ(ledger_->Find(huge).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(ledger_->Put(huge, std::nullopt, Waiting(), Durability::kForce).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_P(LedgerContract, WithoutTheTableEveryCallSaysSo) {
  world_->Query("DROP TABLE settle_three_phase");
  EXPECT_THAT(Describe(ledger_->Find(SiteKey()).error()), HasSubstr("settle_three_phase"));
  EXPECT_THAT(
      Describe(ledger_->Put(SiteKey(), std::nullopt, Waiting(), Durability::kForce).error()),
      HasSubstr("settle_three_phase"));
  EXPECT_FALSE(ledger_->Prune({kLog, 1, 1}));
}

}  // namespace
}  // namespace settle::testing
