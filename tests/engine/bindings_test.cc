// Which database the name of a resource stands for.
#include <gmock/gmock.h>

#include "engine/sessions_fixture.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SessionsTest, P09_ANameThatComesBackWithAnotherDatabaseIsRefusedUntilAnOperatorSaysSo) {
  ASSERT_TRUE(Attach("bank-a", "db:old").ok());
  const auto refused = Attach("bank-a", "db:new");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("stands for database db:old"));
  EXPECT_EQ(View()[0].refused_identity, "db:new");
  ASSERT_TRUE(Accept("bank-a", "db:new").ok());
  EXPECT_TRUE(Attach("bank-a", "db:new").ok());
  EXPECT_FALSE(Attach("bank-a", "db:old").ok());
  const auto records = under_test.log().Durable<ResourceRecord>();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].accepted_by, "eve");
  EXPECT_EQ(records[1].reason, "moved");
}

TEST_F(SessionsTest, P09_SessionsOfTheOldDatabaseEndWhenANewOneIsAccepted) {
  const SessionId old = Attach("bank-a", "db:old")->session;
  const auto parked = Fetch(old);
  ASSERT_TRUE(Accept("bank-a", "db:new").ok());
  EXPECT_EQ(parked.error().code, ErrorCode::kNotFound)
      << "a command for the name must not reach a database it no longer stands for";
  EXPECT_THAT(View()[0].sessions, IsEmpty());
}

TEST_F(SessionsTest, P09_ASessionStartsOnlyWhenItsBindingIsDurable) {
  under_test.log().held = true;
  const auto attached = Attach("bank-a", "db:a");
  const auto meanwhile = Attach("bank-a", "db:a");
  EXPECT_FALSE(attached.came() || meanwhile.came());
  EXPECT_EQ(Attach("bank-a", "db:other").error().code, ErrorCode::kRefused);
  int appended = 0;
  under_test.log().judge = [&](const Record&) {
    return ++appended == 1 ? FakeLog::Verdict{AppendResult::kRefused, "disk full"}
                           : FakeLog::Verdict{};
  };
  under_test.log().held = false;
  under_test.Run();
  EXPECT_EQ(attached.error().code, ErrorCode::kRetry);
  EXPECT_TRUE(meanwhile.ok()) << "it wrote a record of its own";
  EXPECT_FALSE(Attach("bank-a", "db:other").ok());
}

TEST_F(SessionsTest, L01_ABindingThatCannotBeStoredBindsNothing) {
  under_test.log().judge = [](const Record&) {
    return FakeLog::Verdict{AppendResult::kRefused, "disk full"};
  };
  const auto refused = Attach("bank-a", "db:a");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
  under_test.log().judge = nullptr;
  EXPECT_TRUE(Attach("bank-a", "db:other").ok()) << "nothing was bound";
}

TEST_F(SessionsTest, L01_ASessionNeedsAllItsBindingsNotJustTheLast) {
  under_test.log().judge = [](const Record& record) {
    const bool first = std::get<ResourceRecord>(record).resource == "bank-a";
    return FakeLog::Verdict{first ? AppendResult::kRefused : AppendResult::kDurable,
                            first ? "disk full" : ""};
  };
  const auto refused = Attach({"process", {{"bank-a", "db:a"}, {"bank-b", "db:b"}}, "", 0});
  ASSERT_EQ(refused.count(), 1U);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kRetry);
}

TEST_F(SessionsTest, AcceptingForAnUnknownNameIsNotFound) {
  EXPECT_EQ(Accept("bank-z", "db:z").error().code, ErrorCode::kNotFound);
}

TEST_F(SessionsTest, X01_ABadResourceNameIsRefused) {
  EXPECT_EQ(Attach("bank a", "db:a").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Attach("", "db:a").error().code, ErrorCode::kInvalid);
}

TEST_F(SessionsTest, OneNameCannotStandForTwoDatabasesInOneAttach) {
  const auto refused = Attach({"process", {{"bank-a", "db:a"}, {"bank-a", "db:b"}}, "", 0});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace settle::coordinator
