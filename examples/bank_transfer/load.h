// Many transfers by several clients, through whatever happens to the coordinator meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "bank.h"
#include "notes.h"

namespace bank_transfer {

struct LoadOptions {
  int transfers = 1;  // in all
  int clients = 1;    // threads
  int accounts = 100;
  int amount_max = 100;
  unsigned seed = 1;
  // How long one transfer is tried again while its failures may pass.
  std::chrono::milliseconds patience{60'000};
};

struct LoadReport {
  int committed = 0;
  int aborted = 0;  // for good: not enough money
  int retried = 0;  // aborted or failed for a passing cause, and done again as another transaction
  int asked = 0;    // whose ending was unknown at first
  int damaged = 0;  // mixed, hazard: an operator must look
  std::string failure;  // empty: every transfer ended
};

// Blocking. Stops early, between two transfers, once `stop` is true.
LoadReport RunLoad(settle::Coordinator& coordinator, const Bank& from, const Bank& to,
                   const LoadOptions& options, Notes& notes, const std::atomic<bool>& stop);

}  // namespace bank_transfer
