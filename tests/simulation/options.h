// What settle-simulate can be told.
#pragma once

#include <cstddef>
#include <string>

#include "simulation/campaign.h"

namespace settle::simulation {

struct Options {
  Range range;
  std::string mutant;  // a name, "all", or empty: none
  std::size_t tries = 5;
  bool list_mutants = false;
  bool whole_transcript = false;
  bool help = false;
};

// Throws boost::program_options::error, which says what is wrong.
Options ParseOptions(int argc, const char* const* argv);

std::string HelpText();

}  // namespace settle::simulation
