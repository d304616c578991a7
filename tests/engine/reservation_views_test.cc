// What operators see of transactions that reserve in services, and what a retry tells them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct ReservationViews : testing::Test {
  void Try(const Gtid& gtid) {
    under_test.engine().Try({gtid, "inventory", "reserve", "{}", "t1", 10s},
                            [](const Result<TryAnswer>&) {});
    under_test.Run();
  }
  void Abort(const Gtid& gtid) {
    under_test.engine().Abort({gtid, AbortCause::kRequested, "no", {}},
                              [](const Result<Ending>&) {});
    under_test.Run();
  }

  EngineUnderTest under_test;
};

TEST_F(ReservationViews, WhatIsShownCountsTheCallsThatReachedSomebody) {
  const Gtid gtid = under_test.Begin({0ms, "", "shop"});
  Try(gtid);
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).attempts, 0) << "nobody is there";
  EXPECT_THAT(under_test.Show(gtid).timeline.back().what,
              HasSubstr("try of branch 1 waits for somebody to serve inventory"));
  Service inventory(under_test, {"inventory"});
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).attempts, 1);
  inventory.ReportDone(inventory.Take().at(0));
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).attempts, 0);
  Abort(gtid);
  EXPECT_EQ(under_test.Show(gtid).branches.at(0).attempts, 1);
}

TEST_F(ReservationViews, RetryCallsThemAgainAndSaysWhichParticipantItIsThatIsCalled) {
  Service inventory(under_test, {"inventory"});
  const Gtid gtid = under_test.Begin({0ms, "", "shop"});
  Try(gtid);
  inventory.ReportDone(inventory.Take().at(0));
  Abort(gtid);
  inventory.Report(inventory.Take().at(0), {AnswerKind::kUnknown, "database down", 0});
  for (const bool all : {false, true}) {
    Answer<Hurried> hurried;
    if (all) {
      under_test.engine().HurryAll("inventory", hurried.done());
    } else {
      under_test.engine().Hurry(gtid, hurried.done());
    }
    under_test.Run();
    ASSERT_TRUE(hurried.ok());
    EXPECT_THAT(hurried->sent, IsEmpty()) << "no resource's session is sent anything";
    ASSERT_EQ(hurried->called.size(), 1U);
    const auto& [where, branches] = *hurried->called.begin();
    EXPECT_EQ(where, std::pair(std::string("inventory"), ActionOp::kCancel));
    EXPECT_EQ(branches.count, 1U);
    EXPECT_EQ(branches.last_error, "database down");
  }
  EXPECT_THAT(inventory.TakeWords(), ElementsAre("cancel 1 attempt 3"));
}

}  // namespace
}  // namespace settle::coordinator
