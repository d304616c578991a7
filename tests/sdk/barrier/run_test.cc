// What Run answers, by docs/protocols.md: the same for every database.
#include <atomic>
#include <thread>

#include "sdk/barrier/barrier_test_base.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using enum ActionOp;
using enum AnswerKind;

class BarrierRun : public BarrierTest {};
SETTLE_FOR_EACH_DATABASE(BarrierRun);

TEST_P(BarrierRun, M01_ARepeatedActionTakesEffectOnceAndIsAnsweredTheSame) {
  EXPECT_THAT(Run(kAction, Does("reserved", R"({"seat": "12A"})")), IsDone(R"({"seat": "12A"})"));
  EXPECT_THAT(Run(kAction, MustNotRun()), IsDone(R"({"seat": "12A"})"));
  EXPECT_THAT(world_->Open()->Run(Call(kAction), MustNotRun()), IsDone(R"({"seat": "12A"})"))
      << "in another process";
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_P(BarrierRun, OtherStepsAndOtherTransactionsAreOtherCalls) {
  for (const auto& [sequence, step] : {std::pair{1, 1}, {1, 2}, {2, 1}}) {
    EXPECT_THAT(barrier_->Run(Call(kAction, sequence, step), Does("reserved")), IsDone());
  }
  EXPECT_EQ(world_->Effects(), "1 reserved; 1 reserved; 2 reserved");
}

TEST_P(BarrierRun, M02_ACompensationBeforeItsActionIsEmptyAndSuppressesTheAction) {
  EXPECT_THAT(Run(kCompensate, MustNotRun()), IsDone());
  EXPECT_THAT(Run(kCompensate, MustNotRun()), IsDone());
  EXPECT_THAT(Run(kAction, MustNotRun()), Is(kSuppressed, "compensate was here first"));
  EXPECT_EQ(world_->Effects(), "");
}

TEST_P(BarrierRun, M02_ACompensationAfterItsActionRunsOnceWithWhatTheActionWasToldAndAnswered) {
  EXPECT_THAT(Run(kAction, Does("reserved", R"({"seat": "12A"})")), IsDone(R"({"seat": "12A"})"));
  EXPECT_THAT(Run(kCompensate,
                  [](const ActionContext& call, Work& work) {
                    EXPECT_EQ(call.input, R"({"seat": 1})");
                    EXPECT_EQ(call.result, R"({"seat": "12A"})");
                    return Does("undone")(call, work);
                  }),
              IsDone());
  EXPECT_THAT(Run(kCompensate, MustNotRun()), IsDone());
  EXPECT_EQ(world_->Effects(), "1 reserved; 1 undone");
}

TEST_P(BarrierRun, WhatTheCoordinatorKnowsComesBeforeWhatTheRowSays) {
  Run(kAction, Does("reserved", R"("the row's")"));
  ActionContext call = Call(kCompensate);
  call.result = R"("the coordinator's")";
  barrier_->Run(call, [](const ActionContext& filled, Work&) {
    EXPECT_EQ(filled.result, R"("the coordinator's")");
    EXPECT_EQ(filled.input, R"({"seat": 1})");
    return Done();
  });
}

TEST_P(BarrierRun, M07_AFenceBeforeTheActionKeepsItFromEverRunning) {
  EXPECT_THAT(Run(kFence, MustNotRun()), Is(kSuppressed, "fence was here first"));
  EXPECT_THAT(Run(kFence, MustNotRun()), Is(kSuppressed));
  EXPECT_THAT(Run(kAction, MustNotRun()), Is(kSuppressed));
  EXPECT_THAT(Run(kCompensate, MustNotRun()), IsDone()) << "there is nothing to undo";
  EXPECT_EQ(world_->Effects(), "");
}

TEST_P(BarrierRun, M07_AFenceAfterTheActionAnswersWithItsResult) {
  Run(kAction, Does("paid", R"({"receipt": 7})"));
  EXPECT_THAT(Run(kFence, MustNotRun()), IsDone(R"({"receipt": 7})"));
  EXPECT_THAT(Run(kAction, MustNotRun()), IsDone(R"({"receipt": 7})"));
}

TEST_P(BarrierRun, AFenceAfterACompensationFindsThatTheActionNeverRan) {
  Run(kCompensate, MustNotRun());
  EXPECT_THAT(Run(kFence, MustNotRun()), Is(kSuppressed));
}

TEST_P(BarrierRun, WhatIsNotDoneLeavesNothingBehindAndMayComeAgain) {
  const std::vector<Answer> answers{Failed("no seat left"), Ongoing(std::chrono::seconds(5)),
                                    Unknown("the printer is silent")};
  for (const Answer& answer : answers) {
    EXPECT_EQ(Run(kAction,
                  [&](const ActionContext& call, Work& work) {
                    Does("reserved")(call, work);
                    return answer;
                  }),
              answer);
    EXPECT_EQ(world_->Rows(), "0");
  }
  EXPECT_EQ(world_->Effects(), "");
  EXPECT_THAT(Run(kAction, Does("reserved")), IsDone());
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_P(BarrierRun, WhatTheBusinessThrowsIsUnknownAndRolledBack) {
  EXPECT_THAT(Run(kAction,
                  [](const ActionContext& call, Work& work) -> Answer {
                    Does("reserved")(call, work);
                    throw std::runtime_error("out of paper");
                  }),
              Is(kUnknown, "out of paper"));
  EXPECT_THAT(Run(kAction, [](const ActionContext&, Work&) -> Answer { throw 7; }), Is(kUnknown));
  EXPECT_EQ(world_->Effects(), "");
  EXPECT_EQ(world_->Rows(), "0");
}

TEST_P(BarrierRun, M09_ConfirmRunsOnceWithWhatTheTryWasToldAndAnswered) {
  Run(kTry, Does("held", R"({"hold": 3})"));
  EXPECT_THAT(Run(kConfirm,
                  [](const ActionContext& call, Work& work) {
                    EXPECT_EQ(call.input, R"({"seat": 1})");
                    EXPECT_EQ(call.result, R"({"hold": 3})");
                    return Does("confirmed")(call, work);
                  }),
              IsDone());
  EXPECT_THAT(Run(kConfirm, MustNotRun()), IsDone());
  EXPECT_EQ(world_->Effects(), "1 held; 1 confirmed");
}

TEST_P(BarrierRun, M09_CancelBeforeTryIsEmptyAndSuppressesTheTry) {
  EXPECT_THAT(Run(kCancel, MustNotRun()), IsDone());
  EXPECT_THAT(Run(kTry, MustNotRun()), Is(kSuppressed));
  EXPECT_THAT(Run(kConfirm, MustNotRun()), Is(kUnknown, "ALARM: protocol error"));
}

TEST_P(BarrierRun, M09_ConfirmWithoutTryIsAnAlarmAndDoesNotKeepTheTryFromRunning) {
  EXPECT_THAT(Run(kConfirm, MustNotRun()), Is(kUnknown, "confirm without a try"));
  EXPECT_THAT(Run(kTry, Does("held")), IsDone());
  EXPECT_THAT(Run(kConfirm, Does("confirmed")), IsDone());
}

TEST_P(BarrierRun, M09_ConfirmAndCancelNeverBothTakeEffect) {
  Run(kTry, Does("held"));
  Run(kConfirm, Does("confirmed"));
  EXPECT_THAT(Run(kCancel, MustNotRun()), Is(kUnknown, "cancel after confirm"));
  barrier_->Run(Call(kTry, 2), Does("held"));
  barrier_->Run(Call(kCancel, 2), Does("cancelled"));
  EXPECT_THAT(barrier_->Run(Call(kConfirm, 2), MustNotRun()), Is(kUnknown, "confirm after cancel"));
  EXPECT_EQ(world_->Effects(), "1 held; 1 confirmed; 1 held; 1 cancelled");
}

TEST_P(BarrierRun, AResultThatCannotBeKeptIsRolledBack) {
  EXPECT_THAT(Run(kAction, Does("reserved", std::string(70'000, 'x'))), Is(kUnknown, "70000"));
  EXPECT_THAT(Run(kAction, Does("reserved", std::string("a\0b", 3))), Is(kUnknown, "NUL"));
  EXPECT_EQ(world_->Effects(), "");
  const std::string longest(64 * 1024, 'x');
  EXPECT_THAT(Run(kAction, Does("reserved", longest)), IsDone(longest));
  EXPECT_THAT(Run(kAction, MustNotRun()), IsDone(longest));
}

TEST_P(BarrierRun, ABusinessThatEndsTheTransactionItselfIsNeverDone) {
  std::uint64_t sequence = 0;
  for (const char* end : {"COMMIT", "ROLLBACK", "BEGIN; COMMIT"}) {
    const Answer answer = barrier_->Run(Call(kAction, ++sequence), [&](const auto&, Work& work) {
      EXPECT_FALSE(work.Execute(end)) << end;
      EXPECT_FALSE(work.Execute("SELECT 1")) << "after " << end;
      return Done();
    });
    EXPECT_THAT(answer, Is(kUnknown)) << end;
  }
}

TEST_P(BarrierRun, ACallWithoutATransactionIsRefusedByName) {
  EXPECT_THAT(barrier_->Run(ActionContext{}, MustNotRun()), Is(kUnknown, "names no transaction"));
}

TEST_P(BarrierRun, M01_OfTwoCopiesAtOnceOneWaitsForTheOther) {
  std::atomic<bool> inside{false};
  std::atomic<bool> go_on{false};
  std::jthread first([&] {
    EXPECT_THAT(Run(kAction,
                    [&](const ActionContext& call, Work& work) {
                      inside = true;
                      EXPECT_TRUE(WaitUntil([&] { return go_on.load(); }));
                      return Does("reserved", R"("first")")(call, work);
                    }),
                IsDone(R"("first")"));
  });
  ASSERT_TRUE(WaitUntil([&] { return inside.load(); }));
  std::jthread second(
      [&] { EXPECT_THAT(world_->Open()->Run(Call(kAction), MustNotRun()), IsDone(R"("first")")); });
  EXPECT_TRUE(world_->AwaitBlocked());
  go_on = true;
  first.join();
  second.join();
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

TEST_P(BarrierRun, M02_ACompensationWaitsForItsActionThatIsAtWorkAndUndoesIt) {
  std::atomic<bool> inside{false};
  std::atomic<bool> go_on{false};
  std::jthread action([&] {
    Run(kAction, [&](const ActionContext& call, Work& work) {
      inside = true;
      EXPECT_TRUE(WaitUntil([&] { return go_on.load(); }));
      return Does("reserved")(call, work);
    });
  });
  ASSERT_TRUE(WaitUntil([&] { return inside.load(); }));
  std::jthread compensation(
      [&] { EXPECT_THAT(world_->Open()->Run(Call(kCompensate), Does("undone")), IsDone()); });
  EXPECT_TRUE(world_->AwaitBlocked());
  go_on = true;
  action.join();
  compensation.join();
  EXPECT_EQ(world_->Effects(), "1 reserved; 1 undone");
}

TEST_P(BarrierRun, ACopyThatWaitsIsUnknownAtItsDeadline) {
  std::atomic<bool> inside{false};
  std::atomic<bool> go_on{false};
  std::jthread first([&] {
    Run(kAction, [&](const ActionContext& call, Work& work) {
      inside = true;
      EXPECT_TRUE(WaitUntil([&] { return go_on.load(); }));
      return Does("reserved")(call, work);
    });
  });
  ASSERT_TRUE(WaitUntil([&] { return inside.load(); }));
  ActionContext copy = Call(kAction);
  copy.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  EXPECT_THAT(world_->Open()->Run(copy, MustNotRun()), Is(kUnknown));
  EXPECT_GE(std::chrono::steady_clock::now(), copy.deadline);
  go_on = true;
  first.join();
  EXPECT_EQ(world_->Effects(), "1 reserved");
}

}  // namespace
}  // namespace settle::testing
