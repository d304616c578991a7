// A saga's machine and the log it writes to, as a script or an exploration plays them.
#pragma once

#include <optional>
#include <vector>

#include "protocol/saga.h"

namespace settle::coordinator::saga {

// Appended records become durable in order; a lazy one with the next forced one, or when it is
// flushed. A crash loses the others.
class StagedLog {
 public:
  void Append(const effect::Persist& persist) { appended_.push_back(persist); }

  // The oldest forced record, with what lies before it, is durable / is refused.
  void Answer(bool durable) {
    for (std::size_t i = 0; i < appended_.size(); ++i) {
      if (appended_[i].durability == Durability::kLazy) continue;
      if (durable) {
        for (std::size_t j = 0; j <= i; ++j) durable_.push_back(appended_[j].record);
        appended_.erase(appended_.begin(), appended_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      } else {
        appended_.erase(appended_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      return;
    }
  }

  // The lazy records that no forced one waits in front of are durable.
  void Flush() {
    while (!appended_.empty() && appended_.front().durability == Durability::kLazy) {
      durable_.push_back(appended_.front().record);
      appended_.erase(appended_.begin());
    }
  }

  bool awaits_answer() const {
    for (const effect::Persist& persist : appended_) {
      if (persist.durability == Durability::kForce) return true;
    }
    return false;
  }

  // The machine as it is rebuilt after a crash; none if it never began.
  std::optional<Machine> Crash() {
    appended_.clear();
    if (durable_.empty()) return std::nullopt;
    const std::vector<SagaRecord> later(durable_.begin() + 1, durable_.end());
    return Machine(std::get<SagaBeginRecord>(durable_.front()), later);
  }

  const std::vector<effect::Persist>& appended() const { return appended_; }
  const std::vector<SagaRecord>& durable() const { return durable_; }

 private:
  std::vector<effect::Persist> appended_;
  std::vector<SagaRecord> durable_;
};

}  // namespace settle::coordinator::saga
