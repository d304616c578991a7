#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "support/child_process.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

TEST(TemporaryDirectory, IsGoneWithItsObject) {
  std::string path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    std::filesystem::create_directories(directory / "a/b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryDirectory, IsMadeWhereItIsWantedOrNotAtAll) {
  const TemporaryDirectory parent;
  EXPECT_TRUE(TemporaryDirectory(parent.path()).path().starts_with(parent.path()));
  EXPECT_THROW(TemporaryDirectory(parent / "not-there"), std::runtime_error);
  EXPECT_THROW(TemporaryDirectory(parent / std::string(64, 'x')), std::runtime_error);
}

// It may vanish between the moment that its file in /proc is opened and the one it is read.
TEST(ChildProcess, IsWatchedUntilItIsGone) {
  for (int i = 0; i < 200; ++i) {
    const pid_t process = StartProcess({.arguments = {"/bin/true"}, .output_path = ""});
    std::atomic<bool> reaped = false;
    const std::jthread reaper([&] {
      AwaitProcess(process);
      reaped = true;
    });
    while (!reaped) ASSERT_NO_THROW(HasEnded(process)) << "process " << i;
    EXPECT_TRUE(HasEnded(process));
  }
}

TEST(PostgresCluster, IsRefusedWithAdviceWhereNoServerIsInstalled) {
  const TemporaryDirectory empty;
  const TemporaryDirectory parent;
  try {
    PostgresCluster({.settings = {}, .parent_directory = parent.path(), .binaries = empty.path()});
    FAIL() << "made without initdb";
  } catch (const PostgresNotInstalled& e) {
    EXPECT_NE(std::string(e.what()).find("install"), std::string::npos) << e.what();
  }
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(PostgresCluster, HasSegmentsOfTheSizeThatIsWanted) {
  const PostgresCluster cluster({.settings = {}, .wal_segment_megabytes = 16});
  EXPECT_EQ(cluster.Query("postgres", "SHOW wal_segment_size"), "16MB");
}

TEST(PostgresCluster, KeepsWhatWasCommittedWhenKilled) {
  PostgresCluster cluster;
  cluster.CreateDatabase("bank");
  cluster.Query("bank", "CREATE TABLE t AS SELECT 17 AS x");
  cluster.Kill();
  EXPECT_THROW(cluster.Query("bank", "SELECT 1"), std::runtime_error);
  cluster.Start();
  EXPECT_EQ(cluster.Query("bank", "SELECT x FROM t"), "17");
  cluster.Restart(PostgresCluster::StopMode::kImmediate);
  EXPECT_EQ(cluster.Query("bank", "SELECT x FROM t"), "17");
  EXPECT_EQ(cluster.Query("bank", "SHOW fsync"), "on");
}

TEST(PostgresCluster, TwoHaveDifferentSystemIdentifiers) {
  PostgresCluster a({.settings = {"fsync=off"}, .standby_of = nullptr});
  PostgresCluster b;
  const char* query = "SELECT system_identifier FROM pg_control_system()";
  EXPECT_NE(a.Query("postgres", query), b.Query("postgres", query));
  EXPECT_EQ(a.Query("postgres", "SHOW fsync"), "off");
}

TEST(PostgresCluster, AStandbyIsPromotedToTheNextTimeline) {
  PostgresCluster primary;
  PostgresCluster standby({.settings = {}, .standby_of = &primary});
  EXPECT_EQ(standby.Query("postgres", "SELECT pg_is_in_recovery()"), "t");
  primary.Kill();
  standby.Promote();
  EXPECT_EQ(standby.Query("postgres", "SELECT pg_is_in_recovery()"), "f");
}

TEST(PostgresCluster, AStartThatFailsShowsTheServersLog) {
  PostgresCluster cluster;
  cluster.Stop();
  cluster.SetSettings({"no_such_setting=1"});
  try {
    cluster.Start();
    FAIL() << "started with a wrong setting";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("no_such_setting"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace settle::testing
