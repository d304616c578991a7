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
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "log/decision_log.h"
#include "log/needed_records.h"

namespace settle::coordinator {

// A row of the audit trail on its way to the disk.
struct PendingAudit {
  AuditRow row;
  std::uint64_t number = 0;  // set by whoever writes it
};

// A record on its way to the disk, encoded by whoever appended it; or a row of the audit trail.
struct Pending {
  std::string payload;
  Subject subject;
  Durability durability = Durability::kForce;
  std::string unstorable;  // why it cannot be written at all; empty if it can
  AppendDone done;
  std::shared_ptr<PendingAudit> audit{};  // then there is no payload

  bool is_record() const { return unstorable.empty() && audit == nullptr; }
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

  // What is done beside the groups, on the thread of this object. Each call delays whatever is
  // appended meanwhile, so each must be short.
  struct Beside {
    std::function<void()> after;                        // a group was told
    std::function<bool()> idle = [] { return false; };  // nothing is due; true: there is more
  };

  GroupCommit(Settings settings, Write write, Beside beside);
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
  void Await(std::unique_lock<std::mutex>& lock);
  bool Due() const;
  void Flush(std::vector<Pending>& group);

  const Settings settings_;
  const Write write_;
  const Beside beside_;
  bool idle_has_more_ = false;  // of the thread alone

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Pending> queue_;  // guarded by mutex_, as is all below
  std::size_t forced_queued_ = 0;
  Instant oldest_arrived_;  // when the queue was last empty before an arrival
  bool stopping_ = false;

  std::thread thread_;  // last: runs with everything above in place
};

}  // namespace settle::coordinator
