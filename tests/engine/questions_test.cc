// Questions to participants: who is asked, which answers count, and that none is left waiting.
#include "engine/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/sessions_fixture.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Question Inspection(const std::string& preferred = {}) {
  Question question{Question::Kind::kInspect, "bank-a"};
  question.key = {Gtid::Make("k3m9qxw4c7ab", 1, 17, 7), 2};
  question.evidence = {"db:bank-a", 1, "744"};
  question.preferred = preferred;
  return question;
}

struct QuestionsTest : SessionsTest {
  SessionId Attach(const std::string& process, bool answers = true,
                   const std::string& resource = "bank-a") {
    AttachCall call{process, {{resource, "db:" + resource}}, "", 0};
    call.answers_questions = answers;
    const Answer<Attached> attached = SessionsTest::Attach(std::move(call));
    return attached.ok() ? attached->session : SessionId();
  }
  Answer<LiveAnswer> Ask(Question question = Inspection()) {
    Answer<LiveAnswer> answer;
    under_test.engine().Ask(std::move(question), answer.done());
    return answer;
  }
  Answer<std::monostate> Report(const SessionId& session, std::int64_t number,
                                Result<AnswerContent> content = Prepared()) {
    ReportCall call{session, {}, {}};
    call.question_answers.push_back({number, std::move(content)});
    Answer<std::monostate> reported;
    under_test.engine().Report(std::move(call), reported.done());
    under_test.Run();
    return reported;
  }
  static LiveBranch Prepared() {
    LiveBranch live;
    live.prepared = true;
    return live;
  }
};

TEST_F(QuestionsTest, AParkedFetchBringsTheQuestionAndTheReportItsAnswer) {
  const SessionId session = Attach("bank 1");
  const auto batch = Fetch(session);
  const auto answer = Ask();
  ASSERT_TRUE(batch.ok());
  EXPECT_NE(batch->number, 0);
  ASSERT_THAT(batch->questions, SizeIs(1));
  const Question& asked = batch->questions[0];
  EXPECT_EQ(asked.kind, Question::Kind::kInspect);
  EXPECT_EQ(asked.key, Inspection().key);
  EXPECT_EQ(asked.evidence, Inspection().evidence);
  EXPECT_FALSE(answer.came());
  ASSERT_TRUE(Report(session, asked.number).ok());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->process, "bank 1");
  EXPECT_EQ(std::get<LiveBranch>(answer->content), Prepared());
  EXPECT_THAT(under_test.log().durable(), SizeIs(1)) << "the resource; nothing of the question";
}

TEST_F(QuestionsTest, TheBranchesOwnProcessIsPreferredAndAnotherOneAskedWithoutIt) {
  const SessionId one = Attach("bank 1");
  const SessionId two = Attach("bank 2");
  for (int i = 0; i < 3; ++i) Ask(Inspection("bank 2"));
  EXPECT_FALSE(Fetch(one).came());
  EXPECT_THAT(Fetch(two)->questions, SizeIs(3));
  Ask(Inspection("a process that is gone"));
  Ask(Inspection("a process that is gone"));
  EXPECT_EQ(Fetch(one)->questions.size(), 1U) << "they take turns";
}

TEST_F(QuestionsTest, ACommandIsNotHeldUpByQuestionsOfTheSameBatch) {
  const SessionId session = Attach("bank 1");
  for (int i = 0; i < 10; ++i) Ask();
  under_test.engine().SendStray({CommandKind::kAbort, Inspection().key, "bank-a", 1, 0, {}});
  const auto batch = Fetch(session, 0, 5);
  ASSERT_TRUE(batch.ok());
  EXPECT_THAT(batch->commands, SizeIs(1));
  EXPECT_THAT(batch->questions, SizeIs(4)) << "in what room the commands leave";
}

TEST_F(QuestionsTest, NobodyServesTheResource) {
  const auto answer = Ask();
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(answer.error().message, "no process serves bank-a");
}

TEST_F(QuestionsTest, P15_AProcessOfAnOldReleaseIsNeverAsked) {
  const SessionId old = Attach("bank 0.9", /*answers=*/false);
  const auto answer = Ask();
  EXPECT_EQ(answer.error().code, ErrorCode::kVersion);
  EXPECT_THAT(answer.error().message, HasSubstr("bank 0.9) is too old to be asked"));
  EXPECT_FALSE(Fetch(old).came());
  const SessionId current = Attach("bank 1");
  EXPECT_FALSE(Ask(Inspection("bank 0.9")).came()) << "now there is one that can be asked";
  EXPECT_THAT(Fetch(current)->questions, SizeIs(1));
}

TEST_F(QuestionsTest, WithoutAnAnswerTheQuestionEndsWithItsTimeAndALateAnswerIsDropped) {
  const SessionId session = Attach("bank 1");
  const auto answer = Ask();
  const auto batch = Fetch(session);
  under_test.Advance(1900ms);
  EXPECT_FALSE(answer.came());
  under_test.Advance(200ms);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(answer.error().message,
            "no answer in time from its process (bank 1, asked 2000 ms ago)");
  EXPECT_TRUE(Report(session, batch->questions.at(0).number).ok());
  EXPECT_EQ(answer.count(), 1U);
}

TEST_F(QuestionsTest, AQuestionWhoseTimeIsOverIsNotSentAnyMore) {
  const SessionId session = Attach("bank 1");
  Ask();
  under_test.Advance(2100ms);
  const auto batch = Fetch(session);
  EXPECT_FALSE(batch.came());
  Ask();
  EXPECT_THAT(batch->questions, SizeIs(1));
}

TEST_F(QuestionsTest, ALostProcessAnswersAtOnceThatItIsGone) {
  const SessionId session = Attach("bank 1");
  Fetch(session);
  const auto fetched = Ask();
  const auto waiting = Ask();
  Answer<std::monostate> detached;
  under_test.engine().Detach(session, detached.done());
  for (const Answer<LiveAnswer>& answer : {fetched, waiting})
    EXPECT_EQ(answer.error().message, "its process (bank 1) went away before it answered");
  EXPECT_EQ(Ask().error().code, ErrorCode::kNotFound);
}

TEST_F(QuestionsTest, OnlyWhoWasAskedCanAnswerAndOnlyOnce) {
  const SessionId one = Attach("bank 1");
  const SessionId two = Attach("bank 2");
  const auto answer = Ask(Inspection("bank 1"));
  const std::int64_t number = Fetch(one)->questions.at(0).number;
  Report(two, number);
  EXPECT_FALSE(answer.came());
  Report(one, number + 1);
  EXPECT_FALSE(answer.came());
  Report(one, number);
  Report(one, number);
  EXPECT_EQ(answer.count(), 1U);
}

TEST_F(QuestionsTest, AnAnswerToSomethingElseIsNone) {
  const SessionId session = Attach("bank 1");
  const auto answer = Ask();
  Report(session, Fetch(session)->questions.at(0).number, Examination{});
  EXPECT_EQ(answer.error().message, "bank 1 answered something else");
}

TEST_F(QuestionsTest, WhatTheProcessCannotSayIsItsOwnWords) {
  const SessionId session = Attach("bank 1");
  const auto answer = Ask();
  Report(session, Fetch(session)->questions.at(0).number,
         Fail(ErrorCode::kUnavailable, "connection refused"));
  EXPECT_EQ(answer.error().message, "connection refused");
}

TEST_F(QuestionsTest, C11_ACoordinatorThatStopsWaitsForNoAnswer) {
  const SessionId session = Attach("bank 1");
  const auto asked = Ask();
  under_test.engine().StopAsking();
  EXPECT_THAT(asked.error().message, HasSubstr("is stopping"));
  EXPECT_THAT(Ask().error().message, HasSubstr("is stopping"));
  EXPECT_FALSE(Fetch(session).came());
}

TEST_F(QuestionsTest, AFloodIsRefusedByNameAndItsRestEndsInTime) {
  const SessionId session = Attach("bank 1");
  std::vector<Answer<LiveAnswer>> answers;
  for (std::size_t i = 0; i < kQuestionsOfASessionMost; ++i) answers.push_back(Ask());
  const auto refused = Ask();
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  EXPECT_THAT(refused.error().message, HasSubstr("too many questions to bank-a"));
  under_test.Advance(2100ms);
  for (const auto& answer : answers) EXPECT_EQ(answer.count(), 1U);
  EXPECT_FALSE(Ask().came()) << "there is room again";
  EXPECT_THAT(Fetch(session)->questions, SizeIs(1)) << "and the old ones are not in the way";
}

TEST_F(QuestionsTest, N01_ABatchOfQuestionsIsSentAgainAndItsNumbersAreOfThisLifeOnly) {
  const SessionId session = Attach("bank 1");
  Ask();
  const auto lost = Fetch(session);
  const auto again = Fetch(session);
  ASSERT_THAT(again->questions, SizeIs(1));
  EXPECT_EQ(again->number, lost->number);
  EXPECT_EQ(again->questions[0].number >> 32, 2) << "an answer to an earlier life is none to this";
  EXPECT_FALSE(Fetch(session, again->number).came());
}

}  // namespace
}  // namespace settle::coordinator
