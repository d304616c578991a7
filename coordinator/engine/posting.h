// How a call gets to the shard of its transaction.
#pragma once

#include <utility>

#include "engine/engine.h"
#include "engine/shard.h"

namespace settle::coordinator {

inline Error IsBusy() {
  return {ErrorCode::kRetry, "the coordinator is busy: its queue is full and nothing was done",
          "try again after a short delay"};
}

template <typename T, typename Run>
void Engine::Post(const Gtid& gtid, const Completion<T>& done, Run run) {
  Shard& shard = ShardOf(gtid);
  if (!shard.mailbox().Post([&shard, done, run = std::move(run)] { run(shard, done); }))
    done(Fail(IsBusy()));
}

}  // namespace settle::coordinator
