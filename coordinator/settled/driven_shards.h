// Each shard of an engine driven by a loop that serves connections as well: what a connection asks
// of a shard of its own loop is done in the same round, by the same thread.
#pragma once

#include "engine/engine.h"
#include "engine/shard.h"
#include "server/loop.h"

namespace settle::coordinator {

class DrivenShards {
 public:
  // There must be as many loops as shards, and none may run yet: they do afterwards.
  DrivenShards(Engine& engine, server::Loops& loops) : engine_(engine), loops_(loops) {
    for (std::size_t i = 0; i < loops.size(); ++i) {
      Shard& shard = *engine.shards()[i];
      shard.mailbox().WakeBy([&loop = loops[i]] { loop.Wake(); });
      loops[i].Drive([&shard] { return shard.RunReady(); });
    }
    loops.Start();
  }
  // Stops the loops; what is still queued is dropped.
  ~DrivenShards() {
    loops_.Stop();
    for (const auto& shard : engine_.shards()) shard->mailbox().WakeBy({});
  }
  DrivenShards(const DrivenShards&) = delete;
  DrivenShards& operator=(const DrivenShards&) = delete;

 private:
  Engine& engine_;
  server::Loops& loops_;
};

}  // namespace settle::coordinator
