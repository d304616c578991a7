// A W3C traceparent on the wire: optional everywhere, and nothing of it goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

wire::StartSagaRequest ASaga() {
  wire::StartSagaRequest request;
  request.__set_name("trip");
  request.input = "{}";
  return request;
}

TEST(TraceOnTheWire, ArrivesWithABeginAndWithAStartedSaga) {
  wire::BeginRequest begin;
  begin.__set_trace_parent(kTrace);
  EXPECT_EQ(FromWire(begin).value().trace_parent, kTrace);
  wire::StartSagaRequest saga = ASaga();
  saga.__set_trace_parent(kTrace);
  EXPECT_EQ(FromWire(saga).value().trace_parent, kTrace);
}

TEST(TraceOnTheWire, IsIgnoredWhereItIsNone) {
  for (const std::string& none : {std::string(), std::string("hello"), kTrace + "x",
                                  std::string("\xff\n\0", 3), std::string(1'000'000, 'a')}) {
    wire::BeginRequest begin;
    begin.__set_trace_parent(none);
    ASSERT_TRUE(FromWire(begin));
    EXPECT_EQ(FromWire(begin)->trace_parent, "");
    wire::StartSagaRequest saga = ASaga();
    saga.__set_trace_parent(none);
    ASSERT_TRUE(FromWire(saga));
    EXPECT_EQ(FromWire(saga)->trace_parent, "");
  }
}

TEST(TraceOnTheWire, GoesWithCommandsAndCallsAndCostsNothingWhereThereIsNone) {
  const BranchKey key{Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51), 1};
  Command command;
  command.kind = CommandKind::kCommit;
  command.key = key;
  SagaCall call;
  call.key = key;
  call.op = ActionOp::kAction;
  CommandBatch batch{1, {command}, {call}};
  const wire::CommandBatch plain = ToWire(batch);
  EXPECT_FALSE(plain.commands.at(0).__isset.trace_parent);
  EXPECT_FALSE(plain.calls.at(0).__isset.trace_parent);
  batch.commands[0].trace_parent = batch.calls[0].trace_parent = kTrace;
  const wire::CommandBatch traced = ToWire(batch);
  EXPECT_TRUE(traced.commands.at(0).__isset.trace_parent);
  EXPECT_EQ(traced.commands.at(0).trace_parent, kTrace);
  EXPECT_TRUE(traced.calls.at(0).__isset.trace_parent);
  EXPECT_EQ(traced.calls.at(0).trace_parent, kTrace);
}

TEST(TraceOnTheWire, IsShown) {
  TransactionView view;
  view.summary.gtid = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
  EXPECT_FALSE(ToWire(view).__isset.trace_parent);
  view.summary.origin.trace_parent = kTrace;
  EXPECT_EQ(ToWire(view).trace_parent, kTrace);
}

}  // namespace
}  // namespace settle::coordinator
