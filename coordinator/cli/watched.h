// What `settle watch` shows, as values: what one look saw, what changed between two, and the lines
// that say it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "wire/admin_types.h"

namespace settle::cli {

// One look at a coordinator.
struct Look {
  std::chrono::steady_clock::time_point at{};
  std::int64_t wall_us = 0;  // microseconds since 1970-01-01 UTC, by this machine's clock
  wire::StatusReply status;
  std::vector<wire::TransactionView> in_doubt;  // the newest
};

// Per second between two looks at the same life of the coordinator.
struct Rates {
  double commits = 0;
  double aborts = 0;
  double flushes = 0;  // of the log
  double records_per_flush = 0;
};

// What is known after looking again and again.
class Watched {
 public:
  void Add(Look look);
  void AddFailure(std::int64_t wall_us, const std::string& why);

  // None: it was never reached.
  const std::optional<Look>& latest() const { return latest_; }
  // None: there were not two looks at it yet, or it was restarted between them.
  const std::optional<Rates>& rates() const { return rates_; }
  // Since when it cannot be reached, and why; 0: it can.
  std::int64_t unreachable_us() const { return unreachable_us_; }
  const std::string& why() const { return why_; }

 private:
  std::optional<Look> latest_;
  std::optional<Rates> rates_;
  std::int64_t unreachable_us_ = 0;
  std::string why_;
};

// One line for each look where there is no terminal.
std::string WatchLine(const Watched& watched, std::int64_t wall_us);
Json WatchJson(const Watched& watched, std::int64_t wall_us);

struct ScreenLine {
  enum class Look { kPlain, kBold, kAlarm };
  std::string text;
  Look look = Look::kPlain;
};
// At most `rows` lines of at most `columns` characters; the last one says how to quit.
std::vector<ScreenLine> WatchScreen(const Watched& watched, const std::string& address,
                                    std::int64_t wall_us, std::size_t rows, std::size_t columns);

}  // namespace settle::cli
