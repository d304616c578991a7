// Real processes, really killed. What the victim was told is compared with what the log still
// knows.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "samples.h"
#include "support/child_process.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string VictimPath() {
  if (const char* folder = std::getenv("SETTLE_BIN")) return std::string(folder) + "/log_victim";
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "log_victim").string();
}

class LogCrash : public ::testing::Test {
 protected:
  struct Ended {
    int status = 0;
    bool fired = false;
    std::string errors;
  };

  // `failpoint` may be empty.
  pid_t Start(std::vector<std::string> arguments, const std::string& failpoint) {
    std::filesystem::remove(fired);
    std::vector<std::string> environment = {"SETTLE_FAILPOINT=" + failpoint,
                                            "SETTLE_FAILPOINT_FIRED=" + fired};
    std::filesystem::remove(errors);
    arguments.insert(arguments.begin(), VictimPath());
    settle::testing::Launch launch;
    launch.arguments = std::move(arguments);
    launch.output_path = errors;
    launch.environment = std::move(environment);
    launch.ends_with_starter = true;
    return settle::testing::StartProcess(launch);
  }

  Ended Await(pid_t child) {
    Ended ended;
    ended.status = settle::testing::AwaitProcess(child);
    ended.fired = std::filesystem::exists(fired);
    ended.errors = ReadFile(errors);
    return ended;
  }

  Ended Run(const std::vector<std::string>& arguments, const std::string& failpoint = "") {
    return Await(Start(arguments, failpoint));
  }

  void ExpectKilledAt(const std::vector<std::string>& arguments, const std::string& failpoint) {
    const Ended ended = Run(arguments, failpoint);
    EXPECT_TRUE(WIFSIGNALED(ended.status) && WTERMSIG(ended.status) == SIGKILL) << ended.errors;
    EXPECT_TRUE(ended.fired) << failpoint << " never fired";
  }

  // By word, the numbers that follow it.
  std::map<std::string, std::set<std::uint64_t>> Told() {
    std::map<std::string, std::set<std::uint64_t>> told;
    if (!std::filesystem::exists(acks)) return told;
    std::istringstream lines(ReadFile(acks));
    std::string word;
    std::uint64_t number = 0;
    while (lines >> word >> number) told[word].insert(number);
    return told;
  }

  void AwaitWord(const std::string& word, std::size_t count) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (Told()[word].size() < count && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(1ms);
    }
    ASSERT_GE(Told()[word].size(), count);
  }

  std::set<std::uint64_t> CommittedInLog(Epoch epoch) {
    std::set<std::uint64_t> sequences;
    const auto log = OpenOrThrow(path);
    for (const Record& record : ReplayOrThrow(*log)) {
      if (!std::holds_alternative<CommitRecord>(record)) continue;
      if (GtidOf(record).epoch() == epoch) sequences.insert(GtidOf(record).sequence());
    }
    return sequences;
  }

  TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  const std::string acks = directory / "acks";
  const std::string fired = directory / "fired";
  const std::string errors = directory / "errors";
};

class GroupKilled : public LogCrash, public ::testing::WithParamInterface<std::string> {};

TEST_P(GroupKilled, C05_AllOfTheGroupIsThereOrNothingAndNobodyWasTold) {
  ExpectKilledAt({"group", path, acks, "32"}, GetParam() + ":2");
  EXPECT_THAT(Told()["durable"], ElementsAre(0));
  const auto there = CommittedInLog(1);
  EXPECT_EQ(there.count(0), 1U);
  EXPECT_EQ(there.size(), GetParam() == "log.after_commit" ? 33U : 1U);
}

INSTANTIATE_TEST_SUITE_P(Log, GroupKilled,
                         ::testing::Values("log.before_begin", "log.inside", "log.after_commit"),
                         [](const auto& info) { return info.param.substr(4); });

TEST_F(LogCrash, C05_KilledAtAnyMomentEverythingAcknowledgedIsThere) {
  std::mt19937 random(7);
  std::uint64_t acknowledged = 0;
  for (Epoch life = 1; life <= 20; ++life) {
    std::filesystem::remove(acks);
    const pid_t child = Start({"pour", path, acks, "8"}, "");
    AwaitWord("durable", 20 + random() % 100);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10'000));
    ::kill(child, SIGKILL);
    Await(child);
    auto told = Told();
    ASSERT_EQ(told["epoch"].size(), 1U);
    const auto there = CommittedInLog(*told["epoch"].begin());
    for (const std::uint64_t sequence : told["durable"]) {
      ASSERT_EQ(there.count(sequence), 1U) << "lost " << sequence << " of life " << life;
    }
    EXPECT_TRUE(told["unknown"].empty());
    acknowledged += told["durable"].size();
  }
  EXPECT_GE(acknowledged, 20U * 20U);
}

TEST_F(LogCrash, L10_KilledAtEachStepOfPruningNothingUnresolvedIsGoneAndNoEndIsForgotten) {
  std::map<Epoch, std::map<std::string, std::set<std::uint64_t>>> told;
  Epoch last = 0;
  for (int times = 1; times <= 4; ++times) {
    for (const char* place : {"log.prune.inside:", "log.prune.committed:"}) {
      std::filesystem::remove(acks);
      ExpectKilledAt({"prune", path, acks}, place + std::to_string(times));
      auto said = Told();
      last = *said["epoch"].begin();
      told[last] = std::move(said);
    }
  }
  const auto log = OpenOrThrow(path);
  std::map<Epoch, std::set<std::uint64_t>> decided;
  for (const Record& record : ReplayOrThrow(*log)) {
    if (!std::holds_alternative<CommitRecord>(record)) continue;
    decided[GtidOf(record).epoch()].insert(GtidOf(record).sequence());
  }
  std::size_t expired = 0;
  // A life may be killed over what earlier ones left to prune, before it acknowledged anything.
  for (auto& [epoch, said] : told) {
    for (const std::uint64_t sequence : said["open"]) {
      EXPECT_EQ(decided[epoch].count(sequence), 1U) << epoch << "." << sequence;
    }
    for (const std::uint64_t sequence : said["durable"]) {
      const auto found = log->FindEnded(SampleGtid(log->identity().log_id, epoch, sequence));
      const bool is_expired = !found && found.error().code == ErrorCode::kExpired;
      EXPECT_TRUE(is_expired || (found && *found)) << epoch << "." << sequence;
      expired += is_expired ? 1 : 0;
    }
  }
  EXPECT_EQ(last, 8U);
  EXPECT_GT(expired, 20U);
}

TEST_F(LogCrash, TheEpochIsNeverHandedOutTwiceWhereverAnOpeningIsKilled) {
  const char* places[] = {"log.migrate.inside", "log.migrate.applied", "log.create.filled",
                          "log.open.epoch_raised", "log.open.folded"};
  for (int round = 0; round < 2; ++round) {
    for (const char* place : places) {
      const bool creates = std::string(place).starts_with("log.open") == false;
      if (creates && std::filesystem::exists(path)) continue;
      for (int times = 0; times < 3; ++times) ExpectKilledAt({"open", path, acks}, place);
    }
    EXPECT_EQ(Run({"open", path, acks}).status, 0);
  }
  const auto handed_out = Told()["epoch"];
  EXPECT_EQ(handed_out.size(), 2U);
  EXPECT_GT(OpenOrThrow(path)->identity().epoch, *handed_out.rbegin());
}

TEST_F(LogCrash, L08_MigrationsKilledAtEachStepResumeAndLoseNothing) {
  ASSERT_EQ(Run({"group", path, acks, "5"}).status, 0);
  ExpectKilledAt({"migrate", path, acks}, "log.migrate.inside:1");
  ExpectKilledAt({"migrate", path, acks}, "log.migrate.applied:1");
  ExpectKilledAt({"migrate", path, acks}, "log.migrate.inside:1");
  ExpectKilledAt({"migrate", path, acks}, "log.migrate.applied:1");
  const Ended ended = Run({"migrate", path, acks});
  EXPECT_EQ(ended.status, 0) << ended.errors;

  const auto older = OpenSqliteDecisionLog({.path = path});
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ErrorCode::kVersion);
  EXPECT_THAT(older.error().message, HasSubstr("has schema version 7"));
  EXPECT_THAT(older.error().message, HasSubstr("up to 5"));
  EXPECT_EQ(Run({"migrate", path, acks}).status, 0);  // the refusal changed nothing
}

TEST_F(LogCrash, ARestoreThatIsKilledLeavesNoLogAndTheNextOneMakesIt) {
  ASSERT_EQ(Run({"samples", path, acks}).status, 0);
  const std::string restored = directory / "restored.db";
  for (const char* place : {"log.restore.inside", "log.restore.filled"}) {
    ExpectKilledAt({"restore", restored, acks, "0", path}, place);
    EXPECT_FALSE(std::filesystem::exists(restored)) << place;
  }
  ASSERT_EQ(Run({"restore", restored, acks, "0", path}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(restored + ".new"));
  EXPECT_EQ(ReplayOrThrow(*OpenOrThrow(restored)).size(), 45U);
}

TEST_F(LogCrash, ADaemonThatIsKilledInABackupLosesNothingAndItsCopyIsRemoved) {
  ASSERT_EQ(Run({"samples", path, acks}).status, 0);
  ExpectKilledAt({"backup", path, acks}, "log.backup.copied");
  EXPECT_TRUE(std::filesystem::exists(path + ".being-fetched"));
  EXPECT_EQ(ReplayOrThrow(*OpenOrThrow(path)).size(), 45U);
  EXPECT_FALSE(std::filesystem::exists(path + ".being-fetched"));
}

TEST_F(LogCrash, C13_ASecondDaemonIsToldWhoHoldsTheLogUntilThatOneIsDead) {
  const pid_t holder = Start({"hold", path, acks}, "");
  AwaitWord("epoch", 1);
  const Ended second = Run({"open", path, acks});
  EXPECT_TRUE(WIFEXITED(second.status) && WEXITSTATUS(second.status) == 2);
  EXPECT_THAT(second.errors, HasSubstr("refused"));
  EXPECT_THAT(second.errors, HasSubstr("process " + std::to_string(holder) + " on "));
  EXPECT_EQ(Told()["epoch"].size(), 1U);
  ::kill(holder, SIGKILL);
  Await(holder);
  EXPECT_EQ(Run({"open", path, acks}).status, 0);
  EXPECT_THAT(Told()["epoch"], ElementsAre(1, 2));
}

}  // namespace
}  // namespace settle::coordinator
