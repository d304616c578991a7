// Actions served by the SDK, in this process, called by a real daemon.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "settle/coordinator.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

// Counts who is inside, and lets nobody out before `together` have been there at the same time.
class Rendezvous {
 public:
  explicit Rendezvous(int together) : together_(together) {}

  void Pass() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++inside_);
    changed_.notify_all();
    met_ = changed_.wait_for(lock, kPatience, [this] { return most_ >= together_; }) && met_;
    --inside_;
  }
  int most() {
    std::lock_guard lock(mutex_);
    return most_;
  }
  bool met() {
    std::lock_guard lock(mutex_);
    return met_;
  }

 private:
  const int together_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  int most_ = 0;
  bool met_ = true;
};

class ActionsOverADaemon : public ::testing::Test {
 protected:
  void Connect(std::vector<std::shared_ptr<ActionParticipant>> participants) {
    Result<std::unique_ptr<Coordinator>> coordinator =
        Coordinator::Connect({.addresses = {daemon_.address()},
                              .application = "test",
                              .participants = std::move(participants),
                              .warn = [](const std::string&) {}});
    ASSERT_TRUE(coordinator) << Describe(coordinator.error());
    coordinator_ = *std::move(coordinator);
  }
  Gtid Start(const Saga& saga, const StartSagaOptions& options = {}) {
    Result<Gtid> gtid = coordinator_->StartSaga(saga, options);
    if (!gtid) throw std::runtime_error(Describe(gtid.error()));
    return *std::move(gtid);
  }
  SagaEnding Await(const Gtid& gtid) {
    Result<SagaEnding> ended = coordinator_->AwaitSaga(gtid, kPatience);
    if (!ended) throw std::runtime_error(Describe(ended.error()));
    return *std::move(ended);
  }

  TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  std::unique_ptr<Coordinator> coordinator_;
};

TEST_F(ActionsOverADaemon, ResultsArePassedOnAndComeBackWithTheEnd) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::string paid;
  shop->Serve("price", [](const ActionContext& call) {
    return Done("{\"price\": 7, \"of\": " + call.input.value_or("null") + "}");
  });
  shop->Serve("pay", [&](const ActionContext& call) {
    paid = call.input.value_or("nothing");
    return Done("");
  });
  Connect({shop});
  Saga order("order");
  auto price = order.Step("price", "shop", "price").Input(order.input("/item"));
  order.Step("pay", "shop", "pay").Input({{"amount", price.result("/price")}});
  const SagaEnding ended = Await(Start(order, {.input = {{"item", "chair"}}}));
  EXPECT_TRUE(ended.ending.committed()) << ended.ending.reason;
  EXPECT_EQ(paid, R"({"amount":7})");
  EXPECT_EQ(ended.results.at("price"), R"({"price": 7, "of": "chair"})");
}

TEST_F(ActionsOverADaemon, M08_AStoredDefinitionIsStartedByNameAndARunningSagaKeepsItsOwn) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::atomic<bool> open{false};
  std::mutex mutex;
  std::vector<std::string> inputs;
  shop->Serve("note", [&](const ActionContext& call) {
    std::lock_guard lock(mutex);
    inputs.push_back(call.input.value_or(""));
    return Done();
  });
  shop->Serve("wait", [&](const ActionContext&) { return open ? Done() : Ongoing(10ms); });
  Connect({shop});
  const auto version = [](int number) {
    Saga saga("noted", number);
    auto wait = saga.Step("wait", "shop", "wait");
    saga.Step("note", "shop", "note").After(wait).Input({{"version", number}});
    return saga.document();
  };
  ASSERT_TRUE(coordinator_->DefineSaga(version(1)));
  ASSERT_TRUE(coordinator_->DefineSaga(version(1))) << "the same again is no other definition";
  const Result<Gtid> first = coordinator_->StartStoredSaga("noted", 0);
  ASSERT_TRUE(first) << Describe(first.error());
  ASSERT_TRUE(coordinator_->DefineSaga(version(2)));
  const Result<Gtid> second = coordinator_->StartStoredSaga("noted", 0);
  ASSERT_TRUE(second) << Describe(second.error());
  open = true;
  EXPECT_TRUE(Await(*first).ending.committed());
  EXPECT_TRUE(Await(*second).ending.committed());
  std::sort(inputs.begin(), inputs.end());
  EXPECT_EQ(inputs, (std::vector<std::string>{R"({"version":1})", R"({"version":2})"}));

  Saga other("noted", 1);
  other.Step("note", "shop", "note");
  const Status refused = coordinator_->DefineSaga(other.document());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  const Result<Gtid> none = coordinator_->StartStoredSaga("noted", 3);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST_F(ActionsOverADaemon, WhatAHandlerThrowsIsCalledAgainUntilItDoesNot) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::atomic<int> calls{0};
  shop->Serve("flaky", [&](const ActionContext& call) {
    EXPECT_EQ(call.attempt, ++calls);
    if (calls < 3) throw std::runtime_error("the network is down");
    return Done();
  });
  Connect({shop});
  Saga saga("flaky");
  saga.Step("one", "shop", "flaky").Retry({.first = 10ms});
  EXPECT_TRUE(Await(Start(saga)).ending.committed());
  EXPECT_EQ(calls, 3) << "the fault did not fire";
}

TEST_F(ActionsOverADaemon, M05_AStepThatNeverAnswersFailsAfterItsAttemptsAndIsCompensatedToo) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::atomic<int> calls{0};
  std::atomic<int> undone{0};
  shop->Serve(
      "broken",
      [&](const ActionContext&) -> Answer {
        ++calls;
        throw std::runtime_error("the network is down");
      },
      [&](const ActionContext&) {
        ++undone;
        return Done();
      });
  Connect({shop});
  Saga saga("broken");
  saga.Step("one", "shop", "broken").Retry({.attempts = 3, .first = 10ms});
  const SagaEnding ended = Await(Start(saga));
  EXPECT_TRUE(ended.ending.aborted());
  EXPECT_THAT(ended.ending.reason,
              HasSubstr("no result after 3 calls; the last one: the handler threw: the network"));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(undone, 1);
}

TEST_F(ActionsOverADaemon, WhatTakesItsTimeIsAskedAgainAndHoldsNoThread) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop", .concurrency = 1});
  std::atomic<int> polls{0};
  shop->Serve("slow",
              [&](const ActionContext&) -> Answer { return ++polls < 4 ? Ongoing(20ms) : Done(); });
  Connect({shop});
  Saga saga("slow");
  saga.Step("one", "shop", "slow").Retry({.attempts = 1});
  EXPECT_TRUE(Await(Start(saga)).ending.committed()) << "to ask again uses up no attempts";
  EXPECT_EQ(polls, 4);
}

TEST_F(ActionsOverADaemon,
       M06_WhenOneOfParallelStepsFailsWhatMayHaveStartedIsUndoneAndTheRestNever) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop", .concurrency = 3});
  Rendezvous together(3);
  std::mutex mutex;
  std::multiset<BranchNumber> done;
  std::multiset<BranchNumber> undone;
  shop->Serve(
      "take",
      [&](const ActionContext& call) -> Answer {
        together.Pass();
        if (call.step == 2) return Failed("sold out");
        std::lock_guard lock(mutex);
        done.insert(call.step);
        return Done();
      },
      [&](const ActionContext& call) {
        std::lock_guard lock(mutex);
        undone.insert(call.step);
        return Done();
      });
  shop->Serve("never", [](const ActionContext&) -> Answer {
    ADD_FAILURE() << "it comes after a step that failed";
    return Done();
  });
  Connect({shop});
  Saga saga("parallel");
  saga.Step("one", "shop", "take");
  auto two = saga.Step("two", "shop", "take");
  saga.Step("three", "shop", "take");
  saga.Step("four", "shop", "never").After(two);
  const SagaEnding ended = Await(Start(saga));
  EXPECT_TRUE(ended.ending.aborted());
  EXPECT_THAT(ended.ending.reason, HasSubstr("step two failed: sold out"));
  EXPECT_TRUE(together.met()) << "they did not run in parallel";
  EXPECT_EQ(done, (std::multiset<BranchNumber>{1, 3}));
  EXPECT_EQ(undone, (std::multiset<BranchNumber>{1, 2, 3})) << "the failed one is undone as well";
}

TEST_F(ActionsOverADaemon, TheBoundOfHandlersIsReachedAndNeverExceeded) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop", .concurrency = 5});
  Rendezvous together(5);
  std::atomic<int> calls{0};
  shop->Serve("work", [&](const ActionContext&) {
    together.Pass();
    ++calls;
    return Done();
  });
  Connect({shop});
  Saga saga("wide");
  for (int i = 1; i <= 20; ++i) saga.Step("step-" + std::to_string(i), "shop", "work");
  std::vector<Gtid> sagas;
  for (int i = 0; i < 5; ++i) sagas.push_back(Start(saga));
  for (const Gtid& gtid : sagas) EXPECT_TRUE(Await(gtid).ending.committed());
  EXPECT_EQ(calls, 100);
  EXPECT_TRUE(together.met());
  EXPECT_EQ(together.most(), 5);
}

TEST_F(ActionsOverADaemon, M04_ParticipantsServeOnAfterTheCoordinatorWasKilled) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::atomic<int> calls{0};
  std::atomic<bool> killed{false};
  shop->Serve("work", [&](const ActionContext& call) {
    ++calls;
    // Answers only when the coordinator that called is no more.
    EXPECT_TRUE(call.step != 1 || WaitUntil([&] { return killed.load(); }));
    return Done();
  });
  Connect({shop});
  Saga saga("survivor");
  auto one = saga.Step("one", "shop", "work");
  saga.Step("two", "shop", "work").After(one);
  const Gtid gtid = Start(saga);
  ASSERT_TRUE(WaitUntil([&] { return calls == 1; }));
  daemon_.Kill();
  killed = true;
  daemon_.Start();
  EXPECT_TRUE(Await(gtid).ending.committed());
  EXPECT_GE(calls, 2);
}

TEST_F(ActionsOverADaemon, ACallThatFindsNoRoomIsMadeAgain) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop", .concurrency = 1, .queue_most = 1});
  std::atomic<int> calls{0};
  std::atomic<bool> open{false};
  shop->Serve("work", [&](const ActionContext&) {
    EXPECT_TRUE(WaitUntil([&] { return open.load(); }));
    ++calls;
    return Done();
  });
  Connect({shop});
  Saga saga("crowd");
  for (int i = 1; i <= 20; ++i)
    saga.Step("step-" + std::to_string(i), "shop", "work").Retry({.first = 20ms});
  const Gtid gtid = Start(saga);
  EXPECT_TRUE(WaitUntil([&] {
    const CliAnswer shown = RunCli(daemon_.address(), {"show", gtid.text()});
    return shown.out.find("busy: 1 calls wait for one of 1 threads") != std::string::npos;
  })) << "the fault did not fire";
  open = true;
  EXPECT_TRUE(Await(gtid).ending.committed());
  EXPECT_EQ(calls, 20);
}

TEST_F(ActionsOverADaemon, ACancelledSagaIsUndoneAndOneBehindItsPivotIsNot) {
  daemon_.Start();
  auto shop = ActionParticipant::Make({.name = "shop"});
  std::atomic<int> undone{0};
  std::atomic<bool> open{false};
  std::atomic<int> polls{0};
  shop->Serve(
      "take", [](const ActionContext&) { return Done(); },
      [&](const ActionContext&) {
        ++undone;
        return Done();
      });
  shop->Serve(
      "wait",
      [&](const ActionContext&) {
        ++polls;
        return open ? Done() : Ongoing(10ms);
      },
      [](const ActionContext&) { return Done(); });
  Connect({shop});
  Saga before("before");
  auto taken = before.Step("take", "shop", "take");
  before.Step("wait", "shop", "wait").After(taken);
  const Gtid turned = Start(before);
  ASSERT_TRUE(WaitUntil([&] { return polls > 0; }));
  const Result<Ending> cancelled = coordinator_->CancelSaga(turned, "the customer called");
  ASSERT_TRUE(cancelled) << Describe(cancelled.error());
  EXPECT_TRUE(cancelled->aborted());
  EXPECT_THAT(cancelled->reason, HasSubstr("the customer called"));
  EXPECT_TRUE(Await(turned).ending.aborted());
  EXPECT_EQ(undone, 1);

  Saga after("after");
  auto pivot = after.Step("pivot", "shop", "take").Pivot();
  after.Step("wait", "shop", "wait").After(pivot).NeverCompensate();
  polls = 0;
  const Gtid gtid = Start(after);
  ASSERT_TRUE(WaitUntil([&] { return polls > 0; }));  // so the pivot is done
  const Result<Ending> refused = coordinator_->CancelSaga(gtid, "too late");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  open = true;
  EXPECT_TRUE(Await(gtid).ending.committed());
}

}  // namespace
}  // namespace settle::testing
