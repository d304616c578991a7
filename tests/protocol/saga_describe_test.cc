#include "protocol/saga_describe.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/describe.h"
#include "protocol/saga_event_parser.h"

namespace settle::coordinator::saga {
namespace {

// Read and printed again it must be the same words.
TEST(SagaDescribe, EveryEventCanBeReadBack) {
  const std::vector<std::string> lines{
      "start",
      "answer 1 action 2 done {\"seat\": \"12 A\"}",
      "answer 1 action 1 done",
      "answer 3 compensate 1 failed \"no \\x22refund\\x22\"",
      "answer 2 action 1 ongoing 5000",
      "answer 2 fence 7 unknown \"the handler threw\"",
      "answer 2 action 1 suppressed",
      "step-timer 4",
      "deadline",
      "log-timer",
      "cancel requested \"changed my mind\"",
      "cancel operator",
      "participant-ready airline",
      "retry all",
      "retry 2",
      "skip 2 by \"eve\" \"refunded by hand\"",
      "set-input 2 by \"eve\" \"wrong account\" {\"account\": 7}",
      "forget \"eve\" \"paid back\"",
      "persisted",
      "persist-refused \"disk full\"",
      "restored",
  };
  std::set<std::size_t> kinds;
  for (const std::string& line : lines) {
    const Result<Event> event = ParseEvent(line);
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(Describe(*event), line);
    kinds.insert(event->index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>) << "an event is missing from this test";
}

TEST(SagaDescribe, WhatIsNotAnEventIsRefusedByTheWordThatIsWrong) {
  for (const auto& [line, word] : std::vector<std::pair<std::string, std::string>>{
           {"explode", "explode"},
           {"", "the end of the line"},
           {"answer 1 action 1 maybe", "maybe"},
           {"answer one action 1 done", "one"},
           {"answer 1 action 1 ongoing soon", "soon"},
           {"skip 2 eve", "eve"},
           {"deadline 5", "5"},
       }) {
    const Result<Event> event = ParseEvent(line);
    ASSERT_FALSE(event) << line;
    EXPECT_TRUE(event.error().message.starts_with("\"" + word + "\"")) << event.error().message;
  }
}

TEST(SagaDescribe, A03_TextFromOutsideIsEscaped) {
  const event::Answered done{1, ActionOp::kAction, 1, {AnswerKind::kDone, "\"a\x1b\n\"", 0}};
  EXPECT_EQ(Describe(Event{done}), "answer 1 action 1 done \"a\\x1b\\x0a\"");
  const event::Answered failed{1, ActionOp::kAction, 1, {AnswerKind::kFailed, "a\n\"b\"", 0}};
  EXPECT_EQ(Describe(Event{failed}), "answer 1 action 1 failed \"a\\x0a\\x22b\\x22\"");
}

TEST(SagaDescribe, RecordsAreNamedAsTheLogKnowsThem) {
  SagaBeginRecord begin;
  begin.definition = {"trip", 3, 0, {StepDefinition{}, StepDefinition{}}};
  begin.input = "{\"customer\":7}";
  EXPECT_EQ(Describe(SagaRecord{begin}),
            "saga begin record: trip version 3, 2 steps input {\"customer\":7}");
  EXPECT_EQ(Describe(SagaRecord{SagaStepRecord{{}, 2, ActionOp::kAction, "{}"}}),
            "saga step record: 2 done {}");
  EXPECT_EQ(Describe(SagaRecord{SagaStepRecord{{}, 2, ActionOp::kCompensate, ""}}),
            "saga step record: 2 undone");
  EXPECT_EQ(Describe(SagaRecord{ForgetRecord{}}), coordinator::Describe(Record{ForgetRecord{}}));
  const SagaEndRecord end{{}, {Outcome::kCommitted, {}, "", false}, 0};
  EXPECT_EQ(coordinator::Describe(Record{end}), "saga end record: committed");
  const Ending aborted{Outcome::kAborted, AbortCause::kDeadline, "late", true};
  EXPECT_EQ(Describe(SagaRecord{SagaAbortingRecord{{}, aborted, 0, {1, 3}}}),
            "saga aborting record: aborted (deadline, retryable) \"late\", compensate 1 3");
  EXPECT_EQ(Describe(SagaRecord{SagaActRecord{{}, 2, SagaAct::kSkip, "", "eve", "by hand", 0}}),
            "saga act record: skip 2 by \"eve\" \"by hand\"");
  EXPECT_EQ(Describe(SagaRecord{SagaEndRecord{{}, {Outcome::kCommitted, {}, "", false}, 0}}),
            "saga end record: committed");
}

}  // namespace
}  // namespace settle::coordinator::saga
