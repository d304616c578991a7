// Compiled as a release build is, with NDEBUG: assertions do not depend on it.
#include "vocabulary/assertion.h"

#include <gtest/gtest.h>

#include <cassert>
#include <csignal>

namespace settle {
namespace {

#ifndef NDEBUG
#error "this file is to be compiled with NDEBUG"
#endif

TEST(Assertion, C23_AFactThatDoesNotHoldEndsTheProcessAndSaysWhatAndWhereInAReleaseBuild) {
  assert(false);  // gone, as it is in a release build
  const int votes = 1;
  const auto check = [&] { SETTLE_ASSERT(votes == 2, "preparing: 1 prepared, 2 preparing"); };
  EXPECT_EXIT(check(), testing::KilledBySignal(SIGABRT),
              "\"votes == 2\" does not hold at .*assertion_test.cc:[0-9]+: preparing: 1 prepared, "
              "2 preparing; the process ends here");
}

TEST(Assertion, AFactThatHoldsCostsNoWords) {
  bool described = false;
  const auto describe = [&] { return described = true, std::string(); };
  SETTLE_ASSERT(described == false, describe());
  EXPECT_FALSE(described);
}

}  // namespace
}  // namespace settle
