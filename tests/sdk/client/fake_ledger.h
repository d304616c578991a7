// The records of a fake database's sites: kept as long as the object, whichever processes serve it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "settle/site_ledger.h"

namespace settle::sdk {

// Thread-safe.
class FakeLedger : public SiteLedger {
 public:
  // Before a Put looks whether the record is still what it was, without the lock: others can be
  // quicker there.
  std::function<void(const BranchKey&)> on_put;
  std::function<bool(const BranchKey&)> is_prepared;  // set once

  Result<std::optional<SiteRecord>> Find(const BranchKey& key) override {
    std::lock_guard lock(mutex_);
    ++asked_;
    if (away_) return Fail(ErrorCode::kUnavailable, "the database is down");
    if (IsPruned(key)) return Fail(ErrorCode::kExpired, "pruned");
    const auto found = records_.find(key);
    if (found != records_.end()) return found->second;
    if (is_prepared && is_prepared(key)) {
      return Fail(ErrorCode::kNotFound, "it is prepared, and has no record");
    }
    return std::nullopt;
  }

  Result<bool> Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                   const SiteRecord& after, Durability durability) override {
    if (on_put) on_put(key);
    std::lock_guard lock(mutex_);
    if (away_) return Fail(ErrorCode::kUnavailable, "the database is down");
    if (IsPruned(key)) return Fail(ErrorCode::kExpired, "pruned");
    const auto found = records_.find(key);
    const auto now = found == records_.end() ? std::nullopt : std::optional(found->second);
    if (now != before) return false;
    records_.insert_or_assign(key, after);
    if (durability == Durability::kForce) ++forced_;
    return true;
  }

  Status Prune(const EndedThrough& mark) override {
    std::lock_guard lock(mutex_);
    mark_ = mark;
    for (auto record = records_.begin(); record != records_.end();) {
      record = IsPruned(record->first) && IsFinal(record->second.at.state) ? records_.erase(record)
                                                                           : std::next(record);
    }
    return {};
  }

  void SetAway(bool away) {
    std::lock_guard lock(mutex_);
    away_ = away;
  }
  std::optional<SiteRecord> Now(const BranchKey& key) const {
    std::lock_guard lock(mutex_);
    const auto found = records_.find(key);
    return found == records_.end() ? std::nullopt : std::optional(found->second);
  }
  std::size_t asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }
  std::size_t forced() const {
    std::lock_guard lock(mutex_);
    return forced_;
  }
  EndedThrough mark() const {
    std::lock_guard lock(mutex_);
    return mark_;
  }

 private:
  bool IsPruned(const BranchKey& key) const {
    return key.gtid.log_id() == mark_.log_id &&
           std::make_tuple(key.gtid.epoch(), key.gtid.sequence()) <=
               std::make_tuple(mark_.epoch, mark_.sequence);
  }

  mutable std::mutex mutex_;
  std::map<BranchKey, SiteRecord> records_;
  EndedThrough mark_;
  std::size_t asked_ = 0;
  std::size_t forced_ = 0;
  bool away_ = false;
};

}  // namespace settle::sdk
