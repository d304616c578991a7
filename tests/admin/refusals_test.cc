// Which refusals are rows of the audit trail.
#include "admin/refusals.h"

#include <gtest/gtest.h>

namespace settle::coordinator {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;

TEST(Refusals, SoManyAnHourAreRowsAndTheNextOneSaysHowManyWereNot) {
  Refusals refusals;
  const Instant start{48h};
  for (std::uint64_t i = 0; i < Refusals::kRowsMost; ++i) {
    EXPECT_FALSE(refusals.AreEnough("alice, resolve", start)) << i;
    EXPECT_EQ(refusals.Record("alice, resolve", start), 0U);
  }
  EXPECT_TRUE(refusals.AreEnough("alice, resolve", start + 59min));
  EXPECT_FALSE(refusals.AreEnough("alice, forget", start)) << "another call";
  EXPECT_FALSE(refusals.AreEnough("bob, resolve", start)) << "another identity";
  EXPECT_EQ(refusals.LeaveOut("alice, resolve"), 1U);
  EXPECT_EQ(refusals.LeaveOut("alice, resolve"), 2U);
  EXPECT_FALSE(refusals.AreEnough("alice, resolve", start + 1h));
  EXPECT_EQ(refusals.Record("alice, resolve", start + 1h), 2U) << "it is told in the next row";
  EXPECT_EQ(refusals.Record("alice, resolve", start + 1h), 0U);
}

TEST(Refusals, AnotherHourHasItsOwn) {
  Refusals refusals;
  const Instant start{48h};
  for (std::uint64_t i = 0; i < Refusals::kRowsMost; ++i) refusals.Record("alice", start);
  for (std::uint64_t i = 0; i < Refusals::kRowsMost; ++i) {
    EXPECT_FALSE(refusals.AreEnough("alice", start + 2h)) << i;
    refusals.Record("alice", start + 2h);
  }
  EXPECT_TRUE(refusals.AreEnough("alice", start + 2h));
}

}  // namespace
}  // namespace settle::coordinator
