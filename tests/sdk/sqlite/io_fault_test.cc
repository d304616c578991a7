// A failed sync: what SQLite then says is not the whole truth, as what it wrote may come back after
// a crash.
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

#include "bank_file.h"

namespace {
std::atomic<bool> fail_next_sync{false};
std::atomic<int> syncs_failed{0};
}  // namespace

// Takes the place of the C library's for this program, SQLite's calls included.
extern "C" int fdatasync(int file) {
  if (fail_next_sync.exchange(false)) {
    ++syncs_failed;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace settle::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

// The file as a crash at this moment would leave it.
class AfterCrash {
 public:
  explicit AfterCrash(const BankFile& bank) {
    for (const char* suffix : {"", "-wal"}) {
      fs::copy_file(bank.path() + suffix, path() + suffix);
    }
  }
  std::string path() const { return directory_ / "bank.db"; }
  std::string Query(const std::string& sql) const { return PlainConnection(path()).Query(sql); }

 private:
  TemporaryDirectory directory_;
};

class SqliteIoFault : public ::testing::Test {
 protected:
  void SetUp() override { syncs_failed = 0; }
  void TearDown() override { EXPECT_EQ(syncs_failed, 1) << "the fault did not fire"; }
};

TEST_F(SqliteIoFault, Q01_APrepareThatCannotBeSyncedIsARetryableNoAndItsStrayIsFoundAfterACrash) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  fail_next_sync = true;
  const VoteResult vote = branch->AwaitPrepare();
  EXPECT_EQ(vote.vote, Vote::kNo);
  EXPECT_TRUE(vote.retryable) << vote.reason;
  EXPECT_EQ(bank.Prepared(), "");

  SqliteOptions options;
  options.name = "bank";
  const AfterCrash crashed(bank);
  options.path = crashed.path();
  const auto after = SqliteResource::Make(options);
  ASSERT_THAT(*after->ScanPrepared(), ElementsAre(Key(1).DatabaseName()));
  EXPECT_EQ(after->Finish(Key(1), Decision::kAbort, {}).end, BranchEnd::kAborted);
  EXPECT_EQ(crashed.Query("SELECT balance FROM account ORDER BY id"), "100 100");
}

TEST_F(SqliteIoFault, Q01_ACommitThatCannotBeSyncedIsRepeatedAndTakesEffectOnce) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  ASSERT_EQ(branch->AwaitPrepare().vote, Vote::kCommit);
  fail_next_sync = true;
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kRetry);
  EXPECT_EQ(bank.Prepared(), Key(1).DatabaseName());
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(bank.Balances(), "90 100");
}

TEST_F(SqliteIoFault, AOnePhaseCommitThatCannotBeSyncedIsUnknownUntilTheProofAndThenForGood) {
  const BankFile bank;
  const auto resource = bank.Resource();
  const auto branch = OpenAndRun(*resource, Key(1), {kTake10});
  const Evidence evidence = *branch->TakeEvidence();
  fail_next_sync = true;
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kRetry);
  EXPECT_EQ(branch->CommitOnePhase().end, BranchEnd::kRetry) << "it does not know either";
  EXPECT_EQ(bank.Balances(), "100 100");
  EXPECT_EQ(AfterCrash(bank).Query("SELECT balance FROM account ORDER BY id"), "90 100")
      << "what makes the proof necessary";
  EXPECT_EQ(resource->Prove(Key(1), evidence).end, BranchEnd::kAborted);
  EXPECT_EQ(AfterCrash(bank).Query("SELECT balance FROM account ORDER BY id"), "100 100");
}

}  // namespace
}  // namespace settle::testing
