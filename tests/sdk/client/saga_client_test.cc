// Starting sagas, waiting for them, and turning them back.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class SagaClient : public ClientTest {
 protected:
  SagaClient() { trip_.Step("flight", "airline", "reserve-seat"); }
  void TearDown() override { coordinator_.reset(); }
  void ConnectWithoutResources() { Connect(fake_.Options()); }
  void NoteStarts() {
    fake_.on_start_saga = [this](const wire::StartSagaRequest& request) {
      std::lock_guard lock(mutex_);
      starts_.push_back(request);
    };
  }

  Saga trip_{"trip"};
  std::mutex mutex_;
  std::vector<wire::StartSagaRequest> starts_;
  const Gtid gtid_ = Gtid::Make("abcdefghijkl", 1, 7, 9);
};

TEST_F(SagaClient, AStartCarriesTheDefinitionTheInputAndWhoOwnsIt) {
  NoteStarts();
  ConnectWithoutResources();
  const Result<Gtid> started = coordinator_->StartSaga(
      trip_, {.input = {{"customer", "c-17"}}, .comment = "order 17", .request_key = "order-17"});
  ASSERT_TRUE(started) << Describe(started.error());
  EXPECT_EQ(started->log_id(), "abcdefghijkl");
  ASSERT_EQ(starts_.size(), 1u);
  EXPECT_EQ(starts_[0].definition, trip_.document());
  EXPECT_EQ(starts_[0].input, R"({"customer": "c-17"})");
  EXPECT_EQ(starts_[0].comment, "order 17");
  EXPECT_EQ(starts_[0].owner, "test") << "not the process: a saga outlives it";
  EXPECT_EQ(starts_[0].request_key, "order-17");
  EXPECT_FALSE(starts_[0].__isset.name);
}

TEST_F(SagaClient, AStartWhoseReplyWasLostIsRepeatedWithTheSameKeyAndOthersHaveTheirOwn) {
  std::atomic<int> calls{0};
  fake_.on_start_saga = [&](const wire::StartSagaRequest& request) {
    {
      std::lock_guard lock(mutex_);
      starts_.push_back(request);
    }
    if (++calls == 1) FakeCoordinator::CutConnection();
  };
  ConnectWithoutResources();
  ASSERT_TRUE(coordinator_->StartSaga(trip_));
  ASSERT_TRUE(coordinator_->StartSaga(trip_));
  ASSERT_EQ(starts_.size(), 3u) << "the fault did not fire";
  EXPECT_FALSE(starts_[0].request_key.empty());
  EXPECT_EQ(starts_[0].request_key, starts_[1].request_key);
  EXPECT_NE(starts_[0].request_key, starts_[2].request_key);
}

TEST_F(SagaClient, AStoredDefinitionIsStartedByItsName) {
  NoteStarts();
  fake_.on_define_saga = [this](const wire::DefineSagaRequest& request) {
    EXPECT_EQ(request.definition, trip_.document());
    EXPECT_EQ(request.owner, "test");
  };
  ConnectWithoutResources();
  EXPECT_TRUE(coordinator_->DefineSaga(trip_.document()));
  EXPECT_EQ(fake_.Count("define saga"), 1u);
  ASSERT_TRUE(coordinator_->StartStoredSaga("trip", 2));
  ASSERT_EQ(starts_.size(), 1u);
  EXPECT_EQ(starts_[0].definition, "");
  EXPECT_EQ(starts_[0].name, "trip");
  EXPECT_EQ(starts_[0].version, 2);
}

TEST_F(SagaClient, WhatIsWrongIsToldWithThePlaceThatTheCoordinatorNames) {
  fake_.on_start_saga = [](const wire::StartSagaRequest&) {
    throw ServiceError(wire::ErrorCode::INVALID, "/steps/0/name is missing");
  };
  ConnectWithoutResources();
  const Result<Gtid> started = coordinator_->StartSaga("{}");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(started.error().message, "/steps/0/name is missing");
  const Result<Gtid> long_key =
      coordinator_->StartSaga(trip_, {.request_key = std::string(65, 'k')});
  ASSERT_FALSE(long_key);
  EXPECT_THAT(long_key.error().message, HasSubstr("a request key of more than 64"));
  EXPECT_EQ(fake_.Count("start saga"), 1u);
}

TEST_F(SagaClient, TheEndIsAwaitedOverARestartAndComesWithTheResults) {
  std::atomic<int> asked{0};
  fake_.on_await_saga = [&](const wire::AwaitSagaRequest& request, wire::AwaitSagaReply& reply) {
    EXPECT_EQ(request.gtid, gtid_.text());
    if (++asked == 1) return FakeCoordinator::CutConnection();
    if (asked == 2) return;  // undecided, although the time is not over
    reply.ending = WireEnding(wire::Outcome::COMMITTED);
    reply.__set_results({{"flight", R"({"seat":"12A"})"}});
  };
  ConnectWithoutResources();
  const Result<SagaEnding> awaited = coordinator_->AwaitSaga(gtid_, seconds(10));
  ASSERT_TRUE(awaited) << Describe(awaited.error());
  EXPECT_TRUE(awaited->ending.committed());
  EXPECT_EQ(awaited->results.at("flight"), R"({"seat":"12A"})");
  EXPECT_EQ(asked, 3) << "the fault did not fire";
}

TEST_F(SagaClient, WaitingEndsWhenItsTimeIsOver) {
  fake_.on_await_saga = [&](const wire::AwaitSagaRequest& request, wire::AwaitSagaReply&) {
    fake_.TakeAsLongAs(request.wait_ms);
  };
  ConnectWithoutResources();
  const Clock::time_point start = Clock::now();
  const Result<SagaEnding> awaited = coordinator_->AwaitSaga(gtid_, milliseconds(120));
  ASSERT_TRUE(awaited) << Describe(awaited.error());
  EXPECT_EQ(awaited->ending.outcome, Outcome::kUndecided);
  EXPECT_GE(Clock::now() - start, milliseconds(120));
  EXPECT_LT(Clock::now() - start, seconds(3));
}

TEST_F(SagaClient, WhoWaitsForeverWaits) {
  fake_.on_await_saga = [](const wire::AwaitSagaRequest&, wire::AwaitSagaReply& reply) {
    reply.ending = WireEnding(wire::Outcome::COMMITTED);
  };
  ConnectWithoutResources();
  const Result<SagaEnding> awaited = coordinator_->AwaitSaga(gtid_, milliseconds::max());
  ASSERT_TRUE(awaited) << Describe(awaited.error());
  EXPECT_TRUE(awaited->ending.committed());
  const Result<SagaEnding> at_once = coordinator_->AwaitSaga(gtid_, milliseconds::min());
  EXPECT_TRUE(at_once && at_once->ending.committed());
}

TEST_F(SagaClient, ACoordinatorThatAnswersTooEarlyIsNotAskedInAHotLoop) {
  fake_.on_try = [](const wire::TryRequest&, wire::TryReply& reply) {
    reply.became = wire::TryOutcome::ONGOING;
  };
  ConnectWithoutResources();
  const Result<SagaEnding> awaited = coordinator_->AwaitSaga(gtid_, milliseconds(400));
  ASSERT_TRUE(awaited) << Describe(awaited.error());
  EXPECT_EQ(awaited->ending.outcome, Outcome::kUndecided);
  EXPECT_GE(fake_.Count("await saga"), 2u);
  EXPECT_LE(fake_.Count("await saga"), 8u);
  Result<GlobalTransaction> transaction = coordinator_->Begin();
  ASSERT_TRUE(transaction) << Describe(transaction.error());
  EXPECT_FALSE(transaction->Try("inventory", "reserve", "{}", {.wait_at_most = milliseconds(400)}));
  EXPECT_GE(fake_.Count("try inventory/reserve"), 2u);
  EXPECT_LE(fake_.Count("try inventory/reserve"), 8u);
}

// Beside sagas: the other thing that is asked of a participant.
TEST_F(SagaClient, ATryThatIsNotAnsweredSaysWhatTheCoordinatorHeardLast) {
  fake_.on_try = [](const wire::TryRequest&, wire::TryReply& reply) {
    reply.became = wire::TryOutcome::ONGOING;
    reply.text = "no process serves inventory";
  };
  ConnectWithoutResources();
  Result<GlobalTransaction> transaction = coordinator_->Begin();
  ASSERT_TRUE(transaction) << Describe(transaction.error());
  const Result<TryAnswer> tried =
      transaction->Try("inventory", "reserve", "{}", {.wait_at_most = milliseconds(50)});
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(tried.error().message,
            "inventory did not answer whether it reserved: no process serves inventory");
  EXPECT_THAT(tried.error().advice, HasSubstr("abort the transaction"));
  fake_.on_try = {};
  EXPECT_TRUE(
      transaction->Try("inventory", "reserve", "{}", {.wait_at_most = milliseconds::max()}));
}

TEST_F(SagaClient, WaitingSaysWhenThereIsNobodyToAskOrNoSuchSaga) {
  ConnectWithoutResources();
  fake_.on_await_saga = [](const wire::AwaitSagaRequest&, wire::AwaitSagaReply&) {
    throw ServiceError(wire::ErrorCode::NOT_FOUND, "no such saga");
  };
  const Result<SagaEnding> none = coordinator_->AwaitSaga(gtid_, seconds(10));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  fake_.Stop();
  const Result<SagaEnding> nobody = coordinator_->AwaitSaga(gtid_, milliseconds(100));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable) << Describe(nobody.error());
}

TEST_F(SagaClient, CancellingSaysHowItEndedOrThatItGoesOn) {
  ConnectWithoutResources();
  const Result<Ending> cancelled = coordinator_->CancelSaga(gtid_, "the customer called");
  ASSERT_TRUE(cancelled) << Describe(cancelled.error());
  EXPECT_TRUE(cancelled->aborted());
  EXPECT_EQ(cancelled->reason, "the customer called");
  fake_.on_abort = [](const wire::AbortRequest&) {
    throw ServiceError(wire::ErrorCode::REFUSED, "too late to cancel: payment is done");
  };
  const Result<Ending> refused = coordinator_->CancelSaga(gtid_, "again");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::sdk
