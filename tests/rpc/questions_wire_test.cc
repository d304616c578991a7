// Questions and answers on the wire: what the coordinator asks is what the SDK hears, and what a
// participant answers is made fit to be shown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handlers.h"
#include "rpc/wire.h"
#include "transport/wire_values.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Gtid kGtid = Gtid::Make("k3m9qxw4c7ab", 2, 17, 7);

LiveBranch FullBranch() {
  return {.prepared = true,
          .prepared_at = 1'700'000'000'000'000,
          .owner = "teller",
          .proof = Proof::kInProgress,
          .proof_detail = "transaction 744 is still in progress",
          .locks = 5,
          .relations = {"account", "audit.entry"},
          .waiting = 2,
          .waiters = {{4711, "eve", "billing", std::chrono::milliseconds(240'000), "account"},
                      {4712, "bob", "", std::chrono::milliseconds(7), "account"}},
          .unseen = "nothing else"};
}

// As a participant that has them attached would answer.
Result<AnswerContent> Carried(Result<sdk::AnswerContent> content) {
  const AnswerReport report = FromWire(sdk::ToWire(sdk::QuestionAnswer{9, std::move(content)}));
  EXPECT_EQ(report.number, 9);
  return report.answer;
}

TEST(QuestionsWire, WhatIsAskedIsWhatTheParticipantHears) {
  Question inspect{Question::Kind::kInspect, "orders"};
  inspect.number = 12;
  inspect.key = {kGtid, 3};
  inspect.evidence = {"postgresql:7:16384", 2, "744"};
  Question examine{Question::Kind::kExamine, "orders", std::chrono::milliseconds(700)};
  examine.number = 13;
  CommandBatch batch;
  batch.number = 1;
  batch.questions = {inspect, examine};
  const Result<sdk::CommandBatch> heard = sdk::FromWire(ToWire(batch), "k3m9qxw4c7ab");
  ASSERT_TRUE(heard) << Describe(heard.error());
  ASSERT_THAT(heard->questions, SizeIs(2));
  const sdk::Question& first = heard->questions[0];
  EXPECT_EQ(first.number, 12);
  EXPECT_EQ(first.resource, "orders");
  EXPECT_EQ(first.timeout, std::chrono::milliseconds(2'000));
  ASSERT_TRUE(first.content) << Describe(first.content.error());
  const auto& inspection = std::get<sdk::Inspection>(*first.content);
  EXPECT_EQ(inspection.key, inspect.key);
  EXPECT_EQ(inspection.evidence, inspect.evidence);
  EXPECT_EQ(heard->questions[1].timeout, std::chrono::milliseconds(700));
  EXPECT_TRUE(std::holds_alternative<sdk::ExaminationWanted>(*heard->questions[1].content));
}

TEST(QuestionsWire, ABranchWithoutAVoteIsAskedForWithoutEvidence) {
  Question inspect{Question::Kind::kInspect, "orders"};
  inspect.key = {kGtid, 1};
  const sdk::Question heard = sdk::FromWire(ToWire(inspect));
  ASSERT_TRUE(heard.content) << Describe(heard.content.error());
  EXPECT_EQ(std::get<sdk::Inspection>(*heard.content).evidence, Evidence{});
}

TEST(QuestionsWire, AnAnswerArrivesWhole) {
  const Result<AnswerContent> live = Carried(FullBranch());
  ASSERT_TRUE(live) << Describe(live.error());
  EXPECT_EQ(std::get<LiveBranch>(*live), FullBranch());
  const Result<AnswerContent> examined =
      Carried(Examination{{{"fsync", Severity::kProblem, "fsync is off", "turn it on"}}, 42});
  ASSERT_TRUE(examined) << Describe(examined.error());
  const auto& examination = std::get<Examination>(*examined);
  EXPECT_EQ(examination.clock_us, 42);
  ASSERT_THAT(examination.findings, SizeIs(1));
  EXPECT_EQ(examination.findings[0].severity, Severity::kProblem);
  EXPECT_EQ(examination.findings[0].advice, "turn it on");
  const Result<AnswerContent> failed = Carried(Fail(ErrorCode::kUnavailable, "refused", "wait"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "refused; wait");
}

TEST(QuestionsWire, A03_WhatDatabasesNamedThemselvesIsOneLineThatCanBeShown) {
  LiveBranch live = FullBranch();
  live.waiters[0].application = "\x1b[2J\nbilling";
  const Result<AnswerContent> carried = Carried(live);
  ASSERT_TRUE(carried);
  EXPECT_EQ(std::get<LiveBranch>(*carried).waiters[0].application, "\\x1b[2J\\x0abilling");
  wire::QuestionAnswer hostile;  // of one that does not escape
  hostile.__isset.live = true;
  hostile.live.owner = "eve\x1b[2J\n";
  hostile.live.proof = static_cast<wire::Proof::type>(77);
  const AnswerReport report = FromWire(hostile);
  ASSERT_TRUE(report.answer);
  EXPECT_EQ(std::get<LiveBranch>(*report.answer).owner, "eve [2J ");
  EXPECT_EQ(std::get<LiveBranch>(*report.answer).proof, Proof::kNone) << "nothing is presumed";
}

TEST(QuestionsWire, WhatIsTooLongOrNegativeIsCutAndNotRefused) {
  wire::QuestionAnswer hostile;
  hostile.__isset.live = true;
  hostile.live.locks = -4;
  hostile.live.waiting = -1;
  hostile.live.prepared_us = -1;
  hostile.live.relations.assign(9'000, std::string(5'000, 'r'));
  hostile.live.waiters.resize(9'000);
  hostile.live.waiters[0].waits_ms = std::numeric_limits<std::int64_t>::max();
  hostile.live.waiters[1].waits_ms = -5;
  const AnswerReport report = FromWire(hostile);
  ASSERT_TRUE(report.answer);
  const auto& live = std::get<LiveBranch>(*report.answer);
  EXPECT_EQ(live.locks, 0U);
  EXPECT_EQ(live.prepared_at, 0);
  EXPECT_THAT(live.relations, SizeIs(LiveBranch::kRelationsMost));
  EXPECT_THAT(live.relations[0], SizeIs(200));
  EXPECT_THAT(live.waiters, SizeIs(LiveBranch::kWaitersMost));
  EXPECT_EQ(live.waiting, LiveBranch::kWaitersMost);
  EXPECT_GT(live.waiters[0].waits, std::chrono::hours(24 * 365));
  EXPECT_EQ(live.waiters[1].waits, std::chrono::milliseconds(0));
  EXPECT_EQ(FromWire(wire::QuestionAnswer()).answer.error().message,
            "its process answered nothing");
}

class QuestionHandlers : public Handlers {
 protected:
  // A process that answers the next question by what `answer` says.
  template <typename Answer>
  std::thread AnswerOnce(const std::string& session, Answer answer) {
    return std::thread([this, session, answer] {
      wire::FetchRequest fetch;
      fetch.session = session;
      fetch.most = 100;
      fetch.wait_ms = 5'000;
      wire::CommandBatch batch;
      participant_.fetch(batch, fetch);
      wire::ReportRequest report;
      report.session = session;
      for (const wire::Question& question : batch.questions) {
        wire::QuestionAnswer one;
        one.number = question.number;
        answer(question, one);
        report.question_answers.push_back(one);
      }
      participant_.report(report);
    });
  }
};

TEST_F(QuestionHandlers, LookPutsTheDecisionAndTheDatabaseSideBySide) {
  const std::string session = AttachToAnswer("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  std::thread process =
      AnswerOnce(session, [](const wire::Question& question, wire::QuestionAnswer& answer) {
        EXPECT_EQ(question.kind, wire::QuestionKind::INSPECT);
        EXPECT_EQ(question.branch, 1);
        wire::LiveBranch live;
        live.prepared = true;
        live.proof = wire::Proof::IN_PROGRESS;
        live.waiting = 3;
        answer.__set_live(live);
      });
  wire::LookRequest request;
  request.gtid = gtid;
  request.wait_ms = 20'000;
  wire::LookReply reply;
  admin_.look(reply, request);
  process.join();
  EXPECT_EQ(reply.transaction.gtid, gtid);
  ASSERT_THAT(reply.live, SizeIs(1));
  EXPECT_EQ(reply.live[0].branch, 1);
  EXPECT_EQ(reply.live[0].how.why_not, "");
  EXPECT_THAT(reply.live[0].how.process, HasSubstr("shop@here:1"));
  EXPECT_GT(reply.live[0].how.asked_us, 0);
  ASSERT_TRUE(reply.live[0].__isset.live);
  EXPECT_EQ(reply.live[0].live.waiting, 3);
}

TEST_F(QuestionHandlers, ExamineAsksEveryDatabaseAndSaysWhichCannotBeAsked) {
  const std::string session = AttachToAnswer("orders");
  Attach("zebra");  // of an old release
  std::thread process =
      AnswerOnce(session, [](const wire::Question& question, wire::QuestionAnswer& answer) {
        EXPECT_EQ(question.kind, wire::QuestionKind::EXAMINE);
        wire::Examination examination;
        examination.findings.resize(1);
        examination.findings[0].severity = wire::Severity::WARNING;
        examination.findings[0].what = "one slot is left";
        answer.__set_examination(examination);
      });
  wire::ExamineRequest request;
  request.most = 100;
  request.wait_ms = 20'000;
  wire::ExamineReply reply;
  admin_.examine(reply, request);
  process.join();
  ASSERT_THAT(reply.resources, SizeIs(2));
  EXPECT_EQ(reply.resources[0].resource, "orders");
  ASSERT_TRUE(reply.resources[0].__isset.examination);
  EXPECT_EQ(reply.resources[0].examination.findings.at(0).what, "one slot is left");
  EXPECT_FALSE(reply.resources[1].__isset.examination);
  EXPECT_THAT(reply.resources[1].how.why_not, HasSubstr("too old to be asked"));
  request.resource = "nobody";
  EXPECT_EQ(ErrorOf([&] { admin_.examine(reply, request); }).code, wire::ErrorCode::NOT_FOUND);
}

TEST_F(QuestionHandlers, ALookThatNobodyAnswersEndsInItsTime) {
  const std::string session = AttachToAnswer("orders");
  const std::string gtid = Begin();
  Enlist(gtid, session, "orders");
  wire::LookRequest request;
  request.gtid = gtid;
  request.wait_ms = 50;
  wire::LookReply reply;
  admin_.look(reply, request);
  ASSERT_THAT(reply.live, SizeIs(1));
  EXPECT_THAT(reply.live[0].how.why_not, HasSubstr("no answer in time"));
  EXPECT_GE(reply.live[0].how.took_ms, 50);
  for (const std::int64_t wait : {std::int64_t{-1}, std::int64_t{60'001}}) {
    request.wait_ms = wait;
    EXPECT_EQ(ErrorOf([&] { admin_.look(reply, request); }).code, wire::ErrorCode::INVALID);
  }
}

}  // namespace
}  // namespace settle::testing
