// The disk fails in every way at every place. What was told durable must be there afterwards, what
// was told refused must not be, and after "unknown" nothing may be promised any more.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "samples.h"
#include "support/disk_faults.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using settle::testing::AtEveryPlace;
using settle::testing::AtEveryPowerFailure;
using settle::testing::FaultyVfs;
using ::testing::Each;
using ::testing::HasSubstr;

class LogFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  static SqliteLogSettings SettingsOf(const std::string& path) {
    // Few pages, so that checkpoints happen in each run; no waiting for locks that never come.
    return {.path = path, .checkpoint_pages = 12, .busy_timeout = 0ms};
  }
  static CommitRecord Commit(const DecisionLog& log, std::uint64_t sequence) {
    return SampleCommit(SampleGtid(log.identity().log_id, log.identity().epoch, sequence));
  }
  static std::set<std::uint64_t> CommitsIn(const std::string& path, Epoch epoch) {
    auto log = OpenSqliteDecisionLog(SettingsOf(path));
    if (!log) throw std::runtime_error(Describe(log.error()));
    std::set<std::uint64_t> sequences;
    for (const Record& record : ReplayOrThrow(**log)) {
      if (GtidOf(record).epoch() == epoch) sequences.insert(GtidOf(record).sequence());
    }
    return sequences;
  }

  FaultyVfs& vfs = FaultyVfs::Installed();
};

TEST_F(LogFaults, AFlushIsCountedForEveryTimeThatTheDiskIsWaitedFor) {
  const TemporaryDirectory directory;
  auto log = OpenOrThrow(directory / "settle.db");
  AppendAndWait(*log, Commit(*log, 1));  // the -wal file's own beginning is flushed with the first
  const LogWrites before = log->writes();
  vfs.Arm({.operations = FaultyVfs::kSync, .at = 1'000'000});
  AppendAndWait(*log, Commit(*log, 2));
  AppendAndWait(*log, Commit(*log, 3), Durability::kLazy);
  // One by itself, and then all of the group at once.
  AppendAsOneGroup(*log, {Commit(*log, 4), Commit(*log, 5), Commit(*log, 6), Commit(*log, 7)});
  const LogWrites after = log->writes();
  EXPECT_EQ(after.records - before.records, 7U);
  EXPECT_EQ(after.forced - before.forced, 6U);
  EXPECT_EQ(after.flushes - before.flushes, 4U);
  EXPECT_EQ(vfs.seen(), 4) << "what SQLite asked of the disk";
  EXPECT_FALSE(vfs.Disarm());
}

TEST_F(LogFaults, WhatIsRefusedIsNotCountedAsWritten) {
  const TemporaryDirectory directory;
  auto log = OpenOrThrow(directory / "settle.db");
  AppendAndWait(*log, Commit(*log, 1));
  const LogWrites before = log->writes();
  vfs.Arm({.operations = FaultyVfs::kWrite, .for_ever = true, .code = SQLITE_FULL});
  EXPECT_EQ(AppendAndWait(*log, Commit(*log, 2)).result, AppendResult::kRefused);
  EXPECT_TRUE(vfs.Disarm());
  EXPECT_EQ(log->writes(), before);
}

TEST_F(LogFaults, L01_AFullDiskRefusesAndTheLogRecoversWhenSpaceReturns) {
  const TemporaryDirectory directory;
  auto log = OpenOrThrow(directory / "settle.db");
  ASSERT_EQ(AppendAndWait(*log, Commit(*log, 1)).result, AppendResult::kDurable);
  vfs.Arm({.operations = FaultyVfs::kWrite, .for_ever = true, .code = SQLITE_FULL});
  for (std::uint64_t i = 2; i <= 4; ++i) {
    const Appended full = AppendAndWait(*log, Commit(*log, i));
    EXPECT_EQ(full.result, AppendResult::kRefused);
    EXPECT_THAT(full.reason, HasSubstr("disk is full"));
  }
  EXPECT_TRUE(vfs.Disarm());
  EXPECT_EQ(AppendAndWait(*log, Commit(*log, 5)).result, AppendResult::kDurable);
  log.reset();
  EXPECT_THAT(CommitsIn(directory / "settle.db", 1), ::testing::ElementsAre(1, 5));
}

// SQLite keeps a lock on this byte of the -shm file while a connection lives; without it the next
// program that opens the log takes the file for abandoned and cuts it off under the daemon.
bool OthersSeeTheLogInUse(const std::string& path) {
  const pid_t child = ::fork();  // a process is not shown its own locks
  if (child == 0) {
    const int file = ::open((path + "-shm").c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 128;
    lock.l_len = 1;
    ::_exit(file >= 0 && ::fcntl(file, F_GETLK, &lock) == 0 && lock.l_type == F_RDLCK ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(LogFaults, L01_AFullDiskDoesNotCostTheLogItsLocks) {
  const TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  auto log = OpenOrThrow(path);
  ASSERT_TRUE(OthersSeeTheLogInUse(path));
  for (int n = 1; n <= 8; ++n) {
    vfs.Arm({.operations = FaultyVfs::kWrite, .at = n, .for_ever = true, .code = SQLITE_FULL});
    const AppendResult result =
        AppendAndWait(*log, Commit(*log, static_cast<std::uint64_t>(n))).result;
    EXPECT_EQ(result, vfs.Disarm() ? AppendResult::kRefused : AppendResult::kDurable);
    EXPECT_TRUE(OthersSeeTheLogInUse(path)) << "when write " << n << " found no room";
  }
}

TEST_F(LogFaults, L02_AFailedFlushIsUnknownAndSoIsEverythingAfterIt) {
  const TemporaryDirectory directory;
  auto log = OpenOrThrow(directory / "settle.db");
  ASSERT_EQ(AppendAndWait(*log, Commit(*log, 1)).result, AppendResult::kDurable);
  vfs.Arm({.operations = FaultyVfs::kSync, .code = SQLITE_IOERR_FSYNC});
  EXPECT_EQ(AppendAndWait(*log, Commit(*log, 2)).result, AppendResult::kUnknown);
  EXPECT_TRUE(vfs.Disarm());
  for (std::uint64_t i = 3; i <= 5; ++i) {
    const Appended later = AppendAndWait(*log, Commit(*log, i));
    EXPECT_EQ(later.result, AppendResult::kUnknown);
    EXPECT_THAT(later.reason, HasSubstr("read again"));
  }
  log.reset();
  const auto there = CommitsIn(directory / "settle.db", 1);
  EXPECT_EQ(there.count(1), 1U);
  EXPECT_EQ(there.count(3) + there.count(4) + there.count(5), 0U);
}

TEST_F(LogFaults, L06_WhenAGroupFailsNobodyOfItIsToldDurable) {
  for (const int code : {SQLITE_FULL, SQLITE_IOERR_WRITE}) {
    // The first writes are of the record that leads the group; the failure is within the group's.
    const TemporaryDirectory directory;
    auto log = OpenOrThrow(directory / "settle.db");
    std::vector<Record> group;
    for (std::uint64_t i = 1; i <= 32; ++i) group.push_back(Commit(*log, i));
    vfs.Arm({.operations = FaultyVfs::kWrite, .at = 6, .for_ever = true, .code = code});
    const std::vector<Appended> told = AppendAsOneGroup(*log, group);
    EXPECT_TRUE(vfs.Disarm());
    const auto expected = code == SQLITE_FULL ? AppendResult::kRefused : AppendResult::kUnknown;
    for (const Appended& appended : told) EXPECT_EQ(appended.result, expected) << appended.reason;
    log.reset();
    EXPECT_EQ(CommitsIn(directory / "settle.db", 1).size(), 0U);
  }
}

class EveryPlace : public LogFaults {
 protected:
  void SetUp() override {
    const auto log = OpenOrThrow(before_ / "settle.db");
    for (std::uint64_t i = 1; i <= 10; ++i) AppendAndWait(*log, Commit(*log, i));
  }

  // One life of a log that meets the fault; false when it did not.
  bool Live(const FaultyVfs::Plan& plan) {
    const TemporaryDirectory directory;
    const std::string path = directory / "settle.db";
    WriteFile(path, ReadFile(before_ / "settle.db"));
    std::vector<AppendResult> told;
    vfs.Arm(plan);
    if (auto log = OpenSqliteDecisionLog(SettingsOf(path))) {
      static_cast<void>((*log)->Replay([](std::uint64_t, const Record&) {}));
      for (std::uint64_t i = 1; i <= 20; ++i) {
        told.push_back(AppendAndWait(**log, Commit(**log, i)).result);
      }
      static_cast<void>((*log)->FindEnded(SampleGtid((*log)->identity().log_id, 1, 1)));
    }
    const bool fired = vfs.Disarm();
    EXPECT_EQ(CommitsIn(path, 1).size(), 10U) << plan.at;
    Compare(told, CommitsIn(path, 2), plan.at);
    return fired;
  }

  static void Compare(const std::vector<AppendResult>& told, const std::set<std::uint64_t>& there,
                      int n) {
    bool dead = false;
    for (std::uint64_t i = 1; i <= told.size(); ++i) {
      const AppendResult result = told[i - 1];
      const bool is_there = there.count(i) != 0;
      EXPECT_FALSE(result == AppendResult::kDurable && !is_there) << i << " lost at " << n;
      EXPECT_FALSE(result == AppendResult::kRefused && is_there) << i << " came back at " << n;
      EXPECT_FALSE(dead && result != AppendResult::kUnknown) << i << " promised at " << n;
      dead = dead || result == AppendResult::kUnknown;
    }
  }

  // How many bits flip in each read, one life for each: 40, or as many as SETTLE_FLIPS says.
  static unsigned Seeds() {
    const char* const more = std::getenv("SETTLE_FLIPS");
    return more == nullptr ? 40 : static_cast<unsigned>(std::strtoul(more, nullptr, 10));
  }
  const TemporaryDirectory before_;  // ten decisions of an earlier life
};

class EveryFault : public EveryPlace,
                   public ::testing::WithParamInterface<settle::testing::DiskFault> {};

TEST_P(EveryFault, L03_AtEveryPlaceIsACleanRefusalOrAStop) {
  const int places = AtEveryPlace(GetParam(), [this](const auto& plan) { return Live(plan); });
  EXPECT_GT(places, 6) << "hardly any such operation was met";
}

INSTANTIATE_TEST_SUITE_P(Log, EveryFault, ::testing::ValuesIn(settle::testing::ToldDiskFaults()),
                         settle::testing::NameOfFault);

// Nobody is told of this one: what is read is not what was written. It may also be written back,
// and then it is there for good.
TEST_F(EveryPlace, L03_L05_ABitThatFlipsInAReadIsFoundOutOrWithoutEffect) {
  // Of each life: by sequence, or nothing when the log was refused.
  using Commits = std::optional<std::set<std::uint64_t>>;
  const auto replay = [](DecisionLog& log, Epoch epoch) -> Commits {
    std::set<std::uint64_t> there;
    const Status whole = log.Replay([&](std::uint64_t, const Record& record) {
      if (GtidOf(record).epoch() == epoch) there.insert(GtidOf(record).sequence());
    });
    return whole ? Commits(there) : std::nullopt;
  };
  int found_out = 0;
  int found_out_later = 0;
  int flips = 0;
  for (unsigned seed = 0; seed < Seeds(); ++seed) {
    FaultyVfs::Plan plan{.operations = FaultyVfs::kRead, .flips = seed};
    for (bool fired = true; fired; ++plan.at) {
      const TemporaryDirectory directory;
      const std::string path = directory / "settle.db";
      WriteFile(path, ReadFile(before_ / "settle.db"));
      const std::string when = "seed " + std::to_string(seed) + ", read " + std::to_string(plan.at);
      std::vector<AppendResult> told;
      Commits there;
      vfs.Arm(plan);
      if (auto log = OpenSqliteDecisionLog(SettingsOf(path))) {
        there = replay(**log, 1);
        for (std::uint64_t i = 1; there && i <= 5; ++i) {
          told.push_back(AppendAndWait(**log, Commit(**log, i)).result);
        }
      }
      fired = vfs.Disarm();
      flips += fired ? 1 : 0;
      found_out += there ? 0 : 1;
      EXPECT_TRUE(!there || there->size() == 10U) << when;
      auto log = OpenSqliteDecisionLog(SettingsOf(path));
      const Commits earlier = log ? replay(**log, 1) : std::nullopt;
      found_out_later += earlier ? 0 : 1;
      if (!earlier) continue;
      EXPECT_EQ(earlier->size(), 10U) << when;
      Compare(told, *replay(**log, 2), plan.at);
    }
  }
  std::cout << "[  places  ] " << flips << " bits flipped: " << found_out << " found out at once, "
            << found_out_later << " still there in the next life\n";
  EXPECT_GT(found_out, 0);
}

class PowerFailure : public LogFaults {
 protected:
  struct Told {
    std::string log_id;
    std::vector<std::uint64_t> durable;
  };

  // Two lives of a log with groups of several sizes.
  static void Live(Told& told) {
    const TemporaryDirectory directory;
    for (int life = 0; life < 2; ++life) {
      const auto log = *OpenSqliteDecisionLog(SettingsOf(directory / "settle.db"));
      told.log_id = log->identity().log_id;
      std::uint64_t sequence = 0;
      for (int group = 0; group < 8; ++group) {
        for (int i = 0; i <= group; ++i) {
          const std::uint64_t number = ++sequence;
          log->Append(
              Commit(*log, number), i < group ? Durability::kLazy : Durability::kForce,
              [&, number, life](AppendResult result, const std::string&) {
                ASSERT_EQ(result, AppendResult::kDurable);
                told.durable.push_back(static_cast<std::uint64_t>(life + 1) * 1000 + number);
              });
        }
        AppendAndWait(*log, SampleResource());
      }
    }
  }
};

TEST_F(PowerFailure, L04_WhateverWasAcknowledgedSurvivesAtEveryMoment) {
  const auto heal = [](const TemporaryDirectory& after, const Told& told, const std::string& when) {
    auto log = OpenSqliteDecisionLog(SettingsOf(after / "settle.db"));
    ASSERT_TRUE(log) << when << ": " << Describe(log.error());
    if (!told.log_id.empty()) {
      EXPECT_EQ((*log)->identity().log_id, told.log_id);
    }
    std::set<std::uint64_t> there;
    for (const Record& record : ReplayOrThrow(**log)) {
      const Gtid& gtid = GtidOf(record);
      if (!gtid.empty()) there.insert(gtid.epoch() * 1000 + gtid.sequence());
    }
    for (const std::uint64_t number : told.durable) {
      ASSERT_EQ(there.count(number), 1U) << when << " lost " << number;
    }
  };
  EXPECT_GT(AtEveryPowerFailure<Told>(vfs, Live, heal), 50);
}

}  // namespace
}  // namespace settle::coordinator
