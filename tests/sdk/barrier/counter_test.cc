// Counters that many take from at once and that never leave their bounds, on every database.
#include <sys/wait.h>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"
#include "settle/escrow_counter.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum ActionOp;
using enum AnswerKind;

class EscrowCounterTest : public BarrierTest {
 protected:
  template <typename Act>
  auto InTransaction(const Act& act) {
    decltype(act(std::declval<Work&>())) result;
    const Answer done = barrier_->Run(Call(kTry, ++calls_ + 1'000'000), [&](auto&, Work& work) {
      result = act(work);
      return Done();
    });
    EXPECT_THAT(done, IsDone());
    return result;
  }
  Status Create(std::int64_t value, std::int64_t low, std::int64_t high) {
    return InTransaction([&](Work& work) { return stock_.Create(work, value, low, high); });
  }
  Status Reserve(std::uint64_t sequence, std::int64_t amount) {
    return InTransaction([&](Work& work) { return stock_.Reserve(work, Key(sequence), amount); });
  }
  Status Confirm(std::uint64_t sequence) {
    return InTransaction([&](Work& work) { return stock_.Confirm(work, Key(sequence)); });
  }
  Status Cancel(std::uint64_t sequence) {
    return InTransaction([&](Work& work) { return stock_.Cancel(work, Key(sequence)); });
  }
  // "value-taking+giving".
  std::string State() const {
    return world_->Query("SELECT value || '-' || taking || '+' || giving FROM settle_counter");
  }
  static BranchKey Key(std::uint64_t sequence) { return {Call(kTry, sequence).gtid, 1}; }

  EscrowCounter stock_{"item 17"};
  std::uint64_t calls_ = 0;
};
SETTLE_FOR_EACH_DATABASE(EscrowCounterTest);

TEST_P(EscrowCounterTest, WhatIsReservedToBeTakenIsGoneForOthersUntilItIsCancelled) {
  for (const Contention contention : {Contention::kPessimistic, Contention::kOptimistic}) {
    stock_ = EscrowCounter("item 17", contention);
    world_->Query("DELETE FROM settle_counter");
    ASSERT_TRUE(Create(10, 0, 12));
    ASSERT_TRUE(Reserve(1, -7));
    const Status refused = Reserve(2, -4);
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr("3 can be taken"));
    ASSERT_TRUE(Reserve(3, -3));
    EXPECT_EQ(State(), "10-10+0");
    ASSERT_TRUE(Cancel(1));
    EXPECT_EQ(State(), "10-3+0");
    ASSERT_TRUE(Confirm(3));
    EXPECT_EQ(State(), "7-0+0");
  }
}

TEST_P(EscrowCounterTest, WhatIsReservedToBeAddedIsNotThereUntilItIsConfirmed) {
  ASSERT_TRUE(Create(10, 5, 12));
  ASSERT_TRUE(Reserve(1, 2));
  EXPECT_THAT(Reserve(2, 1).error().message, HasSubstr("0 can be added"));
  EXPECT_EQ(Reserve(3, -6).error().code, ErrorCode::kRefused) << "5 is the least, 2 may not come";
  ASSERT_TRUE(Reserve(3, -5));
  EXPECT_EQ(State(), "10-5+2");
  ASSERT_TRUE(Confirm(1));
  ASSERT_TRUE(Confirm(3));
  EXPECT_EQ(State(), "7-0+0");
}

TEST_P(EscrowCounterTest, WhatIsWrongIsRefusedByName) {
  EXPECT_EQ(Reserve(1, -1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Create(3, 5, 12).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Create(3, 0, kCountMost + 1).error().code, ErrorCode::kInvalid);
  ASSERT_TRUE(Create(kCountMost, -kCountMost, kCountMost));
  EXPECT_EQ(Create(1, 0, 1).error().code, ErrorCode::kRefused);
  EXPECT_EQ(Reserve(1, 0).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Reserve(1, kCountMost + 1).error().code, ErrorCode::kInvalid);
  ASSERT_TRUE(Reserve(1, -kCountMost));
  EXPECT_EQ(Reserve(1, -1).error().code, ErrorCode::kInvalid) << "one reservation for a key";
  EXPECT_EQ(Confirm(2).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Confirm(1));
  EXPECT_EQ(Cancel(1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(State(), "0-0+0");
}

TEST_P(EscrowCounterTest, TheTableItselfKeepsTheBounds) {
  ASSERT_TRUE(Create(3, 0, 5));
  for (const char* sql :
       {"UPDATE settle_counter SET value = -1", "UPDATE settle_counter SET taking = 4",
        "UPDATE settle_counter SET giving = 3", "UPDATE settle_counter SET taking = -1"}) {
    EXPECT_THROW(world_->Query(sql), std::runtime_error) << sql;
  }
}

// Processes that sell what there is, one of them killed: nothing is sold twice, nothing is lost.
class EscrowLoad : public EscrowCounterTest {
 protected:
  static constexpr int kSellers = 4;
  static constexpr int kEach = 80;

  void Sell(const std::string& contention, bool kill_one) {
    const std::int64_t stock = 50;
    ASSERT_TRUE(Create(stock, 0, stock));
    const TemporaryDirectory directory;
    std::vector<pid_t> sellers;
    for (int i = 0; i < kSellers; ++i) {
      // In the middle of its work: most likely in a confirm, while something is reserved.
      std::vector<std::string> dies;
      if (kill_one && i == 0) dies = {"SETTLE_FAILPOINT=barrier.before_insert:20"};
      sellers.push_back(StartProcess(
          {.arguments = {std::string(std::getenv("SETTLE_BIN")) + "/settle_escrow_seller",
                         world_->target(), contention, std::to_string(i * kEach + 1),
                         std::to_string(kEach)},
           .output_path = directory / std::to_string(i),
           .environment = dies}));
    }
    int confirmed = 0;
    int refused = 0;
    for (int i = 0; i < kSellers; ++i) {
      const int status = AwaitProcess(sellers[static_cast<std::size_t>(i)]);
      const bool killed = kill_one && i == 0;
      EXPECT_EQ(WIFSIGNALED(status), killed) << TailOf(directory / std::to_string(i));
      const auto lines = LinesOf(directory / std::to_string(i));
      EXPECT_EQ(lines.size() < static_cast<std::size_t>(kEach), killed);
      for (const std::string& line : lines) {
        EXPECT_NE(line, "unknown");
        confirmed += line == "confirmed" ? 1 : 0;
        refused += line == "refused" ? 1 : 0;
      }
    }
    if (kill_one) EndWhatTheKilledOneBegan();
    // What was told is so; the killed one may have confirmed one more than it could tell.
    const int sold =
        std::stoi(world_->Query("SELECT count(*) FROM settle_barrier WHERE op = 'confirm'"));
    EXPECT_GE(sold, confirmed);
    EXPECT_LE(sold, confirmed + (kill_one ? 1 : 0));
    EXPECT_EQ(State(), std::to_string(stock - sold) + "-0+0");
    EXPECT_GT(refused, 0) << "nobody was ever refused: this shows nothing";
    EXPECT_EQ(world_->Query("SELECT count(*) FROM settle_reservation"), "0");
  }

 private:
  static std::vector<std::string> LinesOf(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  // As the coordinator would: what is not confirmed is cancelled.
  void EndWhatTheKilledOneBegan() {
    for (std::uint64_t sequence = 1; sequence <= kEach; ++sequence) {
      const Answer answer = barrier_->Run(Call(kCancel, sequence), [&](auto&, Work& work) {
        const Status cancelled = stock_.Cancel(work, Key(sequence));
        return cancelled ? Done() : Unknown(Describe(cancelled.error()));
      });
      EXPECT_THAT(answer, ::testing::AnyOf(Is(kDone), Is(kUnknown, "cancel after confirm")));
    }
  }
};
SETTLE_FOR_EACH_DATABASE(EscrowLoad);

TEST_P(EscrowLoad, PessimisticCountersAreNeverOversold) { Sell("pessimistic", false); }
TEST_P(EscrowLoad, OptimisticCountersAreNeverOversold) { Sell("optimistic", false); }
TEST_P(EscrowLoad, NothingIsLostByASellerThatIsKilled) { Sell("pessimistic", true); }

}  // namespace
}  // namespace settle::testing
