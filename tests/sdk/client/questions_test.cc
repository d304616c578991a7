// What operators ask is answered beside the work, and never in its way.
#include <latch>

#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Questions : public ClientTest {
 protected:
  void SetUp() override {
    fake_.on_report = [this](const wire::ReportRequest& request) {
      std::lock_guard lock(mutex_);
      for (const wire::QuestionAnswer& answer : request.question_answers)
        answers_.emplace(answer.number, answer);
    };
  }
  // What the hooks use must outlive the threads that run them.
  void TearDown() override { coordinator_.reset(); }

  void Ask(std::int64_t number, const std::string& resource = "bank-a") {
    wire::Question question;
    question.number = number;
    question.kind = wire::QuestionKind::INSPECT;
    question.resource = resource;
    question.timeout_ms = 5'000;
    question.__set_gtid(key_.gtid.text());
    question.__set_branch(2);
    wire::Evidence evidence;
    evidence.database = "db:bank-a";
    evidence.timeline = 3;
    evidence.local_transaction = "744";
    question.__set_evidence(evidence);
    if (change) change(question);
    fake_.Ask(question);
  }
  wire::QuestionAnswer AwaitAnswer(std::int64_t number) {
    EXPECT_TRUE(Eventually([&] { return Answered(number); })) << "question " << number;
    std::lock_guard lock(mutex_);
    return answers_[number];
  }
  bool Answered(std::int64_t number) {
    std::lock_guard lock(mutex_);
    return answers_.contains(number);
  }

  const BranchKey key_{Gtid::Make("abcdefghijkl", 1, 9, 9), 2};
  std::function<void(wire::Question&)> change;
  std::mutex mutex_;
  std::map<std::int64_t, wire::QuestionAnswer> answers_;
};

TEST_F(Questions, AreAnsweredByTheResourceAsItSeesTheBranch) {
  bank_a_->on_inspect = [&](const BranchKey& key, const Evidence& evidence) -> Result<LiveBranch> {
    EXPECT_EQ(key, key_);
    EXPECT_EQ(evidence, (Evidence{"db:bank-a", 3, "744"}));
    return LiveBranch{.prepared = true,
                      .prepared_at = 17,
                      .owner = "teller",
                      .proof = Proof::kInProgress,
                      .proof_detail = "xid 744",
                      .locks = 3,
                      .relations = {"accounts"},
                      .waiting = 1,
                      .waiters = {{4711, "eve", "bill\x1b[31ming", milliseconds(240), "accounts"}}};
  };
  Connect();
  Ask(7);
  const wire::QuestionAnswer answer = AwaitAnswer(7);
  EXPECT_FALSE(answer.__isset.error) << answer.error;
  ASSERT_TRUE(answer.__isset.live);
  EXPECT_TRUE(answer.live.prepared);
  EXPECT_EQ(answer.live.prepared_us, 17);
  EXPECT_EQ(answer.live.owner, "teller");
  EXPECT_EQ(answer.live.proof, wire::Proof::IN_PROGRESS);
  EXPECT_THAT(answer.live.relations, ElementsAre("accounts"));
  EXPECT_EQ(answer.live.waiting, 1);
  ASSERT_EQ(answer.live.waiters.size(), 1u);
  EXPECT_EQ(answer.live.waiters[0].process_id, 4711);
  EXPECT_EQ(answer.live.waiters[0].application, "bill\\x1b[31ming") << "as it can be shown";
  EXPECT_EQ(answer.live.waiters[0].waits_ms, 240);
}

TEST_F(Questions, ADatabaseThatHangsHoldsUpNeitherWorkNorTheAnswersOfOthers) {
  std::latch released(1);
  std::atomic<bool> hangs = false;
  bank_a_->on_inspect = [&](const BranchKey&, const Evidence&) -> Result<LiveBranch> {
    hangs = true;
    released.wait();
    return LiveBranch{};
  };
  bank_b_->on_inspect = [](const BranchKey&, const Evidence&) { return LiveBranch{}; };
  Connect();
  Ask(1);
  ASSERT_TRUE(Eventually([&] { return hangs.load(); }));
  Ask(2, "bank-b");
  AwaitAnswer(2);
  // Any branch of the very database that hangs for the question: it is finished.
  fake_.Send(wire::CommandKind::COMMIT, key_, "bank-a");
  EXPECT_TRUE(bank_a_->Await("commit 2 by key"));
  EXPECT_TRUE(fake_.Await("end 2=committed"));
  EXPECT_FALSE(Answered(1)) << "it was still hanging";
  released.count_down();
  AwaitAnswer(1);
}

TEST_F(Questions, MoreThanCanWaitAreAnsweredAtOnceByAnError) {
  std::latch released(1);
  bank_a_->on_inspect = [&](const BranchKey&, const Evidence&) -> Result<LiveBranch> {
    released.wait();
    return LiveBranch{};
  };
  Connect();
  for (int i = 1; i <= 40; ++i) Ask(i);
  EXPECT_THAT(AwaitAnswer(40).error, HasSubstr("32 questions wait for bank-a"));
  released.count_down();
  for (int i = 1; i <= 40; ++i) AwaitAnswer(i);
  EXPECT_EQ(std::count_if(answers_.begin(), answers_.end(),
                          [](const auto& each) { return each.second.__isset.live; }),
            32);
}

TEST_F(Questions, WhoseTimeIsOverAreNotPutToTheDatabase) {
  std::latch released(1);
  std::atomic<int> asked = 0;
  bank_a_->on_inspect = [&](const BranchKey&, const Evidence&) -> Result<LiveBranch> {
    ++asked;
    released.wait();
    return LiveBranch{};
  };
  Connect();
  Ask(1);
  ASSERT_TRUE(Eventually([&] { return asked == 1; }));
  change = [](wire::Question& question) { question.timeout_ms = 1; };
  Ask(2);
  change = nullptr;
  Ask(3, "bank-b");  // fetched after the second
  AwaitAnswer(3);
  std::this_thread::sleep_for(milliseconds(2));  // longer than the second is of use to anybody
  Ask(4);
  released.count_down();
  AwaitAnswer(4);
  EXPECT_FALSE(Answered(2));
  EXPECT_EQ(asked, 2);
}

TEST_F(Questions, AreAnsweredByAnErrorWhereThereIsNoAnswer) {
  bank_b_->on_inspect = [](const BranchKey&, const Evidence&) -> Result<LiveBranch> {
    throw std::runtime_error("no such file");
  };
  Connect();
  Ask(1);
  EXPECT_THAT(AwaitAnswer(1).error, HasSubstr("cannot be asked how its branches are"));
  Ask(2, "bank-b");
  EXPECT_THAT(AwaitAnswer(2).error, HasSubstr("the resource threw: no such file"));
  Ask(3, "bank-z");
  EXPECT_THAT(AwaitAnswer(3).error, HasSubstr("does not serve \"bank-z\""));
  change = [](wire::Question& question) { question.gtid = "?"; };
  Ask(4);
  EXPECT_TRUE(AwaitAnswer(4).__isset.error);
  change = [](wire::Question& question) {
    question.kind = static_cast<wire::QuestionKind::type>(99);
  };
  Ask(5);
  EXPECT_THAT(AwaitAnswer(5).error, HasSubstr("question 99"));
  EXPECT_TRUE(Begin().Commit().committed()) << "and the batch that brought it is carried out";
}

TEST_F(Questions, ExaminesTheDatabaseForTheLogThatAsks) {
  bank_a_->on_examine = [](const std::string& log_id) {
    return Examination{{{"fsync", Severity::kProblem, "fsync is off for " + log_id, "turn it on"}},
                       42};
  };
  Connect();
  change = [](wire::Question& question) { question.kind = wire::QuestionKind::EXAMINE; };
  Ask(1);
  const wire::QuestionAnswer answer = AwaitAnswer(1);
  ASSERT_TRUE(answer.__isset.examination) << answer.error;
  EXPECT_EQ(answer.examination.clock_us, 42);
  ASSERT_EQ(answer.examination.findings.size(), 1u);
  EXPECT_EQ(answer.examination.findings[0].severity, wire::Severity::PROBLEM);
  EXPECT_EQ(answer.examination.findings[0].what, "fsync is off for abcdefghijkl");
}

}  // namespace
}  // namespace settle::sdk
