// A saga drawn from the seed: up to eight steps, some after others, perhaps a pivot; time-outs,
// pauses and deadlines so short that they collide.
#pragma once

#include <string>
#include <vector>

#include "engine/saga_calls.h"
#include "simulation/world.h"

namespace settle::simulation {

coordinator::StartSagaCall DrawSaga(World& world, const std::vector<std::string>& participants);

}  // namespace settle::simulation
