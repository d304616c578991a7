// One connection, and the pool of them, against peers that do not keep to the contract.
#include "transport/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "fake_coordinator.h"
#include "raw_service.h"
#include "transport/link_pool.h"

namespace settle::sdk {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

Result<std::unique_ptr<Link>> Open(const std::vector<std::string>& addresses,
                                   milliseconds patience = milliseconds(2'000)) {
  return Link::Open({addresses, "test", patience}, nullptr, Clock::now() + seconds(5));
}

std::string Frame(std::uint32_t length, const std::string& payload) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(length >> shift);
  return frame + payload;
}

// A reply to hello with this body, in strict binary form.
std::string HelloReply(const std::string& body) {
  const std::string message =
      std::string("\x80\x01\x00\x02\x00\x00\x00\x05hello\0\0\0\0", 17) + body;
  return Frame(static_cast<std::uint32_t>(message.size()), message);
}

TEST(Link, ReadsAddressesStrictly) {
  EXPECT_EQ(ParseAddress("localhost:7420")->port, 7420);
  EXPECT_EQ(ParseAddress("[::1]:80")->host, "::1");
  for (const char* wrong : {"", "host", "host:", ":7420", "host:0", "host:65536", "host:1x",
                            "::1:80", "[]:80", "host: 80"}) {
    EXPECT_FALSE(ParseAddress(wrong)) << wrong;
  }
}

TEST(Link, TriesAddressesInTurnAndNamesEveryOneThatFailed) {
  FakeCoordinator fake;
  EXPECT_TRUE(Open({"127.0.0.1:1", fake.address()}));
  const auto link = Open({"127.0.0.1:1", "nonsense"});
  ASSERT_FALSE(link);
  EXPECT_THAT(link.error().message, HasSubstr("127.0.0.1:1: Connection refused"));
  EXPECT_THAT(link.error().message, HasSubstr("nonsense"));
}

TEST(Link, GoesOnToTheNextAddressWhenOneAcceptsAndNeverAnswers) {
  RawService silent("");
  FakeCoordinator fake;
  EXPECT_TRUE(Open({silent.address(), fake.address()}, milliseconds(100)));
}

TEST(Link, P15_ACoordinatorWithoutACommonVersionIsRefusedByName) {
  FakeCoordinator fake;
  fake.on_hello = [](wire::HelloReply&) {
    throw ServiceError(wire::ErrorCode::VERSION, "speaks 7 to 9");
  };
  EXPECT_EQ(Open({fake.address()}).error().code, ErrorCode::kVersion);
  fake.on_hello = [](wire::HelloReply& reply) { reply.version = 2; };
  EXPECT_EQ(Open({fake.address()}).error().code, ErrorCode::kVersion);
}

TEST(Link, N03_BytesThatDripAreCutOffAtTheDeadline) {
  RawService dripping(HelloReply(std::string(200, 'x')), milliseconds(20));
  const Clock::time_point start = Clock::now();
  EXPECT_FALSE(Open({dripping.address()}, milliseconds(200)));
  EXPECT_LT(Clock::now() - start, milliseconds(1'000));
}

TEST(Link, N04_FramesAndStringsOverTheLimitAreRefusedBeforeMemoryIsTaken) {
  const std::string claims_64_mb =
      HelloReply(std::string("\x0c\x00\x00\x0b\x00\x02\x04\0\0\0", 10));
  for (const std::string& hostile :
       {Frame(0x7fffffff, "x"), Frame(0xffffffff, "x"), Frame(16 * 1024 * 1024 + 1, "x"),
        Frame(0, ""), claims_64_mb}) {
    RawService peer(hostile, milliseconds(0), true);
    const Clock::time_point start = Clock::now();
    EXPECT_FALSE(Open({peer.address()}));
    EXPECT_LT(Clock::now() - start, milliseconds(1'500));
  }
}

TEST(Link, N05_GarbageAndOtherProtocolsAreRefused) {
  for (const std::string& garbage :
       {std::string("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        std::string("\x15\x03\x03\x00\x02\x02\x46", 7), std::string(5000, 'A'),
        HelloReply(std::string("\0", 1)), HelloReply("\x0c")}) {
    RawService peer(garbage, milliseconds(0), true);
    EXPECT_FALSE(Open({peer.address()}));
  }
}

TEST(Link, N05_AHelloThatMakesNoSenseIsRefused) {
  FakeCoordinator fake;
  fake.on_hello = [](wire::HelloReply& reply) { reply.log_id = "Not A Log"; };
  EXPECT_THAT(Open({fake.address()}).error().message, HasSubstr("Not A Log"));
  fake.on_hello = [](wire::HelloReply& reply) { reply.epoch = 0; };
  EXPECT_THAT(Open({fake.address()}).error().message, HasSubstr("epoch 0"));
}

TEST(Link, N06_AReplyThatComesTooLateBreaksTheLinkAndIsNeverReadAsAnotherAnswer) {
  FakeCoordinator fake;
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  fake.on_begin = [released] { released.wait(); };
  auto link = Open({fake.address()});
  ASSERT_TRUE(link);
  const auto late = (*link)->Begin({}, Clock::now() + milliseconds(100));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kAskOutcome);
  EXPECT_TRUE((*link)->broken());
  go.set_value();
  const auto next =
      (*link)->AskOutcome(Gtid::Make("abcdefghijkl", 1, 1, 1), Clock::now() + seconds(1));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kUnavailable);
}

TEST(Link, N06_ThePoolDoesNotUseAConnectionAgainWhoseReplyDidNotCome) {
  FakeCoordinator fake;
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  fake.on_begin = [released] { released.wait(); };
  LinkPool pool({{fake.address()}, "test", milliseconds(500)},
                [](const Hello&) { return Status(); });
  const auto begin = [](Link& link, Instant by) { return link.Begin({}, by); };
  EXPECT_FALSE(pool.Call<Begun>({milliseconds(100), milliseconds(100)}, begin));
  go.set_value();
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 9, 1);
  const auto ending = pool.Call<Ending>(
      {seconds(1), seconds(1)}, [&](Link& link, Instant by) { return link.AskOutcome(gtid, by); });
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->cause, AbortCause::kPresumed);
}

TEST(Link, AnErrorOfTheCoordinatorKeepsTheConnection) {
  FakeCoordinator fake;
  fake.on_begin = [] {
    wire::ServiceError error = ServiceError(wire::ErrorCode::RETRY, "draining");
    error.__set_advice("come back later");
    throw error;
  };
  auto link = Open({fake.address()});
  ASSERT_TRUE(link);
  const auto begun = (*link)->Begin({}, Clock::now() + seconds(1));
  EXPECT_EQ(begun.error().code, ErrorCode::kRetry);
  EXPECT_EQ(begun.error().advice, "come back later");
  EXPECT_FALSE((*link)->broken());
}

TEST(Link, MoreThanOneFrameLimitOfTrafficFitsThroughOneConnection) {
  FakeCoordinator fake;
  fake.on_outcome = [](const std::string&, wire::Ending& ending) {
    ending =
        WireEnding(wire::Outcome::ABORTED, wire::AbortCause::DEADLINE, std::string(900'000, 'r'));
    return true;
  };
  auto link = Open({fake.address()});
  ASSERT_TRUE(link);
  const Gtid gtid = Gtid::Make("abcdefghijkl", 1, 9, 1);
  for (int i = 0; i < 40; ++i) {
    const auto ending = (*link)->AskOutcome(gtid, Clock::now() + seconds(5));
    ASSERT_TRUE(ending) << Describe(ending.error());
    EXPECT_EQ(ending->reason.size(), 1'000u);
  }
}

TEST(Link, TextFromOutsideBecomesOneLineOfUtf8) {
  FakeCoordinator fake;
  fake.on_outcome = [](const std::string&, wire::Ending& ending) {
    ending =
        WireEnding(wire::Outcome::ABORTED, wire::AbortCause::DEADLINE, "a\n\x1b[31mb\xff\xc3\xa9");
    return true;
  };
  auto link = Open({fake.address()});
  ASSERT_TRUE(link);
  const auto ending =
      (*link)->AskOutcome(Gtid::Make("abcdefghijkl", 1, 9, 1), Clock::now() + seconds(5));
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->reason, "a  [31mb?\xc3\xa9");
}

TEST(Link, AnInterruptedWaitEndsAtOnce) {
  FakeCoordinator fake;
  std::promise<void> go;
  std::shared_future<void> released = go.get_future().share();
  fake.on_begin = [released] { released.wait(); };
  Interrupter interrupter;
  auto link =
      Link::Open({{fake.address()}, "test", seconds(5)}, &interrupter, Clock::now() + seconds(5));
  ASSERT_TRUE(link);
  const Clock::time_point start = Clock::now();
  std::thread stopper([&] { interrupter.Interrupt(); });
  EXPECT_FALSE((*link)->Begin({}, Clock::now() + seconds(20)));
  EXPECT_LT(Clock::now() - start, seconds(10));
  stopper.join();
  go.set_value();
}

TEST(LinkPool, ACallWhoseConnectionWasLostWhileIdleIsMadeAgainAtOnce) {
  FakeCoordinator fake;
  LinkPool pool({{fake.address()}, "test", milliseconds(500)},
                [](const Hello&) { return Status(); });
  const auto begin = [](Link& link, Instant by) { return link.Begin({}, by); };
  ASSERT_TRUE(pool.Call<Begun>({milliseconds(0), seconds(1)}, begin));
  fake.Restart(2);
  EXPECT_TRUE(pool.Call<Begun>({milliseconds(0), seconds(1)}, begin));
}

TEST(LinkPool, SaysWhetherACallMayHaveHadAnEffect) {
  FakeCoordinator fake;
  LinkPool pool({{fake.address()}, "test", milliseconds(500)},
                [](const Hello&) { return Status(); });
  const auto begin = [](Link& link, Instant by) { return link.Begin({}, by); };
  fake.on_begin = [] { FakeCoordinator::CutConnection(); };
  EXPECT_EQ(pool.Call<Begun>({milliseconds(100), seconds(1)}, begin).error().code,
            ErrorCode::kAskOutcome);
  fake.Stop();
  EXPECT_EQ(pool.Call<Begun>({milliseconds(100), seconds(1)}, begin).error().code,
            ErrorCode::kUnavailable);
}

TEST(LinkPool, ManyThreadsAtOnceNeedNoMoreConnectionsThanTheyAre) {
  constexpr int kThreads = 32;
  constexpr int kRounds = 5;
  FakeCoordinator fake;
  std::mutex mutex;
  std::condition_variable asked;
  int asking = 0;
  // A round's calls are all under way before one of them is answered.
  fake.on_begin = [&] {
    std::unique_lock lock(mutex);
    const int round = asking++ / kThreads;
    asked.notify_all();
    asked.wait_for(lock, seconds(10), [&] { return asking >= (round + 1) * kThreads; });
  };
  std::atomic<int> connections{0};
  LinkPool pool({{fake.address()}, "test", seconds(10)}, [&](const Hello&) {
    ++connections;
    return Status();
  });
  std::atomic<int> begun{0};
  std::barrier all_are_idle(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kRounds; ++j) {
        const auto begin = [](Link& link, Instant by) { return link.Begin({}, by); };
        if (pool.Call<Begun>({seconds(1), seconds(30)}, begin)) ++begun;
        all_are_idle.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(begun, kThreads * kRounds);
  EXPECT_EQ(connections, kThreads);
}

}  // namespace
}  // namespace settle::sdk
