// Attaching, coming back, scanning, and stopping.
#include "client_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class Session : public ClientTest {
 protected:
  // What the hooks and warnings use must outlive the coordinator's threads.
  void TearDown() override { coordinator_.reset(); }

  CoordinatorOptions Loud() {
    CoordinatorOptions options = fake_.Options({bank_a_, bank_b_});
    options.warn = [this](const std::string& line) {
      std::lock_guard lock(mutex_);
      warnings_.push_back(line);
    };
    return options;
  }
  bool Warned(const std::string& text) {
    std::lock_guard lock(mutex_);
    return std::any_of(warnings_.begin(), warnings_.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }
  // A branch in bank-a that is prepared, its transaction's outcome unknown to the program.
  BranchKey LeaveInDoubt() {
    GlobalTransaction transaction = Both();
    const CommitOptions brief{.wait_at_most = milliseconds(50)};
    fake_.on_commit = [](const wire::CommitRequest&, wire::CommitReply& reply) {
      reply.ending = WireEnding(wire::Outcome::UNDECIDED);
      return true;
    };
    EXPECT_EQ(transaction.Commit(brief).outcome, Outcome::kUnknown);
    return {transaction.gtid(), 1};
  }

  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::atomic<int> calls_{0};
};

TEST_F(Session, AttachesWithAllResourcesAndDetachesAtTheEnd) {
  Connect();
  EXPECT_EQ(fake_.Count("attach bank-a bank-b seen=/0"), 1u);
  EXPECT_EQ(coordinator_->log_id(), "abcdefghijkl");
  EXPECT_EQ(coordinator_->epoch(), 1u);
  coordinator_.reset();
  EXPECT_EQ(fake_.Count("detach"), 1u);
}

TEST_F(Session, AProgramWithoutResourcesNeedsNoSession) {
  Connect(fake_.Options());
  EXPECT_EQ(fake_.heard().size(), 0u);
  EXPECT_TRUE(Begin().Commit().committed());
  EXPECT_EQ(coordinator_->log_id(), "abcdefghijkl");
}

TEST_F(Session, EndsAtOnceDuringALongPoll) {
  std::promise<void> polling;
  std::once_flag once;
  fake_.on_fetch = [&](const wire::FetchRequest& request) {
    EXPECT_GT(request.wait_ms, 1'000);
    std::call_once(once, [&] { polling.set_value(); });
  };
  Connect();
  polling.get_future().wait();
  const Clock::time_point start = Clock::now();
  coordinator_.reset();
  EXPECT_LT(Clock::now() - start, milliseconds(1'000));
}

TEST_F(Session, DetachSaysWhetherTheCoordinatorWasTold) {
  Connect();
  EXPECT_TRUE(coordinator_->Detach());
  EXPECT_EQ(fake_.Count("detach"), 1u);
  coordinator_.reset();
  EXPECT_EQ(fake_.Count("detach"), 1u);

  Connect();
  fake_.Stop();
  const Status told = coordinator_->Detach();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnavailable) << Describe(told.error());
}

TEST_F(Session, EndsSoonWhenTheCoordinatorIsGone) {
  Connect();
  fake_.Stop();
  const Clock::time_point start = Clock::now();
  coordinator_.reset();
  EXPECT_LT(Clock::now() - start, milliseconds(3'000));
}

TEST_F(Session, WhatWasDecidedIsFinishedAndToldBeforeTheProgramLeaves) {
  bank_a_->on_finish = [](const BranchKey&, Decision) {
    std::this_thread::sleep_for(milliseconds(30));
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  Connect();
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Both().Commit({.wait = Wait::kDecision}).committed());
  coordinator_.reset();
  EXPECT_EQ(fake_.Count("end 1=committed"), 6u);
  EXPECT_EQ(fake_.Count("end 2=committed"), 6u);
  EXPECT_EQ(fake_.heard().back(), "detach");
}

TEST_F(Session, ADatabaseThatHangsDoesNotKeepTheProgramForWhatIsQueued) {
  bank_a_->on_finish = [](const BranchKey&, Decision) {
    std::this_thread::sleep_for(milliseconds(600));
    return FinishResult{BranchEnd::kCommitted, {}};
  };
  Connect();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Both().Commit({.wait = Wait::kDecision}).committed());
  const Clock::time_point start = Clock::now();
  coordinator_.reset();
  EXPECT_LT(Clock::now() - start, seconds(4));
  EXPECT_LT(fake_.Count("end 1=committed"), 20u);
}

TEST_F(Session, P09_ARefusedAttachIsToldToWhoeverConnects) {
  fake_.on_attach = [](const wire::AttachRequest&) {
    throw ServiceError(wire::ErrorCode::REFUSED, "bank-a stands for another database");
  };
  const auto coordinator = Coordinator::Connect(fake_.Options({bank_a_}));
  ASSERT_FALSE(coordinator);
  EXPECT_EQ(coordinator.error().code, ErrorCode::kRefused);
  EXPECT_THAT(coordinator.error().message, HasSubstr("bank-a stands for another database"));
}

TEST_F(Session, ConnectRefusesWhatCannotWork) {
  EXPECT_EQ(Coordinator::Connect(fake_.Options({bank_a_, bank_a_})).error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(Coordinator::Connect(fake_.Options({nullptr})).error().code, ErrorCode::kInvalid);
  auto strange = std::make_shared<FakeResource>("no such name!");
  EXPECT_EQ(Coordinator::Connect(fake_.Options({strange})).error().code, ErrorCode::kInvalid);
  CoordinatorOptions options = fake_.Options();
  options.addresses = {"127.0.0.1"};
  EXPECT_EQ(Coordinator::Connect(options).error().code, ErrorCode::kInvalid);
  options.addresses = {"127.0.0.1:1"};
  options.connect_timeout = milliseconds(100);
  EXPECT_EQ(Coordinator::Connect(options).error().code, ErrorCode::kUnavailable);
}

TEST_F(Session, ALostConnectionIsNotALostSession) {
  auto& fetches = calls_;
  fake_.on_fetch = [this](const wire::FetchRequest&) {
    if (++calls_ == 1) FakeCoordinator::CutConnection();
  };
  Connect();
  GlobalTransaction transaction = Both();
  fake_.Send(wire::CommandKind::ABORT, {transaction.gtid(), 1}, "bank-a");
  EXPECT_TRUE(fake_.Await("end 1=aborted"));
  EXPECT_GE(fetches, 2);
  EXPECT_EQ(fake_.Count("attach bank-a bank-b seen=/0"), 1u);
  EXPECT_EQ(bank_b_->Count("fence 2"), 0u);
}

TEST_F(Session, N02_ABatchThatIsSentAgainIsCarriedOutOnce) {
  Connect();
  GlobalTransaction transaction = JoinNew();
  Enlist(transaction, *bank_a_);
  ASSERT_TRUE(transaction.Leave());
  const BranchKey key{transaction.gtid(), 1};
  fake_.Send(wire::CommandKind::PREPARE, key, "bank-a");
  ASSERT_TRUE(fake_.Await("vote 1=commit"));
  fake_.Send(wire::CommandKind::COMMIT, key, "bank-a");
  fake_.Send(wire::CommandKind::COMMIT, key, "bank-a");
  ASSERT_TRUE(fake_.Await("end 1=committed"));
  EXPECT_EQ(bank_a_->Count("prepare 1"), 1u);
  EXPECT_EQ(bank_a_->Count("commit 1"), 1u);
}

TEST_F(Session, AReportWhoseReplyIsLostIsRepeated) {
  fake_.on_report = [this](const wire::ReportRequest& request) {
    if (!request.votes.empty() && ++calls_ == 1) FakeCoordinator::CutConnection();
  };
  Connect();
  fake_.Send(wire::CommandKind::PREPARE, {Gtid::Make("abcdefghijkl", 1, 50, 1), 1}, "bank-a");
  EXPECT_TRUE(Eventually([&] { return fake_.Count("vote 1=no") == 2; }));
}

TEST_F(Session, P01_APrepareForABranchThatThisProcessDoesNotKnowIsVotedNo) {
  Connect();
  fake_.Send(wire::CommandKind::PREPARE, {Gtid::Make("abcdefghijkl", 1, 50, 1), 1}, "bank-a");
  EXPECT_TRUE(fake_.Await("vote 1=no"));
  EXPECT_EQ(bank_a_->Count("prepare 1"), 0u);
}

TEST_F(Session, P07_ABranchOfAnEarlierProcessIsFinishedByItsKey) {
  Connect();
  const BranchKey key{Gtid::Make("abcdefghijkl", 1, 50, 1), 3};
  bank_a_->SetPrepared(key);
  fake_.Send(wire::CommandKind::COMMIT, key, "bank-a");
  EXPECT_TRUE(fake_.Await("end 3=committed"));
  EXPECT_EQ(bank_a_->Count("commit 3 by key"), 1u);
  EXPECT_FALSE(bank_a_->IsPrepared(key));
}

TEST_F(Session, ACommandForAResourceThatIsNotServedIsAnsweredAndNotDone) {
  fake_.on_attach = [](const wire::AttachRequest&) {};
  Connect(fake_.Options({bank_a_}));
  // Queued by hand for a session that does not serve it.
  fake_.SendToAll(wire::CommandKind::COMMIT, {Gtid::Make("abcdefghijkl", 1, 50, 1), 4}, "bank-z");
  EXPECT_TRUE(fake_.Await("end 4=retry"));
}

TEST_F(Session, ComesBackAfterARestartAndTellsWhatItSaw) {
  Connect(Loud());
  fake_.Restart(2);
  EXPECT_TRUE(fake_.Await("attach bank-a bank-b seen=abcdefghijkl/2"));
  EXPECT_TRUE(Eventually([&] { return coordinator_->epoch() == 2; }));
  EXPECT_TRUE(Begin().Commit().committed());
  EXPECT_TRUE(Warned("not attached"));
}

TEST_F(Session, ThatItIsBackIsSaidWhenItHasAttachedAndNotWhenTheFirstPollReturns) {
  std::promise<void> said;
  std::shared_future<void> after_that = said.get_future().share();
  fake_.on_fetch = [&](const wire::FetchRequest&) {
    const bool again = fake_.Count("attach bank-a bank-b seen=abcdefghijkl/2") != 0;
    if (again) after_that.wait_for(seconds(8));
  };
  Connect(Loud());
  fake_.Restart(2);
  EXPECT_TRUE(Eventually([&] { return Warned("attached to the coordinator again"); }));
  said.set_value();
  coordinator_.reset();
}

TEST_F(Session, ARestartFencesWhatWasNotPreparedAndLeavesWhatWas) {
  Connect();
  const BranchKey in_doubt = LeaveInDoubt();
  fake_.on_commit = nullptr;
  GlobalTransaction working = Begin();
  const std::shared_ptr<FakeBranch> branch = Enlist(working, *bank_b_);
  fake_.Restart(2);
  EXPECT_TRUE(bank_b_->Await("fence 1"));
  EXPECT_FALSE(branch->Work());
  EXPECT_TRUE(bank_a_->IsPrepared(in_doubt));
  EXPECT_EQ(bank_a_->Count("abort 1"), 0u);
}

TEST_F(Session, C03_AfterARestartPreparedBranchesAreReportedAndEndAsTheCoordinatorSays) {
  Connect();
  const BranchKey in_doubt = LeaveInDoubt();
  fake_.Restart(2);
  ASSERT_TRUE(fake_.Await("found bank-a " + in_doubt.DatabaseName()));
  fake_.Send(wire::CommandKind::ABORT, in_doubt, "bank-a");
  EXPECT_TRUE(fake_.Await("end 1=aborted"));
  EXPECT_FALSE(bank_a_->IsPrepared(in_doubt));
}

TEST_F(Session, ALostSessionIsReplacedAndItsUnpreparedBranchesAreFenced) {
  Connect();
  GlobalTransaction transaction = Both();
  fake_.LoseSessions();
  EXPECT_TRUE(bank_a_->Await("fence 1"));
  EXPECT_TRUE(bank_b_->Await("fence 2"));
  EXPECT_TRUE(fake_.Await("attach bank-a bank-b seen=abcdefghijkl/1"));
  EXPECT_TRUE(transaction.Commit().aborted());
  EXPECT_TRUE(Both().Commit().committed());
}

TEST_F(Session, C14_AnotherLogIsReportedClearlyAndPreparedBranchesAreLeftAlone) {
  Connect(Loud());
  const BranchKey in_doubt = LeaveInDoubt();
  fake_.on_commit = nullptr;
  fake_.Restart(1, "zzzzzzzzzzzz");
  // It is told that they exist, so that an operator sees them.
  ASSERT_TRUE(fake_.Await("attach bank-a bank-b seen=abcdefghijkl/1"));
  EXPECT_TRUE(fake_.Await("found bank-a " + in_doubt.DatabaseName()));
  EXPECT_TRUE(Warned("now keeps log zzzzzzzzzzzz instead of abcdefghijkl"));
  fake_.Send(wire::CommandKind::ABORT, in_doubt, "bank-a", 9);
  EXPECT_TRUE(Eventually([&] { return Warned("refused to abort"); }));
  EXPECT_TRUE(bank_a_->IsPrepared(in_doubt));
  EXPECT_EQ(coordinator_->log_id(), "zzzzzzzzzzzz");
}

TEST_F(Session, C15_ACoordinatorOnAnOlderCopyOfItsLogIsNotServed) {
  fake_.Restart(5);
  Connect(Loud());
  const BranchKey in_doubt = LeaveInDoubt();
  fake_.Restart(4);
  EXPECT_TRUE(Eventually([&] { return Warned("has seen epoch 5"); }));
  EXPECT_FALSE(coordinator_->Begin());
  EXPECT_EQ(coordinator_->Begin().error().code, ErrorCode::kStaleEpoch);
  EXPECT_TRUE(bank_a_->IsPrepared(in_doubt));
  fake_.Restart(6);
  EXPECT_TRUE(fake_.Await("attach bank-a bank-b seen=abcdefghijkl/6"));
}

TEST_F(Session, ACommandOfAnEarlierEpochIsRefused) {
  fake_.Restart(5);
  Connect(Loud());
  const BranchKey in_doubt = LeaveInDoubt();
  fake_.Send(wire::CommandKind::ABORT, in_doubt, "bank-a", 4);
  EXPECT_TRUE(Eventually([&] { return Warned("epoch 4"); }));
  EXPECT_TRUE(bank_a_->IsPrepared(in_doubt));
}

TEST_F(Session, PreparedBranchesAreLookedForRegularly) {
  CoordinatorOptions options = fake_.Options({bank_a_});
  options.scan_interval = milliseconds(50);
  Connect(options);
  ASSERT_TRUE(bank_a_->Await("scan"));
  const BranchKey key{Gtid::Make("abcdefghijkl", 1, 50, 1), 3};
  bank_a_->SetPrepared(key);
  EXPECT_TRUE(fake_.Await("found bank-a " + key.DatabaseName()));
}

TEST_F(Session, P10_AScanThatFailsCountsForNothingAndIsToldOnce) {
  auto& scans = calls_;
  bank_a_->on_scan = [this]() -> Result<std::vector<std::string>> {
    ++calls_;
    return Fail(ErrorCode::kUnavailable, "connection lost after 3 rows");
  };
  CoordinatorOptions options = Loud();
  options.scan_interval = milliseconds(20);
  Connect(options);
  EXPECT_TRUE(Eventually([&] { return scans > 2; }));
  EXPECT_TRUE(Warned("connection lost after 3 rows"));
  std::lock_guard lock(mutex_);
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(Session, G10_WhatWeakensADatabasesPromiseIsWarnedAboutWhenItAttaches) {
  bank_b_->warned_of = {"resource \"bank-b\": fsync is off"};
  Connect(Loud());
  EXPECT_TRUE(Warned("fsync is off"));
  EXPECT_TRUE(Both().Commit().committed()) << "it can be used all the same";
}

TEST_F(Session, P06_AForeignNameFoundByAScanIsReportedAsItIs) {
  bank_a_->on_scan = [] {
    return Result<std::vector<std::string>>({std::string("settle:not-ours")});
  };
  Connect();
  EXPECT_TRUE(fake_.Await("found bank-a settle:not-ours"));
}

TEST_F(Session, ManyTransactionsAtOnceAllEnd) {
  Connect();
  std::atomic<int> committed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        if (Both().Commit({.wait = j % 2 == 0 ? Wait::kApplied : Wait::kDecision}).committed()) {
          ++committed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(committed, 160);
  EXPECT_TRUE(Eventually([&] { return fake_.Count("end 1=committed") == 160; }));
  EXPECT_TRUE(Eventually([&] { return fake_.Count("end 2=committed") == 160; }));
}

}  // namespace
}  // namespace settle::sdk
