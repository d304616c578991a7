// Has the barriers forget what no call can need any more, and the ledgers of sites what no peer
// can, on a thread of its own: a slow database holds up neither calls nor their answers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "participant/workers.h"
#include "settle/barrier.h"
#include "settle/site_ledger.h"

namespace settle::sdk {

// Thread-safe.
class Pruner {
 public:
  // Every barrier once; the ledgers, by resource, outlive this. `warn` is told when pruning one
  // fails, and again only after it has succeeded.
  Pruner(std::vector<std::shared_ptr<Barrier>> barriers,
         const std::map<std::string, SiteLedger*>& ledgers,
         std::function<void(const std::string&)> warn);

  // Does not block. A mark that is not above the last one is no news; marks that come while the
  // pruning is at work, or less than a second after they began, wait for the next one.
  void Prune(const EndedThrough& mark);
  // Blocking: waits for the one that is at work.
  void Stop();

 private:
  struct Pruned {
    std::function<Status(const EndedThrough&)> prune;
    std::string what;
    bool failed = false;
  };
  void Run(const EndedThrough& mark);

  const std::function<void(const std::string&)> warn_;
  std::vector<Pruned> all_;  // of the thread's
  std::mutex mutex_;
  EndedThrough pruned_;
  bool busy_ = false;
  std::chrono::steady_clock::time_point next_{};
  Workers thread_;
};

}  // namespace settle::sdk
