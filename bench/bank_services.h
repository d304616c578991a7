// Transfers whose branches are worked in by other processes: a service for each of two banks, which
// the client calls with the transaction's context.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/banks.h"
#include "bench/daemon.h"
#include "bench/suites.h"
#include "settle/coordinator.h"

namespace settle::bench {

// Two processes with the SDK, each with the PostgreSQL connections of one bank; and a client of
// theirs, which has none and commits at the coordinator. So it is the coordinator's commands that
// prepare and commit.
class BankServices {
 public:
  // For so many clients. What the processes say is in `directory`. Blocking; throws
  // std::runtime_error with what they said, or the SDK.
  BankServices(const Banks& banks, const Daemon& daemon, int clients, const std::string& directory,
               const Progress& progress);
  ~BankServices();  // ends the processes
  BankServices(const BankServices&) = delete;
  BankServices& operator=(const BankServices&) = delete;

  const std::vector<pid_t>& processes() const { return processes_; }

  // Both services are called at the same time, on connections of the client, 0 for the first. Each
  // client is one thread. Gives how long the commit took, in microseconds. Blocking; throws
  // std::runtime_error, or what Thrift throws, unless it is committed in both banks.
  double Move(int client, const Transfer& transfer);

 private:
  struct Client;

  void Start(const std::vector<std::string>& arguments, const std::string& output);
  void End();

  std::vector<pid_t> processes_;
  std::unique_ptr<Coordinator> caller_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace settle::bench
