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
  if (!shard.mailbox().Post([&shard, done, run = std::move(run)]() mutable { run(shard, done); }))
    done(Fail(IsBusy()));
}

// Whoever has as many as they may have. `own_max` is a rule's, 0 if there is none; then `each_max`
// holds, which `option` names.
inline Error OverQuota(const std::string& identity, const std::string& owner, std::size_t own_max,
                       std::size_t each_max, const std::string& of_what, const std::string& option,
                       const std::string& advice) {
  return {ErrorCode::kRetry,
          (identity.empty() ? "\"" + Escaped(owner) + "\"" : Escaped(identity)) + " has " +
              std::to_string(own_max != 0 ? own_max : each_max) + " " + of_what +
              ", as many as one owner may have",
          advice + "; or raise " + (own_max != 0 ? "the quota in the file of --access" : option)};
}

}  // namespace settle::coordinator
