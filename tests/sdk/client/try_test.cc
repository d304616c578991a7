// Reservations as a program asks for them.
#include <mutex>
#include <set>
#include <thread>

#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Le;

class Trying : public ClientTest {
 protected:
  // What was asked for, in order; `answer` makes the reply to each, counted from 1.
  void AnswerTries(std::function<void(int, const wire::TryRequest&, wire::TryReply&)> answer) {
    fake_.on_try = [this, answer = std::move(answer)](const wire::TryRequest& request,
                                                      wire::TryReply& reply) {
      int number = 0;
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
        number = static_cast<int>(requests_.size());
      }
      answer(number, request, reply);
    };
  }
  std::vector<wire::TryRequest> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::set<std::string> keys() {
    std::set<std::string> keys;
    for (const wire::TryRequest& request : requests()) keys.insert(request.request_key);
    return keys;
  }
  // As the coordinator does while a try goes on.
  void GoesOn(const wire::TryRequest& request, wire::TryReply& reply) {
    fake_.TakeAsLongAs(request.wait_ms);
    reply.became = wire::TryOutcome::ONGOING;
    reply.text = "called twice, no answer yet";
  }

 private:
  std::mutex mutex_;
  std::vector<wire::TryRequest> requests_;
};

TEST_F(Trying, AReservationComesWithWhatTheServiceAnswered) {
  AnswerTries([](int, const wire::TryRequest&, wire::TryReply& reply) {
    reply.text = R"({"seat":"12A"})";
  });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer = transaction.Try("airline", "fly", R"({"count":2})");
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_TRUE(answer->reserved());
  EXPECT_EQ(answer->text, R"({"seat":"12A"})");
  ASSERT_EQ(requests().size(), 1u);
  const wire::TryRequest request = requests()[0];
  EXPECT_EQ(request.gtid, transaction.gtid().text());
  EXPECT_EQ(request.participant, "airline");
  EXPECT_EQ(request.action, "fly");
  EXPECT_EQ(request.input, R"({"count":2})");
  EXPECT_GT(request.wait_ms, 1'000) << "the time-out of calls is 2 s";
  EXPECT_LE(request.wait_ms, 2'000);
}

TEST_F(Trying, ARefusalOfTheBusinessIsAnAnswerAndNoError) {
  AnswerTries([](int, const wire::TryRequest&, wire::TryReply& reply) {
    reply.became = wire::TryOutcome::FAILED;
    reply.text = "no seat left\non LH 17";
  });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer = transaction.Try("airline", "fly");
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_EQ(answer->became, TryOutcome::kFailed);
  EXPECT_FALSE(answer->reserved());
  EXPECT_THAT(answer->text, HasSubstr("no seat left"));
  EXPECT_EQ(answer->text.find('\n'), std::string::npos);
}

TEST_F(Trying, EachTryIsAReservationOfItsOwn) {
  AnswerTries([](int, const wire::TryRequest&, wire::TryReply&) {});
  Connect();
  GlobalTransaction transaction = Begin();
  EXPECT_TRUE(transaction.Try("airline", "fly"));
  EXPECT_TRUE(transaction.Try("airline", "fly"));
  EXPECT_EQ(keys().size(), 2u);
}

TEST_F(Trying, WhileItGoesOnTheSameRequestWaitsOn) {
  AnswerTries([](int number, const wire::TryRequest&, wire::TryReply& reply) {
    if (number < 3) reply.became = wire::TryOutcome::ONGOING;
  });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer = transaction.Try("airline", "fly");
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_TRUE(answer->reserved());
  EXPECT_EQ(requests().size(), 3u);
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(Trying, NoAnswerWithinTheWaitIsUnavailableAndSaysToAbort) {
  AnswerTries(
      [&](int, const wire::TryRequest& request, wire::TryReply& reply) { GoesOn(request, reply); });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer =
      transaction.Try("airline", "fly", "{}", {.wait_at_most = milliseconds(60)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("airline did not answer whether it reserved"));
  EXPECT_THAT(answer.error().advice, HasSubstr("abort the transaction"));
  std::vector<std::int64_t> waits;
  for (const wire::TryRequest& request : requests()) waits.push_back(request.wait_ms);
  EXPECT_THAT(waits, Each(Le(60)));
  EXPECT_FALSE(waits.empty());
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(Trying, ALostReplyIsAskedForAgainByTheSameKey) {
  AnswerTries([](int number, const wire::TryRequest&, wire::TryReply& reply) {
    reply.text = std::to_string(reply.branch);
    if (number == 1) FakeCoordinator::CutConnection();
  });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer = transaction.Try("airline", "fly");
  ASSERT_TRUE(answer) << Describe(answer.error());
  EXPECT_TRUE(answer->reserved());
  EXPECT_EQ(answer->text, "1") << "it is not a second reservation";
  EXPECT_EQ(requests().size(), 2u);
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(Trying, AReplyThatStaysLostIsUnavailableAndNeverAFailure) {
  AnswerTries(
      [](int, const wire::TryRequest&, wire::TryReply&) { FakeCoordinator::CutConnection(); });
  Connect();
  GlobalTransaction transaction = Begin();
  const Result<TryAnswer> answer =
      transaction.Try("airline", "fly", "{}", {.wait_at_most = milliseconds(300)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable) << Describe(answer.error());
  EXPECT_GE(requests().size(), 2u);
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(Trying, AfterTheEndNothingIsAskedFor) {
  Connect();
  GlobalTransaction committed = Begin();
  EXPECT_TRUE(committed.Commit().committed());
  GlobalTransaction aborted = Begin();
  EXPECT_TRUE(aborted.Abort("no").aborted());
  GlobalTransaction left = JoinNew();
  EXPECT_TRUE(left.Leave());
  for (GlobalTransaction* transaction : {&committed, &aborted, &left}) {
    const Result<TryAnswer> answer = transaction->Try("airline", "fly");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kRefused);
    EXPECT_THAT(answer.error().message, HasSubstr("has ended in this process"));
  }
  EXPECT_EQ(fake_.Count("try airline/fly"), 0u);
}

TEST_F(Trying, WhatTheCoordinatorRefusesKeepsItsCodeAndWords) {
  const std::vector<std::pair<wire::ErrorCode::type, ErrorCode>> codes{
      {wire::ErrorCode::INVALID, ErrorCode::kInvalid},
      {wire::ErrorCode::REFUSED, ErrorCode::kRefused},
      {wire::ErrorCode::RETRY_TRANSACTION, ErrorCode::kRetryTransaction}};
  AnswerTries([&](int number, const wire::TryRequest&, wire::TryReply&) {
    throw ServiceError(codes.at(static_cast<std::size_t>(number) - 1).first,
                       "the input is no JSON");
  });
  Connect();
  GlobalTransaction transaction = Begin();
  for (const auto& [wire_code, code] : codes) {
    const Result<TryAnswer> answer = transaction.Try("airline", "fly", "{");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, code);
    EXPECT_THAT(answer.error().message, HasSubstr("the input is no JSON"));
  }
}

TEST_F(Trying, N05_AnOutcomeThatTheContractDoesNotKnowIsNeverTakenForReserved) {
  AnswerTries([](int, const wire::TryRequest&, wire::TryReply& reply) {
    reply.became = static_cast<wire::TryOutcome::type>(7);
  });
  Connect();
  GlobalTransaction transaction = Begin();
  EXPECT_FALSE(transaction.Try("airline", "fly", "{}", {.wait_at_most = milliseconds(300)}));
  EXPECT_FALSE(requests().empty());
}

TEST_F(Trying, BesideAReservationALoneDatabaseBranchIsNotCommittedInOnePhase) {
  Connect();
  GlobalTransaction transaction = Begin();
  EXPECT_TRUE(transaction.Try("airline", "fly"));
  Enlist(transaction, *bank_a_);
  EXPECT_TRUE(transaction.Commit().committed());
  EXPECT_EQ(fake_.Count("one-phase 2"), 0u);
  EXPECT_EQ(fake_.Count("commit 2=commit"), 1u);
}

}  // namespace
}  // namespace settle::sdk
