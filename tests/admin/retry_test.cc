#include "admin/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Retry, WhatADecidedTransactionWaitsForIsSentNowAndSaidToWhom) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  EXPECT_THAT(bank.TakeWords(), IsEmpty()) << "its caller finishes it";
  const auto view = admin.Retry(gtid);
  ASSERT_TRUE(view) << Describe(view.error());
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
  EXPECT_EQ(view->transactions, 1U);
  ASSERT_THAT(view->resources, SizeIs(1));
  EXPECT_EQ(view->resources[0].resource, "bank-a");
  EXPECT_EQ(view->resources[0].command, "commit");
  EXPECT_EQ(view->resources[0].branches, 1U);
  ASSERT_THAT(view->resources[0].sessions, SizeIs(1));
  EXPECT_EQ(view->resources[0].sessions[0].session, bank.session());
  EXPECT_EQ(view->resources[0].last_error, "");
}

TEST(Retry, WhoIsNotThereAndWhatWasAnsweredLastAreSaid) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  Answer<std::monostate> reported;
  admin.engine.engine().Report(
      {bank.session(), {}, {{{gtid, 1}, {BranchEnd::kRetry, "connection refused"}}}},
      reported.done());
  admin.engine.Run();
  bank.Detach();
  const auto view = admin.Retry(gtid);
  ASSERT_TRUE(view);
  ASSERT_THAT(view->resources, SizeIs(1));
  EXPECT_THAT(view->resources[0].sessions, IsEmpty());
  EXPECT_EQ(view->resources[0].last_error, "connection refused");
}

TEST(Retry, OneThatIsUndecidedOrDamagedIsRefusedAndSaysWhatIsSo) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid active = admin.engine.Begin();
  const Gtid damaged = admin.Damaged(bank);
  bank.Take();
  for (const auto& [gtid, word] : std::vector<std::pair<Gtid, std::string>>{
           {active, "is active and undecided"}, {damaged, "is damaged"}}) {
    const auto refused = admin.Retry(gtid);
    ASSERT_FALSE(refused) << word;
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr(word));
  }
  EXPECT_THAT(admin.Retry(damaged).error().advice, HasSubstr("settle forget"));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
}

TEST(Retry, OneThatHasEndedHasNothingToBeSent) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  const auto view = admin.Retry(gtid);
  ASSERT_TRUE(view) << Describe(view.error());
  EXPECT_EQ(view->transactions, 0U);
  EXPECT_THAT(view->resources, IsEmpty());
  EXPECT_EQ(admin.Retry(Gtid::Make("zzzzzzzzzzzz", 1, 1, 7)).error().code, ErrorCode::kWrongLog);
}

TEST(Retry, OneThatTheLogHasNoRecordOfIsNotFound) {
  AdminUnderTest admin;
  const Gtid begun = admin.engine.Begin();
  const Gtid guessed = Gtid::Make(std::string(begun.log_id()), begun.epoch(), begun.sequence(), 99);
  EXPECT_EQ(admin.Retry(guessed).error().code, ErrorCode::kNotFound);
}

TEST(Retry, OneResourceOrAllOfThem) {
  AdminUnderTest admin;
  Participant bank_a(admin.engine, {"bank-a"});
  Participant bank_b(admin.engine, {"bank-b"});
  admin.Committing(bank_a);
  admin.Committing(bank_a);
  const Gtid aborted = admin.engine.Begin();
  bank_b.Enlist(aborted, "bank-b");
  ASSERT_TRUE(admin.Resolve(aborted, Decision::kAbort));
  EXPECT_THAT(bank_b.TakeWords(), ElementsAre("abort 1"));

  EXPECT_EQ(admin.RetryAll("bank-c").error().code, ErrorCode::kNotFound);
  const auto one = admin.RetryAll("bank-a");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->transactions, 2U);
  EXPECT_THAT(bank_a.TakeWords(), ElementsAre("commit 1", "commit 1"));
  EXPECT_THAT(bank_b.TakeWords(), IsEmpty());
  const auto all = admin.RetryAll();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->transactions, 3U);
  ASSERT_THAT(all->resources, SizeIs(2));
  EXPECT_EQ(all->resources[0].branches, 2U);
  EXPECT_EQ(all->resources[1].command, "abort");
  EXPECT_THAT(bank_b.TakeWords(), ElementsAre("abort 1"));
}

TEST(Retry, ADryRunWhenNothingIsOpenFindsNothingToSend) {
  AdminUnderTest admin;
  const auto all = admin.WouldRetryAll();
  ASSERT_TRUE(all) << Describe(all.error());
  EXPECT_EQ(all->transactions, 0U);
  EXPECT_THAT(all->resources, IsEmpty());
}

TEST(Retry, ADryRunRefusesWhatWouldBeRefused) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid active = admin.engine.Begin();
  EXPECT_EQ(Describe(admin.WouldRetryAll("bank-c").error()),
            Describe(admin.RetryAll("bank-c").error()));
  EXPECT_EQ(Describe(admin.WouldRetry(active).error()), Describe(admin.Retry(active).error()));
  EXPECT_THAT(admin.WouldRetryAll("bank-a")->resources, IsEmpty());
}

TEST(Retry, ADryRunGoesThroughEveryPage) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const std::size_t many = OpenQuery{}.most + 1;
  for (std::size_t i = 0; i < many; ++i) admin.Committing(bank);
  bank.TakeWords();
  EXPECT_EQ(admin.WouldRetryAll()->transactions, many);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
}

}  // namespace
}  // namespace settle::coordinator
