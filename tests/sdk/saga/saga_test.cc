// What the builder writes, read by the coordinator's own reader.
#include "settle/saga.h"

#include <gmock/gmock.h>

#include <limits>

#include "saga_definition/document.h"

namespace settle {
namespace {

using namespace std::chrono_literals;
using coordinator::saga::Definition;
using coordinator::saga::ReadDocument;
using coordinator::saga::StepDefinition;
using coordinator::saga::StepKind;
using testing::ElementsAre;
using testing::HasSubstr;

Definition Read(const Saga& saga) {
  Result<Definition> definition = ReadDocument(saga.document());
  EXPECT_TRUE(definition) << Describe(definition.error()) << "\n" << saga.document();
  return definition ? *std::move(definition) : Definition{};
}

std::string WhyNot(const Saga& saga) {
  const Result<Definition> definition = ReadDocument(saga.document());
  return definition ? "it was taken: " + saga.document() : Describe(definition.error());
}

TEST(Saga, EveryFeatureOfADocumentCanBeBuilt) {
  Saga trip("trip", 3);
  trip.Deadline(24h);
  auto flight = trip.Step("flight", "airline", "reserve-seat")
                    .Input({{"customer", trip.input("/customer")}, {"seats", 2}})
                    .Timeout(5s);
  auto hotel = trip.Step("hotel", "hotels", "reserve-room");
  auto payment =
      trip.Step("payment", "bank", "pay")
          .After(hotel)
          .Input({{"amount", flight.result("/price")}})
          .Retry({.attempts = 5, .first = 100ms, .maximum = 10s, .factor = 1.5, .jitter = 0.5})
          .Pivot();
  trip.Step("mail", "mail", "send").After(payment).NeverCompensate().Retry({.first = 1s});

  const Definition read = Read(trip);
  EXPECT_EQ(read.name, "trip");
  EXPECT_EQ(read.version, 3);
  EXPECT_EQ(read.deadline_ms, 86'400'000);
  EXPECT_THAT(
      read.steps,
      ElementsAre(StepDefinition{.name = "flight",
                                 .participant = "airline",
                                 .action = "reserve-seat",
                                 .input = R"({"customer":{"$input":"/customer"},"seats":2})",
                                 .after = {},
                                 .retry = {},
                                 .timeout_ms = 5'000},
                  StepDefinition{.name = "hotel",
                                 .participant = "hotels",
                                 .action = "reserve-room",
                                 .after = {},
                                 .retry = {}},
                  StepDefinition{.name = "payment",
                                 .participant = "bank",
                                 .action = "pay",
                                 .input = R"({"amount":{"$result":"/flight/price"}})",
                                 .after = {"hotel", "flight"},
                                 .kind = StepKind::kPivot,
                                 .retry = {.attempts_max = 5,
                                           .first_ms = 100,
                                           .maximum_ms = 10'000,
                                           .factor_percent = 150,
                                           .jitter_percent = 50}},
                  StepDefinition{.name = "mail",
                                 .participant = "mail",
                                 .action = "send",
                                 .after = {"payment"},
                                 .kind = StepKind::kNoUndo,
                                 .retry = {.attempts_max = 0, .first_ms = 1'000}}));
}

TEST(Saga, AStepHandleStandsForItsStepAlsoWhenTheSagaMoves) {
  Saga trip("trip");
  auto flight = trip.Step("flight", "airline", "reserve-seat");
  Saga moved = std::move(trip);
  moved.Step("hotel", "hotels", "reserve-room").After(flight);
  flight.Timeout(7s);
  const Definition read = Read(moved);
  EXPECT_EQ(read.steps.at(0).timeout_ms, 7'000);
  EXPECT_THAT(read.steps.at(1).after, ElementsAre("flight"));
}

TEST(Saga, InputsTakeEveryKindOfValue) {
  Saga saga("values");
  auto first = saga.Step("first", "p", "a")
                   .Input({{"text", std::string("quote \" and \n")},
                           {"number", 1.5},
                           {"big", std::numeric_limits<std::uint64_t>::max()},
                           {"yes", true},
                           {"nothing", nullptr},
                           {"list", SagaValue::List({1, "two", SagaValue({{"three", 3}})})},
                           {"none", SagaValue::List({})},
                           {"object", {{"inner", "value"}}},
                           {"empty", SagaValue()},
                           {"raw", SagaValue::Json("[1, 2]")},
                           {"whole", saga.input()}});
  saga.Step("second", "p", "a").Input(first.result());
  saga.Step("third", "p", "a").Input("a text");
  const Definition read = Read(saga);
  EXPECT_EQ(read.steps.at(0).input,
            R"({"big":18446744073709551615,"empty":{},"list":[1,"two",{"three":3}],"none":[],)"
            R"("nothing":null,"number":1.5,"object":{"inner":"value"},"raw":[1,2],)"
            R"("text":"quote \" and \n","whole":{"$input":""},"yes":true})");
  EXPECT_EQ(read.steps.at(1).input, R"({"$result":"/first"})");
  EXPECT_EQ(read.steps.at(2).input, R"("a text")");
  EXPECT_EQ(SagaValue(std::numeric_limits<double>::infinity()).json(), "null");
  EXPECT_EQ(SagaValue("\xff").json(), "\"\xEF\xBF\xBD\"");
}

TEST(Saga, WhatMakesNoSenseIsWrittenAsItIsAndRefusedWithItsPlace) {
  EXPECT_THAT(WhyNot(Saga("empty")), HasSubstr("0 steps"));
  EXPECT_THAT(WhyNot(Saga("two words")), HasSubstr("the saga's name is \"two words\""));

  Saga circle("circle");
  auto one = circle.Step("one", "p", "a");
  auto two = circle.Step("two", "p", "a").After(one);
  one.After(two);
  EXPECT_THAT(WhyNot(circle), HasSubstr("wait for each other"));

  Saga late("late");
  auto pivot = late.Step("pivot", "p", "a").Pivot();
  late.Step("after", "p", "a").After(pivot);
  EXPECT_THAT(WhyNot(late), HasSubstr("step \"after\" can be undone but does not come before"));

  Saga raw("raw");
  raw.Step("one", "p", "a").Input(SagaValue::Json("{"));
  EXPECT_THAT(WhyNot(raw), HasSubstr("not JSON"));

  Saga never("never");
  never.Step("one", "p", "a").Retry({.attempts = -1});
  EXPECT_THAT(WhyNot(never), HasSubstr("/steps/0/retry/attempts"));
  Saga slow("slow");
  slow.Step("one", "p", "a").Retry({.factor = 1'000});
  EXPECT_THAT(WhyNot(slow), HasSubstr("/steps/0/retry/factor"));
}

}  // namespace
}  // namespace settle
