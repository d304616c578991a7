// What becomes of calls when the program leaves, the coordinator restarts, or the process forks.
#include <sys/wait.h>
#include <unistd.h>

#include "action_test_base.h"

namespace settle::sdk {
namespace {

using testing::HasSubstr;

class ActionLeaving : public ActionTest {
 protected:
  // Two calls run, three wait.
  void Fill() {
    Serve([this](const ActionContext&) {
      gate_.Pass();
      return Done();
    });
    ConnectToServe();
    fake_.Call(Call(1));
    fake_.Call(Call(2));
    ASSERT_TRUE(gate_.AwaitEntered(2));
    for (int step = 3; step <= 6; ++step) fake_.Call(Call(step));
    Heard("answer 6.1=unknown busy");
  }
  // Of the three that wait.
  std::string NotBegun(int step) const {
    return "answer " + std::to_string(step) +
           ".1=unknown it was not begun: the process that was called ends";
  }
  void TearDown() override {
    gate_.Open();
    ActionTest::TearDown();
  }

  Gate gate_;
};

TEST_F(ActionLeaving, WhatRunsIsWaitedForAndToldAndWhatWaitsIsGivenBack) {
  Fill();
  std::thread opens([&] {
    EXPECT_TRUE(fake_.Await(NotBegun(5)));
    gate_.Open();
  });
  const Status left = coordinator_->Detach();
  opens.join();
  EXPECT_TRUE(left) << Describe(left.error());
  EXPECT_EQ(gate_.entered(), 2) << "a call was begun while the program was leaving";
  EXPECT_EQ(fake_.Count("answer 1.1=done {}"), 1u);
  EXPECT_EQ(fake_.Count("answer 2.1=done {}"), 1u);
  for (int step = 3; step <= 5; ++step) EXPECT_EQ(fake_.Count(NotBegun(step)), 1u);
  EXPECT_EQ(fake_.heard().back(), "detach");
}

TEST_F(ActionLeaving, AHandlerThatHangsHoldsTheProgramUpNoLongerThanItSays) {
  airline_ = ActionParticipant::Make(
      {.name = "airline", .concurrency = 2, .queue_most = 3, .stop_patience = milliseconds(100)});
  Fill();
  const Clock::time_point start = Clock::now();
  EXPECT_TRUE(coordinator_->Detach());
  EXPECT_LT(Clock::now() - start, seconds(3));
  EXPECT_EQ(fake_.Count("answer 1.1=unknown the process that was called ends while it is still at "
                        "work"),
            1u);
  coordinator_.reset();
  gate_.Open();      // only now they end; their answers go nowhere
  airline_.reset();  // waits for them
  EXPECT_EQ(fake_.Count("answer 1.1=done {}"), 0u);
}

TEST_F(ActionLeaving, AParticipantCanBeConnectedAgain) {
  Serve([](const ActionContext&) { return Done(); });
  ConnectToServe();
  ASSERT_TRUE(coordinator_->Detach());
  coordinator_.reset();
  ConnectToServe();
  fake_.Call(Call(1));
  EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
}

TEST_F(ActionLeaving, AfterARestartOfTheCoordinatorItServesAgainAndOldAnswersAreStillTold) {
  Serve([this](const ActionContext&) {
    gate_.Pass();
    return Done();
  });
  ConnectToServe();
  fake_.Call(Call(1));
  ASSERT_TRUE(gate_.AwaitEntered(1));
  fake_.Restart(2);
  wire::ActionCall again = Call(1, 1);  // as after recovery: its attempts count from 1 again
  again.epoch = 2;
  fake_.Call(again);
  wire::ActionCall other = Call(2, 1);
  other.epoch = 2;
  fake_.Call(other);
  ASSERT_TRUE(gate_.AwaitEntered(2));
  EXPECT_EQ(gate_.entered(), 2) << "the copy ran beside the call of the earlier life";
  gate_.Open();
  EXPECT_TRUE(fake_.Await("answer 1.1=done {}"));
  EXPECT_TRUE(fake_.Await("answer 2.1=done {}"));
  EXPECT_EQ(fake_.Count("attach acts:airline seen=abcdefghijkl/2"), 1u);
}

TEST_F(ActionLeaving, M01_AnAnswerWhoseReportWasLostIsReportedAgain) {
  Serve([](const ActionContext&) { return Done(); });
  std::atomic<int> reports{0};
  fake_.on_report = [&](const wire::ReportRequest&) {
    if (++reports == 1) FakeCoordinator::CutConnection();
  };
  ConnectToServe();
  fake_.Call(Call(1));
  EXPECT_TRUE(Eventually([&] { return fake_.Count("answer 1.1=done {}") == 2; }));
  EXPECT_GE(reports, 2) << "the fault did not fire";
}

TEST_F(ActionLeaving, LongResultsAreReportedInSeveralReportsThatFitTheWire) {
  airline_ = ActionParticipant::Make({.name = "airline", .queue_most = 1'000});
  std::atomic<int> done{0};
  Serve([&](const ActionContext&) {
    ++done;
    return Done("\"" + std::string(60'000, 'x') + "\"");
  });
  std::atomic<bool> held{true};
  std::atomic<std::size_t> most{0};
  std::atomic<std::size_t> all{0};
  fake_.on_report = [&](const wire::ReportRequest& request) {
    EXPECT_TRUE(Eventually([&] { return !held; }));
    std::size_t bytes = 0;
    for (const wire::ActionAnswer& answer : request.answers) bytes += answer.text.size();
    most = std::max<std::size_t>(most, bytes);
    all += request.answers.size();
  };
  ConnectToServe();
  for (int step = 1; step <= 120; ++step) fake_.Call(Call(step));
  EXPECT_TRUE(Eventually([&] { return done == 120; }));  // piled up behind the held report
  held = false;
  EXPECT_TRUE(Eventually([&] { return all == 120; }));
  EXPECT_GT(most, 1'000'000u) << "nothing piled up: the fault did not fire";
  EXPECT_LE(most, 4u * 1024 * 1024);
}

TEST_F(ActionLeaving, P14_AForkedChildHasNothingToDoWithIt) {
  Serve([](const ActionContext&) { return Done(); });
  ConnectToServe();
  fake_.Call(Call(1));
  ASSERT_TRUE(fake_.Await("answer 1.1=done {}"));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(5);  // a child that waits for threads that it does not have is killed
    coordinator_.reset();
    airline_.reset();
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  EXPECT_EQ(fake_.Count("detach"), 0u);
  fake_.Call(Call(2));
  EXPECT_TRUE(fake_.Await("answer 2.1=done {}"));
}

}  // namespace
}  // namespace settle::sdk
