// The business process: a flight, a hotel and a car at the same time, then the payment, then a
// mail.
#pragma once

#include <string>
#include <vector>

#include "settle/saga.h"

namespace trip_saga {

struct StepInfo {
  std::string name;
  std::string participant;
};
// In the order of the definition.
const std::vector<StepInfo>& Steps();

settle::Saga Trip();

// What a trip is started with. `fails`: the step whose service is to fail; empty: none.
settle::SagaValue TripInput(const std::string& customer, const std::string& fails);

}  // namespace trip_saga
