// What is kept of prepared branches that are left alone, and how long.
#include "inquiry_under_test.h"

namespace settle::coordinator {
namespace {

using testing::IsEmpty;

TEST_F(InquiryTest, AStrayKeepsTheTimeItWasFirstSeen) {
  Find("bank-a", "x");
  const WallTime first = under_test_.clock().WallNow();
  under_test_.Advance(60s);
  Find("bank-a", "x");
  ASSERT_EQ(inquiry_.Strays().size(), 1U);
  EXPECT_EQ(inquiry_.Strays()[0].first_seen, first);
  EXPECT_EQ(inquiry_.Strays()[0].last_seen, under_test_.clock().WallNow());
}

TEST_F(InquiryTest, AStrayThatNoScanSeesAnyMoreIsForgotten) {
  const Participant bank(under_test_, {"bank-a"});
  Find("bank-a", "x");
  under_test_.clock().Advance(4min);
  EXPECT_EQ(inquiry_.Strays().size(), 1U);
  under_test_.clock().Advance(2min);
  EXPECT_THAT(inquiry_.Strays(), IsEmpty());
  Find("bank-a", "x");
  ASSERT_EQ(inquiry_.Strays().size(), 1U);
  EXPECT_EQ(inquiry_.Strays()[0].first_seen, under_test_.clock().WallNow());
}

// Nobody looked, so nobody knows that it is gone.
TEST_F(InquiryTest, AStrayIsKeptWhileNobodyServesItsResource) {
  {
    Participant bank(under_test_, {"bank-a"});
    Find("bank-a", "x");
    under_test_.engine().Detach(bank.session(), [](const Result<std::monostate>&) {});
  }
  under_test_.clock().Advance(1h);
  EXPECT_EQ(inquiry_.Strays().size(), 1U);
  const Participant back(under_test_, {"bank-a"});
  EXPECT_EQ(inquiry_.Strays().size(), 1U) << "it has just attached";
  under_test_.clock().Advance(6min);
  EXPECT_THAT(inquiry_.Strays(), IsEmpty());
}

TEST_F(InquiryTest, T01_AWallClockThatJumpsNeitherForgetsNorKeepsAStray) {
  const Participant bank(under_test_, {"bank-a"});
  Find("bank-a", "x");
  under_test_.clock().SetWall(under_test_.clock().WallNow() + 3'600'000'000);
  EXPECT_EQ(inquiry_.Strays().size(), 1U);
  under_test_.clock().SetWall(0);
  under_test_.clock().Advance(6min);
  EXPECT_THAT(inquiry_.Strays(), IsEmpty());
}

TEST_F(InquiryTest, ForgottenStraysMakeRoomForNewOnes) {
  const Participant bank(under_test_, {"bank-a"});
  for (int i = 0; i < 10'000; ++i) inquiry_.Found("bank-a", "old" + std::to_string(i));
  under_test_.clock().Advance(6min);
  Find("bank-a", "new");
  ASSERT_EQ(inquiry_.Strays().size(), 1U);
  EXPECT_EQ(inquiry_.Strays()[0].database_name, "new");
}

TEST_F(InquiryTest, AFullListOfStraysTakesNoMoreMemory) {
  for (int i = 0; i < 10'050; ++i) inquiry_.Found("bank-a", "name" + std::to_string(i));
  EXPECT_EQ(inquiry_.Strays().size(), 10'000U);
}

}  // namespace
}  // namespace settle::coordinator
