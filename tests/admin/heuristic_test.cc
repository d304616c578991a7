// What a person may decide where nobody else can, and what may never be decided so.
#include "admin/heuristic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>

#include "admin/admin_under_test.h"
#include "support/sites_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Gtid GtidNumber(std::uint64_t sequence) { return Gtid::Make("k3m9qxw4c7ab", 1, sequence, 7); }

Result<TransactionView> Ask(AdminUnderTest& admin, const ResolveCall& call) {
  return admin.engine.Blocking(
      [&] { return Resolve(admin.engine.engine(), admin.views, admin.engine.observer(), call); });
}

ResolveCall Decides(const Gtid& gtid, Decision to, BranchNumber branch = 0) {
  ResolveCall call{gtid, to, "ann", "I looked"};
  call.heuristic = true;
  call.branch = branch;
  return call;
}

std::vector<HeuristicIntentRecord> Intents(AdminUnderTest& admin) {
  return admin.engine.log().Durable<HeuristicIntentRecord>();
}

TEST(HeuristicResolve, A01_NeverAgainstADecisionOrWithoutVotes) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid committing = admin.Committing(bank);
  const Gtid active = admin.engine.Begin();
  for (const Gtid& gtid : {committing, active}) {
    for (const Decision to : {Decision::kCommit, Decision::kAbort}) {
      for (const BranchNumber branch : {0U, 1U, 9U}) {
        const auto refused = Ask(admin, Decides(gtid, to, branch));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
      }
    }
  }
  EXPECT_THAT(Intents(admin), IsEmpty());
}

TEST(HeuristicResolve, AHazardBecomesWhatAPersonSaysIsSo) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  ResolveCall dry = Decides(gtid, Decision::kCommit, 1);
  dry.dry_run = true;
  EXPECT_THAT(Ask(admin, dry)->would, HasSubstr("branch 1 in bank-a was committed"));
  EXPECT_EQ(admin.Show(gtid)->summary.ending.outcome, Outcome::kHazard);
  EXPECT_THAT(Intents(admin), IsEmpty());

  for (int times = 0; times < 2; ++times) {
    const auto said = Ask(admin, Decides(gtid, Decision::kCommit, 1));
    ASSERT_TRUE(said) << Describe(said.error());
    EXPECT_EQ(said->summary.ending.outcome, Outcome::kCommitted);
    EXPECT_EQ(said->summary.state, "damaged") << "until it is forgotten";
    EXPECT_THAT(Intents(admin), SizeIs(1));
  }
  EXPECT_FALSE(Ask(admin, Decides(gtid, Decision::kAbort, 1))) << "it is known now";
  EXPECT_EQ(admin.Status()->damaged, 1U);
  EXPECT_TRUE(admin.Forget(gtid));
  EXPECT_EQ(admin.Status()->damaged, 0U);
  EXPECT_THAT(admin.Show(gtid)->summary.heuristics, SizeIs(1));
}

TEST(HeuristicResolve, M10_AMajorityThatNeverComesIsReplacedByAPerson) {
  AdminUnderTest admin;
  ThreeSites sites(admin.engine);
  const Gtid gtid = sites.Prepared();
  ResolveCall dry = Decides(gtid, Decision::kCommit);
  dry.dry_run = true;
  EXPECT_THAT(Ask(admin, dry)->would,
              AllOf(HasSubstr("its sites decide by themselves"), HasSubstr("some commit")));
  const auto forced = Ask(admin, Decides(gtid, Decision::kCommit));
  ASSERT_TRUE(forced) << Describe(forced.error());
  EXPECT_EQ(forced->summary.ending.outcome, Outcome::kCommitted);
  EXPECT_EQ(Intents(admin).at(0).intent.branches.size(), 2U) << "enough to go on from it";
  EXPECT_EQ(admin.Status()->damaged, 1U);
}

// A start over a log whose records contradict themselves.
const std::vector<Record> kContradicting{
    CommitRecord{GtidNumber(1), {"shop", "", 1}, 2, {{1, "bank-a", Vote::kCommit, {"db", 1, "7"}}}},
    OnePhaseRecord{GtidNumber(1), {}, 3, {1, "bank-a", Vote::kCommit, {}}}};

TEST(HeuristicResolve, C21_AQuarantinedTransactionIsForcedByTheRecordAloneAlsoAfterAnotherStart) {
  std::vector<Record> records = kContradicting;
  {
    AdminUnderTest admin;
    Participant bank(admin.engine, {"bank-a"});
    admin.RestoreFrom(records);
    ASSERT_EQ(admin.Show(GtidNumber(1))->summary.state, "quarantined");
    EXPECT_THAT(bank.TakeWords(), IsEmpty());
    const auto forced = Ask(admin, Decides(GtidNumber(1), Decision::kAbort));
    ASSERT_TRUE(forced) << Describe(forced.error());
    EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1"));
    ASSERT_THAT(Intents(admin), SizeIs(1));
    records.emplace_back(Intents(admin).front());
  }
  AdminUnderTest again;
  again.RestoreFrom(records);
  Participant bank(again.engine, {"bank-a"});
  EXPECT_THAT(bank.TakeWords(), ElementsAre("abort 1")) << "nobody is asked again";
  bank.Finish(GtidNumber(1), 1, BranchEnd::kAborted);
  const auto shown = again.Show(GtidNumber(1));
  EXPECT_EQ(shown->summary.state, "damaged");
  EXPECT_EQ(shown->summary.ending.outcome, Outcome::kAborted);
  EXPECT_TRUE(again.Forget(GtidNumber(1)));
}

TEST(HeuristicResolve, AStrayIsToldUnderAGtidOfTheActAndGoesOnAfterAStart) {
  const std::string name = "settle:" + Gtid::Make("zzzzzzzzzzzz", 1, 4, 7).text() + ":2";
  ResolveCall call = Decides({}, Decision::kCommit);
  call.resource = "bank-a";
  call.prepared = name;
  call.identity = "uid:1000";
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const auto unknown = Ask(admin, call);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound) << "no scan has found it";
  admin.inquiry.Found("bank-a", name);
  ResolveCall dry = call;
  dry.dry_run = true;
  EXPECT_THAT(Ask(admin, dry)->would, AllOf(HasSubstr(name), HasSubstr("ask it first")));
  EXPECT_THAT(bank.Take(), IsEmpty());

  const auto act = Ask(admin, call);
  ASSERT_TRUE(act) << Describe(act.error());
  const std::vector<Command> sent = bank.Take();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].prepared, name);
  EXPECT_EQ(sent[0].key.gtid, act->summary.gtid);
  EXPECT_EQ(sent[0].evidence.database, "db:bank-a");
  EXPECT_EQ(Ask(admin, call)->summary.gtid, act->summary.gtid) << "the same again";
  EXPECT_EQ(act->summary.origin.identity, "uid:1000") << "whom the socket proves";
  call.to = Decision::kAbort;
  EXPECT_EQ(Ask(admin, call).error().code, ErrorCode::kRefused);
  EXPECT_THAT(admin.InDoubt()->strays, IsEmpty()) << "it is listed as what was decided of it";
  bank.Finish(act->summary.gtid, 1, BranchEnd::kCommitted);
  ASSERT_TRUE(admin.Forget(act->summary.gtid));
  EXPECT_THAT(admin.InDoubt()->strays, IsEmpty()) << "nobody has to wait until scans miss it";
  admin.inquiry.Found("bank-a", name);
  EXPECT_THAT(admin.InDoubt()->strays, SizeIs(1)) << "it is there all the same";

  AdminUnderTest again;
  again.RestoreFrom({Intents(admin).front()});
  Participant other(again.engine, {"bank-a"});
  EXPECT_EQ(other.Take().at(0).prepared, name);
  other.Finish(act->summary.gtid, 1, BranchEnd::kCommitted);
  EXPECT_EQ(again.Show(act->summary.gtid)->summary.state, "damaged");
  EXPECT_EQ(again.Status()->damaged, 1U);
}

TEST(HeuristicResolve, OfTwoWhoDecideOfAStrayAtTheSameMomentTheSecondIsRefused) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = "settle:" + Gtid::Make("zzzzzzzzzzzz", 1, 4, 7).text() + ":2";
    AdminUnderTest admin;
    Participant bank(admin.engine, {"bank-a"});
    admin.inquiry.Found("bank-a", name);
    std::map<ErrorCode, int> refused;
    int done = 0;
    admin.engine.Blocking([&] {
      const auto decide = [&](Decision to) {
        ResolveCall call = Decides({}, to);
        call.resource = "bank-a";
        call.prepared = name;
        return Resolve(admin.engine.engine(), admin.views, admin.engine.observer(), call);
      };
      auto commit = std::async(std::launch::async, decide, Decision::kCommit);
      auto abort = std::async(std::launch::async, decide, Decision::kAbort);
      for (const auto& answer : {commit.get(), abort.get()}) {
        if (answer) ++done;
        if (!answer) ++refused[answer.error().code];
      }
      return true;
    });
    EXPECT_EQ(done, 1);
    EXPECT_EQ(refused[ErrorCode::kRefused], 1);
    EXPECT_THAT(Intents(admin), SizeIs(1));
    EXPECT_THAT(bank.Take(), SizeIs(1));
  }
}

TEST(HeuristicResolve, ABranchOfWhatRunsIsNoStray) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  ResolveCall call = Decides({}, Decision::kAbort);
  call.resource = "bank-a";
  call.prepared = BranchKey{admin.Committing(bank), 1}.DatabaseName();
  const auto refused = Ask(admin, call);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  call.prepared = "settle:not-a-name";
  EXPECT_EQ(Ask(admin, call).error().code, ErrorCode::kRefused);
  EXPECT_THAT(Intents(admin), IsEmpty());
}

TEST(HeuristicResolve, L01_WhatTheLogRefusesIsNotDone) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Damaged(bank);
  admin.engine.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  const auto refused = Ask(admin, Decides(gtid, Decision::kAbort, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_EQ(admin.Show(gtid)->summary.ending.outcome, Outcome::kHazard);
}

TEST(DryRun, SaysWhatWouldBeDoneAndDoesNothing) {
  AdminUnderTest admin;
  Participant bank(admin.engine, {"bank-a"});
  const Gtid committing = admin.Committing(bank);
  const Gtid damaged = admin.Damaged(bank);
  const Gtid active = admin.engine.Begin();
  bank.Take();
  ResolveCall abort{active, Decision::kAbort, "ann", "stuck"};
  abort.dry_run = true;
  EXPECT_THAT(Ask(admin, abort)->would, HasSubstr("would be aborted"));
  abort.gtid = committing;
  EXPECT_FALSE(Ask(admin, abort)) << "refused as it would be";
  const auto forget = admin.engine.Blocking([&] {
    return WouldForget(admin.views, {damaged, "ann", "repaired"});
  });
  EXPECT_THAT(forget->would, HasSubstr("no database is changed"));
  EXPECT_FALSE(admin.engine.Blocking([&] {
    return WouldForget(admin.views, {committing, "ann", "repaired"});
  }));
  for (const auto& retry : {admin.WouldRetry(committing), admin.WouldRetryAll()}) {
    ASSERT_TRUE(retry) << Describe(retry.error());
    ASSERT_THAT(retry->resources, SizeIs(1));
    EXPECT_EQ(retry->resources[0].resource, "bank-a");
    EXPECT_EQ(retry->resources[0].command, "commit");
    EXPECT_THAT(retry->resources[0].sessions, SizeIs(1));
  }
  EXPECT_THAT(bank.Take(), IsEmpty());
  EXPECT_EQ(admin.engine.AskOutcome(active).outcome, Outcome::kUndecided);
  EXPECT_EQ(admin.Show(damaged)->summary.state, "damaged");
}

}  // namespace
}  // namespace settle::coordinator
