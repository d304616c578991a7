#include "log/seals.h"

#include <gmock/gmock.h>

#include <set>

#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

constexpr const char* kLogId = "k3m9qxw4c7ab";
const Seals kSeals({{3, {1}}, {4, {2}}});

Gtid Begun(Epoch epoch, std::uint64_t sequence, std::string_view identity) {
  return Gtid::Make(kLogId, epoch, sequence, kSeals.TailOf(epoch, sequence, identity).value());
}

TEST(Seals, OnlyTheIdentityThatBeganItFits) {
  for (const char* identity : {"", "cn:shop", "uid:1000"}) {
    const Gtid gtid = Begun(4, 17, identity);
    for (const char* other : {"", "cn:shop", "uid:1000", "cn:shop2"})
      EXPECT_EQ(kSeals.Began(gtid, other), std::string(other) == identity) << other;
  }
}

TEST(Seals, EveryNumberOfAGtidIsSealed) {
  std::set<std::uint32_t> tails;
  for (const Epoch epoch : {3, 4}) {
    for (std::uint64_t sequence = 0; sequence < 500; ++sequence)
      tails.insert(kSeals.TailOf(epoch, sequence, "cn:shop").value());
  }
  EXPECT_EQ(tails.size(), 1'000U);
  // In other words: a gtid with another sequence is not one of the caller's.
  const Gtid gtid = Begun(4, 17, "cn:shop");
  EXPECT_FALSE(kSeals.Began(Gtid::Make(kLogId, 4, 18, gtid.tail()), "cn:shop"));
  EXPECT_FALSE(kSeals.Began(Gtid::Make(kLogId, 3, 17, gtid.tail()), "cn:shop"));
}

TEST(Seals, WhatBeganBeforeThereWereKeysNobodyHasProvedToHaveBegun) {
  const Gtid gtid = Gtid::Make(kLogId, 2, 17, 0x9f3c2a51);
  EXPECT_EQ(kSeals.TailOf(2, 17, ""), std::nullopt);
  EXPECT_TRUE(kSeals.Began(gtid, ""));
  EXPECT_FALSE(kSeals.Began(gtid, "cn:shop"));
  EXPECT_TRUE(Seals().Began(gtid, ""));
}

// SipHash-2-4 of 00 01 02 ... under the key 00 01 02 ... 0f, from the reference code of its
// authors: what a gtid says must be the same in every release.
TEST(Seals, TheHashIsThatOfItsAuthors) {
  Seals::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  // Ours are 16 bytes at the least: the 16th vector of the authors' code, db 9b c2 57 7f cc 2a 3f.
  const std::uint64_t epoch = 0x0706050403020100;
  const std::uint64_t sequence = 0x0f0e0d0c0b0a0908;
  EXPECT_EQ(Seals({{epoch, key}}).TailOf(epoch, sequence, ""), 0x57c29bdbU);
}

LogIdentity IdentityAtOpening(const std::string& path) { return OpenOrThrow(path)->identity(); }

TEST(SealsOfALog, EachOpeningHasAKeyAndKeepsThoseBefore) {
  const TemporaryDirectory directory;
  const LogIdentity first = IdentityAtOpening(directory / "settle.db");
  const LogIdentity second = IdentityAtOpening(directory / "settle.db");
  ASSERT_EQ(second.epoch, first.epoch + 1);
  const auto tail = first.seals.TailOf(first.epoch, 1, "cn:shop");
  ASSERT_TRUE(tail);
  EXPECT_EQ(second.seals.TailOf(first.epoch, 1, "cn:shop"), tail);
  EXPECT_TRUE(second.seals.TailOf(second.epoch, 1, "cn:shop"));
  EXPECT_FALSE(first.seals.TailOf(second.epoch, 1, "cn:shop"));
}

// The same epoch for the second time must not give out the same gtids.
TEST(SealsOfALog, C15_ACopyOfALogHasAnotherKeyForTheSameEpoch) {
  const TemporaryDirectory directory;
  IdentityAtOpening(directory / "settle.db");
  std::filesystem::copy_file(directory / "settle.db", directory / "copy.db");
  const LogIdentity one = IdentityAtOpening(directory / "settle.db");
  const LogIdentity other = IdentityAtOpening(directory / "copy.db");
  ASSERT_EQ(one.epoch, other.epoch);
  EXPECT_NE(one.seals.TailOf(one.epoch, 1, ""), other.seals.TailOf(one.epoch, 1, ""));
}

}  // namespace
}  // namespace settle::coordinator
