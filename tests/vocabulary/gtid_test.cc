#include "settle/vocabulary/gtid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace settle {
namespace {

using testing::HasSubstr;

constexpr const char* kText = "k3m9qxw4c7ab.2.1842.9f3c2a51";

TEST(Gtid, IsReadBackFromItsText) {
  const Gtid made = Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51);
  EXPECT_EQ(made.text(), kText);
  const Result<Gtid> parsed = Gtid::Parse(kText);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, made);
  EXPECT_EQ(parsed->log_id(), "k3m9qxw4c7ab");
  EXPECT_EQ(parsed->epoch(), 2U);
  EXPECT_EQ(parsed->sequence(), 1842U);
}

TEST(Gtid, TheLargestNumbersAreReadBack) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (const Gtid& made :
       {Gtid::Make("k3m9qxw4c7ab", kMost, kMost / 2, 0xffffffff),
        Gtid::MakeForLastResource("k3m9qxw4c7ab", kMost, kMost / 2, 0xffffffff)}) {
    const Result<Gtid> parsed = Gtid::Parse(made.text());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, made);
    EXPECT_EQ(parsed->sequence(), kMost / 2);
  }
  EXPECT_FALSE(Gtid::Parse("k3m9qxw4c7ab.1.9223372036854775808.9f3c2a51"));
}

// One transaction has one spelling, and only that one is accepted.
TEST(Gtid, X01_WhatDoesNotFollowTheGrammarIsRefused) {
  for (const char* text : {
           "",
           "k3m9qxw4c7ab",
           "k3m9qxw4c7ab.",
           "k3m9qxw4c7ab.2.1842",
           "k3m9qxw4c7ab.2.1842.",
           "k3m9qxw4c7ab.2.1842.9f3c2a5",    // tail too short
           "k3m9qxw4c7ab.2.1842.9f3c2a511",  // too long
           "k3m9qxw4c7ab.2.1842.9F3C2A51",   // upper case
           "k3m9qxw4c7ab.2.1842.9f3c2a5g",
           "K3M9QXW4C7AB.2.1842.9f3c2a51",
           "k3m9qxw4c7a.2.1842.9f3c2a51",    // log id too short
           "k3m9qxw4c7abc.2.1842.9f3c2a51",  // too long
           "k3m9qxw4c7ab.0.1842.9f3c2a51",   // epochs count from 1
           "k3m9qxw4c7ab.02.1842.9f3c2a51",  // leading zeros
           "k3m9qxw4c7ab.2.01842.9f3c2a51",
           "k3m9qxw4c7ab.+2.1842.9f3c2a51",
           "k3m9qxw4c7ab.-2.1842.9f3c2a51",
           "k3m9qxw4c7ab.2.-1.9f3c2a51",
           "k3m9qxw4c7ab. 2.1842.9f3c2a51",
           "k3m9qxw4c7ab.2.0x7.9f3c2a51",
           "k3m9qxw4c7ab.18446744073709551616.1.9f3c2a51",  // overflow
           "k3m9qxw4c7ab.2.99999999999999999999.9f3c2a51",
           " k3m9qxw4c7ab.2.1842.9f3c2a51",
           "k3m9qxw4c7ab.2.1842.9f3c2a51 ",
           "k3m9qxw4c7ab.2.1842.9f3c2a51\n",
           "k3m9qxw4c7ab.2.1842.9f3c2a51.1",
           "k3m9qxw4c7ab..1842.9f3c2a51",
           "k3m9qxw4c7ab:2:1842:9f3c2a51",
           "k3m9qxw4c7'b.2.1842.9f3c2a51",
           "k3m9qxw4c7ab.2.1842.9f3c2a51'; DROP TABLE account; --",
       }) {
    const Result<Gtid> parsed = Gtid::Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
  EXPECT_FALSE(Gtid::Parse(std::string_view("k3m9qxw4c7ab.2.1842.9f3c2a5\0", 28)));
}

TEST(Gtid, A03_ARefusalShowsTheTextEscaped) {
  const Result<Gtid> parsed = Gtid::Parse("\x1b[2J\"");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("\\x1b[2J\\x22"));
}

TEST(Gtid, IsOrderedByEpochThenSequence) {
  const Gtid older = Gtid::Make("k3m9qxw4c7ab", 2, 1000, 9);
  const Gtid newer = Gtid::Make("k3m9qxw4c7ab", 10, 9, 1);
  const Gtid newest = Gtid::Make("k3m9qxw4c7ab", 10, 10, 0);
  EXPECT_LT(older, newer) << "as numbers, not as text";
  EXPECT_LT(newer, newest);
}

TEST(Gtid, OnlyTwelveOfLowerCaseAndDigitsNameALog) {
  EXPECT_TRUE(IsLogId("k3m9qxw4c7ab"));
  for (const char* text :
       {"", "k3m9qxw4c7a", "k3m9qxw4c7abc", "k3m9qxw4c7aB", "k3m9qxw4c7a.", "k3m9qxw4c7a "}) {
    EXPECT_FALSE(IsLogId(text)) << text;
  }
}

TEST(BranchKey, TheNameInADatabaseIsReadBack) {
  const BranchKey key{Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51), 7};
  EXPECT_EQ(key.DatabaseName(), "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:7");
  const Result<BranchKey> parsed = BranchKey::ParseDatabaseName(key.DatabaseName());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, key);
}

TEST(BranchKey, X01_TheLongestNameFitsEveryDatabaseAndItsGrammar) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  const BranchKey key{Gtid::Make("k3m9qxw4c7ab", kMost, kMost, 0xffffffff),
                      std::numeric_limits<BranchNumber>::max()};
  const std::string name = key.DatabaseName();
  EXPECT_LE(name.size(), 160U);
  EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == ':' ||
           c == '-';
  })) << name;
  EXPECT_TRUE(BranchKey::ParseDatabaseName(name));
}

TEST(BranchKey, ANameThatIsNotOursIsRefused) {
  for (const char* name : {
           "",
           "settle:",
           "settle::1",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:0",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:01",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:-1",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:1x",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:4294967296",
           "settle:k3m9qxw4c7ab.2.1842.9f3c2a51:1:1",
           "Settle:k3m9qxw4c7ab.2.1842.9f3c2a51:1",
           " settle:k3m9qxw4c7ab.2.1842.9f3c2a51:1",
           "k3m9qxw4c7ab.2.1842.9f3c2a51:1",
           "somebody else's",
       }) {
    const Result<BranchKey> parsed = BranchKey::ParseDatabaseName(name);
    ASSERT_FALSE(parsed) << name;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

TEST(BranchKey, KeysOfOneTransactionDoNotCollide) {
  std::unordered_set<BranchKey> keys;
  for (BranchNumber number = 1; number <= 64; ++number) {
    keys.insert({Gtid::Make("k3m9qxw4c7ab", 2, 1842, 0x9f3c2a51), number});
  }
  EXPECT_EQ(keys.size(), 64U);
}

TEST(ResourceName, X01_OnlyTheGrammarIsAccepted) {
  EXPECT_TRUE(CheckResourceName("a"));
  EXPECT_TRUE(CheckResourceName("bank-a_1.EU"));
  EXPECT_TRUE(CheckResourceName(std::string(64, 'x')));
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("bank a"),
                                  std::string("bank/a"), std::string("bank:a"),
                                  std::string("b\xc3\xa4"
                                              "nk"),
                                  std::string("a\n"), std::string("a\0b", 3), std::string("a'b")}) {
    const Status status = CheckResourceName(name);
    ASSERT_FALSE(status) << Escaped(name);
    EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace settle
