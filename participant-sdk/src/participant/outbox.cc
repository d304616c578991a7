#include "participant/outbox.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

namespace settle::sdk {
namespace {

template <typename T>
std::vector<T> TakeFront(std::deque<T>& queue, std::size_t most) {
  const auto end = queue.begin() + static_cast<std::ptrdiff_t>(std::min(most, queue.size()));
  std::vector<T> taken(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
  queue.erase(queue.begin(), end);
  return taken;
}

// Where something of the branch waits already; end() if nowhere.
template <typename T>
auto FindOf(std::deque<T>& queue, const BranchKey& key) {
  return std::find_if(queue.begin(), queue.end(), [&](const T& each) { return each.key == key; });
}

// Bytes of the results in one report: a report must fit the coordinator's frame many times over.
constexpr std::size_t kAnswerBytesMost = 4 * 1024 * 1024;

// The longest fits the frame as often as that.
constexpr std::size_t kQuestionAnswersMost = 50;

// How many of the first `most` answers fit one report; the first one always does.
std::size_t HowManyFit(const std::deque<ActionAnswer>& answers, std::size_t most) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < std::min(most, answers.size())) {
    bytes += answers[count].answer.text.size();
    if (bytes > kAnswerBytesMost && count > 0) break;
    ++count;
  }
  return count;
}

// How long what nobody waits for may wait for more of it, and how much of it is enough.
constexpr std::chrono::milliseconds kGather{5};
constexpr std::size_t kEnoughEnds = 256;

}  // namespace

void Outbox::Hurry() {
  hurry_ = true;
  changed_.notify_one();
}

void Outbox::Add(VoteReport vote) {
  std::lock_guard lock(mutex_);
  votes_.push_back(std::move(vote));
  Hurry();
}

void Outbox::Add(EndReport end, Pace pace) {
  std::lock_guard lock(mutex_);
  if (end.result.end == BranchEnd::kRetry) {
    const auto waits = FindOf(ends_, end.key);
    if (waits != ends_.end() && waits->result.end == BranchEnd::kRetry) {
      *waits = std::move(end);
      return;
    }
  }
  const bool first = empty();
  ends_.push_back(std::move(end));
  if (pace == Pace::kAtOnce) return Hurry();
  if (first || ends_.size() == kEnoughEnds) changed_.notify_one();
}

void Outbox::Add(FoundBranch found) {
  std::lock_guard lock(mutex_);
  found_.push_back(std::move(found));
  Hurry();
}

void Outbox::Add(ActionAnswer answer) {
  std::lock_guard lock(mutex_);
  answers_.push_back(std::move(answer));
  Hurry();
}

void Outbox::Add(SiteReport site) {
  std::lock_guard lock(mutex_);
  if (const auto waits = FindOf(sites_, site.key); waits != sites_.end()) {
    // Of two threads the one that asked first may come last.
    const bool older = IsFinal(waits->answer.state) || site.answer.elected < waits->answer.elected;
    if (!older) *waits = std::move(site);
    return;
  }
  sites_.push_back(std::move(site));
  Hurry();
}

void Outbox::Add(QuestionAnswer answer) {
  std::lock_guard lock(mutex_);
  question_answers_.push_back(std::move(answer));
  Hurry();
}

ReportCall Outbox::Take(std::size_t most) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !empty(); });
  changed_.wait_for(lock, kGather,
                    [this] { return closed_ || hurry_ || ends_.size() >= kEnoughEnds; });
  ReportCall batch;
  batch.votes = TakeFront(votes_, most);
  batch.sites = TakeFront(sites_, most);
  if (sites_.empty()) batch.ends = TakeFront(ends_, most);
  batch.found = TakeFront(found_, most);
  batch.answers = TakeFront(answers_, HowManyFit(answers_, most));
  batch.question_answers = TakeFront(question_answers_, kQuestionAnswersMost);
  hurry_ = !empty();
  return batch;
}

void Outbox::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace settle::sdk
