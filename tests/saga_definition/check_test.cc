// What a definition built in code can get wrong and a document cannot.
#include "saga_definition/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace settle::coordinator::saga {
namespace {

using testing::HasSubstr;

Definition TwoSteps() {
  StepDefinition flight;
  flight.name = "flight";
  flight.participant = "airline";
  flight.action = "reserve-seat";
  StepDefinition hotel = flight;
  hotel.name = "hotel";
  return {"trip", 1, 0, {flight, hotel}};
}

TEST(Check, AnInputRefersOnlyToWhatComesBefore) {
  Definition trip = TwoSteps();
  EXPECT_TRUE(Check(trip));
  trip.steps[1].input = R"({"$result": "/flight/seat"})";
  EXPECT_THAT(Check(trip).error().message,
              HasSubstr("its input refers to the result of \"flight\", which does not"));
  AddReferredSteps(trip);
  EXPECT_TRUE(Check(trip));
  AddReferredSteps(trip);
  EXPECT_EQ(trip.steps[1].after.size(), 1U) << "once is enough";
}

TEST(Check, AnInputIsJson) {
  Definition trip = TwoSteps();
  trip.steps[0].input = "seat 12A";
  EXPECT_THAT(Check(trip).error().message, HasSubstr("step \"flight\": this is not JSON: "));
}

TEST(Check, APredecessorOfAPredecessorComesBefore) {
  Definition trip = TwoSteps();
  trip.steps.push_back(trip.steps[0]);
  trip.steps[2].name = "payment";
  trip.steps[2].kind = StepKind::kPivot;
  trip.steps[2].after = {"hotel"};
  trip.steps[2].input = R"({"$result": "/flight"})";
  EXPECT_THAT(Check(trip).error().message, HasSubstr("\"flight\" can be undone but does not come"));
  trip.steps[1].after = {"flight"};
  EXPECT_TRUE(Check(trip));
}

TEST(Check, RangesAreKept) {
  const auto wrong = [](const auto& change) {
    Definition trip = TwoSteps();
    change(trip);
    const Status checked = Check(trip);
    return checked ? std::string("nothing") : checked.error().message;
  };
  EXPECT_THAT(wrong([](Definition& d) { d.version = -1; }), HasSubstr("version must be 1 or more"));
  EXPECT_THAT(wrong([](Definition& d) { d.deadline_ms = -1; }), HasSubstr("deadline_ms is -1"));
  EXPECT_THAT(wrong([](Definition& d) { d.steps[0].retry.attempts_max = -1; }),
              HasSubstr("retry attempts is -1"));
  EXPECT_THAT(wrong([](Definition& d) { d.steps[0].retry.factor_percent = 99; }),
              HasSubstr("retry factor in percent is 99"));
  EXPECT_THAT(wrong([](Definition& d) { d.steps[0].retry.jitter_percent = 101; }),
              HasSubstr("retry jitter in percent is 101"));
  EXPECT_THAT(wrong([](Definition& d) { d.steps[1].timeout_ms = 86'400'001; }),
              HasSubstr("step \"hotel\": timeout_ms is 86400001"));
}

}  // namespace
}  // namespace settle::coordinator::saga
