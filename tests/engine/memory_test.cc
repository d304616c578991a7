// What an open transaction costs in memory: docs/performance.md.
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

std::size_t Allocated() { return mallinfo2().uordblks; }

TEST(Memory, OfAnOpenTransactionOfTwoBranchesIsLessThanAKibibyte) {
  const std::size_t nothing = Allocated();
  const std::string some(10'000, 'x');
  if (Allocated() - nothing < some.size()) GTEST_SKIP() << "this allocator does not tell";

  EngineUnderTest under_test;
  Participant bank(under_test, {"bank-a", "bank-b"});
  const auto open = [&](std::size_t many) {
    for (std::size_t i = 0; i < many; ++i) {
      const Gtid gtid = under_test.Begin();
      ASSERT_EQ(bank.Enlist(gtid, "bank-a", "k1"), 1U);
      ASSERT_EQ(bank.Enlist(gtid, "bank-b", "k2"), 2U);
    }
  };
  constexpr std::size_t kMany = 2'000;
  open(100);  // what grows once
  const std::size_t before = Allocated();
  open(kMany);
  const std::size_t each = (Allocated() - before) / kMany;
  RecordProperty("bytes", static_cast<int>(each));
  EXPECT_LT(each, 1'024U);
  EXPECT_GT(each, 400U) << "they were not kept, or not counted";
}

}  // namespace
}  // namespace settle::coordinator
