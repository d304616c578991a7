// The log's files do not grow without bound, whatever is written and whoever reads.
#include <gmock/gmock.h>

#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kKept = 200;
constexpr int kCheckpointPages = 100;
constexpr std::uintmax_t kPage = 4096;

class LogSize : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  LogSize()
      : log(OpenSqliteDecisionLog({.path = path,
                                   .checkpoint_pages = kCheckpointPages,
                                   .prune = {.keep_ended = kKept, .step = 64}})
                .value()) {
    ReplayOrThrow(*log);
  }

  // So many transactions begin and end, and what is too old has been pruned.
  void Load(int transactions) {
    for (int i = 0; i < transactions; ++i) {
      const Gtid gtid = SampleGtid(log->identity().log_id, log->identity().epoch, ++sequence);
      log->Append(SampleCommit(gtid), Durability::kForce, {});
      log->Append(SampleEnd(gtid), Durability::kLazy, {});
      if (i % 50 == 0) AppendAndWait(*log, SampleResource());
    }
    ASSERT_EQ(AppendAndWait(*log, SampleResource()).result, AppendResult::kDurable);
  }

  std::uintmax_t SizeOf(const std::string& suffix) const {
    return std::filesystem::file_size(path + suffix);
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  std::uint64_t sequence = 0;
  std::unique_ptr<DecisionLog> log;
};

TEST_F(LogSize, L10_UnderLoadItsFilesStayAsTheyWereAfterTheFirstRound) {
  Load(2'000);
  const std::uintmax_t main = SizeOf("");
  const std::uintmax_t wal = SizeOf("-wal");
  Load(10'000);
  EXPECT_LT(SizeOf(""), main + main / 2);
  EXPECT_LT(SizeOf(""), 20 * kKept * kPage / 4) << "about 5 kB for each that is kept";
  EXPECT_LT(SizeOf("-wal"), std::max<std::uintmax_t>(2 * wal, 4 * kCheckpointPages * kPage));
  EXPECT_LT(SizeOf(".lock"), 1'000U);
}

TEST_F(LogSize, ASnapshotThatIsHeldKeepsTheWalGrowingOnlyForAsLongAsItIsHeld) {
  Load(2'000);
  const std::uintmax_t before = SizeOf("-wal");
  {
    auto reader = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 0ms).value();
    ASSERT_TRUE(reader.Run("BEGIN; SELECT count(*) FROM record"));
    Load(3'000);
    ASSERT_GT(SizeOf("-wal"), 3 * before) << "the reader held nothing: the test shows nothing";
  }
  const std::uintmax_t held = SizeOf("-wal");
  Load(500);  // the next checkpoint moves everything, and frames begin anew
  const std::uintmax_t after = SizeOf("-wal");
  Load(6'000);
  EXPECT_LE(SizeOf("-wal"), after);
  EXPECT_LT(after, held + held / 2);
}

TEST_F(LogSize, ABackupThatNobodyFetchesHoldsNoSnapshot) {
  Load(1'000);
  const auto backup = log->StartBackup().value();
  while (!backup->Await()->complete) {
  }
  Load(1'000);
  const std::uintmax_t before = SizeOf("-wal");
  Load(6'000);
  EXPECT_LE(SizeOf("-wal"), std::max<std::uintmax_t>(2 * before, 4 * kCheckpointPages * kPage));
}

}  // namespace
}  // namespace settle::coordinator
