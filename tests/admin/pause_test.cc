// What operators are told of what is paused.
#include "admin/pause.h"

#include <gmock/gmock.h>

#include "admin/admin_under_test.h"
#include "support/service_under_test.h"

namespace settle::coordinator {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

struct Pausing : testing::Test {
  Result<PauseRecord> Set(const std::string& name, bool paused = true) {
    const PauseRecord record{PauseScope::kParticipant, name, paused, "alice",
                             "its disk is full",       0};
    return admin.engine.Blocking(
        [&] { return Pause(admin.engine.engine(), admin.views, admin.engine.observer(), record); });
  }

  AdminUnderTest admin;
};

TEST_F(Pausing, OnlyWhatSomebodyServedOrWaitsForCanBePaused) {
  const Error error = Set("bank-a").error();
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message, HasSubstr("no resource or participant is called bank-a"));
  Participant bank(admin.engine, {"bank-a"});
  ASSERT_TRUE(Set("bank-a"));
  EXPECT_TRUE(
      admin.engine.observer().Saw("bank-a is paused by alice since 2023-11-14T22:13:20Z: "
                                  "its disk is full"));
  bank.Detach();
  ASSERT_TRUE(Set("bank-a", false)) << "although nobody serves it now";
}

TEST_F(Pausing, WhatIsInDoubtAtItSaysThatItIsPausedAndFinishedAllTheSame) {
  Participant bank(admin.engine, {"bank-a"});
  const Gtid gtid = admin.Committing(bank);
  EXPECT_THAT(admin.Show(gtid)->waiting_for, Not(HasSubstr("paused")));
  ASSERT_TRUE(Set("bank-a"));
  const std::string words =
      "; bank-a is paused by alice since 2023-11-14T22:13:20Z: its disk is full (what is decided "
      "is finished there all the same)";
  EXPECT_THAT(admin.Show(gtid)->waiting_for, EndsWith(words));
  const auto in_doubt = admin.InDoubt();
  ASSERT_THAT(in_doubt->transactions, SizeIs(1));
  EXPECT_THAT(in_doubt->transactions[0].waiting_for, EndsWith(words));
  EXPECT_EQ(admin.Participants()->rows.at(0).paused->operator_name, "alice");
  const StatusView status = *admin.Status();
  EXPECT_THAT(status.pauses, SizeIs(1));
  EXPECT_EQ(status.counts.in_doubt, 1U);
  EXPECT_EQ(status.undecided, 0U);
}

TEST_F(Pausing, ASagaThatIsHeldBackSaysSoAndIsNotInDoubt) {
  Service airline(admin.engine, {"airline"});
  ASSERT_TRUE(Set("airline"));
  StartSagaCall call;
  saga::StepDefinition flight;
  flight.name = "flight";
  flight.participant = "airline";
  flight.action = "reserve-seat";
  flight.timeout_ms = 100;
  call.definition = {"trip", 1, 0, {flight}};
  Answer<Begun> started;
  admin.engine.engine().StartSaga(call, started.done());
  admin.engine.Run();
  for (int i = 0; i < 6; ++i) {
    admin.engine.Advance(5s);
    EXPECT_THAT(airline.Take(), SizeIs(0));
  }
  const auto view = admin.Show(started->gtid);
  EXPECT_EQ(view->waiting_for,
            "step flight, action reserve-seat at airline (airline is paused by alice since "
            "2023-11-14T22:13:20Z: its disk is full)");
  EXPECT_THAT(view->advice, AllOf(HasSubstr("'settle resume airline --reason ...'"),
                                  HasSubstr("deadlines run on")));
  EXPECT_THAT(admin.InDoubt()->transactions, SizeIs(0));
  ASSERT_TRUE(Set("airline", false));
  EXPECT_THAT(admin.Show(started->gtid)->advice, HasSubstr("nothing is needed"));
}

}  // namespace
}  // namespace settle::coordinator
