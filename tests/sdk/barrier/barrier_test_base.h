// A test that holds for every database.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/barrier/barrier_world.h"

namespace settle::testing {

class BarrierTest : public ::testing::TestWithParam<BarrierWorld::Kind> {
 protected:
  void SetUp() override {
    const auto installed = world_->Install();
    ASSERT_TRUE(installed) << Describe(installed.error());
  }

  Answer Run(ActionOp op, const Business& business) { return barrier_->Run(Call(op), business); }

  const std::unique_ptr<BarrierWorld> world_ = BarrierWorld::Make(GetParam());
  const std::unique_ptr<AnyBarrier> barrier_ = world_->Open();
};

inline ::testing::Matcher<const Answer&> IsDone(const std::string& result = "{}") {
  return ::testing::Eq(Done(result));
}
inline ::testing::Matcher<const Answer&> Is(AnswerKind kind, const std::string& words = "") {
  return ::testing::AllOf(::testing::Field("kind", &Answer::kind, kind),
                          ::testing::Field("text", &Answer::text, ::testing::HasSubstr(words)));
}

}  // namespace settle::testing

#define SETTLE_FOR_EACH_DATABASE(suite)                                                \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(::settle::testing::Kinds()), \
                           [](const auto& kind) { return ::settle::testing::NameOf(kind.param); })
