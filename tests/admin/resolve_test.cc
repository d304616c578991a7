#include "admin/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Resolve, AnUndecidedTransactionCanBeAborted) {
  AdminUnderTest admin;
  const Gtid gtid = admin.engine.Begin();
  const auto view = admin.Resolve(gtid, Decision::kAbort);
  ASSERT_TRUE(view) << Describe(view.error());
  EXPECT_EQ(view->summary.ending.outcome, Outcome::kAborted);
  EXPECT_EQ(view->summary.ending.cause, AbortCause::kOperator);
  EXPECT_EQ(view->summary.ending.reason, "operator eve: stuck");
  EXPECT_TRUE(admin.engine.observer().Saw("operator eve resolves it to abort: stuck"));
}

TEST(Resolve, AnUndecidedTransactionCannotBeCommitted) {
  AdminUnderTest admin;
  const Gtid gtid = admin.engine.Begin();
  const auto view = admin.Resolve(gtid, Decision::kCommit);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, ErrorCode::kRefused);
  EXPECT_THAT(view.error().message, HasSubstr("only the votes of its branches can commit it"));
  EXPECT_EQ(admin.engine.AskOutcome(gtid).outcome, Outcome::kUndecided);
}

// The log was restored from a backup of epoch 5: what was decided after it is not known here.
TEST(Resolve, C15_OfALostEpochIsRefusedInWordsThatSayWhereToLookAlsoAsAHeuristic) {
  const LogIdentity restored{"k3m9qxw4c7ab", 2'000, {{5, 1'999, 1'700'000'000'000'000}}};
  AdminUnderTest admin{EngineUnderTest(Settings{}, restored)};
  for (const Epoch epoch : {5, 6, 1'999}) {
    const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", epoch, 17, 7);
    for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
      for (const bool heuristic : {false, true}) {
        ResolveCall call{gtid, to, "eve", "stuck"};
        call.heuristic = heuristic;
        const auto view = admin.engine.Blocking([&] {
          return Resolve(admin.engine.engine(), admin.views, admin.engine.observer(), call);
        });
        ASSERT_FALSE(view);
        EXPECT_EQ(view.error().code, ErrorCode::kRefused);
        EXPECT_THAT(view.error().message,
                    AllOf(HasSubstr("what became of transaction " + gtid.text() +
                                    " is unknown, so nothing is decided or sent"),
                          HasSubstr("restored from the backup of 2023-11-14T22:13:20Z"),
                          HasSubstr("commit or roll back by hand what is prepared")));
        EXPECT_THAT(view.error().advice, HasSubstr("look in their databases first"));
      }
    }
  }
  EXPECT_THAT(admin.engine.log().durable(), IsEmpty());
}

TEST(Resolve, A01_AgainstADurableDecisionIsRefusedAndChangesNothing) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid committed = admin.Committing(bank);
  bank.Take();
  const auto to_abort = admin.Resolve(committed, Decision::kAbort);
  ASSERT_FALSE(to_abort);
  EXPECT_EQ(to_abort.error().code, ErrorCode::kRefused);
  EXPECT_THAT(to_abort.error().message, HasSubstr("committed, and that is durable"));
  EXPECT_THAT(bank.TakeWords(), IsEmpty());

  const Gtid aborted = admin.engine.Begin();
  bank.Enlist(aborted, "bank-a");
  ASSERT_TRUE(admin.Resolve(aborted, Decision::kAbort));
  bank.Take();
  const auto to_commit = admin.Resolve(aborted, Decision::kCommit);
  ASSERT_FALSE(to_commit);
  EXPECT_EQ(to_commit.error().code, ErrorCode::kRefused);
  EXPECT_THAT(bank.TakeWords(), IsEmpty());
}

TEST(Resolve, A01_AlsoAfterItEnded) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  EXPECT_FALSE(admin.Resolve(gtid, Decision::kAbort));
  EXPECT_TRUE(admin.Resolve(gtid, Decision::kCommit)) << "that is what it did";
}

TEST(Resolve, TheDecisionThatItHasIsSentAgainAtOnce) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  EXPECT_THAT(bank.TakeWords(), IsEmpty()) << "its caller finishes it";
  ASSERT_TRUE(admin.Resolve(gtid, Decision::kCommit));
  EXPECT_THAT(bank.TakeWords(), ElementsAre("commit 1"));
}

TEST(Resolve, WhatOnlyTheLogOrAResourceKnowsIsRefused) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid one_phase = admin.engine.Begin();
  bank.Enlist(one_phase, "bank-a");
  Answer<OnePhaseAnswer> granted;
  admin.engine.engine().CommitOnePhase({one_phase, 1, {}}, granted.done());
  admin.engine.Run();
  ASSERT_TRUE(granted.ok() && granted->granted);
  const Gtid deciding = admin.engine.Begin();
  bank.Enlist(deciding, "bank-a");
  admin.engine.log().held = true;
  admin.CommitWithVote(deciding);
  for (const Gtid& gtid : {one_phase, deciding}) {
    for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
      const auto view = admin.Resolve(gtid, to);
      ASSERT_FALSE(view);
      EXPECT_EQ(view.error().code, ErrorCode::kRefused);
      EXPECT_EQ(admin.engine.AskOutcome(gtid).outcome, Outcome::kUndecided);
    }
  }
}

TEST(Resolve, ADamagedTransactionIsForAPerson) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  bank.Finish(gtid, 1, BranchEnd::kHazard);
  for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
    const auto view = admin.Resolve(gtid, to);
    ASSERT_FALSE(view);
    EXPECT_THAT(view.error().message, HasSubstr("is damaged"));
    EXPECT_THAT(view.error().advice, HasSubstr("repair by hand"));
  }
}

TEST(Resolve, C21_AQuarantinedTransactionIsForAPersonAndListed) {
  AdminUnderTest admin;
  const Gtid gtid = Gtid::Make("k3m9qxw4c7ab", 1, 7, 7);
  admin.engine.log().Keep(CommitRecord{gtid, {}, 2, {}});
  admin.engine.engine().Restore(*ReplayLog(admin.engine.log()));
  for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
    const auto view = admin.Resolve(gtid, to);
    ASSERT_FALSE(view);
    EXPECT_EQ(view.error().code, ErrorCode::kRefused);
    EXPECT_THAT(view.error().message, HasSubstr("is quarantined"));
    EXPECT_THAT(view.error().message, HasSubstr("no branch is prepared"));
    EXPECT_THAT(view.error().advice, HasSubstr("compare its branches with their databases"));
  }
  const auto in_doubt = admin.InDoubt();
  ASSERT_EQ(in_doubt->transactions.size(), 1U);
  EXPECT_EQ(in_doubt->transactions[0].summary.gtid, gtid);
  EXPECT_EQ(admin.Show(gtid)->summary.state, "quarantined");
  EXPECT_EQ(admin.List(Which::kOpen, 10)->transactions.size(), 1U);
}

// Between the operator's look and the abort, the transaction commits, ends and is forgotten.
TEST(Resolve, A02_ACommitThatWasFasterIsSaidToHaveBeen) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.engine.Begin();
  bank.Enlist(gtid, "bank-a");
  std::promise<void> looked;
  std::promise<void> committed;
  admin.engine.observer().on_event = [&](std::string_view what) {
    if (what.find("operator eve resolves") == std::string_view::npos) return;
    looked.set_value();
    committed.get_future().wait();
  };
  auto resolving = std::async(std::launch::async, [&] {
    return Resolve(admin.engine.engine(), admin.views, admin.engine.observer(),
                   {gtid, Decision::kAbort, "eve", "stuck"});
  });
  std::future<void> has_looked = looked.get_future();
  while (has_looked.wait_for(1ms) != std::future_status::ready) admin.engine.Run();
  admin.CommitWithVote(gtid);
  bank.Finish(gtid, 1, BranchEnd::kCommitted);
  ASSERT_EQ(admin.engine.log().Durable<EndRecord>().size(), 1U);
  committed.set_value();
  while (resolving.wait_for(1ms) != std::future_status::ready) admin.engine.Run();
  const Result<TransactionView> resolved = resolving.get();
  ASSERT_FALSE(resolved) << "it committed, and the operator was told that it was resolved to abort";
  EXPECT_EQ(resolved.error().code, ErrorCode::kRefused);
  EXPECT_THAT(resolved.error().message, HasSubstr("committed"));
}

// The votes are in and the log is slow: nobody can say yet.
TEST(Resolve, AnAbortThatCannotBeAnsweredInTimeIsNotCalledDone) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.engine.Begin();
  bank.Enlist(gtid, "bank-a");
  admin.engine.log().held = true;
  std::promise<void> looked;
  std::promise<void> deciding;
  admin.engine.observer().on_event = [&](std::string_view what) {
    if (what.find("operator eve resolves") == std::string_view::npos) return;
    looked.set_value();
    deciding.get_future().wait();
  };
  auto resolving = std::async(std::launch::async, [&] {
    return Resolve(admin.engine.engine(), admin.views, admin.engine.observer(),
                   {gtid, Decision::kAbort, "eve", "stuck"});
  });
  std::future<void> has_looked = looked.get_future();
  while (has_looked.wait_for(1ms) != std::future_status::ready) admin.engine.Run();
  admin.CommitWithVote(gtid);
  deciding.set_value();
  while (resolving.wait_for(1ms) != std::future_status::ready) admin.engine.Advance(1s);
  const Result<TransactionView> resolved = resolving.get();
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::kAskOutcome);
}

}  // namespace
}  // namespace settle::coordinator
