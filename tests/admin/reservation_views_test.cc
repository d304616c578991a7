// What operators see of reservations, and what they may do to one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 1, 5, 7);

RegisteredRecord Registered() {
  return {kGtid, {"shop", "order 17", 1}, 1, "inventory", "reserve", "{}", 2};
}
CommitRecord Decided() {
  return {kGtid, {"shop", "order 17", 1}, 3, {{1, "inventory", Vote::kCommit, {}}}};
}

TEST(ReservationViews, M09_AConfirmThatDoesNotGetOnIsInDoubtWithWhatAPersonCanDo) {
  AdminUnderTest admin;
  admin.RestoreFrom({Registered(), Decided()});
  Service inventory(admin.engine, {"inventory"});
  inventory.Report(inventory.Take().at(0), {AnswerKind::kFailed, "the shelf is empty", 0});
  const auto in_doubt = admin.InDoubt();
  ASSERT_THAT(in_doubt->transactions, SizeIs(1));
  const TransactionView& view = in_doubt->transactions[0];
  EXPECT_EQ(view.summary.branches[0].state, "confirming");
  EXPECT_EQ(view.waiting_for, "branch 1 in inventory (the shelf is empty) to commit");
  EXPECT_THAT(view.advice, HasSubstr("mend the cause at inventory"));
  EXPECT_THAT(view.advice, HasSubstr("'settle skip " + kGtid.text() + " --step 1 --reason ...'"));
  EXPECT_EQ(admin.Retry(kGtid)->transactions, 1U);
  EXPECT_EQ(inventory.Take().at(0).op, ActionOp::kConfirm);
}

TEST(ReservationViews, M09_ASkippedCancelIsDamageThatAPersonForgets) {
  AdminUnderTest admin;
  admin.RestoreFrom({Registered()});
  EXPECT_EQ(admin.Show(kGtid)->summary.state, "aborting");
  const auto none = admin.Act({kGtid, "7", SagaAct::kSkip, "", "ann", "gone"});
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(none.error().advice, "its reservations are branches 1 in inventory");
  const auto set = admin.Act({kGtid, "1", SagaAct::kSetInput, "{}", "ann", "gone"});
  EXPECT_EQ(set.error().code, ErrorCode::kRefused);
  EXPECT_THAT(set.error().message, HasSubstr("nothing was changed"));
  const auto skipped = admin.Act({kGtid, "1", SagaAct::kSkip, "", "ann", "the service is gone"});
  ASSERT_TRUE(skipped) << Describe(skipped.error());
  EXPECT_EQ(skipped->summary.state, "damaged");
  EXPECT_THAT(skipped->advice, HasSubstr("its cancel was skipped by ann: the service is gone"));
  EXPECT_EQ(admin.Act({kGtid, "1", SagaAct::kSkip, "", "bob", "r"}).error().code,
            ErrorCode::kRefused);
  EXPECT_TRUE(admin.Forget(kGtid));
  EXPECT_THAT(admin.InDoubt()->transactions, SizeIs(0));
}

// Participants keep what they noted until then.
TEST(ReservationViews, WhatIsReservedHoldsBackWhatHasEndedUntilItsEndIsDurable) {
  AdminUnderTest admin;
  admin.RestoreFrom({Registered()});
  EXPECT_EQ(admin.engine.engine().oldest_unended(), kGtid);
  Service inventory(admin.engine, {"inventory"});
  const SagaCall cancel = inventory.Take().at(0);
  admin.engine.log().held = true;
  inventory.ReportDone(cancel);
  EXPECT_EQ(admin.engine.engine().oldest_unended(), kGtid) << "its end can be lost";
  admin.engine.log().held = false;
  admin.engine.Run();
  EXPECT_EQ(admin.engine.engine().oldest_unended(), std::nullopt);
}

}  // namespace
}  // namespace settle::coordinator
