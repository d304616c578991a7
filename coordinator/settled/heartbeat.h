// Shows the service manager's watchdog that the daemon works, not only that its main thread sleeps.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "engine/engine.h"
#include "settled/service_manager.h"
#include "settled/wakeups.h"

namespace settle::coordinator {

class Heartbeat {
 public:
  // References must outlive it. No pause: nothing watches, and nothing is told.
  Heartbeat(Engine& engine, const ServiceManager& manager,
            std::optional<std::chrono::milliseconds> pause)
      : engine_(engine), manager_(manager), pause_(pause) {}

  // Tells the watchdog that all is well if every shard has done what the last beat left in its
  // mailbox, and leaves something there again. A shard that does not turn silences it, and the
  // watchdog kills the process: what is durable is recovered by the next. A busy one only delays
  // it.
  void Beat();

  // Sleeps as Wakeups::Await does, and beats.
  Wakeups::Cause Await(Wakeups& wakeups, std::optional<std::chrono::milliseconds> at_most);

 private:
  Engine& engine_;
  const ServiceManager& manager_;
  const std::optional<std::chrono::milliseconds> pause_;
  // Shared with tasks that may still lie in a mailbox when this object goes.
  const std::shared_ptr<std::atomic<std::size_t>> unanswered_ =
      std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace settle::coordinator
