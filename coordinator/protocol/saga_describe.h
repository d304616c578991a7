// One line for people of every event, record and effect of a saga, and of the machine. The scripts
// in tests/protocol/scripts/saga are written in these words, so they are changed with care.
//
//   answer 1 action 2 done {"seat":"12A"}          of step 1, to the second call
//   call compensate 1 airline/reserve-seat attempt 1 within 30000 ms input {} result {"seat":"12A"}
//   compensating: flight undoing, hotel undone, payment fenced
#pragma once

#include <string>

#include "protocol/saga.h"

namespace settle::coordinator::saga {

std::string Describe(const Event& event);
std::string Describe(const SagaRecord& record);
std::string Describe(const Effect& effect);
// The state and every step's state; counts of attempts are left out.
std::string Describe(const Machine& machine);

}  // namespace settle::coordinator::saga
