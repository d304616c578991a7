// What the shards of one engine share about transactions that begin and end.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "engine/engine.h"
#include "engine/owner_quota.h"
#include "engine/pauses.h"
#include "engine/saga_definitions.h"
#include "engine/saga_starts.h"
#include "engine/unended.h"

namespace settle::coordinator {

struct Engine::Admission {
  OwnerQuota quota;
  OwnerQuota sagas_quota;
  Unended unended;
  SagaStarts starts;
  SagaDefinitions definitions;
  Pauses pauses;
  std::atomic<bool> draining{false};
  std::mutex mutex{};
  std::function<void()> drained{};  // guarded by mutex
};

}  // namespace settle::coordinator
