#include "engine/shard_threads.h"

#include "engine/shard.h"

namespace settle::coordinator {

ShardThreads::ShardThreads(Engine& engine) : engine_(engine) {
  for (const auto& shard : engine.shards()) {
    threads_.emplace_back([&shard = *shard] {
      while (!shard.mailbox().closed()) shard.mailbox().Wait(shard.RunReady());
    });
  }
}

ShardThreads::~ShardThreads() {
  for (const auto& shard : engine_.shards()) shard->mailbox().Close();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace settle::coordinator
