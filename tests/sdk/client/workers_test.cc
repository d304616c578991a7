#include "participant/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "support/wait_until.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;

// One thread, kept busy until everything is queued; what it did then, in order.
class Busy {
 public:
  Busy() {
    workers_.Post([this] { queued_.get_future().wait(); });
  }
  void Post(const std::string& name) {
    workers_.Post([this, name] { did_ += name + " "; });
  }
  void PostStart(const std::string& name, bool with_rest = true) {
    workers_.PostStart([this, name, with_rest]() -> Workers::Rest {
      did_ += name + "( ";
      if (!with_rest) return {};
      return [this, name] { did_ += ")" + name + " "; };
    });
  }
  std::string Did() {
    queued_.set_value();
    workers_.Stop(Clock::now() + std::chrono::minutes(1));
    return did_;
  }

 private:
  std::promise<void> queued_;
  std::string did_;
  Workers workers_{1};
};

TEST(Workers, WhatCanBeBegunWithoutWaitingIsBegunTogether) {
  Busy busy;
  for (const char* name : {"a", "b", "c"}) busy.PostStart(name);
  EXPECT_EQ(busy.Did(), "a( b( c( )a )b )c ");
}

TEST(Workers, WhatBlocksIsNotPutBetweenAStartAndItsRest) {
  Busy busy;
  busy.PostStart("a");
  busy.PostStart("b");
  busy.Post("blocks");
  busy.PostStart("c");
  EXPECT_EQ(busy.Did(), "a( b( )a )b blocks c( )c ");
}

TEST(Workers, AStartWithoutARestIsAWholeJob) {
  Busy busy;
  busy.PostStart("a", /*with_rest=*/false);
  busy.PostStart("b");
  EXPECT_EQ(busy.Did(), "a( b( )b ");
}

TEST(Workers, SixteenAreBegunTogetherAtMost) {
  Busy busy;
  for (int i = 0; i < 17; ++i) busy.PostStart("x");
  const std::string did = busy.Did();
  std::size_t begun = 0;
  while (did.compare(3 * begun, 3, "x( ") == 0) ++begun;
  EXPECT_EQ(begun, 16u);
  EXPECT_EQ(did.substr(did.size() - 6), "x( )x ") << did;
}

TEST(Workers, EveryThreadHasItsShare) {
  std::promise<void> queued;
  const std::shared_future<void> all = queued.get_future().share();
  std::atomic<int> held = 0;
  std::atomic<int> inside = 0;
  Workers workers(2);
  for (int i = 0; i < 2; ++i) {
    workers.Post([&] {
      ++held;
      all.wait();
    });
  }
  EXPECT_TRUE(testing::WaitUntil([&] { return held == 2; }));
  std::atomic<bool> alone = false;
  for (int i = 0; i < 2; ++i) {
    workers.PostStart([&]() -> Workers::Rest {
      return [&] {
        ++inside;
        if (!testing::WaitUntil([&] { return inside == 2; }, std::chrono::seconds(10)))
          alone = true;
      };
    });
  }
  queued.set_value();
  workers.Stop(Clock::now() + std::chrono::minutes(1));
  EXPECT_FALSE(alone) << "one thread took both";
}

TEST(Workers, NoRestIsBegunAfterTheEndOfPatience) {
  std::string did;
  std::promise<void> inside;
  std::promise<void> go_on;
  Workers workers(1);
  const auto wait_inside = [&] {
    did += "a";
    inside.set_value();
    go_on.get_future().wait();
  };
  std::promise<void> queued;
  workers.Post([&] { queued.get_future().wait(); });
  workers.PostStart([&] { return wait_inside; });
  workers.PostStart([&]() -> Workers::Rest { return [&] { did += "b"; }; });
  queued.set_value();
  inside.get_future().wait();
  std::thread stops([&] { workers.Stop(Clock::now()); });
  EXPECT_TRUE(testing::WaitUntil([&] {  // what is posted after Stop is dropped
    const auto job = std::make_shared<int>();
    workers.Post([job] {});
    return job.use_count() == 1;
  }));
  go_on.set_value();
  stops.join();
  EXPECT_EQ(did, "a");
}

}  // namespace
}  // namespace settle::sdk
