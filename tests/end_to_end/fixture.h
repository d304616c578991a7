// The fixture of the end-to-end tests: a world for each test, whose programs' words are shown when
// it fails. What the command printed on the way is held against its schema.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "end_to_end/world.h"

namespace settle::testing {

// "committed none ..." -> "committed"
inline std::string FirstWord(const std::string& answer) {
  return answer.substr(0, answer.find(' '));
}

class EndToEnd : public ::testing::Test {
 protected:
  explicit EndToEnd(Kinds kinds) : world_(kinds) {}

  void TearDown() override {
    EXPECT_THAT(WrongIn(world_.json_outputs()), ::testing::IsEmpty());
    if (HasFailure()) std::cerr << world_.Said();
  }

  World world_;
};

// Once for each kind of banks.
class WithBothBanks : public EndToEnd, public ::testing::WithParamInterface<Kinds> {
 protected:
  WithBothBanks() : EndToEnd(GetParam()) {}
};

inline std::string NameOfKinds(const ::testing::TestParamInfo<Kinds>& info) {
  return ToString(info.param);
}

inline const auto kEveryKind = ::testing::Values(kBothPostgres, kBothSqlite, kMixed);

}  // namespace settle::testing
