// The disk fails, and the power, at every place of a life that prunes at each turn. Whatever
// happens: what has not ended is there, what was told durable is there or known to be pruned, and
// what was refused is neither.
#include <gmock/gmock.h>

#include <future>
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

// Of the ends that one life appended, by sequence.
struct Told {
  std::set<std::uint64_t> durable;
  std::set<std::uint64_t> refused;
};

class PruningFaults : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kEarlier = 30;  // that ended in epoch 1
  static constexpr std::uint64_t kOpen = 31;     // decided in epoch 1, and not ended
  static constexpr std::uint64_t kEnds = 12;     // of the life that meets the fault

  static SqliteLogSettings SettingsOf(const std::string& path) {
    return {.path = path,
            .checkpoint_pages = 12,
            .prune = {.keep_ended = 4, .step = 8},
            .busy_timeout = 0ms};
  }
  static std::unique_ptr<DecisionLog> Open(const std::string& path) {
    auto log = OpenSqliteDecisionLog(SettingsOf(path));
    if (!log) throw std::runtime_error(Describe(log.error()));
    return *std::move(log);
  }

  static void SetUpTestSuite() {
    UseMemoryForDirectories();
    const TemporaryDirectory directory;
    {
      const auto log = Open(directory / "settle.db");
      AppendAndWait(*log, SampleResource());
      AppendAndWait(*log, SampleCommit(Of(*log, 1, kOpen)));
      for (std::uint64_t i = 1; i <= kEarlier; ++i) {
        AppendAndWait(*log, SampleCommit(Of(*log, 1, i)));
        AppendAndWait(*log, SampleEnd(Of(*log, 1, i)));
      }
    }
    prepared = ReadFile(directory / "settle.db");
  }
  static Gtid Of(const DecisionLog& log, Epoch epoch, std::uint64_t sequence) {
    return SampleGtid(log.identity().log_id, epoch, sequence);
  }

  static void Live(DecisionLog& log, Told& told) {
    if (!log.Replay([](std::uint64_t, const Record&) {})) return;
    for (std::uint64_t i = 1; i <= kEnds; ++i) {
      log.Append(SampleCommit(Of(log, 2, i)), Durability::kLazy, {});
      const AppendResult result = AppendAndWait(log, SampleEnd(Of(log, 2, i))).result;
      if (result == AppendResult::kDurable) told.durable.insert(i);
      if (result == AppendResult::kRefused) told.refused.insert(i);
    }
  }

  // How many of the earlier ends are pruned.
  static std::uint64_t Check(const std::string& path, const Told& told, const std::string& when) {
    const auto log = Open(path);
    bool open_is_there = false;
    bool binding_is_there = false;
    for (const Record& record : ReplayOrThrow(*log)) {
      open_is_there = open_is_there || record == Record(SampleCommit(Of(*log, 1, kOpen)));
      binding_is_there = binding_is_there || record == Record(SampleResource());
    }
    EXPECT_TRUE(open_is_there) << when;
    EXPECT_TRUE(binding_is_there) << when;
    EXPECT_EQ(KnownOf(*log, 1, kOpen), "nothing") << when;
    std::uint64_t expired = 0;
    for (std::uint64_t i = 1; i <= kEarlier; ++i) {
      const std::string known = KnownOf(*log, 1, i);
      EXPECT_NE(known, "nothing") << i << " " << when;
      expired += known == "expired" ? 1 : 0;
    }
    for (const std::uint64_t i : told.durable) {
      EXPECT_NE(KnownOf(*log, 2, i), "nothing") << i << " " << when;
    }
    for (const std::uint64_t i : told.refused) {
      EXPECT_EQ(KnownOf(*log, 2, i), "nothing") << i << " " << when;
    }
    return expired;
  }
  static std::string KnownOf(const DecisionLog& log, Epoch epoch, std::uint64_t sequence) {
    const auto found = log.FindEnded(Of(log, epoch, sequence));
    if (found) return *found ? "ended" : "nothing";
    return found.error().code == ErrorCode::kExpired ? "expired" : Describe(found.error());
  }

  static inline std::string prepared;
  FaultyVfs& vfs = FaultyVfs::Installed();
};

class EveryFaultOfPruning : public PruningFaults,
                            public ::testing::WithParamInterface<settle::testing::DiskFault> {};

TEST_P(EveryFaultOfPruning, L03_LosesNothingAtAnyPlace) {
  std::uint64_t pruned = 0;
  const int places = AtEveryPlace(GetParam(), [&](const FaultyVfs::Plan& plan) {
    const TemporaryDirectory directory;
    const std::string path = directory / "settle.db";
    WriteFile(path, prepared);
    Told told;
    vfs.Arm(plan);
    if (auto log = OpenSqliteDecisionLog(SettingsOf(path))) Live(**log, told);
    const bool fired = vfs.Disarm();
    pruned = std::max(pruned, Check(path, told, "at " + std::to_string(plan.at)));
    return fired;
  });
  EXPECT_GT(places, 6) << "hardly any such operation was met";
  EXPECT_GT(pruned, kEarlier / 2) << "hardly anything was pruned";
}

INSTANTIATE_TEST_SUITE_P(Log, EveryFaultOfPruning,
                         ::testing::ValuesIn(settle::testing::ToldDiskFaults()),
                         settle::testing::NameOfFault);

TEST_F(PruningFaults, L04_PowerLostAtAnyMomentOfPruningLosesNothing) {
  const auto life = [](Told& told) {
    const TemporaryDirectory directory;
    const std::string path = directory / "settle.db";
    WriteFile(path, prepared);
    const auto log = Open(path);
    ASSERT_TRUE(log->Replay([](std::uint64_t, const Record&) {}));
    for (std::uint64_t i = 1; i <= kEnds; ++i) {
      std::promise<void> answered;
      log->Append(SampleEnd(Of(*log, 2, i)), Durability::kForce,
                  [&](AppendResult result, const std::string&) {
                    // On the log's thread, on which the power fails too.
                    if (result == AppendResult::kDurable) told.durable.insert(i);
                    answered.set_value();
                  });
      answered.get_future().wait();
    }
  };
  std::uint64_t pruned = 0;
  const auto heal = [&](const TemporaryDirectory& after, const Told& told,
                        const std::string& when) {
    pruned = std::max(pruned, Check(after / "settle.db", told, when));
  };
  EXPECT_GT(AtEveryPowerFailure<Told>(vfs, life, heal), 40);
  EXPECT_GT(pruned, kEarlier / 2);
}

}  // namespace
}  // namespace settle::coordinator
