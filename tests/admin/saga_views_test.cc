// What operators see of sagas, and what they may do to one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/admin_under_test.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
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
  EXPECT_THAT(view.waiting_for, HasSubstr("airline (no process serves airline)"));
  EXPECT_THAT(view.summary.saga->steps, SizeIs(0)) << "a list stays small";
}

// What is advised is what would be accepted.
TEST(SagaViews, TheAdviceIsForTheStepThatDoesNotGetOn) {
  const std::string step = "'settle retry " + kGtid.text() + " --step 1' repeats it now";
  const std::string cancel = "'settle saga cancel " + kGtid.text() + " --reason ...'";
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kCompensatable)});
  EXPECT_THAT(admin.Show(kGtid)->advice,
              AllOf(HasSubstr("start a process that serves airline"), HasSubstr(step),
                    HasSubstr(cancel), Not(HasSubstr("skip"))));
  Service airline(admin.engine, {"airline"});
  EXPECT_THAT(admin.Show(kGtid)->advice,
              AllOf(HasSubstr("nothing is needed"), HasSubstr(step), Not(HasSubstr("cancel"))));
  airline.Report(airline.Take().at(0), {AnswerKind::kUnknown, "no such table", 0});
  EXPECT_THAT(admin.Show(kGtid)->advice,
              AllOf(HasSubstr("mend the cause at airline"), HasSubstr(step), HasSubstr(cancel),
                    Not(HasSubstr("skip"))));
}

TEST(SagaViews, AStepAfterThePivotCanBeHelpedAndTheSagaNotBeCancelled) {
  SagaBeginRecord begin = BeginOf(saga::StepKind::kPivot);
  begin.definition.steps.push_back(begin.definition.steps[0]);
  begin.definition.steps[1].name = "mail";
  begin.definition.steps[1].kind = saga::StepKind::kNoUndo;
  begin.definition.steps[1].after = {"flight"};
  AdminUnderTest admin;
  admin.RestoreFrom({begin, SagaStepRecord{kGtid, 1, ActionOp::kAction, "{}"}});
  admin.engine.Advance(10s);
  const auto in_doubt = admin.InDoubt();
  ASSERT_THAT(in_doubt->transactions, SizeIs(1));
  EXPECT_THAT(in_doubt->transactions[0].advice,
              AllOf(HasSubstr("'settle skip " + kGtid.text() + " --step 2 --reason ...'"),
                    HasSubstr("'settle set-input " + kGtid.text() + " --step 2"),
                    Not(HasSubstr("cancel"))));
}

TEST(SagaViews, RetryCallsAParticipantNow) {
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kCompensatable)});
  EXPECT_EQ(admin.Retry(kGtid)->transactions, 1U);
  EXPECT_EQ(admin.RetryAll()->transactions, 1U);
  EXPECT_EQ(admin.RetryAll("airline")->transactions, 1U);
  EXPECT_EQ(admin.RetryAll("bank").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(admin.Show(kGtid)->summary.branches[0].attempts, 0) << "nobody was there to be called";
  EXPECT_EQ(admin.Show(kGtid)->summary.saga->steps[0].called, 0);
  admin.engine.engine().Attach({"service", {}, "", 0, {"airline"}}, [](Result<Attached>) {});
  EXPECT_EQ(admin.Retry(kGtid)->transactions, 1U);
  EXPECT_EQ(admin.Show(kGtid)->summary.branches[0].attempts, 1)
      << "what was not fetched yet is not sent again";
  EXPECT_NE(admin.Show(kGtid)->summary.saga->steps[0].called, 0);
}

TEST(SagaViews, ADryRunOfRetrySaysWhoseActionWouldBeCalled) {
  AdminUnderTest admin;
  admin.RestoreFrom({BeginOf(saga::StepKind::kCompensatable)});
  admin.engine.engine().Attach({"service", {}, "", 0, {"airline"}}, [](Result<Attached>) {});
  admin.engine.Run();
  for (const auto& would : {admin.WouldRetry(kGtid), admin.WouldRetryAll()}) {
    ASSERT_TRUE(would) << Describe(would.error());
    ASSERT_THAT(would->resources, SizeIs(1));
    EXPECT_EQ(would->resources[0].command, "action");
    ASSERT_THAT(would->resources[0].sessions, SizeIs(1));
    EXPECT_EQ(would->resources[0].sessions[0].process, "service");
  }
}

// A saga that turned back, and whose flight cannot be given back.
std::vector<Record> Stuck() {
  return {BeginOf(saga::StepKind::kCompensatable),
          SagaAbortingRecord{
              kGtid, {Outcome::kAborted, AbortCause::kStepFailed, "no money", false}, 1, {1}}};
}

TEST(SagaViews, AStepIsRetriedByNameOrNumberAndItIsSaidWhoIsThere) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  for (const char* step : {"flight", "1"}) {
    const auto retried = admin.RetryStep(kGtid, step);
    ASSERT_TRUE(retried) << Describe(retried.error());
    ASSERT_THAT(retried->resources, SizeIs(1));
    EXPECT_EQ(retried->resources[0].resource, "airline");
    EXPECT_EQ(retried->resources[0].command, "compensate");
    EXPECT_THAT(retried->resources[0].sessions, SizeIs(0)) << "nobody serves it";
  }
  const auto unknown = admin.RetryStep(kGtid, "hotel");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().advice, HasSubstr("its steps are 1 flight"));
}

TEST(SagaViews, AGtidThatNothingIsKnownOfIsNotFound) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  const Gtid mistyped = Gtid::Make("k3m9qxw4c7ab", 1, 5, 8);
  EXPECT_EQ(admin.RetryStep(mistyped, "flight").error().code, ErrorCode::kNotFound);
  const auto acted = admin.Act({mistyped, "flight", SagaAct::kSkip, "", "ann", "why"});
  EXPECT_EQ(acted.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(acted.error().message, HasSubstr("no record of transaction " + mistyped.text()));
}

TEST(SagaViews, AStuckCompensationIsCorrectedOrSkippedWithWhoAndWhy) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  admin.engine.Advance(10s);
  EXPECT_THAT(admin.Show(kGtid)->advice, HasSubstr("'settle set-input " + kGtid.text()));
  StepActCall act{kGtid, "flight", SagaAct::kSetInput, "no JSON", "ann", "right seat"};
  EXPECT_EQ(admin.Act(act).error().code, ErrorCode::kInvalid);
  act.input = R"({"seat": 8})";
  const auto corrected = admin.Act(act);
  ASSERT_TRUE(corrected) << Describe(corrected.error());
  EXPECT_EQ(corrected->summary.state, "compensating");
  admin.engine.Advance(10s);
  act = {kGtid, "1", SagaAct::kSkip, "", "ann", "given back by telephone"};
  const auto skipped = admin.Act(act);
  ASSERT_TRUE(skipped) << Describe(skipped.error());
  const auto damaged = admin.Show(kGtid);  // its end was on the way to the log
  EXPECT_EQ(damaged->summary.state, "damaged");
  EXPECT_EQ(damaged->summary.ending.outcome, Outcome::kMixed);
  EXPECT_THAT(damaged->summary.ending.reason, HasSubstr("by ann: given back by telephone"));
  EXPECT_THAT(damaged->advice, HasSubstr("until then participants keep their notes"));
  EXPECT_TRUE(admin.engine.observer().Saw("operator ann: skip of step 1"));
  const auto again = admin.Act(act);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kRefused);
}

TEST(SagaViews, ADamagedSagaHoldsTheMarkUntilItIsForgotten) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  admin.engine.Advance(10s);
  ASSERT_TRUE(admin.Act({kGtid, "1", SagaAct::kSkip, "", "ann", "x"}));
  EXPECT_EQ(admin.Status()->sagas, 1U);
  EXPECT_EQ(admin.Status()->oldest_unended, kGtid);
  EXPECT_EQ(admin.Status()->ended_through, (EndedThrough{kGtid.epoch(), kGtid.sequence() - 1}));
  ASSERT_TRUE(admin.Forget(kGtid));
  EXPECT_EQ(admin.Status()->oldest_unended, std::nullopt);
  EXPECT_GT(admin.Status()->ended_through, (EndedThrough{kGtid.epoch(), kGtid.sequence()}));
}

TEST(SagaViews, ParticipantsOfActionsAreListedThoseThatAreMissedToo) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  auto page = admin.Participants();
  ASSERT_THAT(page->rows, SizeIs(1));
  EXPECT_EQ(page->rows[0].view.resource, "airline");
  EXPECT_EQ(page->rows[0].waiting, 1U);
  EXPECT_THAT(page->rows[0].view.action_sessions, SizeIs(0));
  admin.engine.engine().Attach({"service", {}, "", 0, {"airline", "bank"}},
                               [](Result<Attached>) {});
  page = admin.Participants();
  ASSERT_THAT(page->rows, SizeIs(2));
  EXPECT_THAT(page->rows[0].view.action_sessions, SizeIs(1));
  EXPECT_EQ(page->rows[1].view.resource, "bank");
  EXPECT_EQ(page->rows[1].waiting, 0U);
  EXPECT_EQ(admin.Status()->sessions, 1U);
}

TEST(SagaViews, ShowHasTheStepsAndListsDoNot) {
  AdminUnderTest admin;
  admin.RestoreFrom(Stuck());
  const auto shown = admin.Show(kGtid);
  ASSERT_TRUE(shown->summary.saga);
  EXPECT_EQ(shown->summary.saga->name, "trip");
  ASSERT_THAT(shown->summary.saga->steps, SizeIs(1));
  EXPECT_EQ(shown->summary.saga->steps[0].name, "flight");
  EXPECT_THAT(admin.List(Which::kAll, 10)->transactions.at(0).summary.saga->steps, SizeIs(0));
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
