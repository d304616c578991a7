// Nothing that ships can have a planted bug switched on. Compiled as what ships is.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "vocabulary/planted_bug.h"

namespace settle {
namespace {

static_assert(!SETTLE_PLANTED_BUG(kDecisionNotForced), "planted bugs are for the simulator");

bool Contains(const std::string& program, const std::string& words) {
  std::ifstream file(std::string(std::getenv("SETTLE_BIN")) + "/" + program, std::ios::binary);
  EXPECT_TRUE(file) << program;
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  return bytes.find(words) != std::string::npos;
}

// The variable that switches them on is one symbol, whose name stands in every program that has it.
TEST(PlantedBugs, AreInTheSimulatorAndInNothingThatShips) {
  EXPECT_TRUE(Contains("settle-simulate", "planted_bug"));
  EXPECT_TRUE(Contains("settled", "engine"));
  EXPECT_FALSE(Contains("settled", "planted_bug"));
  EXPECT_FALSE(Contains("settle", "planted_bug"));
}

}  // namespace
}  // namespace settle
