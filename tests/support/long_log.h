// A decision log of a long life, made through the code that ships.
#pragma once

#include <cstdint>

#include "log/decision_log.h"

namespace settle::testing {

// As the daemon writes them for a transfer between two banks by one program.
coordinator::CommitRecord DecisionOfTransfer(const Gtid& gtid);
coordinator::EndRecord EndOfTransfer(const Gtid& gtid);

// Of the log's own epoch.
Gtid GtidOfTransfer(const coordinator::DecisionLog& log, std::uint64_t sequence);

// `count` ended transfers with the sequences from `first` on, in groups as large as the log makes
// them. Blocking until all are durable; throws std::runtime_error. Gives how many seconds the
// slowest 512 took.
double FillLog(coordinator::DecisionLog& log, std::uint64_t first, std::uint64_t count);

}  // namespace settle::testing
