// A lock that is held from one step to another, on every database.
#include <atomic>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"
#include "settle/fenced_lock.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum ActionOp;
using enum AnswerKind;
using namespace std::chrono_literals;

// What RunLocked asks of a barrier.
struct Locking {
  using Work = settle::Work;
  AnyBarrier& barrier;
  Answer Run(const ActionContext& call, const Business& business) {
    return barrier.Run(call, business);
  }
};

class FencedLockTest : public BarrierTest {
 protected:
  // In a transaction of its own, which is kept.
  template <typename Act>
  void InTransaction(const Act& act) {
    const Answer done = barrier_->Run(Call(kAction, ++calls_ + 1'000'000), [&](auto&, Work& work) {
      act(work);
      return Done();
    });
    ASSERT_THAT(done, IsDone());
  }
  Result<LockToken> Acquire(std::uint64_t owner) {
    Result<LockToken> token = 0;
    InTransaction([&](Work& work) { token = room_.Acquire(work, Call(kAction, owner).gtid); });
    return token;
  }
  void Release(std::uint64_t owner) {
    InTransaction([&](Work& work) { EXPECT_TRUE(room_.Release(work, Call(kAction, owner).gtid)); });
  }
  Status Check(std::uint64_t owner, LockToken token) {
    Status status;
    InTransaction(
        [&](Work& work) { status = room_.CheckToken(work, Call(kAction, owner).gtid, token); });
    return status;
  }
  Answer RunLocked(std::uint64_t sequence, const LockWait& wait, const Business& business) {
    Locking locking{*barrier_};
    return settle::RunLocked(
        locking, Call(kAction, sequence), room_, wait,
        [&](auto& call, Work& work, LockToken) { return business(call, work); });
  }

  const FencedLock room_{"room 17"};
  std::uint64_t calls_ = 0;
};
SETTLE_FOR_EACH_DATABASE(FencedLockTest);

TEST_P(FencedLockTest, OneOwnerAtATimeAndEachHasAHigherToken) {
  const LockToken first = *Acquire(1);
  EXPECT_EQ(*Acquire(1), first) << "it has it already";
  const auto other = Acquire(2);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kRetry);
  EXPECT_THAT(Describe(other.error()), HasSubstr("settle show " + Call(kAction, 1).gtid.text()));
  Release(2);
  EXPECT_FALSE(Acquire(2)) << "it was not theirs to release";
  Release(1);
  Release(1);
  EXPECT_GT(*Acquire(2), first);
}

TEST_P(FencedLockTest, ATokenIsGoodForItsOwnerUntilItIsReleased) {
  const LockToken first = *Acquire(1);
  EXPECT_TRUE(Check(1, first));
  EXPECT_EQ(Check(2, first).error().code, ErrorCode::kRefused);
  EXPECT_EQ(Check(1, first + 1).error().code, ErrorCode::kRefused);
  Release(1);
  EXPECT_EQ(Check(1, first).error().code, ErrorCode::kRefused);
  ASSERT_TRUE(Acquire(2));
  Release(2);
  ASSERT_TRUE(Acquire(1));
  EXPECT_EQ(Check(1, first).error().code, ErrorCode::kRefused) << "others were there in between";
}

TEST_P(FencedLockTest, AllLocksOfAnOwnerAreReleasedAtOnce) {
  const FencedLock other("room 18");
  const Gtid owner = Call(kAction, 1).gtid;
  InTransaction([&](Work& work) {
    EXPECT_TRUE(room_.Acquire(work, owner));
    EXPECT_TRUE(other.Acquire(work, owner));
  });
  InTransaction([&](Work& work) { EXPECT_TRUE(FencedLock::ReleaseAll(work, owner)); });
  EXPECT_TRUE(Acquire(2));
  EXPECT_EQ(world_->Query("SELECT count(*) FROM settle_lock WHERE owner IS NOT NULL"), "1");
}

TEST_P(FencedLockTest, ItIsTakenWithTheEffectOfTheStepOrNotAtAll) {
  EXPECT_THAT(RunLocked(1, {}, [](auto&, auto&) { return Failed("no"); }), Is(kFailed));
  EXPECT_THAT(RunLocked(2, {}, Does("booked")), IsDone());
  EXPECT_THAT(RunLocked(2, {}, MustNotRun()), IsDone());
  EXPECT_EQ(world_->Query("SELECT owner FROM settle_lock"), Call(kAction, 2).gtid.text());
}

TEST_P(FencedLockTest, WhoDoesNotGetItInTimeAnswersAsItWasTold) {
  ASSERT_TRUE(Acquire(1));
  EXPECT_THAT(RunLocked(2, {}, MustNotRun()), Is(kOngoing, "held by"));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(
      RunLocked(2, {.timeout = 50ms, .otherwise = Failed("the room is taken")}, MustNotRun()),
      Is(kFailed, "the room is taken"));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
  EXPECT_EQ(world_->Query("SELECT count(*) FROM settle_barrier WHERE sequence = 2"), "0");
}

TEST_P(FencedLockTest, WhoWaitsGetsItWhenItIsReleased) {
  ASSERT_TRUE(Acquire(1));
  std::atomic<bool> tried{false};
  std::jthread waiter([&] {
    Locking locking{*barrier_};
    const LockWait for_ever{.timeout = std::chrono::milliseconds::max()};
    const Answer answer = TryUntilFree(Call(kAction, 2), for_ever, [&](bool& held) {
      const Answer one = locking.Run(Call(kAction, 2), [&](auto& call, Work& work) {
        const auto token = room_.Acquire(work, call.gtid);
        if (token) return Does("booked")(call, work);
        held = true;
        return Unknown(token.error().message);
      });
      tried = true;
      return one;
    });
    EXPECT_THAT(answer, IsDone());
  });
  ASSERT_TRUE(WaitUntil([&] { return tried.load(); })) << "it found it held";
  const auto compensated = world_->Open()->Run(Call(kTry, 999), [&](auto&, Work& work) {
    EXPECT_TRUE(room_.Release(work, Call(kAction, 1).gtid));
    return Done();
  });
  EXPECT_THAT(compensated, IsDone()) << "nobody who waits keeps it from being released";
  waiter.join();
  EXPECT_EQ(world_->Effects(), "1 booked");
}

// Each saga reads a number in one step and writes it back, one higher, in another: without the lock
// the most of them would be lost.
TEST_P(FencedLockTest, WhatSagasReadInOneStepIsStillSoInAnother) {
  world_->Query("CREATE TABLE page (visits integer NOT NULL)");
  world_->Query("INSERT INTO page VALUES (0)");
  constexpr int kSagas = 6;
  constexpr int kEach = 5;
  std::vector<std::jthread> sagas;
  for (int i = 0; i < kSagas; ++i) {
    sagas.emplace_back([&, i] {
      const auto barrier = world_->Open({.busy_timeout = 60s});
      Locking locking{*barrier};
      for (int round = 0; round < kEach; ++round) {
        const auto sequence = static_cast<std::uint64_t>(i * kEach + round + 1);
        std::string seen;
        std::string token;
        const Answer read =
            settle::RunLocked(locking, Call(kAction, sequence, 1), room_, {.timeout = 60s},
                              [&](auto&, Work& work, LockToken its) {
                                seen = *work.Execute("SELECT visits FROM page")->rows[0][0];
                                token = std::to_string(its);
                                return Done();
                              });
        ASSERT_THAT(read, IsDone());
        const ActionContext write = Call(kAction, sequence, 2);
        ASSERT_THAT(
            barrier->Run(write,
                         [&](auto& call, Work& work) {
                           EXPECT_TRUE(room_.CheckToken(work, call.gtid, std::stoll(token)));
                           EXPECT_TRUE(work.Execute(
                               "UPDATE page SET visits = CAST($1 AS integer) + 1", {seen}));
                           EXPECT_TRUE(FencedLock::ReleaseAll(work, call.gtid));
                           return Done();
                         }),
            IsDone());
      }
    });
  }
  sagas.clear();
  EXPECT_EQ(world_->Query("SELECT visits FROM page"), std::to_string(kSagas * kEach));
  EXPECT_GE(std::stoi(world_->Query("SELECT token FROM settle_lock")), kSagas)
      << "it changed hands";
}

}  // namespace
}  // namespace settle::testing
