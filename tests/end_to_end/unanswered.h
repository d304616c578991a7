// Transactions whose ending their program was not told; it asks again, and never does the work
// again.
#pragma once

#include <deque>
#include <string>

#include "checker/notes.h"
#include "settle/coordinator.h"

namespace settle::testing {

// For one thread.
class Unanswered {
 public:
  void Note(const Gtid& gtid, const Ending& ending) {
    if (ending.outcome == Outcome::kUnknown) gtids_.push_back(gtid);
  }
  // What became of the oldest, noted if it is known now. Blocking.
  void AskOne(Coordinator& coordinator, NotesWriter& notes) {
    if (gtids_.empty()) return;
    const Ending ending = coordinator.AskOutcome(gtids_.front());
    if (!ending.committed() && !ending.aborted()) return;
    notes.Told(gtids_.front().text(), ToString(ending.outcome));
    gtids_.pop_front();
  }

 private:
  std::deque<Gtid> gtids_;
};

}  // namespace settle::testing
