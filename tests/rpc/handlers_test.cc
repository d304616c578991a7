#include "handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(Handlers, HelloSaysWhoseLogThisIs) {
  wire::HelloRequest request;
  request.version_low = 1;
  request.version_high = 3;
  wire::HelloReply reply;
  coordinator_.hello(reply, request);
  EXPECT_EQ(reply.version, 1);
  EXPECT_EQ(reply.log_id, "k3m9qxw4c7ab");
  EXPECT_EQ(reply.epoch, 4);
  EXPECT_EQ(reply.release, "1.2.3");
}

TEST_F(Handlers, ATransactionWhoseBranchesTheCallerPreparedCommitsInOneCall) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  ASSERT_EQ(Enlist(gtid, session, "orders"), 1);
  const wire::CommitReply reply = Commit(gtid, {1});
  EXPECT_EQ(reply.ending.outcome, wire::Outcome::COMMITTED);
  EXPECT_TRUE(reply.finish_here);
  ReportCommitted(session, gtid, 1);
}

TEST_F(Handlers, C09_ACommitThatIsRepeatedAfterTheEndHearsTheSameEnding) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  Commit(gtid, {1});
  ReportCommitted(session, gtid, 1);
  // Until the end is written and after it: the same answer, whoever gives it.
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Commit(gtid, {1}).ending.outcome, wire::Outcome::COMMITTED);
    wire::Ending ending;
    coordinator_.outcome(ending, gtid);
    ASSERT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  }
  ASSERT_TRUE(*log_.FindEnded(*Gtid::Parse(gtid)));
}

TEST_F(Handlers, AnAbortThatComesTooLateHearsThatItIsCommitted) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  Commit(gtid, {1});
  wire::AbortRequest request;
  request.gtid = gtid;
  wire::Ending ending;
  coordinator_.abort(ending, request);
  EXPECT_EQ(ending.outcome, wire::Outcome::COMMITTED);
  ReportCommitted(session, gtid, 1);
}

TEST_F(Handlers, AnAbortedTransactionStaysAbortedForEveryLaterCall) {
  const std::string gtid = Begin();
  wire::AbortRequest request;
  request.gtid = gtid;
  request.reason = "changed\nher mind";
  wire::Ending ending;
  coordinator_.abort(ending, request);
  EXPECT_EQ(ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(ending.cause, wire::AbortCause::REQUESTED);
  EXPECT_EQ(ending.reason, "changed her mind");
  EXPECT_EQ(Commit(gtid).ending.outcome, wire::Outcome::ABORTED);
  wire::OnePhaseRequest one_phase;
  one_phase.gtid = gtid;
  one_phase.branch = 1;
  wire::OnePhaseReply reply;
  coordinator_.commit_one_phase(reply, one_phase);
  EXPECT_FALSE(reply.granted);
  EXPECT_EQ(reply.ending.outcome, wire::Outcome::ABORTED);
}

TEST_F(Handlers, AGtidOfAnotherLogIsRefusedAsSuch) {
  const std::string foreign = Gtid::Make("zzzzzzzzzzzz", 1, 1, 1).text();
  const auto error = ErrorOf([&] { Commit(foreign); });
  EXPECT_EQ(error.code, wire::ErrorCode::WRONG_LOG);
  EXPECT_THAT(error.message, HasSubstr("zzzzzzzzzzzz"));
}

TEST_F(Handlers, C19_AnEnlistAfterTheEndIsRefusedByName) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  wire::AbortRequest abort;
  abort.gtid = gtid;
  wire::Ending ending;
  coordinator_.abort(ending, abort);
  const auto error = ErrorOf([&] { Enlist(gtid, session, "orders"); });
  EXPECT_THAT(error.code, ::testing::AnyOf(wire::ErrorCode::REFUSED, wire::ErrorCode::NOT_FOUND));
}

TEST_F(Handlers, AnExceptionInsideBecomesAnErrorThatSaysToAskTheOutcome) {
  log_.broken = true;
  const std::string gtid = Gtid::Make("k3m9qxw4c7ab", 1, 1, 1).text();
  wire::TransactionView view;
  const auto error = ErrorOf([&] { admin_.show(view, gtid); });
  EXPECT_EQ(error.code, wire::ErrorCode::INTERNAL);
  EXPECT_THAT(error.message, HasSubstr("the log\\x1b is on fire"));
  EXPECT_THAT(error.advice, HasSubstr("ask the outcome"));
  EXPECT_TRUE(observer_.AwaitOneWith("on fire"));
}

TEST_F(Handlers, AFetchBringsTheCommandsThatThePreparationNeeds) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  wire::CommitRequest commit;
  commit.gtid = gtid;
  commit.wait = wire::Wait::DECISION;
  commit.wait_ms = 1;  // nobody votes yet
  wire::CommitReply undecided;
  coordinator_.commit(undecided, commit);
  EXPECT_EQ(undecided.ending.outcome, wire::Outcome::UNDECIDED);
  wire::FetchRequest request;
  request.session = session;
  request.most = 10;
  request.wait_ms = 5'000;
  wire::CommandBatch batch;
  participant_.fetch(batch, request);
  EXPECT_EQ(batch.number, 1);
  ASSERT_EQ(batch.commands.size(), 1u);
  EXPECT_EQ(batch.commands[0].kind, wire::CommandKind::PREPARE);
  EXPECT_EQ(batch.commands[0].gtid, gtid);
  EXPECT_EQ(batch.commands[0].epoch, 4);
}

TEST_F(Handlers, StatusCountsWhatWentToParticipantsAndCameBack) {
  const std::string session = Attach("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  Commit(gtid, {1});
  ReportCommitted(session, gtid, 1);
  wire::StatusReply status;
  admin_.status(status);
  EXPECT_EQ(status.commands_sent, 0) << "the caller prepared it and finishes it";
  EXPECT_EQ(status.reports_taken, 1);
}

TEST_F(Handlers, CallsOfALostSessionAreToldToAttachAgain) {
  wire::FetchRequest request;
  request.session = "gone";
  request.most = 1;
  wire::CommandBatch batch;
  EXPECT_EQ(ErrorOf([&] { participant_.fetch(batch, request); }).code, wire::ErrorCode::NOT_FOUND);
  wire::ReportRequest report;
  report.session = "gone";
  EXPECT_EQ(ErrorOf([&] { participant_.report(report); }).code, wire::ErrorCode::NOT_FOUND);
}

TEST_F(Handlers, C14_ABranchOfAnotherLogThatAScanFoundIsLeftAloneAndListed) {
  const std::string session = Attach("orders");
  wire::ReportRequest report;
  report.session = session;
  report.found.resize(1);
  report.found[0].resource = "orders";
  report.found[0].database_name = BranchKey{Gtid::Make("zzzzzzzzzzzz", 1, 1, 1), 1}.DatabaseName();
  participant_.report(report);
  wire::InDoubtReply reply;
  admin_.in_doubt(reply, FirstPage());
  ASSERT_EQ(reply.strays.size(), 1u);
  EXPECT_EQ(reply.strays[0].database_name, report.found[0].database_name);
  EXPECT_THAT(reply.strays[0].why, HasSubstr("zzzzzzzzzzzz"));
}

TEST_F(Handlers, OperatorsSeeOpenTransactionsAndCanAbortUndecidedOnes) {
  const std::string gtid = Begin();
  wire::StatusReply status;
  admin_.status(status);
  EXPECT_EQ(status.open["active"], 1);
  EXPECT_EQ(status.release, "1.2.3");
  EXPECT_EQ(status.log_records, 9);
  EXPECT_EQ(status.log_records_forced, 5);
  EXPECT_EQ(status.log_flushes, 4);
  wire::ListRequest list;
  list.which = "open";
  list.most = 10;
  wire::ListReply listed;
  admin_.list_transactions(listed, list);
  ASSERT_EQ(listed.transactions.size(), 1u);
  EXPECT_EQ(listed.transactions[0].gtid, gtid);
  EXPECT_THAT(listed.transactions[0].timeline, IsEmpty());
  wire::ResolveRequest resolve;
  resolve.gtid = gtid;
  resolve.to = "abort";
  resolve.operator_name = "ada";
  resolve.reason = "stuck";
  wire::TransactionView view;
  admin_.resolve(view, resolve);
  EXPECT_EQ(view.ending.outcome, wire::Outcome::ABORTED);
  EXPECT_EQ(view.ending.cause, wire::AbortCause::OPERATOR);
  wire::ForgetRequest forget;
  forget.gtid = gtid;
  forget.operator_name = "ada";
  forget.reason = "mistaken for another";
  try {
    admin_.forget(view, forget);
    ADD_FAILURE() << "an aborted transaction is nothing to forget";
  } catch (const wire::ServiceError& error) {
    EXPECT_EQ(error.code, wire::ErrorCode::REFUSED);
    EXPECT_THAT(error.message, HasSubstr("only what is damaged can be forgotten"));
  }
}

TEST_F(Handlers, P09_AnotherDatabaseUnderANameIsRefusedUntilAnOperatorAcceptsIt) {
  Attach("orders");
  wire::AttachRequest request;
  request.version_low = request.version_high = 1;
  request.resources.resize(1);
  request.resources[0].name = "orders";
  request.resources[0].identity = "test:restored";
  wire::AttachReply reply;
  EXPECT_EQ(ErrorOf([&] { participant_.attach(reply, request); }).code, wire::ErrorCode::REFUSED);
  wire::ParticipantsReply page;
  admin_.participants(page, FirstPage());
  const std::vector<wire::ParticipantView>& participants = page.participants;
  ASSERT_EQ(participants.size(), 1u);
  EXPECT_EQ(participants[0].refused_identity, "test:restored");
  EXPECT_EQ(ErrorOf([&] { admin_.accept_identity("orders", "test:restored", "ada", ""); }).code,
            wire::ErrorCode::INVALID);
  admin_.accept_identity("orders", "test:restored", "ada", "restored from backup");
  participant_.attach(reply, request);
  EXPECT_FALSE(reply.session.empty());
}

}  // namespace
}  // namespace settle::testing
