// The bugs of vocabulary/planted_bug.h, with their names and what each does.
#pragma once

#include <string_view>
#include <vector>

#include "simulation/protocol.h"
#include "vocabulary/planted_bug.h"

namespace settle::simulation {

struct Mutant {
  PlantedBug bug = PlantedBug::kNone;
  std::string_view name;
  std::string_view what;  // one line
  Protocol protocol = Protocol::kTwoPhase;
};

const std::vector<Mutant>& Mutants();
std::vector<Mutant> MutantsOf(Protocol protocol);

// Null: no mutant has that name.
const Mutant* FindMutant(std::string_view name);

// Null: kNone.
const Mutant* FindMutant(PlantedBug bug);

}  // namespace settle::simulation
