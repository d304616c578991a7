// What is SQLite's own: one writer, one file, and when it is synced.
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

#include "quorum/site.h"
#include "sdk/ledger/ledger_world.h"
#include "sdk/sqlite/bank_file.h"
#include "support/faulty_vfs.h"

namespace settle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using std::chrono_literals::operator""ms;
using enum SiteState;
using Durability = SiteLedger::Durability;

constexpr char kTake10[] = "UPDATE account SET balance = balance - 10 WHERE id = 1";

// Moves what is found on by the message, as a peer would.
SiteRecord Moved(SiteLedger& ledger, const BranchKey& key, const PeerMessage& message) {
  const auto found = ledger.Find(key);
  EXPECT_TRUE(found) << Describe(found.error());
  SiteRecord after = found->value_or(SiteRecord{});
  after.at = quorum::After(after.at, message);
  const auto put = ledger.Put(key, *found, after,
                              IsFinal(after.at.state) ? Durability::kLazy : Durability::kForce);
  EXPECT_TRUE(put && *put);
  return after;
}

TEST(SqliteSite, ASiteSyncsThreeTimesAndABranchUnderTwoPhaseCommitTwice) {
  const auto syncs = [](auto act) {
    FaultyVfs& vfs = FaultyVfs::Installed();
    vfs.Arm({.operations = FaultyVfs::kSync, .at = std::numeric_limits<int>::max()});
    act();
    const int seen = vfs.seen();
    vfs.Disarm();
    return seen;
  };
  FaultyVfs::Installed();
  const BankFile file;
  const auto bank = file.Resource();
  SiteLedger& ledger = *bank->site_ledger();
  // Whose guards are made, and with whom the log begins.
  ASSERT_EQ(OpenAndRun(*bank, Key(1), {kTake10})->AwaitPrepare().vote, Vote::kCommit);
  ASSERT_EQ(bank->Finish(Key(1), Decision::kCommit, {}).end, BranchEnd::kCommitted);

  auto branch = OpenAndRun(*bank, Key(2), {kTake10});
  EXPECT_EQ(syncs([&] { EXPECT_EQ(branch->AwaitPrepare().vote, Vote::kCommit); }), 1);
  EXPECT_EQ(syncs([&] { branch->AwaitFinish(Decision::kCommit); }), 1);

  branch = OpenAndRun(*bank, Key(3), {kTake10});
  EXPECT_EQ(syncs([&] { EXPECT_EQ(PrepareSite(*branch).vote, Vote::kCommit); }), 1);
  EXPECT_EQ(syncs([&] { Moved(ledger, Key(3), {PeerVerb::kPreCommit, kFirstBallot, {}}); }), 1);
  EXPECT_EQ(syncs([&] { Moved(ledger, Key(3), {PeerVerb::kCommit, kFirstBallot, {0, 1}}); }), 0);
  EXPECT_EQ(syncs([&] { branch->AwaitFinish(Decision::kCommit); }), 1);
  EXPECT_EQ(file.Balances(), "70 100");
  EXPECT_EQ(ledger.Find(Key(3)).value()->at.state, kCommitted);
}

TEST(SqliteSite, Q01_APutThatCannotBeSyncedIsNotReadAsDone) {
  FaultyVfs& vfs = FaultyVfs::Installed();
  const BankFile file;
  const auto bank = file.Resource();
  SiteLedger& ledger = *bank->site_ledger();
  ASSERT_TRUE(*ledger.Put(Key(1), std::nullopt, Waiting(), Durability::kForce));
  vfs.Arm({.operations = FaultyVfs::kSync, .at = 1, .code = SQLITE_IOERR_FSYNC});
  const auto put = ledger.Put(Key(1), Waiting(), Fenced({2, 1}), Durability::kForce);
  EXPECT_TRUE(vfs.Disarm()) << "the fault did not fire";
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kAskOutcome);
  EXPECT_EQ(*ledger.Find(Key(1)), Waiting());
  EXPECT_TRUE(*ledger.Put(Key(1), Waiting(), Fenced({2, 1}), Durability::kForce));
}

TEST(SqliteSite, APutWaitsForAnOpenBranchNoLongerThanTheBusyTimeout) {
  const BankFile file;
  const auto bank = file.Resource(50ms);
  const auto branch = OpenAndRun(*bank, Key(1), {kTake10});
  const auto elsewhere = file.Resource(50ms);
  for (const auto& resource : {bank, elsewhere}) {
    const auto put =
        resource->site_ledger()->Put(Key(2), std::nullopt, Fenced({2, 1}), Durability::kForce);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::kRetry);
    EXPECT_THAT(put.error().message, HasSubstr("busy"));
    EXPECT_EQ(*resource->site_ledger()->Find(Key(2)), std::nullopt) << "reading never waits";
    EXPECT_EQ(resource->site_ledger()->Prune({kLog, 1, 1}).error().code, ErrorCode::kRetry);
  }
  EXPECT_TRUE(branch->Execute(kTake10)) << "the branch is none the worse for it";
  EXPECT_EQ(PrepareSite(*branch).vote, Vote::kCommit);
}

TEST(SqliteSite, Q02_OtherWritersAreKeptOutWhileASiteIsPrepared) {
  const BankFile file;
  const auto bank = file.Resource(50ms);
  const auto branch = OpenAndRun(*bank, Key(1), {kTake10});
  ASSERT_EQ(PrepareSite(*branch).vote, Vote::kCommit);
  EXPECT_THAT(file.Run("UPDATE account SET balance = 0"), HasSubstr("prepared branch"));
  for (const auto& resource : {bank, file.Resource(50ms)}) {
    const auto other = resource->Open(Key(2));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kRetry);
  }
  EXPECT_EQ(branch->AwaitFinish(Decision::kCommit).end, BranchEnd::kCommitted);
  EXPECT_EQ(file.Balances(), "90 100");
  EXPECT_EQ(file.Run("UPDATE account SET balance = 0"), "");
}

TEST(SqliteSite, ABranchCannotWriteToTheRecords) {
  const BankFile file;
  const auto bank = file.Resource();
  const auto branch = bank->Open(Key(1));
  ASSERT_TRUE(branch);
  const auto denied = (*branch)->Execute("DELETE FROM settle_three_phase");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kRefused);
}

TEST(SqliteSite, InAForkedChildEveryCallIsRefused) {
  const BankFile file;
  const auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  const pid_t child = ::fork();
  if (child == 0) {
    SiteLedger& ledger = *bank->site_ledger();
    const bool refused =
        ledger.Find(Key(1)).error().code == ErrorCode::kRefused &&
        ledger.Put(Key(1), std::nullopt, Waiting(), Durability::kForce).error().code ==
            ErrorCode::kRefused &&
        ledger.Prune({kLog, 1, 1}).error().code == ErrorCode::kRefused;
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SqliteSite, TheFileThatWasReplacedIsNotAnsweredFor) {
  const BankFile file;
  const auto bank = file.Resource();
  ASSERT_TRUE(bank->Identify());
  const BankFile other;
  ASSERT_TRUE(other.Resource()->Identify());
  ASSERT_EQ(::rename(other.path().c_str(), file.path().c_str()), 0);
  EXPECT_EQ(bank->site_ledger()->Find(Key(1)).error().code, ErrorCode::kRefused);
  EXPECT_EQ(
      bank->site_ledger()->Put(Key(1), std::nullopt, Waiting(), Durability::kForce).error().code,
      ErrorCode::kRefused);
}

}  // namespace
}  // namespace settle::testing
