// Very many transactions: what operators ask stays an answer of one page at a time.
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "end_to_end/fixture.h"
#include "log/sqlite_decision_log.h"
#include "support/sanitized.h"

namespace settle::testing {
namespace {

using coordinator::CommitRecord;
using coordinator::Durability;
using coordinator::EndRecord;

// SETTLE_MANY=1000000 for a run that takes minutes.
std::uint64_t EndedOnes() {
  const char* given = std::getenv("SETTLE_MANY");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 100'000;
}
constexpr std::uint64_t kInDoubt = 20'000;
constexpr std::size_t kGrowthMost_kb = (kSanitized ? 480 : 48) * 1024;

// As a coordinator leaves it that ran long and was killed with many in doubt.
void FillLog(const std::string& path, std::uint64_t ended) {
  auto log = coordinator::OpenSqliteDecisionLog({.path = path});
  ASSERT_TRUE(log) << Describe(log.error());
  const std::string id = (*log)->identity().log_id;
  const std::int64_t now_us = std::chrono::duration_cast<std::chrono::microseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  std::atomic<std::uint64_t> written{0};
  const auto append = [&](coordinator::Record record, std::uint64_t nth) {
    (*log)->Append(std::move(record), nth % 1000 == 0 ? Durability::kForce : Durability::kLazy,
                   [&](coordinator::AppendResult result, const std::string&) {
                     if (result == coordinator::AppendResult::kDurable) ++written;
                   });
    // What is on its way takes memory, and this program's memory is measured as the command's.
    if (nth >= 1000 && nth % 1000 == 0) {
      ASSERT_TRUE(WaitUntil([&] { return written >= nth - 1000; }));
    }
  };
  std::uint64_t nth = 0;
  for (; nth < ended; ++nth) {
    EndRecord end;
    end.summary.gtid = Gtid::Make(id, 1, nth + 1, 7);
    end.summary.state = "done";
    end.summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
    end.summary.origin = {"shop", "order " + std::to_string(nth), now_us};
    end.summary.ended = now_us;
    end.summary.branches.resize(2);
    end.summary.timeline = {{1, "begun by shop"}, {2, "decided to commit"}, {3, "committed"}};
    for (auto& branch : end.summary.branches) branch.resource = "a";
    append(end, nth);
  }
  for (; nth < ended + kInDoubt; ++nth) {
    append(CommitRecord{Gtid::Make(id, 1, nth + 1, 7),
                        {"shop", "order", now_us},
                        now_us,
                        {{1, "away", Vote::kCommit, {"sqlite:x:1", 0, ""}}}},
           nth);
  }
  (*log).reset();
  ASSERT_EQ(written, ended + kInDoubt);
}

class Many : public EndToEnd {
 protected:
  Many() : EndToEnd(kBothSqlite) {}

  std::size_t DaemonPeak_kb() {
    const std::string status =
        ReadFile("/proc/" + std::to_string(world_.daemon().process().id()) + "/status");
    const std::size_t at = status.find("VmHWM:");
    return at == std::string::npos ? 0 : std::stoul(status.substr(at + 6));
  }
  // Runs `settle` with its answer in a file; the seconds it took.
  double Run(const std::vector<std::string>& words, const std::string& out) {
    Launch launch{.arguments = {Program("settle"), "--address", world_.daemon().address(), "--json",
                                "--timeout", "60s"},
                  .output_path = out,
                  .user = std::nullopt};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    const auto start = std::chrono::steady_clock::now();
    Process process(launch);
    EXPECT_EQ(process.Wait(std::chrono::minutes(10)), (Ended{0, {}}))
        << ReadFile(out).substr(0, 500);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
};

std::uint64_t LinesWithAGtid(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.starts_with("    {\"gtid\":");
  return count;
}

TEST_F(Many, A04_AllAreListedPageByPageInBoundedMemory) {
  const std::uint64_t ended = EndedOnes();
  ASSERT_NO_FATAL_FAILURE(FillLog(world_.daemon().log_path(), ended));
  world_.daemon().Start();
  const std::size_t before_kb = DaemonPeak_kb();
  ASSERT_GT(before_kb, 0U);

  const double list_s = Run({"list", "--all"}, world_ / "list");
  EXPECT_EQ(LinesWithAGtid(world_ / "list"), ended + kInDoubt);
  std::ifstream document(world_ / "list");
  EXPECT_TRUE(nlohmann::json::accept(document)) << "the pages are one valid document";
  const double in_doubt_s = Run({"in-doubt", "--all"}, world_ / "in-doubt");
  EXPECT_EQ(LinesWithAGtid(world_ / "in-doubt"), kInDoubt);
  Run({"status"}, world_ / "status");
  const nlohmann::json status = nlohmann::json::parse(ReadFile(world_ / "status"));
  EXPECT_EQ(status["open"]["committing"], kInDoubt);
  EXPECT_EQ(status["committed"], ended);

  const std::size_t growth_kb = DaemonPeak_kb() - before_kb;
  rusage children{};
  ::getrusage(RUSAGE_CHILDREN, &children);
  std::cout << ended << " ended and " << kInDoubt << " in doubt: listed in " << list_s
            << " s, in doubt in " << in_doubt_s << " s; the daemon had " << before_kb
            << " KiB and took " << growth_kb << " KiB more, the command at most "
            << children.ru_maxrss << " KiB\n";
  EXPECT_LT(growth_kb, kGrowthMost_kb);
  EXPECT_LT(static_cast<std::size_t>(children.ru_maxrss), 2 * kGrowthMost_kb);
}

}  // namespace
}  // namespace settle::testing
