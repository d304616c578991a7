#include "log/pruned_ranges.h"

#include <gmock/gmock.h>

#include <optional>
#include <random>
#include <set>

#include "migrations/coordinator.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using ::testing::HasSubstr;

class PrunedRanges : public ::testing::Test {
 protected:
  PrunedRanges() {
    for (const Migration& migration : migrations::coordinator()) {
      EXPECT_TRUE(connection.Run(std::string(migration.sql)));
    }
  }
  std::uint64_t Add(std::vector<TransactionKey> keys) {
    return AddPruned(connection, std::move(keys)).value();
  }
  // By one lookup, which goes on being right while rows change.
  sqlite::Expected<bool> IsPruned(TransactionKey key) {
    if (!lookup) lookup.emplace(PrunedLookup::Make(connection).value());
    return lookup->Has(key);
  }
  std::string Rows() {
    return connection
        .Ask(
            "SELECT group_concat(epoch || ':' || first || '-' || last, ' ') FROM "
            "(SELECT * FROM pruned ORDER BY epoch, first)")
        .value();
  }

  Connection connection =
      Connection::Open(":memory:", sqlite::Access::kReadWrite, std::chrono::milliseconds(0))
          .value();
  std::optional<PrunedLookup> lookup;
};

TEST_F(PrunedRanges, NeighboursAreOneRow) {
  EXPECT_EQ(Add({{1, 5}, {1, 3}, {1, 4}}), 3U);
  EXPECT_EQ(Rows(), "1:3-5");
  EXPECT_EQ(Add({{1, 6}, {1, 2}, {1, 9}}), 3U);
  EXPECT_EQ(Rows(), "1:2-6 1:9-9");
  EXPECT_EQ(Add({{1, 7}, {1, 8}}), 2U);
  EXPECT_EQ(Rows(), "1:2-9");
}

TEST_F(PrunedRanges, EpochsDoNotMix) {
  Add({{1, 7}, {2, 8}, {2, 7}, {3, 8}});
  EXPECT_EQ(Rows(), "1:7-7 2:7-8 3:8-8");
  EXPECT_FALSE(IsPruned({1, 8}).value());
  EXPECT_TRUE(IsPruned({2, 8}).value());
}

TEST_F(PrunedRanges, WhatIsNamedAlreadyIsNotCountedTwice) {
  Add({{1, 1}, {1, 2}, {1, 3}, {1, 8}});
  EXPECT_EQ(Add({{1, 2}, {1, 2}, {1, 3}, {1, 4}, {1, 8}}), 1U);
  EXPECT_EQ(CountPruned(connection).value(), 5U);
}

TEST_F(PrunedRanges, AgreeWithASetInAnyOrder) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    ASSERT_TRUE(connection.Run("DELETE FROM pruned"));
    std::set<TransactionKey> model;
    for (int round = 0; round < 60; ++round) {
      std::vector<TransactionKey> keys;
      for (unsigned i = random() % 12; i > 0; --i) {
        keys.push_back({random() % 3 + 1, random() % 150 + 1});
      }
      const std::size_t before = model.size();
      model.insert(keys.begin(), keys.end());
      ASSERT_EQ(Add(keys), model.size() - before) << "seed " << seed;
      ASSERT_EQ(CountPruned(connection).value(), model.size()) << "seed " << seed;
    }
    for (Epoch epoch = 1; epoch <= 3; ++epoch) {
      for (std::uint64_t sequence = 1; sequence <= 152; ++sequence) {
        ASSERT_EQ(IsPruned({epoch, sequence}).value(), model.contains({epoch, sequence}))
            << "seed " << seed << ", " << epoch << "." << sequence;
      }
    }
    ASSERT_EQ(connection
                  .Ask("SELECT count(*) FROM pruned a JOIN pruned b ON a.epoch = b.epoch "
                       "AND b.first = a.last + 1")
                  .value(),
              "0")
        << "neighbours that are two rows";
  }
}

TEST_F(PrunedRanges, L05_AnEditedRowIsNeverBelieved) {
  Add({{1, 1}, {1, 2}, {1, 3}});
  ASSERT_TRUE(connection.Run("UPDATE pruned SET last = 2"));
  const auto found = IsPruned({1, 3});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().primary(), SQLITE_CORRUPT);
  EXPECT_THAT(found.error().message, HasSubstr("begins with 1.1 is damaged"));
  EXPECT_FALSE(CountPruned(connection));
  EXPECT_FALSE(AddPruned(connection, {{1, 4}}));
}

}  // namespace
}  // namespace settle::coordinator
