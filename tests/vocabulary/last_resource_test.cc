#include "settle/vocabulary/last_resource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace settle {
namespace {

using testing::HasSubstr;

const BranchKey kSibling{Gtid::MakeForLastResource("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51), 2};
const LastResource kLast{1, "bank-a", {"postgresql:7301234567890123456:16384", 1, "701"}};
constexpr const char* kName =
    "settle:k3m9qxw4c7ab.2.1842.9f3c2a51-last:2:1:bank-a:1:701:postgresql:7301234567890123456:"
    "16384";

TEST(LastResource, ThePreparedNameSaysWhichBranchOfWhichDatabaseDecides) {
  const Result<std::string> name = NameInNameOf(kSibling, kLast);
  ASSERT_TRUE(name);
  EXPECT_EQ(*name, kName);
  EXPECT_EQ(LastResourceIn(*name), kLast);
  const Result<BranchKey> key = BranchKey::ParseDatabaseName(*name);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, kSibling);
}

TEST(LastResource, AnOrdinaryNameNamesNobody) {
  EXPECT_FALSE(LastResourceIn(kSibling.DatabaseName()));
  EXPECT_TRUE(BranchKey::ParseDatabaseName(kSibling.DatabaseName()));
}

TEST(LastResource, AGtidSaysThatALastResourceMayDecideIt) {
  const Gtid ordinary = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
  EXPECT_FALSE(ordinary.allows_last_resource());
  EXPECT_TRUE(kSibling.gtid.allows_last_resource());
  EXPECT_NE(ordinary, kSibling.gtid);
  EXPECT_EQ(kSibling.gtid.text(), "k3m9qxw4c7ab.2.1842.9f3c2a51-last");
  EXPECT_EQ(kSibling.gtid.tail(), 0x9f3c2a51U);
  const Result<Gtid> parsed = Gtid::Parse(kSibling.gtid.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, kSibling.gtid);
  for (const char* text : {"k3m9qxw4c7ab.2.1842.9f3c2a51-", "k3m9qxw4c7ab.2.1842.9f3c2a51-lasts",
                           "k3m9qxw4c7ab.2.1842.9f3c2a51-last-last", "k3m9qxw4c7ab.2.1842.-last"}) {
    EXPECT_FALSE(Gtid::Parse(text)) << text;
  }
}

TEST(LastResource, X01_ANameThatDoesNotSayAllOfItIsNotOurs) {
  const std::string prefix = "settle:k3m9qxw4c7ab.2.1842.9f3c2a51-last:2";
  for (const char* rest :
       {":", ":1", ":1:bank-a", ":1:bank-a:1", ":1:bank-a:1:701",
        ":1:bank-a:1:701:", ":1:bank-a:1::db", ":0:bank-a:1:701:db", ":2:bank-a:1:701:db",
        ":01:bank-a:1:701:db", ":1::1:701:db", ":1:bank a:1:701:db", ":1:bank-a::701:db",
        ":1:bank-a:x:701:db", ":1:bank-a:-1:701:db", ":1:bank-a:1:7'1:db", ":1:bank-a:1:701:d b",
        ":1:bank-a:4294967296:701:db"}) {
    EXPECT_FALSE(LastResourceIn(prefix + rest)) << rest;
    EXPECT_FALSE(BranchKey::ParseDatabaseName(prefix + rest)) << rest;
  }
  EXPECT_TRUE(LastResourceIn(prefix + ":1:bank-a:1:701:db"));
}

TEST(LastResource, WhatDoesNotFitANameIsRefused) {
  LastResource last = kLast;
  last.resource = std::string(64, 'r');
  EXPECT_TRUE(NameInNameOf(kSibling, last)) << "a usual transaction has room for any name";
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  const BranchKey huge{Gtid::MakeForLastResource("k3m9qxw4c7ab", kMost, kMost / 2, 1), 1000};
  last.evidence.local_transaction = std::to_string(kMost);
  const Result<std::string> too_long = NameInNameOf(huge, last);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kRefused);
  EXPECT_THAT(too_long.error().message, HasSubstr("characters"));
  for (const LastResource& wrong :
       {LastResource{1, "bank-a", {"", 1, "701"}}, LastResource{1, "bank-a", {"db", 1, ""}},
        LastResource{1, "bank-a", {"db", 1, "7:1"}}, LastResource{1, "bank-a", {"d b", 1, "701"}},
        LastResource{2, "bank-a", {"db", 1, "701"}}, LastResource{0, "bank-a", {"db", 1, "701"}},
        LastResource{1, "bank a", {"db", 1, "701"}}}) {
    EXPECT_FALSE(NameInNameOf(kSibling, wrong));
  }
}

}  // namespace
}  // namespace settle
