// What operators see of sagas, and what they may do to one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"

namespace settle::coordinator {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 1, 5, 7);

SagaBeginRecord BeginOf(saga::StepKind kind) {
  saga::StepDefinition flight;
  flight.name = "flight";
  flight.participant = "airline";
  flight.action = "reserve-seat";
  flight.kind = kind;
  flight.timeout_ms = 100;
  return {kGtid, {"shop", "order 17", 0}, "", {"trip", 1, 0, {flight}}, "{}"};
}

TEST(SagaViews, ASagaIsInDoubtOnceAStepDoesNotGetOn) {
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kCompensatable)});
  EXPECT_THAT(admin.InDoubt()->transactions, SizeIs(0));
  admin.engine.Advance(10s);
  const auto in_doubt = admin.InDoubt();
  ASSERT_THAT(in_doubt->transactions, SizeIs(1));
  const TransactionView& view = in_doubt->transactions[0];
  EXPECT_EQ(view.summary.state, "running");
  EXPECT_THAT(view.waiting_for, HasSubstr("airline (no answer within 100 ms)"));
  EXPECT_THAT(view.advice, HasSubstr("bring a process that serves the participant back"));
}

TEST(SagaViews, RetryCallsAParticipantNow) {
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kCompensatable)});
  EXPECT_EQ(admin.Retry(kGtid)->transactions, 1U);
  EXPECT_EQ(admin.RetryAll()->transactions, 1U);
  EXPECT_EQ(admin.RetryAll("airline")->transactions, 1U);
  EXPECT_EQ(admin.RetryAll("bank").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(admin.Show(kGtid)->summary.branches[0].attempts, 4);
}

TEST(SagaViews, ResolveCancelsItAndCannotCommitIt) {
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kNoUndo)});
  EXPECT_EQ(admin.Resolve(kGtid, Decision::kCommit).error().code, ErrorCode::kRefused);
  const auto resolved = admin.Resolve(kGtid, Decision::kAbort);
  ASSERT_TRUE(resolved) << Describe(resolved.error());
  EXPECT_EQ(resolved->summary.ending.cause, AbortCause::kOperator);
}

TEST(SagaViews, DamageAndQuarantineAreInDoubtUntilTheyAreForgotten) {
  const Ending mixed{Outcome::kMixed, AbortCause::kNone, "skipped", false};
  AdminUnderTest damaged;
  damaged.RestoreFrom({BeginOf(saga::StepKind::kCompensatable),
                       SagaActRecord{kGtid, 1, SagaAct::kSkip, "", "ann", "by hand", 1},
                       SagaEndRecord{kGtid, mixed, 2}});
  EXPECT_THAT(damaged.InDoubt()->transactions, SizeIs(1));
  EXPECT_TRUE(damaged.Forget(kGtid));
  EXPECT_THAT(damaged.InDoubt()->transactions, SizeIs(0));

  AdminUnderTest quarantined;
  quarantined.RestoreFrom({SagaStepRecord{kGtid, 1, ActionOp::kAction, "{}"}});
  const auto in_doubt = quarantined.InDoubt();
  ASSERT_THAT(in_doubt->transactions, SizeIs(1));
  EXPECT_EQ(in_doubt->transactions[0].summary.state, "quarantined");
  const auto forgotten = quarantined.Forget(kGtid);
  ASSERT_TRUE(forgotten) << Describe(forgotten.error());
  EXPECT_THAT(forgotten->summary.ending.reason, HasSubstr("forgotten by ann: credited by hand"));
  EXPECT_THAT(quarantined.InDoubt()->transactions, SizeIs(0));
}

}  // namespace
}  // namespace settle::coordinator
