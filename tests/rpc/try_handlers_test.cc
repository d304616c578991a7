// Reservations over the handlers: what a program in any language can do with the contract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers.h"
#include "rpc/wire.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;

class TryHandlers : public Handlers {
 protected:
  wire::TryRequest Reserve(const std::string& gtid) const {
    wire::TryRequest request;
    request.gtid = gtid;
    request.participant = "inventory";
    request.action = "reserve";
    request.input = R"({"count": 2})";
    request.request_key = "t1";
    request.wait_ms = 1;
    return request;
  }
  wire::TryReply Try(const wire::TryRequest& request) {
    wire::TryReply reply;
    coordinator_.try_branch(reply, request);
    return reply;
  }
};

TEST_F(TryHandlers, ATryThatNobodyServesIsOngoingAndTheSameKeyIsTheSameBranch) {
  const std::string gtid = Begin();
  for (int i = 0; i < 2; ++i) {
    const wire::TryReply reply = Try(Reserve(gtid));
    EXPECT_EQ(reply.branch, 1);
    EXPECT_EQ(reply.became, wire::TryOutcome::ONGOING);
  }
  wire::TryRequest other = Reserve(gtid);
  other.input = "{}";
  EXPECT_EQ(ErrorOf([&] { Try(other); }).code, wire::ErrorCode::INVALID);
  other.request_key = "t2";
  EXPECT_EQ(Try(other).branch, 2);
}

TEST_F(TryHandlers, N05_WhatTheContractDoesNotAllowIsRefusedByName) {
  const std::string gtid = Begin();
  const auto refused = [&](const auto& change) {
    return ErrorOf([&] {
             wire::TryRequest request = Reserve(gtid);
             change(request);
             Try(request);
           })
        .message;
  };
  EXPECT_THAT(refused([](auto& r) { r.gtid = "x"; }), HasSubstr("x"));
  EXPECT_THAT(refused([](auto& r) { r.participant = "in ventory"; }),
              HasSubstr("participant is \"in ventory\""));
  EXPECT_THAT(refused([](auto& r) { r.action = ""; }), HasSubstr("action is \"\""));
  EXPECT_THAT(refused([](auto& r) { r.input = "{"; }), HasSubstr("the try's input: "));
  EXPECT_THAT(refused([](auto& r) { r.input = std::string(70'000, ' '); }), HasSubstr("input has"));
  EXPECT_THAT(refused([](auto& r) { r.request_key = ""; }), HasSubstr("request_key is empty"));
  EXPECT_THAT(refused([](auto& r) { r.request_key = std::string(65, 'k'); }),
              HasSubstr("request_key has 65"));
  EXPECT_THAT(refused([](auto& r) { r.wait_ms = -1; }), HasSubstr("wait_ms is -1 ms"));
  EXPECT_EQ(Try(Reserve(gtid)).branch, 1) << "nothing of it joined";
}

TEST_F(TryHandlers, EveryAnswerHasItsWord) {
  const auto word = [](AnswerKind kind) { return ToWire(TryAnswer{7, kind, "text"}); };
  EXPECT_EQ(word(AnswerKind::kDone).became, wire::TryOutcome::RESERVED);
  EXPECT_EQ(word(AnswerKind::kFailed).became, wire::TryOutcome::FAILED);
  EXPECT_EQ(word(AnswerKind::kOngoing).became, wire::TryOutcome::ONGOING);
  EXPECT_EQ(word(AnswerKind::kDone).branch, 7);
  EXPECT_EQ(word(AnswerKind::kDone).text, "text");
}

}  // namespace
}  // namespace settle::testing
