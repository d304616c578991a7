// What recovery reads of sagas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/replay.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Gtid GtidNumber(std::uint64_t sequence) { return Gtid::Make("k3m9qxw4c7ab", 1, sequence, 7); }

SagaBeginRecord BeginOf(std::uint64_t sequence) {
  saga::StepDefinition flight;
  flight.name = "flight";
  flight.participant = "airline";
  flight.action = "reserve-seat";
  return {GtidNumber(sequence), {"shop", "order", 1}, "", {"trip", 1, 0, {flight}}, "{}"};
}

SagaStepRecord DoneOf(std::uint64_t sequence, BranchNumber step = 1) {
  return {GtidNumber(sequence), step, ActionOp::kAction, "{}"};
}

const Ending kCancelled{Outcome::kAborted, AbortCause::kRequested, "why", false};

EndRecord EndOf(std::uint64_t sequence) {
  EndRecord end;
  end.summary.gtid = GtidNumber(sequence);
  end.summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
  return end;
}

std::vector<RestoredSaga> SagasOf(FakeLog& log) {
  auto state = ReplayLog(log);
  EXPECT_TRUE(state);
  EXPECT_THAT(state->open, IsEmpty());
  return state->sagas;
}

TEST(SagaReplay, ASagaThatHasNotEndedComesWithItsRecordsInOrder) {
  FakeLog log;
  log.Keep(BeginOf(9));
  log.Keep(BeginOf(3));
  log.Keep(DoneOf(9));
  log.Keep(SagaAbortingRecord{GtidNumber(9), kCancelled, 5, {1}});
  log.Keep(BeginOf(4));
  log.Keep(EndOf(4));
  const std::vector<RestoredSaga> sagas = SagasOf(log);
  ASSERT_EQ(sagas.size(), 2U);
  EXPECT_EQ(sagas[0].begin, BeginOf(9));
  EXPECT_EQ(sagas[0].contradiction, "");
  EXPECT_THAT(sagas[0].later,
              ElementsAre(SagaRecord(DoneOf(9)),
                          SagaRecord(SagaAbortingRecord{GtidNumber(9), kCancelled, 5, {1}})));
  EXPECT_EQ(sagas[1].begin, BeginOf(3));
}

TEST(SagaReplay, AForgottenSagaIsNoForgottenTransaction) {
  FakeLog log;
  log.Keep(BeginOf(1));
  log.Keep(SagaActRecord{GtidNumber(1), 1, SagaAct::kSkip, "", "ann", "by hand", 2});
  log.Keep(SagaEndRecord{GtidNumber(1), {Outcome::kMixed, {}, "skipped", false}, 3});
  log.Keep(ForgetRecord{GtidNumber(1), {Outcome::kMixed, {}, "skipped", false}, "ann", "ok", 4});
  const std::vector<RestoredSaga> sagas = SagasOf(log);
  ASSERT_EQ(sagas.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<ForgetRecord>(sagas[0].later.back()));
  EXPECT_EQ(sagas[0].contradiction, "");
}

TEST(SagaReplay, C21_WhatCannotBeBelievedIsQuarantinedAndOthersAreNot) {
  SagaBeginRecord empty = BeginOf(2);
  empty.definition.steps.clear();
  SagaBeginRecord future = BeginOf(3);
  future.gtid = Gtid::Make("k3m9qxw4c7ab", 99, 3, 7);
  FakeLog log;
  log.Keep(DoneOf(1));
  log.Keep(empty);
  log.Keep(future);
  log.Keep(BeginOf(4));
  log.Keep(DoneOf(4, 2));
  log.Keep(BeginOf(5));
  log.Keep(SagaAbortingRecord{GtidNumber(5), kCancelled, 5, {1, 0}});
  log.Keep(BeginOf(6));
  log.Keep(BeginOf(6));
  log.Keep(BeginOf(7));
  std::vector<std::string> contradictions;
  for (const RestoredSaga& saga : SagasOf(log)) contradictions.push_back(saga.contradiction);
  EXPECT_THAT(contradictions,
              ElementsAre(HasSubstr("no record before says that it began"),
                          HasSubstr("its definition cannot run: the saga has 0 steps"),
                          HasSubstr("epoch 99"), HasSubstr("a record of step 2"),
                          HasSubstr("a record of step 0"),
                          HasSubstr("position 9 begins what had begun at position 8"), ""));
}

}  // namespace
}  // namespace settle::coordinator
