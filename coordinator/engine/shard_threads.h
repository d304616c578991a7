// One thread for each shard of an engine, for as long as this object lives: where nobody else
// drives them (settled/driven_shards.h).
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"

namespace settle::coordinator {

class ShardThreads {
 public:
  explicit ShardThreads(Engine& engine);
  ~ShardThreads();  // stops and joins; what is still queued is dropped
  ShardThreads(const ShardThreads&) = delete;
  ShardThreads& operator=(const ShardThreads&) = delete;

 private:
  struct Driver;
  std::vector<std::unique_ptr<Driver>> drivers_;
};

}  // namespace settle::coordinator
