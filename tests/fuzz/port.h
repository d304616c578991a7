// A coordinator on a Unix socket that begins as every other one: whoever sends the same bytes gets
// the same transactions.
#pragma once

#include <memory>
#include <string>

#include "engine/shard_threads.h"
#include "rpc/connected.h"
#include "rpc/coordinator_parts.h"
#include "server/server.h"
#include "support/temporary_directory.h"

namespace settle::fuzz {

class OnePort : testing::CoordinatorParts {
 public:
  OnePort();
  ~OnePort();
  OnePort(const OnePort&) = delete;
  OnePort& operator=(const OnePort&) = delete;

  const std::string& address() const { return server_.address(); }

 private:
  const testing::TemporaryDirectory directory_;
  coordinator::ShardThreads threads_{engine_};
  testing::Running running_{loops_, pool_};
  server::Server server_;
};

}  // namespace settle::fuzz
