// What the suites of transfers take for proof that every transfer took effect, and for the number
// of forced writes.
#include "bench/banks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "bench/postgres_session.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class BanksOfThree : public ::testing::Test {
 protected:
  void Credit(int bank) {
    const std::string account = "17";
    PostgresSession(banks_.dsn(bank)).Run(kCredit, "UPDATE 1", &account);
  }
  void Debit() {
    const std::string account = "17";
    PostgresSession(banks_.dsn(0)).Run(kDebit, "UPDATE 1", &account);
  }
  void ExpectRefused(std::uint64_t transfers, int branches, const char* words) {
    EXPECT_THAT([&] { banks_.Check(transfers, stop_, branches); },
                ThrowsMessage<std::runtime_error>(HasSubstr(words)));
  }

  const Stop stop_ = false;
  Banks banks_{testing::TemporaryDirectory::DefaultParent(), "", 2, 3};
};

TEST_F(BanksOfThree, AreRightWhenEachTransferIsInAllOfItsBanks) {
  Debit();
  Credit(1);
  EXPECT_NO_THROW(banks_.Check(1, stop_, 2));
  Debit();
  Credit(1);
  Credit(2);
  EXPECT_NO_THROW(banks_.Check(1, stop_, 3)) << "of what came since";
}

TEST_F(BanksOfThree, AreWrongWhenTheThirdMissesOne) {
  Debit();
  Credit(1);
  ExpectRefused(1, 3, "bank c holds 10240000000 and should hold 10240000001");
}

TEST_F(BanksOfThree, AreWrongWhenOneHasWhatNobodyWasTold) {
  Credit(2);
  ExpectRefused(0, 2, "bank c holds 10240000001 and should hold 10240000000");
}

TEST_F(BanksOfThree, CountTheForcedWritesOfEachByItself) {
  banks_.LetLazyWritesRest();
  banks_.Checkpoint();
  const std::vector<std::uint64_t> before = banks_.ForcedWrites(stop_);
  if (before.empty()) GTEST_SKIP() << "this PostgreSQL does not count them in pg_stat_wal";
  for (int i = 0; i < 20; ++i) Credit(1);
  for (int i = 0; i < 40; ++i) Credit(2);
  const std::vector<std::uint64_t> after = banks_.ForcedWrites(stop_);
  // A server forces something for itself now and then.
  EXPECT_LT(after.at(0) - before.at(0), 5u);
  EXPECT_NEAR(static_cast<double>(after.at(1) - before.at(1)), 20, 5);
  EXPECT_NEAR(static_cast<double>(after.at(2) - before.at(2)), 40, 5);
}

}  // namespace
}  // namespace settle::bench
