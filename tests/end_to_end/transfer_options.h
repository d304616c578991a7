// The command line of e2e_transfer (transfer_main.cc), on which chaos_services is started as well,
// and how both begin.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "settle/coordinator.h"

namespace settle::testing {

struct TransferOptions {
  std::string coordinator;
  std::string name = "e2e_transfer";
  std::string notes = "/dev/null";
  unsigned seed = 1;
  std::chrono::milliseconds call_timeout{15'000};
  std::map<std::string, std::string> banks;  // their DSNs
  std::map<std::string, std::string> tills;  // of their banks
  std::string peers;
  bool last_resource = false;

  Protocol protocol() const { return peers.empty() ? Protocol::kTwoPhase : Protocol::kThreePhase; }
};

// Of the words that follow the program's name. Ignores what it does not know.
TransferOptions ParseTransferOptions(const std::vector<std::string>& words);

// Null when the coordinator or a resource would not have it; then that is answered, "refused <code>
// <message>". Blocking.
std::unique_ptr<Coordinator> ConnectOrAnswer(const CoordinatorOptions& options);

}  // namespace settle::testing
