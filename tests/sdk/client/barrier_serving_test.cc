// Actions that are served behind a barrier, here one in memory, and how barriers are pruned.
#include "action_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

// Keeps its notes in memory; a transaction is whether it committed.
class FakeBarrier : public Barrier {
 public:
  struct Work {
    std::string* effects = nullptr;
    void Write(const std::string& word) { *effects += word + " "; }
  };

  Answer Run(const ActionContext& call,
             const std::function<Answer(const ActionContext&, Work&)>& business) {
    std::lock_guard lock(mutex_);
    if (call.op == ActionOp::kFence) return {AnswerKind::kSuppressed, "fenced", 0};
    std::string effects = committed_;
    Work work{&effects};
    ActionContext filled_in = call;
    if (!filled_in.input) filled_in.input = "\"kept by the barrier\"";
    const bool forward = call.op == ActionOp::kAction || call.op == ActionOp::kTry;
    if (!forward && !filled_in.result) filled_in.result = "\"so is the result\"";
    const Answer answer = business(filled_in, work);
    if (answer.kind == AnswerKind::kDone) committed_ = effects;
    return answer;
  }
  Status Check() override { return check; }
  Status Prune(const EndedThrough& mark) override {
    std::lock_guard lock(mutex_);
    marks_.push_back(mark);
    if (throws) throw std::runtime_error("no such table");
    return prune;
  }

  std::string committed() const {
    std::lock_guard lock(mutex_);
    return committed_;
  }
  std::vector<EndedThrough> marks() const {
    std::lock_guard lock(mutex_);
    return marks_;
  }

  Status check;
  Status prune;
  std::atomic<bool> throws{false};

 private:
  mutable std::mutex mutex_;
  std::string committed_;
  std::vector<EndedThrough> marks_;
};

class ServingBehindABarrier : public ActionTest {
 protected:
  void ServeBehind() {
    airline_->Serve(
        "fly", barrier_,
        [this](const ActionContext& call, FakeBarrier::Work& work) -> Answer {
          work.Write("took" + std::to_string(call.step));
          return call.step == 1 ? Done() : Done(std::string(70'000, '1'));
        },
        [](const ActionContext& call, FakeBarrier::Work& work) {
          work.Write("undid" + call.input.value_or("nothing"));
          return Done();
        });
  }

  std::shared_ptr<FakeBarrier> barrier_ = std::make_shared<FakeBarrier>();
};

TEST_F(ServingBehindABarrier, ActionAndCompensationRunInItsTransactionAndTheFenceIsItsOwn) {
  ServeBehind();
  ConnectToServe();
  wire::ActionCall call = Call(1);
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
  EXPECT_EQ(barrier_->committed(), "took1 ");
  call.op = wire::ActionOp::FENCE;
  call.attempt = 2;
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await("answer 1.2=suppressed fenced"));
  EXPECT_EQ(barrier_->committed(), "took1 ");
  call.op = wire::ActionOp::COMPENSATE;
  call.attempt = 3;
  fake_.Call(call);
  EXPECT_TRUE(fake_.Await("answer 1.3=done {}"));
  EXPECT_EQ(barrier_->committed(), "took1 undid\"kept by the barrier\" ");
}

TEST_F(ServingBehindABarrier, AHandlerThatIsMissingIsToldByConnect) {
  using Business = std::function<Answer(const ActionContext&, FakeBarrier::Work&)>;
  const Business business = [](const ActionContext&, FakeBarrier::Work&) { return Done(); };
  const auto why = [&](const Business& reserve, const Business& confirm, const Business& cancel) {
    CoordinatorOptions options = fake_.Options();
    options.participants = {ActionParticipant::Make({.name = "seats"})};
    options.participants[0]->ServeTry("seat", barrier_, reserve, confirm, cancel);
    const auto coordinator = Coordinator::Connect(std::move(options));
    return coordinator ? "connected" : Describe(coordinator.error());
  };
  EXPECT_EQ(why(business, business, business), "connected");
  EXPECT_THAT(why({}, business, business), HasSubstr("the action \"seat\" without try"));
  EXPECT_THAT(why(business, {}, business), HasSubstr("the action \"seat\" without confirm"));
  EXPECT_THAT(why(business, business, {}), HasSubstr("the action \"seat\" without cancel"));
}

TEST_F(ServingBehindABarrier, TryConfirmAndCancelRunInItsTransactionWithWhatTheTryHad) {
  const auto writes = [](const std::string& word) {
    return [word](const ActionContext& call, FakeBarrier::Work& work) {
      work.Write(word + std::to_string(call.step) + call.input.value_or("nothing") +
                 call.result.value_or("nothing"));
      return call.step == 3 ? Failed("none left") : Done(R"({"left":4})");
    };
  };
  airline_->ServeTry("fly", barrier_, std::function(writes("tried")),
                     std::function(writes("confirmed")), std::function(writes("cancelled")));
  ConnectToServe();
  const auto call = [&](wire::ActionOp::type op, int step) {
    wire::ActionCall one = Call(step);
    one.op = op;
    if (op == wire::ActionOp::TRY) one.__set_input("2");
    fake_.Call(one);
  };
  call(wire::ActionOp::TRY, 1);
  EXPECT_TRUE(fake_.Await(R"(answer 1.1=done {"left":4})"));
  EXPECT_EQ(barrier_->committed(), "tried12nothing ");
  call(wire::ActionOp::TRY, 3);
  EXPECT_TRUE(fake_.Await("answer 3.1=failed none left"));
  EXPECT_EQ(barrier_->committed(), "tried12nothing ") << "what failed is rolled back";
  call(wire::ActionOp::CONFIRM, 2);
  EXPECT_TRUE(fake_.Await(R"(answer 2.1=done {"left":4})"));
  const std::string kept = R"("kept by the barrier""so is the result" )";
  EXPECT_EQ(barrier_->committed(), "tried12nothing confirmed2" + kept);
  call(wire::ActionOp::CANCEL, 4);
  EXPECT_TRUE(fake_.Await(R"(answer 4.1=done {"left":4})"));
  EXPECT_EQ(barrier_->committed(), "tried12nothing confirmed2" + kept + "cancelled4" + kept);
}

TEST_F(ServingBehindABarrier, AResultThatTheCoordinatorWouldNotTakeIsNotCommitted) {
  ServeBehind();
  ConnectToServe();
  fake_.Call(Call(2));
  EXPECT_THAT(Heard("answer 2."), HasSubstr("=unknown its result has 70000 bytes"));
  EXPECT_EQ(barrier_->committed(), "");
}

TEST_F(ServingBehindABarrier, ConnectChecksEveryBarrier) {
  ServeBehind();
  barrier_->check = Fail(ErrorCode::kVersion, "the barrier's tables are of release 9",
                         "run settle barrier install");
  const auto coordinator = Coordinator::Connect(Options());
  ASSERT_FALSE(coordinator);
  EXPECT_EQ(coordinator.error().code, ErrorCode::kVersion);
  EXPECT_EQ(coordinator.error().message,
            "participant \"airline\": the barrier's tables are of release 9");
  EXPECT_EQ(coordinator.error().advice, "run settle barrier install");

  auto without = ActionParticipant::Make({.name = "hotels"});
  without->Serve("sleep", std::shared_ptr<FakeBarrier>(),
                 [](const ActionContext&, FakeBarrier::Work&) { return Done(); });
  CoordinatorOptions options = fake_.Options();
  options.participants = {without};
  const auto refused = Coordinator::Connect(std::move(options));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("a barrier is null"));
}

TEST_F(ServingBehindABarrier, EachIsPrunedOnceForEachMarkThatIsNews) {
  ServeBehind();
  airline_->Serve("land", barrier_,  // the same barrier again
                  [](const ActionContext&, FakeBarrier::Work&) { return Done(); });
  ConnectToServe();
  fake_.SayEndedThrough(1, 5);
  fake_.Call(Call(1));  // ends the poll, whose reply carries the mark
  ASSERT_TRUE(Eventually([&] { return barrier_->marks().size() == 1; }));
  EXPECT_EQ(barrier_->marks()[0], (EndedThrough{"abcdefghijkl", 1, 5}));
  fake_.SayEndedThrough(1, 4);
  int attempt = 1;
  const auto poke = [&] { fake_.Call(Call(1, ++attempt)); };
  poke();
  // Within a second it is left alone, and later marks are not forgotten.
  fake_.SayEndedThrough(2, 1);
  ASSERT_TRUE(Eventually([&] {
    poke();
    return barrier_->marks().size() == 2;
  }));
  EXPECT_EQ(barrier_->marks()[1], (EndedThrough{"abcdefghijkl", 2, 1}));
}

TEST_F(ServingBehindABarrier, WhatCannotBePrunedIsToldOnceAndTriedAgain) {
  ServeBehind();
  barrier_->throws = true;
  ConnectToServe();
  fake_.SayEndedThrough(1, 5);
  int attempt = 0;
  const auto pruned = [&](std::size_t times) {
    fake_.Call(Call(1, ++attempt));
    return barrier_->marks().size() >= times;
  };
  ASSERT_TRUE(Eventually([&] { return pruned(2); }));
  barrier_->throws = false;
  ASSERT_TRUE(Eventually([&] { return pruned(3); }));
  EXPECT_EQ(barrier_->marks().back(), (EndedThrough{"abcdefghijkl", 1, 5}));
  const std::string told = warnings();
  EXPECT_THAT(told, HasSubstr("a barrier keeps rows that no call needs any more: it threw: no "
                              "such table"));
  EXPECT_EQ(told.find("keeps rows"), told.rfind("keeps rows"));
}

}  // namespace
}  // namespace settle::sdk
