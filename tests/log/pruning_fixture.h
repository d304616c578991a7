// A log that is pruned as early as can be: ten ended transactions stay, in steps of eight records.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "log/sqlite.h"
#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {

using namespace std::chrono_literals;

class Pruning : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kKeep = 10;
  static constexpr std::uint64_t kNeeded = 8;  // records at the most, where a test has not more
  static void SetUpTestSuite() { UseMemoryForDirectories(); }

  Pruning() { Open(); }

  void Open() {
    log = *OpenSqliteDecisionLog(
        {.path = path, .checkpoint_pages = 50, .prune = {.keep_ended = kKeep, .step = 8}});
  }
  // With a replay, as the daemon does: from then on the log is pruned.
  std::vector<Record> Reopen() {
    log.reset();
    Open();
    return ReplayOrThrow(*log);
  }
  Gtid Of(std::uint64_t sequence, Epoch epoch = 0) const {
    return SampleGtid(log->identity().log_id, epoch == 0 ? log->identity().epoch : epoch, sequence);
  }
  void Append(Record record) { log->Append(std::move(record), Durability::kLazy, {}); }
  void CommitAndEnd(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) {
      Append(SampleCommit(Of(i)));
      Append(SampleEnd(Of(i)));
    }
  }
  // Everything appended is written, and no more pruning will begin: it does when there are as many
  // ends too many as there are needed records, or as half a step removes.
  void AwaitPruned(std::uint64_t needed = kNeeded) {
    AppendAndWait(*log, SampleResource());
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (std::stoul(Ask("SELECT count(*) FROM ended")) > kKeep + needed) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << Ask("SELECT count(*) FROM ended") << " ends are left";
      std::this_thread::sleep_for(1ms);
    }
  }
  std::string Ask(const std::string& sql) const {
    auto shell = sqlite::Connection::Open(path, sqlite::Access::kReadOnly, 1000ms).value();
    return shell.Ask(sql).value();
  }
  bool AwaitAnswer(const std::string& sql, const std::string& answer) const {
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (Ask(sql) != answer) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  // "ended", "expired", "nothing", or the error.
  std::string WhatIsKnownOf(const Gtid& gtid) const {
    const auto found = log->FindEnded(gtid);
    if (found) return *found ? "ended" : "nothing";
    return found.error().code == ErrorCode::kExpired ? "expired" : Describe(found.error());
  }

  TemporaryDirectory directory;
  const std::string path = directory / "settle.db";
  std::unique_ptr<DecisionLog> log;
};

}  // namespace settle::coordinator
