#include "settled/heartbeat.h"

#include <algorithm>

#include "engine/shard.h"

namespace settle::coordinator {

void Heartbeat::Beat() {
  if (*unanswered_ != 0) return;
  // One that was not taken is followed by another in time: half the watchdog's patience is left.
  (void)manager_.Tell("WATCHDOG=1");
  *unanswered_ = engine_.shards().size();
  for (const auto& shard : engine_.shards())
    shard->mailbox().PostAlways([unanswered = unanswered_] { --*unanswered; });
}

Wakeups::Cause Heartbeat::Await(Wakeups& wakeups,
                                std::optional<std::chrono::milliseconds> at_most) {
  if (!pause_) return wakeups.Await(at_most);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto end = now() + at_most.value_or(std::chrono::milliseconds(0));
  for (;;) {
    Beat();
    auto sleep = *pause_;
    if (at_most) sleep = std::min(sleep, std::chrono::ceil<std::chrono::milliseconds>(end - now()));
    const Wakeups::Cause cause = wakeups.Await(std::max(sleep, std::chrono::milliseconds(0)));
    if (cause != Wakeups::Cause::kTimeout || (at_most && now() >= end)) return cause;
  }
}

}  // namespace settle::coordinator
