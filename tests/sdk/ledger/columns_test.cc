// The text of a record: what is written is read back, and nothing else is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "quorum/record_columns.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

SiteRecord Full() {
  return {{SiteState::kCommitted,
           {std::numeric_limits<std::uint64_t>::max(), 4294967295},
           {3, 0},
           {{3, 0}, {0, 2}}},
          {{0, "", {"127.0.0.1:7400"}}, {1, "bank", {"db1:7401", "[::1]:7402"}}, {2, "shop", {}}},
          {"postgresql:7301234567890123456:16384", 3, "742"}};
}

TEST(RecordColumns, AreReadableAndSayEverything) {
  const auto columns = quorum::ToColumns(Full());
  ASSERT_TRUE(columns) << Describe(columns.error());
  EXPECT_THAT(*columns, ElementsAre("committed", "18446744073709551615.4294967295", "3.0", "3.0",
                                    "0 2", "0=@127.0.0.1:7400 1=bank@db1:7401,[::1]:7402 2=shop@",
                                    "postgresql:7301234567890123456:16384 3 742"));
  EXPECT_EQ(*quorum::FromColumns(*columns), Full());
}

TEST(RecordColumns, OfEveryStateAndOfNothingComeBack) {
  for (const SiteState state :
       {SiteState::kInitial, SiteState::kWaiting, SiteState::kPreCommitted, SiteState::kPreAborted,
        SiteState::kCommitted, SiteState::kAborted}) {
    SiteRecord record;
    record.at.state = state;
    const auto columns = quorum::ToColumns(record);
    ASSERT_TRUE(columns) << Describe(columns.error());
    EXPECT_EQ(*quorum::FromColumns(*columns), record);
  }
}

TEST(RecordColumns, WhatTheTextHasNoPlaceForIsRefused) {
  std::vector<SiteRecord> hostile(6, Full());
  hostile[0].sites[0].addresses = {"db1:7400 9=evil@db2:1"};
  hostile[1].sites[0].addresses = {"db1:7400,db2:7400"};
  hostile[2].sites[1].resource = "bank@evil";
  hostile[3].evidence.local_transaction = "7 42";
  hostile[4].evidence.database = std::string("a\0b", 3);
  hostile[5].at.state = static_cast<SiteState>(17);
  for (const SiteRecord& record : hostile) {
    const auto columns = quorum::ToColumns(record);
    ASSERT_FALSE(columns) << ::testing::PrintToString(*columns);
    EXPECT_EQ(columns.error().code, ErrorCode::kInvalid);
  }
}

TEST(RecordColumns, WhateverElseStandsThereIsDamageAndIsNamed) {
  const quorum::RecordColumns good = *quorum::ToColumns(Full());
  const std::vector<std::pair<std::size_t, std::string>> damages = {{0, ""},
                                                                    {0, "Committed"},
                                                                    {0, "unrecognised"},
                                                                    {1, ""},
                                                                    {1, "2"},
                                                                    {1, "02.1"},
                                                                    {1, "2.1 "},
                                                                    {1, "-2.1"},
                                                                    {1, "2.1.1"},
                                                                    {1, "18446744073709551616.0"},
                                                                    {2, "x.0"},
                                                                    {3, "1.4294967296"},
                                                                    {4, "0,2"},
                                                                    {4, "0  2"},
                                                                    {4, "0 2 "},
                                                                    {5, "1"},
                                                                    {5, "=bank@"},
                                                                    {5, "1@bank="},
                                                                    {5, "1=bank@a,"},
                                                                    {5, "1=bank@ "},
                                                                    {6, ""},
                                                                    {6, "x"},
                                                                    {6, "x 1"},
                                                                    {6, " "},
                                                                    {6, "x -1 2"},
                                                                    {6, "x 4294967296 2"},
                                                                    {6, "x 01 2"},
                                                                    {5, std::string("1=a@b\0", 6)},
                                                                    {6, std::string("x\0 1 2", 6)}};
  for (const auto& [column, text] : damages) {
    quorum::RecordColumns columns = good;
    columns[column] = text;
    const auto record = quorum::FromColumns(columns);
    ASSERT_FALSE(record) << column << ": " << text;
    EXPECT_EQ(record.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(record.error().message, HasSubstr(quorum::kRecordColumns[column]));
  }
}

}  // namespace
}  // namespace settle::testing
