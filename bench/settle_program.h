// Transfers through the SDK's public API, as programs make them.
#pragma once

#include <memory>
#include <vector>

#include "bench/banks.h"
#include "bench/daemon.h"
#include "bench/suites.h"
#include "settle/coordinator.h"
#include "settle/postgres_resource.h"

namespace settle::bench {

enum class Way {
  kCallerPrepares,   // two-phase commit: who commits did the work, and prepares and finishes it
  kServicePrepares,  // two-phase commit: a service did the work and left; the coordinator's
                     // commands prepare and finish it. It has a session of its own, and is in this
                     // process
  kQueued,           // as kCallerPrepares; the statements are queued and travel with the prepare
  kThreePhase,       // who commits did the work; the coordinator's commands prepare and finish it
};

// Commits, and gives how long that took in microseconds. Blocking; throws std::runtime_error unless
// the transaction is committed then.
double CommitOrThrow(GlobalTransaction& transaction, Wait wait);

// One program for all clients, with the banks as its resources. Thread-safe.
class SettleProgram {
 public:
  // For so many clients. The banks must have Settle's tables for kThreePhase. Throws
  // std::runtime_error with what the SDK said.
  SettleProgram(const Banks& banks, const Daemon& daemon, int clients, Way way,
                const Progress& progress);

  // One without branches: it is undecided until it is dropped, and then aborted. Blocking; throws
  // std::runtime_error.
  GlobalTransaction BeginEmpty();

  // With a branch in each of the first `branches` banks, two at least. Gives how long the commit
  // took, in microseconds. Blocking; throws std::runtime_error unless it is committed.
  double Move(const Transfer& transfer, int branches, Wait wait,
              UseLastResource last_resource = UseLastResource::kNever);

 private:
  using Bank = std::shared_ptr<PostgresResource>;
  std::unique_ptr<Coordinator> Connect(const Daemon& daemon, const std::vector<Bank>& banks,
                                       const Progress& progress) const;
  void Work(GlobalTransaction& transaction, const Transfer& transfer, int branches);

  const Way way_;
  std::vector<Bank> banks_;
  std::unique_ptr<Coordinator> service_;  // kServicePrepares
  std::unique_ptr<Coordinator> caller_;
};

}  // namespace settle::bench
