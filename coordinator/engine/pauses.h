// What operators hold back: a participant (no transaction enlists it any more, no new action is
// called at it) or everything new. What is decided goes on being finished: that is never paused.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"
#include "log/decision_log.h"
#include "protocol/records.h"

namespace settle::coordinator {

// Thread-safe; never blocks. It costs what does not ask nothing, and who asks one atomic read while
// nothing is paused.
class Pauses {
 public:
  using Done = std::function<void(Result<PauseRecord>)>;

  Pauses(DecisionLog& log, Clock& clock, Observer& observer)
      : log_(log), clock_(clock), observer_(observer) {}

  void Restore(const PauseRecord& record);

  // Pauses or resumes what the record names, once that is durable; its time is set here. Gives what
  // holds: the first one's record if it was paused before, and of a resume the pause that it
  // lifted. kNotFound: resumed, and not paused. kRetry: the log has no room. On the log's thread.
  void Set(PauseRecord record, Done done);

  // Whether anything is paused.
  bool any() const { return any_; }
  // Why nothing new is begun. None: it is.
  std::optional<PauseRecord> OfEverythingNew() const;
  // Why nothing new goes to the participant. None: it does.
  std::optional<PauseRecord> Of(const std::string& participant) const;
  // By scope and name.
  std::vector<PauseRecord> List() const;

 private:
  using Key = std::pair<PauseScope, std::string>;

  std::optional<PauseRecord> Find(const Key& key) const;

  DecisionLog& log_;
  Clock& clock_;
  Observer& observer_;
  std::atomic<bool> any_{false};  // something is in held_
  mutable std::mutex mutex_;
  std::map<Key, PauseRecord> held_;  // guarded by mutex_
};

// "bank-b is paused by alice since 2026-11-25T14:00:00Z: its disk is full"
std::string InWords(const PauseRecord& pause);
// "'settle resume bank-b --reason ...' lets it go on"
std::string HowToResume(const PauseRecord& pause);

}  // namespace settle::coordinator
