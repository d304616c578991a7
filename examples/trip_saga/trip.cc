#include "trip.h"

#include <chrono>

namespace trip_saga {

using namespace std::chrono_literals;

const std::vector<StepInfo>& Steps() {
  static const std::vector<StepInfo> steps{{"flight", "airline"},
                                           {"hotel", "hotels"},
                                           {"car", "cars"},
                                           {"payment", "bank"},
                                           {"mail", "mail"}};
  return steps;
}

// Trip begins
settle::Saga Trip() {
  settle::Saga trip("trip", 1);
  trip.Deadline(1h);
  auto customer = trip.input("/customer");

  // These three wait for nobody, so they run in parallel. Each has a compensation.
  auto flight = trip.Step("flight", "airline", "reserve")
                    .Input({{"customer", customer}, {"fail", trip.input("/fail/flight")}});
  auto hotel = trip.Step("hotel", "hotels", "reserve")
                   .Input({{"customer", customer}, {"fail", trip.input("/fail/hotel")}});
  auto car = trip.Step("car", "cars", "reserve")
                 .Input({{"customer", customer}, {"fail", trip.input("/fail/car")}});

  // The point of no return comes after every step whose result it uses.
  auto prices = settle::SagaValue::List(
      {flight.result("/price"), hotel.result("/price"), car.result("/price")});
  auto payment =
      trip.Step("payment", "bank", "pay")
          .Input(
              {{"customer", customer}, {"prices", prices}, {"fail", trip.input("/fail/payment")}})
          .Timeout(10s)
          .Pivot();

  // After it the saga goes only forward: the mail is repeated until it is sent.
  trip.Step("mail", "mail", "send")
      .After(payment)
      .Input({{"customer", customer},
              {"paid", payment.result("/paid")},
              {"fail", trip.input("/fail/mail")}})
      .Retry({.first = 100ms, .maximum = 30s})
      .NeverCompensate();
  return trip;
}
// Trip ends

settle::SagaValue TripInput(const std::string& customer, const std::string& fails) {
  settle::SagaValue fail{{"flight", fails == "flight"},
                         {"hotel", fails == "hotel"},
                         {"car", fails == "car"},
                         {"payment", fails == "payment"},
                         {"mail", fails == "mail"}};
  return {{"customer", customer}, {"fail", fail}};
}

}  // namespace trip_saga
