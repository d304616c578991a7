// Sagas over the handlers, in front of a real engine with a log in memory: what a program in any
// language can do with the contract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers.h"
#include "rpc/wire.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

const char kTrip[] = R"({"saga": "trip", "steps": [
  {"name": "flight", "participant": "airline", "action": "reserve-seat",
   "input": {"from": {"$input": "/from"}}},
  {"name": "payment", "participant": "bank", "action": "pay", "pivot": true,
   "input": {"amount": {"$result": "/flight/price"}}}]})";

class SagaHandlers : public Handlers {
 protected:
  wire::StartSagaRequest Trip() const {
    wire::StartSagaRequest request;
    request.definition = kTrip;
    request.input = R"({"from": "ZRH"})";
    request.comment = "order 17";
    request.owner = "shop";
    return request;
  }

  std::string Start() {
    wire::BeginReply reply;
    coordinator_.start_saga(reply, Trip());
    EXPECT_EQ(reply.epoch, 4);
    return reply.gtid;
  }

  void AttachService(std::vector<std::string> participants) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "service@here:1";
    request.__set_participants(std::move(participants));
    wire::AttachReply reply;
    participant_.attach(reply, request);
    session_ = reply.session;
  }

  // Waits for the next call.
  wire::ActionCall Fetch() {
    wire::FetchRequest request;
    request.session = session_;
    request.received_through = received_;
    request.most = 1;
    request.wait_ms = 4'000;
    wire::CommandBatch batch;
    participant_.fetch(batch, request);
    if (batch.calls.size() != 1) {
      ADD_FAILURE() << batch.calls.size() << " calls came";
      return {};
    }
    received_ = batch.number;
    return batch.calls[0];
  }

  wire::ActionAnswer AnswerTo(const wire::ActionCall& call, wire::AnswerKind::type kind,
                              const std::string& text) {
    wire::ActionAnswer answer;
    answer.gtid = call.gtid;
    answer.step = call.step;
    answer.op = call.op;
    answer.attempt = call.attempt;
    answer.kind = kind;
    answer.text = text;
    answer.poll_after_ms = 0;
    return answer;
  }
  void Report(const wire::ActionAnswer& answer) {
    wire::ReportRequest request;
    request.session = session_;
    request.__set_answers({answer});
    participant_.report(request);
  }

  wire::Ending Await(const std::string& gtid, std::int64_t wait_ms = 10'000) {
    wire::AwaitSagaRequest request;
    request.gtid = gtid;
    request.wait_ms = wait_ms;
    wire::AwaitSagaReply reply;
    coordinator_.await_saga(reply, request);
    return reply.ending;
  }

  std::string session_;
  std::int64_t received_ = 0;
};

TEST_F(SagaHandlers, ASagaRunsOverTheWireContractAlone) {
  AttachService({"airline", "bank"});
  const std::string gtid = Start();
  const wire::ActionCall flight = Fetch();
  EXPECT_EQ(flight.op, wire::ActionOp::ACTION);
  EXPECT_EQ(flight.gtid, gtid);
  EXPECT_EQ(flight.participant, "airline");
  EXPECT_EQ(flight.action, "reserve-seat");
  EXPECT_EQ(flight.input, R"({"from":"ZRH"})");
  EXPECT_EQ(flight.epoch, 4);
  EXPECT_EQ(flight.timeout_ms, 30'000);
  EXPECT_FALSE(flight.__isset.result);
  EXPECT_EQ(Await(gtid, 0).outcome, wire::Outcome::UNDECIDED);
  Report(AnswerTo(flight, wire::AnswerKind::DONE, R"({"price": 120})"));
  const wire::ActionCall payment = Fetch();
  EXPECT_EQ(payment.input, R"({"amount":120})");
  Report(AnswerTo(payment, wire::AnswerKind::DONE, ""));
  EXPECT_EQ(Await(gtid).outcome, wire::Outcome::COMMITTED);
  EXPECT_EQ(Await(gtid).outcome, wire::Outcome::COMMITTED) << "also once it is in the log alone";
}

TEST_F(SagaHandlers, AFailureIsUndoneWithInputAndResult) {
  AttachService({"airline", "bank"});
  const std::string gtid = Start();
  Report(AnswerTo(Fetch(), wire::AnswerKind::DONE, R"({"price": 120})"));
  Report(AnswerTo(Fetch(), wire::AnswerKind::FAILED, "no money"));
  const wire::ActionCall fence = Fetch();
  EXPECT_EQ(fence.op, wire::ActionOp::FENCE);
  EXPECT_FALSE(fence.__isset.input);
  Report(AnswerTo(fence, wire::AnswerKind::SUPPRESSED, "fenced"));
  const wire::ActionCall undo = Fetch();
  EXPECT_EQ(undo.op, wire::ActionOp::COMPENSATE);
  EXPECT_EQ(undo.input, R"({"from":"ZRH"})");
  EXPECT_EQ(undo.result, R"({"price": 120})");
  Report(AnswerTo(undo, wire::AnswerKind::DONE, ""));
  const wire::Ending ending = Await(gtid);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(ending.cause, wire::AbortCause::STEP_FAILED);
  EXPECT_EQ(ending.reason, "step payment failed: no money");
}

TEST_F(SagaHandlers, AwaitBringsTheResultsWhereverTheEndIsReadFrom) {
  AttachService({"airline", "bank"});
  const std::string gtid = Start();
  Report(AnswerTo(Fetch(), wire::AnswerKind::DONE, R"({"price": 120})"));
  Report(AnswerTo(Fetch(), wire::AnswerKind::DONE, ""));
  for (int read = 0; read < 2; ++read) {  // at the end, then from the log
    wire::AwaitSagaRequest request;
    request.gtid = gtid;
    request.wait_ms = 10'000;
    wire::AwaitSagaReply reply;
    coordinator_.await_saga(reply, request);
    ASSERT_TRUE(reply.__isset.results);
    EXPECT_EQ(reply.results, (std::map<std::string, std::string>{{"flight", R"({"price": 120})"},
                                                                 {"payment", "null"}}));
  }
}

TEST_F(SagaHandlers, NobodyWaitsForTheEndOfWhatIsNoSaga) {
  const std::string gtid = Begin();
  try {
    Await(gtid);
    FAIL() << "it must be refused";
  } catch (const wire::ServiceError& error) {
    EXPECT_EQ(error.code, wire::ErrorCode::REFUSED);
    EXPECT_NE(error.message.find(gtid + " is not a saga"), std::string::npos) << error.message;
  }
  wire::AbortRequest abort;
  abort.gtid = gtid;
  wire::Ending ended;
  coordinator_.abort(ended, abort);
  EXPECT_EQ(Await(gtid).outcome, wire::Outcome::ABORTED) << "that is known, so it is said";
}

TEST_F(SagaHandlers, AStoredDefinitionIsStartedByNameAndAKeyMakesItOnce) {
  wire::DefineSagaRequest define;
  define.definition = kTrip;
  define.owner = "ann";
  wire::DefineSagaReply defined;
  coordinator_.define_saga(defined, define);
  EXPECT_EQ(defined.name, "trip");
  EXPECT_EQ(defined.version, 1);
  EXPECT_FALSE(defined.known);
  coordinator_.define_saga(defined, define);
  EXPECT_TRUE(defined.known);
  wire::StartSagaRequest request = Trip();
  request.definition.clear();
  request.__set_name("trip");
  request.__set_request_key("order-17");
  wire::BeginReply first;
  wire::BeginReply second;
  coordinator_.start_saga(first, request);
  coordinator_.start_saga(second, request);
  EXPECT_EQ(first.gtid, second.gtid);
  request.input = "{}";
  EXPECT_EQ(ErrorOf([&] { coordinator_.start_saga(second, request); }).code,
            wire::ErrorCode::REFUSED);
}

TEST_F(SagaHandlers, WhoServesActionsIsToldWhatHasEnded) {
  AttachService({"airline", "bank"});
  const std::string gtid = Start();
  wire::FetchRequest request;
  request.session = session_;
  request.most = 1;
  request.wait_ms = 4'000;
  wire::CommandBatch batch;
  participant_.fetch(batch, request);
  ASSERT_TRUE(batch.__isset.ended_through);
  EXPECT_EQ(batch.ended_through.epoch, 4);
  EXPECT_EQ(batch.ended_through.sequence, Gtid::Parse(gtid)->sequence() - 1);
}

TEST_F(SagaHandlers, AbortCancelsIt) {
  AttachService({"airline"});
  const std::string gtid = Start();
  Fetch();
  std::thread undoing([&] { Report(AnswerTo(Fetch(), wire::AnswerKind::DONE, "")); });
  wire::AbortRequest request;
  request.gtid = gtid;
  request.reason = "changed my mind";
  wire::Ending ending;
  coordinator_.abort(ending, request);
  undoing.join();
  EXPECT_EQ(ending.cause, wire::AbortCause::REQUESTED);
}

TEST_F(SagaHandlers, N05_WhatTheContractDoesNotAllowIsRefusedByName) {
  const auto start = [&](const auto& change) {
    return ErrorOf([&] {
             wire::StartSagaRequest request = Trip();
             change(request);
             wire::BeginReply reply;
             coordinator_.start_saga(reply, request);
           })
        .message;
  };
  EXPECT_THAT(start([](auto& r) { r.definition = "{}"; }), HasSubstr("/saga is missing"));
  EXPECT_THAT(start([](auto& r) { r.definition = "\xff"; }), HasSubstr("this is not JSON"));
  EXPECT_THAT(start([](auto& r) { r.input = "nothing"; }), HasSubstr("the saga's input: this is"));
  EXPECT_THAT(start([](auto& r) { r.input = std::string(70'000, ' '); }), HasSubstr("input has"));
  EXPECT_THAT(start([](auto& r) { r.owner = std::string(201, 'x'); }), HasSubstr("owner has 201"));
  EXPECT_THAT(start([](auto& r) { r.definition.clear(); }), HasSubstr("neither a definition nor"));
  EXPECT_THAT(start([](auto& r) { r.__set_name("trip"); }), HasSubstr("both a definition and"));
  EXPECT_THAT(start([](auto& r) { r.__set_version(1); }), HasSubstr("version goes with a name"));
  EXPECT_THAT(start([](auto& r) {
                r.definition.clear();
                r.__set_name("a b");
              }),
              HasSubstr("\"a b\", which is not a saga's name"));
  EXPECT_THAT(start([](auto& r) { r.__set_request_key(std::string(65, 'k')); }),
              HasSubstr("request_key has 65"));
  EXPECT_THAT(ErrorOf([&] { AttachService({"air line"}); }).message,
              HasSubstr("\"air line\" is not a participant's name"));
  EXPECT_THAT(ErrorOf([&] { AttachService({"a", "a"}); }).message, HasSubstr("name a twice"));
  EXPECT_THAT(ErrorOf([&] { Await("x"); }).message, HasSubstr("x"));
  EXPECT_THAT(ErrorOf([&] { Await(Start(), -1); }).message, HasSubstr("wait_ms is -1 ms"));

  AttachService({"airline"});
  Start();
  const wire::ActionAnswer good = AnswerTo(Fetch(), wire::AnswerKind::DONE, "");
  const auto report = [&](const auto& change) {
    return ErrorOf([&] {
             wire::ActionAnswer answer = good;
             change(answer);
             Report(answer);
           })
        .message;
  };
  EXPECT_THAT(report([](auto& a) { a.gtid = "x"; }), HasSubstr("x"));
  EXPECT_THAT(report([](auto& a) { a.step = 0; }), HasSubstr("branch is 0"));
  EXPECT_THAT(report([](auto& a) { a.attempt = 0; }), HasSubstr("attempt is not 1 or more"));
  EXPECT_THAT(report([](auto& a) { a.poll_after_ms = -1; }), HasSubstr("poll_after_ms is -1"));
  EXPECT_THAT(report([](auto& a) { a.op = static_cast<wire::ActionOp::type>(0); }),
              HasSubstr("op has the value 0"));
  EXPECT_THAT(report([](auto& a) { a.kind = static_cast<wire::AnswerKind::type>(6); }),
              HasSubstr("kind has the value 6"));
}

TEST_F(SagaHandlers, EveryWordOfTheContractHasItsValue) {
  for (int i = 1; i <= 6; ++i) {
    wire::ActionAnswer answer = AnswerTo({}, wire::AnswerKind::DONE, "");
    answer.gtid = "k3m9qxw4c7ab.4.1.00000007";
    answer.step = answer.attempt = 1;
    answer.op = static_cast<wire::ActionOp::type>(i);
    EXPECT_EQ(FromWire(answer)->op, static_cast<ActionOp>(i));
    EXPECT_EQ(ToWire(SagaCall{{}, static_cast<ActionOp>(i), "", "", 1, "", ""}).op, answer.op);
    for (int kind = 1; kind <= 5; ++kind) {
      answer.kind = static_cast<wire::AnswerKind::type>(kind);
      EXPECT_EQ(FromWire(answer)->answer.kind, static_cast<AnswerKind>(kind));
    }
  }
}

}  // namespace
}  // namespace settle::testing
