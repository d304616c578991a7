// What waits to be told to the coordinator. A batch is whatever queued while the last one was on
// the wire, so under load the batches grow by themselves. What nobody waits for gathers for a
// moment besides: a call for each would cost more than the rest of its transaction.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "transport/messages.h"

namespace settle::sdk {

enum class Pace {
  kAtOnce,
  kWithOthers,  // nobody waits for it: with the next batch, some milliseconds later at most
};

// Thread-safe.
class Outbox {
 public:
  void Add(VoteReport vote);
  // That it is to be tried again takes the place of the same said before, so that what waits while
  // there is no coordinator does not grow with the attempts.
  void Add(EndReport end, Pace pace = Pace::kAtOnce);
  void Add(FoundBranch found);
  void Add(ActionAnswer answer);
  // In the place of what the site said before: a later answer says all that an earlier one did.
  void Add(SiteReport site);
  void Add(QuestionAnswer answer);

  // Waits for something to report, then takes at most `most` of each kind; no end before all that
  // was said of sites before it. Empty once closed and drained.
  ReportCall Take(std::size_t most);
  // Take no longer waits; what is queued can still be taken.
  void Close();

 private:
  bool empty() const {
    return votes_.empty() && ends_.empty() && found_.empty() && answers_.empty() &&
           sites_.empty() && question_answers_.empty();
  }

  void Hurry();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<VoteReport> votes_;
  std::deque<EndReport> ends_;
  std::deque<FoundBranch> found_;
  std::deque<ActionAnswer> answers_;
  std::deque<SiteReport> sites_;
  std::deque<QuestionAnswer> question_answers_;
  bool hurry_ = false;  // something in it does not wait for others
  bool closed_ = false;
};

inline bool IsEmpty(const ReportCall& batch) {
  return batch.votes.empty() && batch.ends.empty() && batch.found.empty() &&
         batch.answers.empty() && batch.sites.empty() && batch.question_answers.empty();
}

}  // namespace settle::sdk
