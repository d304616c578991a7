// The trip of examples/trip_saga over a real daemon: every step fails in turn, and the services are
// killed inside of every call. Judged by what the databases hold.
#include "support/postgres_cluster.h"
#include "trip_saga_world.h"

namespace settle::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST_F(TripSaga, ATripIsBookedPaidAndTold) {
  const Travelled trip = Travel({});
  EXPECT_EQ(trip.ended, (Ended{0, {}})) << trip.output << trip.errors;
  EXPECT_THAT(trip.output, HasSubstr("\ncommitted\n"
                                     "step     participant  done              undone\n"
                                     "flight   airline      reserved for 300  -\n"
                                     "hotel    hotels       reserved for 200  -\n"
                                     "car      cars         reserved for 100  -\n"
                                     "payment  bank         paid 600          -\n"
                                     "mail     mail         sent              -\n"));
  EXPECT_EQ(World(), "99 99 99 9400 1");
  EXPECT_EQ(Ask("mail", "SELECT text FROM sent"), "Thank you for 600");
}

// What was not done stays so, what was done is undone, and nothing is done after the pivot failed.
TEST_F(TripSaga, M06_WhicheverStepBeforeThePivotFailsNothingIsLeft) {
  for (const std::string step : {"flight", "hotel", "car", "payment"}) {
    const Travelled trip = Travel({"--fail", step});
    EXPECT_EQ(trip.ended, (Ended{1, {}})) << trip.output << trip.errors;
    EXPECT_THAT(trip.output, HasSubstr("\naborted: step " + step + " failed: "));
    EXPECT_EQ(World(), "100 100 100 10000 0") << "when " << step << " fails:\n" << trip.output;
    for (const char* service : {"airline", "hotels", "cars"}) {
      EXPECT_EQ(Ask(service, "SELECT count(*) FROM booking WHERE state = 'reserved'"), "0");
    }
    EXPECT_EQ(Ask("bank", "SELECT count(*) FROM payment"), "0");
    if (step == "payment") {
      EXPECT_THAT(trip.output, HasSubstr("flight   airline      reserved for 300  cancelled\n"
                                         "hotel    hotels       reserved for 200  cancelled\n"
                                         "car      cars         reserved for 100  cancelled\n"
                                         "payment  bank         -                 -\n"
                                         "mail     mail         -                 -\n"));
    }
  }
}

TEST_F(TripSaga, AStepAfterThePivotIsRepeatedUntilItIsDone) {
  const Travelled trip = Travel({"--fail", "mail"});
  EXPECT_EQ(trip.ended, (Ended{0, {}})) << trip.output << trip.errors;
  EXPECT_EQ(World(), "99 99 99 9400 1");
  const CliAnswer shown = RunCli(daemon_.address(), {"show", GtidOf(trip)});
  EXPECT_THAT(shown.out, HasSubstr("the provider does not answer")) << "the fault did not fire";
}

TEST_F(TripSaga, M06_EachStepInTurnFailsByOneCommandWithATableOfWhatWasDoneAndUndone) {
  const Travelled trips = Travel({"--fail", "each"});
  EXPECT_EQ(trips.ended, (Ended{0, {}})) << trips.output << trips.errors;
  for (const std::string step : {"flight", "hotel", "car", "payment"}) {
    EXPECT_THAT(trips.output, ContainsRegex(step + " fails: trip [^ ]*\naborted: step " + step));
  }
  EXPECT_THAT(trips.output, ContainsRegex("mail fails: trip [^ ]*\ncommitted\nstep "));
  EXPECT_THAT(trips.output, HasSubstr("\nmail     mail         sent              -\n"));
  EXPECT_EQ(World(), "99 99 99 9400 1") << "only the last one takes place:\n" << trips.output;
  EXPECT_EQ(Travel({"--fail", "each", "--key", "one"}).ended, (Ended{2, {}}));
}

TEST_F(TripSaga, WhoCannotPayDoesNotTravel) {
  const Travelled trip = Travel({"--customer", "poor"});
  EXPECT_EQ(trip.ended, (Ended{1, {}})) << trip.output << trip.errors;
  EXPECT_THAT(trip.output, HasSubstr("step payment failed: the account has no 600"));
  EXPECT_EQ(World(), "100 100 100 10000 0");
}

TEST_F(TripSaga, TheBankMayKeepItsMoneyInPostgres) {
  PostgresCluster cluster;
  Process create(TripProgram({"--bank", cluster.Dsn(), "--create"}));
  ASSERT_EQ(create.Wait(), (Ended{0, {}})) << create.Errors();
  const Travelled booked = Travel({"--bank", cluster.Dsn()});
  EXPECT_EQ(booked.ended, (Ended{0, {}})) << booked.output << booked.errors;
  EXPECT_THAT(booked.output, HasSubstr("payment  bank         paid 600          -\n"));
  const Travelled refused = Travel({"--bank", cluster.Dsn(), "--customer", "poor"});
  EXPECT_THAT(refused.output, HasSubstr("step payment failed: the account has no 600"));
  const auto rows = [&](const std::string& sql) { return cluster.Query("postgres", sql); };
  EXPECT_EQ(rows("SELECT string_agg(balance::text, ' ' ORDER BY balance) FROM account"), "10 9400");
  EXPECT_EQ(rows("SELECT amount FROM payment"), "600");
  EXPECT_EQ(World(), "99 99 99 10000 1") << "bank.db has nothing to do with it";
}

TEST_F(TripSaga, TheSameKeyIsTheSameTrip) {
  const Travelled first = Travel({"--key", "order-17"});
  const Travelled again = Travel({"--key", "order-17"});
  EXPECT_EQ(again.ended, (Ended{0, {}})) << again.output << again.errors;
  EXPECT_EQ(GtidOf(first), GtidOf(again));
  EXPECT_EQ(World(), "99 99 99 9400 1");
}

TEST_F(TripSaga, WhatTheBarriersNotedOfTripsThatHaveEndedIsForgotten) {
  Process services(TripProgram({"--stay"}));
  ASSERT_TRUE(WaitUntil([&] { return services.Output().starts_with("serving"); }));
  ASSERT_EQ(Travel({"--serve", "none"}).ended, (Ended{0, {}}));
  ASSERT_EQ(Travel({"--serve", "none", "--fail", "payment"}).ended, (Ended{1, {}}));
  for (const char* service : {"airline", "hotels", "cars", "bank"}) {
    EXPECT_TRUE(WaitUntil([&] {
      return Ask(service, "SELECT count(*) FROM settle_barrier_mark") == "1" &&
             Ask(service, "SELECT count(*) FROM settle_barrier") == "0";
    })) << service;
  }
  services.Signal(SIGTERM);
  EXPECT_EQ(services.Wait(), (Ended{0, {}})) << services.Errors();
  EXPECT_EQ(services.Errors(), "");
  EXPECT_EQ(World(), "99 99 99 9400 1");
}

// Killed where every effect is committed and nobody knows, and where nothing is done yet; at each
// step, going forward and back.
class TripSagaKilled : public TripSaga {
 protected:
  void TravelWhileTheServicesDieAt(const std::string& place, const std::string& fail) {
    const Failpoint failpoint{place, directory_ / ("fired-" + std::to_string(runs_))};
    Launch dying = TripProgram({"--stay"});
    dying.environment = failpoint.Environment();
    Process services(dying);
    ASSERT_TRUE(WaitUntil([&] { return services.Output().starts_with("serving"); }))
        << services.Errors();
    Process traveller(
        TripProgram(fail.empty() ? std::vector<std::string>{"--serve", "none"}
                                 : std::vector<std::string>{"--serve", "none", "--fail", fail}));
    ASSERT_TRUE(WaitUntil([&] { return !services.running(); }));
    ASSERT_TRUE(failpoint.HasFired()) << place;
    Process successors(TripProgram({"--stay"}));
    const std::optional<Ended> ended = traveller.Wait(60s);
    EXPECT_EQ(ended, (Ended{fail.empty() ? 0 : 1, {}})) << place << "\n"
                                                        << traveller.Output() << traveller.Errors();
    successors.Signal(SIGTERM);
    EXPECT_EQ(successors.Wait(), (Ended{0, {}})) << successors.Errors();
  }
};

TEST_F(TripSagaKilled, M01_EachStepTakesEffectOnceWhenItsServiceDiesInsideOfIt) {
  daemon_.Kill();
  daemon_.options = {"--session-timeout", "500ms"};
  daemon_.Start();
  int trips = 0;
  for (const std::string place : {"participant.before_action", "participant.action_done"}) {
    for (int call = 1; call <= 5; ++call) {
      TravelWhileTheServicesDieAt(place + ":" + std::to_string(call), "");
      ++trips;
      const std::string left = std::to_string(100 - trips);
      const std::string paid = std::to_string(10'000 - 600 * trips);
      ASSERT_EQ(World(), left + " " + left + " " + left + " " + paid + " " + std::to_string(trips))
          << place << ":" << call;
    }
  }
}

TEST_F(TripSagaKilled, M01_EachCompensationTakesEffectOnceWhenItsServiceDiesInsideOfIt) {
  daemon_.Kill();
  daemon_.options = {"--session-timeout", "500ms"};
  daemon_.Start();
  // Three actions, the payment that fails, its fence, three compensations.
  for (const std::string place : {"participant.before_action", "participant.action_done"}) {
    for (int call = 4; call <= 8; ++call) {
      TravelWhileTheServicesDieAt(place + ":" + std::to_string(call), "payment");
      ASSERT_EQ(World(), "100 100 100 10000 0") << place << ":" << call;
    }
  }
}

// A process that was taken for dead, and is not: its call was carried out by another one, undone by
// another one, or only undone, before it goes on with it.
TEST_F(TripSagaKilled, M02_AServiceThatWakesUpInACallThatIsOverChangesNothing) {
  daemon_.Kill();
  daemon_.options = {"--session-timeout", "500ms"};
  daemon_.Start();
  const std::vector<std::string> others{"--serve", "hotels", "cars", "bank", "mail"};
  for (const std::string fail : {"", "payment", "car"}) {
    // Threads that are stopped inside of a transaction would hold its lock. So this process has
    // nothing but the airline, and what its barrier has to forget of a first trip is forgotten.
    const Failpoint failpoint{"participant.before_action:2", directory_ / ("frozen-by-" + fail),
                              Fault::kFreezes};
    Launch freezing = TripProgram({"--stay", "--serve", "airline"});
    freezing.environment = failpoint.Environment();
    Process sleeper(freezing);
    ASSERT_TRUE(WaitUntil([&] { return sleeper.Output().starts_with("serving"); }));
    ASSERT_EQ(Travel(others).ended, (Ended{0, {}}));
    ASSERT_TRUE(
        WaitUntil([&] { return Ask("airline", "SELECT count(*) FROM settle_barrier") == "0"; }));

    std::vector<std::string> words = others;
    if (!fail.empty()) words.insert(words.end(), {"--fail", fail});
    Process traveller(TripProgram(words));
    ASSERT_TRUE(WaitUntil([&] { return sleeper.frozen(); })) << "the fault did not fire";
    // The call may be there before the traveller heard that the saga began.
    ASSERT_TRUE(WaitUntil([&] { return traveller.Output().find('\n') != std::string::npos; }));
    const std::string gtid = GtidOf({{}, traveller.Output(), ""});
    // Then the flight is not called again: its compensation comes first.
    ASSERT_TRUE(fail != "car" || WaitUntil([&] {
                  return RunCli(daemon_.address(), {"show", gtid}).out.find("compensat") !=
                         std::string::npos;
                }));
    Process successor(TripProgram({"--stay", "--serve", "airline"}));
    ASSERT_EQ(traveller.Wait(60s), (Ended{fail.empty() ? 0 : 1, {}})) << traveller.Output();
    const std::string world = World();
    sleeper.Signal(SIGCONT);
    sleeper.Signal(SIGTERM);  // it leaves when the call that it was in has ended
    EXPECT_EQ(sleeper.Wait(), (Ended{0, {}})) << sleeper.Errors();
    EXPECT_EQ(World(), world) << "when it failed at " << fail;
    const std::string bookings =
        Ask("airline", "SELECT group_concat(state) FROM booking WHERE trip = '" + gtid + "'");
    EXPECT_EQ(bookings, fail.empty() ? "reserved" : fail == "payment" ? "cancelled" : "");
    successor.Signal(SIGTERM);
    EXPECT_EQ(successor.Wait(), (Ended{0, {}})) << successor.Errors();
  }
  EXPECT_EQ(World(), "96 96 96 7600 4");
}

}  // namespace
}  // namespace settle::testing
