#include "admin/forget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kByAnn = "forgotten by ann: credited by hand; damage: branch 1 in bank-a: ";

template <typename T>
std::size_t PositionOf(const std::vector<Record>& records) {
  const auto found = std::find_if(records.begin(), records.end(), [](const Record& record) {
    return std::holds_alternative<T>(record);
  });
  return static_cast<std::size_t>(found - records.begin());
}

TEST(Forget, DamageIsKeptShownAndCountedUntilItIsForgotten) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  const auto status = [&] { return admin.engine.Blocking([&] { return admin.views.Status(); }); };
  EXPECT_EQ(status()->damaged, 1U);
  EXPECT_THAT(admin.InDoubt()->transactions, SizeIs(1));
  EXPECT_THAT(admin.Show(gtid)->advice, HasSubstr("settle forget " + gtid.text() + " --reason"));

  const auto view = admin.Forget(gtid);
  ASSERT_TRUE(view) << Describe(view.error());
  EXPECT_EQ(view->summary.state, "done");
  EXPECT_EQ(view->summary.ending.outcome, Outcome::kHazard);
  EXPECT_THAT(view->summary.ending.reason, StartsWith(kByAnn));
  EXPECT_EQ(view->advice, "");
  EXPECT_EQ(status()->damaged, 0U);
  EXPECT_THAT(status()->open, IsEmpty());
  EXPECT_THAT(admin.InDoubt()->transactions, IsEmpty());
  EXPECT_EQ(admin.engine.log().Durable<EndRecord>().back().summary.ending, view->summary.ending);
  EXPECT_TRUE(admin.engine.observer().Saw("forgotten by ann: credited by hand"));
  const auto resolved = admin.Resolve(gtid, Decision::kAbort);
  ASSERT_FALSE(resolved);
  EXPECT_THAT(resolved.error().advice, HasSubstr("'settle show " + gtid.text()))
      << "a part of it may be done: nobody is told to do it again";
}

TEST(Forget, WhoAndWhyAreDurableBeforeTheAnswer) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  admin.engine.log().held = true;
  Answer<std::monostate> forgotten;
  admin.engine.engine().Forget({gtid, "ann", "credited by hand"}, forgotten.done());
  admin.engine.Run();
  EXPECT_FALSE(forgotten.came());
  EXPECT_EQ(admin.engine.Show(gtid).state, "forgetting");
  EXPECT_EQ(admin.engine.AskOutcome(gtid).outcome, Outcome::kHazard);
  admin.engine.log().held = false;
  admin.engine.Run();
  EXPECT_TRUE(forgotten.ok());
  EXPECT_EQ(forgotten.count(), 1U);
  const std::vector<Record> records = admin.engine.log().durable();
  EXPECT_LT(PositionOf<HeuristicRecord>(records), PositionOf<ForgetRecord>(records));
  EXPECT_LT(PositionOf<ForgetRecord>(records), PositionOf<EndRecord>(records));
  ASSERT_LT(PositionOf<EndRecord>(records), records.size());
  const ForgetRecord record = admin.engine.log().Durable<ForgetRecord>().at(0);
  EXPECT_EQ(record.operator_name, "ann");
  EXPECT_EQ(record.reason, "credited by hand");
  EXPECT_EQ(record.ending.outcome, Outcome::kHazard);
  EXPECT_EQ(record.at, admin.engine.clock().WallNow());
}

TEST(Forget, A02_OfTwoOperatorsAtOnceOneWinsAndTheOtherIsToldWhoAndWhy) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  admin.engine.log().held = true;
  Answer<std::monostate> ann, ann_again, bob;
  admin.engine.engine().Forget({gtid, "ann", "credited by hand"}, ann.done());
  admin.engine.engine().Forget({gtid, "bob", "wrote it off"}, bob.done());
  admin.engine.engine().Forget({gtid, "ann", "credited by hand"}, ann_again.done());
  admin.engine.Run();
  EXPECT_EQ(bob.error().code, ErrorCode::kRefused);
  EXPECT_THAT(bob.error().message, AllOf(HasSubstr("ann"), HasSubstr("credited by hand")));
  admin.engine.log().held = false;
  admin.engine.Run();
  EXPECT_TRUE(ann.ok());
  EXPECT_TRUE(ann_again.ok());
  EXPECT_EQ(bob.count(), 1U);
  EXPECT_THAT(admin.engine.log().Durable<ForgetRecord>(), SizeIs(1));
}

TEST(Forget, RepeatedItIsDoneAndAnotherOperatorIsToldThatItWasDone) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  ASSERT_TRUE(admin.Forget(gtid));
  ASSERT_TRUE(admin.Forget(gtid)) << "its reply was lost, so it is asked again";
  EXPECT_THAT(admin.engine.log().Durable<ForgetRecord>(), SizeIs(1));
  for (const auto& [who, why] : std::vector<std::pair<std::string, std::string>>{
           {"bob", "credited by hand"}, {"ann", "credited"}, {"ann", "another reason"}}) {
    const auto refused = admin.Forget(gtid, who, why);
    ASSERT_FALSE(refused) << who << " " << why;
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr("was forgotten by ann: credited by hand"));
  }
}

TEST(Forget, WhatIsNotDamagedIsRefusedByName) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid active = admin.engine.Begin();
  const Gtid committing = admin.Committing(bank);
  const Gtid committed = admin.Committing(bank);
  bank.Finish(committed, 1, BranchEnd::kCommitted);
  const Gtid aborted = admin.engine.Begin();
  ASSERT_TRUE(admin.Resolve(aborted, Decision::kAbort));
  for (const auto& [gtid, word] : std::vector<std::pair<Gtid, std::string>>{
           {active, "it is active"},
           {committing, "it is committing"},
           {committed, "ended as committed"},
           {aborted, "ended as aborted"}}) {
    const auto refused = admin.Forget(gtid);
    ASSERT_FALSE(refused) << word;
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused) << word;
    EXPECT_THAT(refused.error().message,
                AllOf(HasSubstr(gtid.text()), HasSubstr(word), HasSubstr("only what is damaged")));
    EXPECT_NE(refused.error().advice, "") << word;
  }
  EXPECT_EQ(admin.Forget(Gtid::Make("k3m9qxw4c7ab", 1, 17, 7)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(admin.Forget(Gtid::Make("zzzzzzzzzzzz", 1, 1, 7)).error().code, ErrorCode::kWrongLog);
  EXPECT_THAT(admin.engine.log().Durable<ForgetRecord>(), IsEmpty());
}

TEST(Forget, L01_ALogThatRefusesItLeavesItDamagedAndSaysSo) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  admin.engine.log().judge = [](const Record& record) -> FakeLog::Verdict {
    if (std::holds_alternative<ForgetRecord>(record)) return {AppendResult::kRefused, "disk full"};
    return {};
  };
  const auto refused = admin.Forget(gtid);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("stays damaged"), HasSubstr("disk full")));
  EXPECT_EQ(admin.engine.Show(gtid).state, "damaged");
  admin.engine.log().judge = {};
  EXPECT_TRUE(admin.Forget(gtid)) << "once there is room again";
}

// A restart at every point: what was durable then, and nothing else, is known afterwards.
TEST(Forget, C10_AfterARestartItIsDamagedOrForgottenAsTheLogHasIt) {
  std::vector<Record> records;
  Gtid gtid;
  {
    AdminUnderTest admin;
    Participant bank(admin.engine, {"bank-a"});
    gtid = admin.Damaged(bank);
    ASSERT_TRUE(admin.Forget(gtid));
    records = admin.engine.log().durable();
  }
  const std::size_t forget = PositionOf<ForgetRecord>(records);
  ASSERT_EQ(PositionOf<EndRecord>(records), forget + 1);
  ASSERT_EQ(records.size(), forget + 2);
  for (std::size_t kept = forget; kept <= records.size(); ++kept) {
    AdminUnderTest admin;
    admin.RestoreFrom({records.begin(), records.begin() + static_cast<std::ptrdiff_t>(kept)});
    EXPECT_EQ(admin.engine.AskOutcome(gtid).outcome,
              kept == forget ? Outcome::kHazard : Outcome::kUnknown)
        << "whether it still runs";
    if (kept == forget) {  // that record was lost: nobody had been told
      EXPECT_EQ(admin.Show(gtid)->summary.state, "damaged");
      ASSERT_TRUE(admin.Forget(gtid, "bob", "wrote it off"));
      continue;
    }
    const auto shown = admin.Show(gtid);
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->summary.state, "done");
    EXPECT_EQ(shown->summary.ending.outcome, Outcome::kHazard);
    EXPECT_THAT(shown->summary.ending.reason, StartsWith(kByAnn));
    EXPECT_THAT(admin.InDoubt()->transactions, IsEmpty());
    EXPECT_TRUE(admin.Forget(gtid)) << "its reply was lost in the crash";
    EXPECT_FALSE(admin.Forget(gtid, "bob"));
    EXPECT_THAT(admin.engine.log().Durable<EndRecord>(), SizeIs(1)) << "written once";
  }
}

TEST(Forget, WhatWasDamagedBeforeARestartCanBeForgottenAfterIt) {
  const auto gtid = [](std::uint64_t sequence) {
    return Gtid::Make("k3m9qxw4c7ab", 1, sequence, 7);
  };
  const DecidedBranch branch{1, "bank-a", Vote::kCommit, {}};
  AdminUnderTest admin;
  admin.RestoreFrom({CommitRecord{gtid(1), {}, 1, {branch}},
                     HeuristicRecord{gtid(1), 1, BranchEnd::kAborted, "by hand", 2},
                     OnePhaseRecord{gtid(2), {}, 1, branch},
                     HeuristicRecord{gtid(2), 1, BranchEnd::kHazard, "no proof", 2},
                     HeuristicRecord{gtid(3), 2, BranchEnd::kCommitted, "by hand", 2}});
  const std::vector<Outcome> outcomes{Outcome::kHeuristicRollback, Outcome::kHazard,
                                      Outcome::kMixed};
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const auto view = admin.Forget(gtid(sequence));
    ASSERT_TRUE(view) << Describe(view.error());
    EXPECT_EQ(view->summary.ending.outcome, outcomes[sequence - 1]);
    EXPECT_EQ(admin.Show(gtid(sequence))->summary.ending, view->summary.ending);
  }
}

}  // namespace
}  // namespace settle::coordinator
