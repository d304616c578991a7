#include "rpc/calls.h"

namespace settle::coordinator {
namespace {

// Limits are many seconds long. One look at all of them costs less than a timer for each.
constexpr std::chrono::milliseconds kLookPause{250};

Error IsStopping(ErrorCode code) {
  return {code, "the coordinator is stopping and did not wait for the answer",
          "ask again when it is back"};
}

Error IsLate(ErrorCode code) {
  return {
      code, "the coordinator did not answer this call in time",
      code == ErrorCode::kAskOutcome ? "ask the outcome of the transaction" : "repeat the call"};
}

}  // namespace

// A call that comes when waits of its kind have ended still gets an answer that is there at once.
void Calls::Enter(std::shared_ptr<Waiting> waiting) {
  const auto now = std::chrono::steady_clock::now();
  waiting->until_ = now + waiting->limits_.limit;
  waiting->place_ = waiting_.size();
  if (stops(waiting->limits_.kind)) {
    loop_.Post([waiting] { waiting->GiveUp(IsStopping(waiting->limits_.if_given_up)); });
  }
  waiting_.push_back(std::move(waiting));
  if (std::exchange(looks_, true)) return;
  loop_.At(now + kLookPause, [this] { LookAtLimits(); });
}

void Calls::Leave(const Waiting& waiting) {
  const std::size_t place = waiting.place_;
  if (place + 1 != waiting_.size()) {
    waiting_[place] = std::move(waiting_.back());
    waiting_[place]->place_ = place;
  }
  waiting_.pop_back();
}

void Calls::StopParked() {
  loop_.Run([this] { Stop(Kind::kParked); });
}

void Calls::StopAll() {
  loop_.Run([this] {
    Stop(Kind::kParked);
    Stop(Kind::kWorking);
  });
}

void Calls::Stop(Kind kind) {
  (kind == Kind::kParked ? parked_stop_ : all_stop_) = true;
  for (const auto& waiting : std::vector(waiting_)) {
    if (waiting->limits_.kind == kind) waiting->GiveUp(IsStopping(waiting->limits_.if_given_up));
  }
}

void Calls::LookAtLimits() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<Waiting>> late;
  for (const auto& waiting : waiting_) {
    if (waiting->until_ <= now) late.push_back(waiting);
  }
  for (const auto& waiting : late) waiting->GiveUp(IsLate(waiting->limits_.if_given_up));
  looks_ = !waiting_.empty();
  if (looks_) loop_.At(now + kLookPause, [this] { LookAtLimits(); });
}

}  // namespace settle::coordinator
