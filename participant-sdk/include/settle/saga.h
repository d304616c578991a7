// A saga, written as the process that it is: steps served by participants, each with the steps
// that it comes after, how it is retried, and which of them is the point of no return.
//
//   settle::Saga trip("trip", 1);
//   auto flight = trip.Step("flight", "airline", "reserve-seat")
//                     .Input({{"customer", trip.input("/customer")}});
//   auto hotel = trip.Step("hotel", "hotels", "reserve-room");
//   trip.Step("payment", "bank", "pay").After(hotel)
//       .Input({{"amount", flight.result("/price")}}).Pivot();
//   auto started = coordinator->StartSaga(trip, {.input = {{"customer", "c-17"}}});
//
// It says nothing of what makes sense: the coordinator does, when the saga is started, and names
// the place. docs/protocols.md has the rules, docs/sagas.md how to think of them.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "settle/vocabulary/outcome.h"

namespace settle {

// A JSON value, and in the input of a step also references, of which the coordinator makes values
// when it calls the step.
class SagaValue {
 public:
  SagaValue() : json_("{}") {}
  SagaValue(std::initializer_list<std::pair<std::string, SagaValue>> members);  // an object
  SagaValue(const char* text);
  SagaValue(const std::string& text);
  SagaValue(bool value) : json_(value ? "true" : "false") {}
  SagaValue(std::nullptr_t) : json_("null") {}
  SagaValue(double number);  // null unless it is finite
  template <std::integral Integer>
  SagaValue(Integer number) : json_(std::to_string(number)) {}

  static SagaValue List(const std::vector<SagaValue>& values);
  // Text that is JSON already. If it is not, whoever reads it says so.
  static SagaValue Json(std::string json);

  const std::string& json() const { return json_; }

 private:
  std::string json_;
};

// How a call is repeated whose result is not known. Pauses grow by `factor` from `first` to
// `maximum`; the coordinator adds a random part to each, at most `jitter` of it, so that what
// failed together is not repeated together.
struct SagaRetry {
  int attempts = 0;  // so many calls without a result count as a failure; 0: for ever
  std::chrono::milliseconds first{200};
  std::chrono::milliseconds maximum{60'000};
  double factor = 2;    // 1 to 100
  double jitter = 0.2;  // 0 to 1
};

// A step of a saga that is being written; a copy stands for the same step. Names are 1 to 64 of
// [A-Za-z0-9._-].
class SagaStep {
 public:
  // What the action is called with. A step comes after every step whose result it refers to.
  SagaStep& Input(SagaValue input);
  // Runs when that one is done. Steps that do not come after one another run in parallel.
  SagaStep& After(const SagaStep& earlier);
  // The point of no return: before it what was done is undone, after it the saga goes only forward.
  SagaStep& Pivot();
  // There is nothing to undo: no compensation is called.
  SagaStep& NeverCompensate();
  // Of one call; then its result is taken for unknown and it is called again. At most a day.
  SagaStep& Timeout(std::chrono::milliseconds timeout);
  SagaStep& Retry(SagaRetry retry);

  // A part of this step's result, for the inputs of later ones; `pointer` is a JSON Pointer (RFC
  // 6901), "" the whole.
  SagaValue result(const std::string& pointer = {}) const;
  const std::string& name() const;

 private:
  friend class Saga;
  struct Parts;
  explicit SagaStep(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<Parts> parts_;
};

// For one thread at a time.
class Saga {
 public:
  explicit Saga(std::string name, int version = 1);

  SagaStep Step(std::string name, std::string participant, std::string action);
  // From the start; then what can be undone is undone. At most a year.
  Saga& Deadline(std::chrono::milliseconds deadline);
  // A part of what the saga is started with; as SagaStep::result.
  SagaValue input(const std::string& pointer = {}) const;

  // The definition as a JSON document (docs/protocols.md, "A saga's document").
  std::string document() const;

 private:
  std::string name_;
  int version_;
  std::chrono::milliseconds deadline_{0};
  std::vector<SagaStep> steps_;
};

struct StartSagaOptions {
  // What the saga's references to its input are about; at most 64 KiB.
  SagaValue input{};
  // The application's own words, e.g. a business key; shown to operators.
  std::string comment{};
  // Chosen by the application, at most 64 bytes, for example its name and an order's number: a
  // start that is repeated with the same key, by whatever process, gets the saga that the first one
  // began, as long as the coordinator remembers that (settled --keep-ended). Keys are unique in the
  // coordinator. Empty: only this call's own repetitions are one.
  std::string request_key{};
  // The W3C traceparent of the caller's span (settle/vocabulary/trace_parent.h): goes to every
  // handler of the saga's actions, and into the coordinator's log. What is none is ignored. Of a
  // repeated start the first one's holds.
  std::string trace_parent{};
};

struct SagaEnding {
  Ending ending;
  // Of a committed saga: by step, its result as JSON text. Very long ones may be missing.
  std::map<std::string, std::string> results;
};

}  // namespace settle
