#include "transport/link_pool.h"

#include <thread>

namespace settle::sdk {
namespace {
// As many as the program's threads used at the same time, within reason: one that is closed and
// opened again for each call costs more than the call.
constexpr std::size_t kIdleMost = 256;
using Clock = std::chrono::steady_clock;
}  // namespace

LinkPool::LinkPool(LinkSettings settings, std::function<Status(const Hello&)> greet)
    : settings_(std::move(settings)), greet_(std::move(greet)) {}

Result<LinkPool::Lease> LinkPool::Take(Instant deadline) {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Lease lease{std::move(idle_.back()), true};
      idle_.pop_back();
      return lease;
    }
  }
  Result<std::unique_ptr<Link>> link = Link::Open(settings_, nullptr, deadline);
  if (!link) return Fail(std::move(link).error());
  if (Status welcome = greet_((*link)->hello()); !welcome) return Fail(std::move(welcome).error());
  return Lease{*std::move(link), false};
}

void LinkPool::GiveBack(std::unique_ptr<Link> link) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMost) idle_.push_back(std::move(link));
}

void LinkPool::DropIdle() {
  std::vector<std::unique_ptr<Link>> gone;
  std::lock_guard lock(mutex_);
  gone.swap(idle_);
}

Attempts::Attempts(Patience patience)
    : retry_until_(FromNow(patience.retry_for)), give_up_(FromNow(patience.give_up_after)) {}

bool Attempts::Again(const Error& failure, bool at_once) {
  if (!IsPassing(failure.code)) return false;
  maybe_done_ = maybe_done_ || failure.code == ErrorCode::kAskOutcome;
  const Instant now = Clock::now();
  if (now >= give_up_) return false;
  if (at_once) return true;
  const milliseconds pause = backoff_.Next();
  if (now + pause >= std::min(retry_until_, give_up_)) return false;
  std::this_thread::sleep_for(pause);
  return true;
}

Error Attempts::Verdict(Error last) const {
  if (maybe_done_ && IsPassing(last.code)) last.code = ErrorCode::kAskOutcome;
  return last;
}

}  // namespace settle::sdk
