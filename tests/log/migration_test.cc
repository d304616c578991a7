// L08: logs of every earlier release, as they were on the disk, come to the newest schema with all
// that is in them, wherever the program that brings them there is killed.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>

#include "log/sqlite.h"
#include "log/verify.h"
#include "migrations/coordinator.h"
#include "samples.h"
#include "support/child_process.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr int kOldest = 1;
constexpr const char* kLogId = "k6k7c7iqxrom";

int Newest() { return migrations::coordinator().back().version; }

std::string VictimPath() {
  if (const char* folder = std::getenv("SETTLE_BIN")) return std::string(folder) + "/log_victim";
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "log_victim").string();
}

class OldLog : public ::testing::TestWithParam<int> {
 protected:
  OldLog() { MakeAnew(); }

  void MakeAnew() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"})
      std::filesystem::remove(path + suffix);
    WriteFile(path, "");
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    auto file = sqlite::Connection::Open(path, sqlite::Access::kReadWrite, 0ms).value();
    const std::string sql =
        ReadFile(std::string(SETTLE_OLD_LOGS) + "/v" + std::to_string(GetParam()) + ".sql");
    ASSERT_FALSE(sql.empty());
    const auto made = file.Run(sql);
    ASSERT_TRUE(made) << made.error().message;
  }

  // Its end, "expired", or "none".
  static std::string WhatIsKnownOf(DecisionLog& log, std::uint64_t sequence) {
    const auto ended = log.FindEnded(SampleGtid(kLogId, 1, sequence));
    if (!ended) return ToString(ended.error().code);
    return *ended ? settle::ToString((*ended)->ending.outcome) : "none";
  }

  void ExpectAllIsThere() {
    const auto report = VerifyLog(path, {});
    ASSERT_TRUE(report) << Describe(report.error());
    EXPECT_EQ(report->in_doubt_count, 4U);
    const auto log = OpenOrThrow(path);
    EXPECT_EQ(log->identity().log_id, kLogId);
    EXPECT_GT(log->identity().epoch, 1U);
    EXPECT_TRUE(log->identity().lost.empty());
    EXPECT_EQ(log->totals().committed, 20U);
    const bool pruned = GetParam() >= 2;
    EXPECT_EQ(ReplayOrThrow(*log).size(), pruned ? 37U : 45U);
    EXPECT_EQ(WhatIsKnownOf(*log, 1), pruned ? "expired" : "committed");
    for (std::uint64_t sequence = 5; sequence <= 20; ++sequence) {
      EXPECT_EQ(WhatIsKnownOf(*log, sequence), "committed");
    }
    EXPECT_EQ(WhatIsKnownOf(*log, 21), "none");
  }

  // Whether it was killed there.
  bool KillAt(const std::string& failpoint) {
    std::filesystem::remove(fired);
    settle::testing::Launch launch;
    launch.arguments = {VictimPath(), "open", path, directory / "acks"};
    launch.output_path = directory / "errors";
    launch.environment = {"SETTLE_FAILPOINT=" + failpoint, "SETTLE_FAILPOINT_FIRED=" + fired};
    launch.ends_with_starter = true;
    const int status = settle::testing::AwaitProcess(settle::testing::StartProcess(launch));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && std::filesystem::exists(fired);
  }

  int VersionOfFile() {
    auto file = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 0ms).value();
    return std::stoi(file.Ask("PRAGMA user_version").value());
  }

  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  const std::string fired = directory / "fired";
};

TEST_P(OldLog, L08_AnUpgradeKeepsEverything) {
  EXPECT_EQ(VersionOfFile(), GetParam());
  ExpectAllIsThere();
  EXPECT_EQ(VersionOfFile(), Newest());
  ExpectAllIsThere();
}

TEST_P(OldLog, L08_IsVerifiedAsItIsAndNotChangedByThat) {
  const std::string before = ReadFile(path);
  const auto report = VerifyLog(path, {});
  ASSERT_TRUE(report) << Describe(report.error());
  EXPECT_EQ(report->schema_version, GetParam());
  EXPECT_EQ(report->epoch, 1U);
  EXPECT_EQ(report->totals.committed, 20U);
  EXPECT_EQ(report->records.at("registered"), 1U);
  EXPECT_EQ(ReadFile(path), before);
}

TEST_P(OldLog, L08_KilledInsideAndAfterEachMigrationItGoesOnFromThere) {
  for (int step = 1; step <= Newest() - GetParam(); ++step) {
    for (const std::string place : {"log.migrate.inside", "log.migrate.applied"}) {
      SCOPED_TRACE(place + ":" + std::to_string(step));
      MakeAnew();
      ASSERT_TRUE(KillAt(place + ":" + std::to_string(step)));
      ExpectAllIsThere();
      EXPECT_EQ(VersionOfFile(), Newest());
    }
  }
}

// And again, one step further each time.
TEST_P(OldLog, L08_KilledInEveryMigrationItComesToTheEndAllTheSame) {
  for (int step = GetParam(); step < Newest(); ++step) {
    ASSERT_TRUE(KillAt("log.migrate.inside:1"));
    ASSERT_TRUE(KillAt("log.migrate.applied:1"));
  }
  EXPECT_FALSE(KillAt("log.migrate.inside:1")) << "there is one more";
  ExpectAllIsThere();
}

INSTANTIATE_TEST_SUITE_P(OfEveryRelease, OldLog, ::testing::Range(kOldest, 5),
                         [](const auto& info) { return "Schema" + std::to_string(info.param); });

TEST(OldLogs, ThereIsOneOfEverySchemaButTheNewest) {
  for (int version = kOldest; version < Newest(); ++version) {
    EXPECT_TRUE(std::filesystem::exists(std::string(SETTLE_OLD_LOGS) + "/v" +
                                        std::to_string(version) + ".sql"));
  }
  EXPECT_EQ(Newest(), 5) << "raise the range of OfEveryRelease, and add the schema before this";
}

}  // namespace
}  // namespace settle::coordinator
