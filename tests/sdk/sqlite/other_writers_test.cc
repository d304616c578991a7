// One writer at a time: others wait or are refused, in this process and in others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "bank_file.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";
constexpr char kGive1[] = "UPDATE account SET balance = balance + 1 WHERE id = 1";

TEST(SqliteOtherWriters, Q02_WhileTheOwnerLivesAnotherWriterWaitsForTheDecision) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(PlainConnection(bank.path()).Run(kGive1), "database is locked");
  EXPECT_THAT(RunWorker({"write", bank.path(), kGive1}).output, StartsWith("database is locked"));
  auto waiting = std::async(std::launch::async,
                            [&bank] { return PlainConnection(bank.path(), 10'000).Run(kGive1); });
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(waiting.get(), "");
  EXPECT_EQ(bank.Balances(), "91 100");
}

TEST(SqliteOtherWriters, Q02_AfterTheOwnerDiedEveryKindOfWriteIsRefusedUntilTheDecision) {
  const BankFile bank;
  bank.Run("CREATE TABLE other (a TEXT); INSERT INTO other VALUES ('x')");
  ASSERT_THAT(RunWorker({"prepare", bank.path(), "1", kTake10}).output, StartsWith("commit"));
  for (const char* statement :
       {kGive1, "INSERT INTO account VALUES (5, 5)", "REPLACE INTO account VALUES (1, 5)",
        "DELETE FROM account WHERE id = 2", "DELETE FROM account", "DELETE FROM other",
        "INSERT INTO account VALUES (1, 0) ON CONFLICT DO UPDATE SET balance = 0"}) {
    EXPECT_THAT(RunWorker({"write", bank.path(), statement}).output,
                HasSubstr("awaits its decision")) << statement;
  }
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(bank.Resource()->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Run(kGive1), "");
  EXPECT_EQ(bank.Balances(), "91 100");
}

TEST(SqliteOtherWriters, Q02_AWriterThatComesBetweenPrepareAndTheLockIsRefused) {
  const BankFile bank;
  ASSERT_TRUE(bank.Resource()->Identify());
  std::atomic<int> written{0};
  std::jthread writer([&](const std::stop_token& stop) {
    PlainConnection plain(bank.path(), 10);
    while (!stop.stop_requested()) {
      if (plain.Run(kGive1).empty()) ++written;
      std::this_thread::sleep_for(500us);  // a busy program, not one that leaves no room at all
    }
  });
  const auto resource = bank.Resource();
  for (std::uint64_t sequence = 1; sequence <= 200; ++sequence) {
    const auto branch = OpenAndRun(*resource, Key(sequence),
                                   {"UPDATE account SET balance = balance + 1000 WHERE id = 2"});
    ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    ASSERT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  }
  writer.request_stop();
  writer.join();
  EXPECT_EQ(bank.Balances(), std::to_string(100 + written) + " 200100");
}

TEST(SqliteOtherWriters, ReadersNeverWait) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(PlainConnection(bank.path()).Query("SELECT sum(balance) FROM account"), "200");
  EXPECT_THAT(*resource->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
}

TEST(SqliteOtherWriters, ASecondBranchWaitsForTheFirst) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto first = OpenAndRun(*resource, Key(1), {kTake10});
  auto second = std::async(std::launch::async, [&] {
    const auto branch = OpenAndRun(*resource, Key(2), {kTake10});
    EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
    return branch->AwaitFinish(Decision::kCommit).end;
  });
  ASSERT_EQ(first->AwaitPrepare().vote, Vote::kCommit);
  EXPECT_EQ(first->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(second.get(), BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "80 100");
}

TEST(SqliteOtherWriters, ABranchThatWaitsTooLongIsToldWhoHoldsTheFile) {
  const BankFile bank;
  const auto resource = bank.Resource(50ms);
  const auto first = OpenAndRun(*resource, Key(1), {kTake10});
  const auto second = resource->Open(Key(2));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kRetry);
  EXPECT_THAT(second.error().message, HasSubstr(Key(1).DatabaseName()));
  const auto third = bank.Resource(50ms)->Open(Key(3));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kRetry);
  EXPECT_THAT(third.error().message, HasSubstr("another process"));
}

TEST(SqliteOtherWriters, ABranchThatFindsAnotherInDoubtWaitsForItsDecision) {
  const BankFile bank;
  ASSERT_THAT(RunWorker({"prepare", bank.path(), "1", kTake10}).output, StartsWith("commit"));
  const auto impatient = bank.Resource(60ms)->Open(Key(2));
  ASSERT_FALSE(impatient);
  EXPECT_EQ(impatient.error().code, ErrorCode::kRetry);
  EXPECT_THAT(impatient.error().message, HasSubstr(Key(1).DatabaseName() + " is prepared"));
  const auto resource = bank.Resource();
  auto waiting = std::async(std::launch::async, [&] { return resource->Open(Key(2)).has_value(); });
  EXPECT_EQ(resource->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kCommitted);
  EXPECT_TRUE(waiting.get());
}

TEST(SqliteOtherWriters, ASecondBranchOfTheSameTransactionIsRefusedAndDoesNotWait) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto first = OpenAndRun(*resource, Key(1, 1), {kTake10});
  const auto second = resource->Open(Key(1, 2));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kRefused);
}

TEST(SqliteOtherWriters, ManyThreadsTakeTurns) {
  const BankFile bank;
  const auto resource = bank.Resource(30s);
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 20; ++i) {
        const auto branch = OpenAndRun(*resource, Key(1 + thread * 20 + i), {kGive1});
        EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
        EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bank.Balances(), "260 100");
  EXPECT_THAT(*resource->ScanPrepared(), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
