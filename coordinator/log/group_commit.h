// Self-clocking group commit: one thread writes, in one flush, whatever queued while the last flush
// ran.
//
// A forced record is written at once, with all that was appended before it. Lazy ones alone wait
// for a forced one, but not longer than `lazy_delay`.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "log/decision_log.h"

namespace settle::coordinator {

// What the index of ended transactions needs of an EndRecord.
struct EndedEntry {
  Epoch epoch = 0;
  std::uint64_t sequence = 0;
  Outcome outcome = Outcome::kUnknown;
};

// A record on its way to the disk, encoded by whoever appended it.
struct Pending {
  std::string payload;
  std::optional<EndedEntry> ended;
  Durability durability = Durability::kForce;
  std::string unstorable;  // why it cannot be written at all; empty if it can
  AppendDone done;
};

struct WriteResult {
  AppendResult result = AppendResult::kUnknown;
  std::string reason;
};

class GroupCommit {
 public:
  struct Settings {
    std::size_t group_max = 1024;
    std::chrono::milliseconds lazy_delay{50};
  };
  // Writes and flushes all of the group's storable records, or none. Runs on the thread of this
  // object.
  using Write = std::function<WriteResult(const std::vector<Pending>& group)>;

  // `after` runs when a group was told, for what should not delay it.
  GroupCommit(Settings settings, Write write, std::function<void()> after);
  // Returns when everything appended was written and told; nothing may be appended by others
  // meanwhile.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  void Append(Pending pending);  // thread-safe, does not wait for the disk

 private:
  using Instant = std::chrono::steady_clock::time_point;

  void Loop();
  bool AwaitGroup(std::vector<Pending>& group);  // false: stopped and empty
  bool Due() const;
  void Flush(std::vector<Pending>& group);

  const Settings settings_;
  const Write write_;
  const std::function<void()> after_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Pending> queue_;      // guarded by mutex_, as is all below
  std::size_t forced_queued_ = 0;
  Instant oldest_arrived_;         // when the queue was last empty before an arrival
  bool stopping_ = false;

  std::thread thread_;  // last: runs with everything above in place
};

}  // namespace settle::coordinator
