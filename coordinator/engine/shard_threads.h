// One thread for each shard of an engine, for as long as this object lives.
#pragma once

#include <thread>
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
  Engine& engine_;
  std::vector<std::thread> threads_;
};

}  // namespace settle::coordinator
