// Whether the coordinator itself, its log, its machine and what it waits for are as they should be:
// facts in, findings out. Pure. docs/doctor.md has every code.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "log/decision_log.h"
#include "recovery/inquiry.h"
#include "settle/vocabulary/finding.h"
#include "settle/vocabulary/status.h"
#include "vocabulary/file_system.h"

namespace settle::coordinator {

// What this process was started with.
struct Deployment {
  std::string release;
  std::string address;                // where it listens
  bool unprotected = false;           // other machines reach it, without encryption
  std::uint64_t connections = 0;      // --max-connections
  std::uint64_t own_descriptors = 0;  // that are kept for the log and the like
};

// Our own certificate, by which clients know us.
struct CertificateFact {
  std::string text;    // whose it is and where it comes from
  WallTime until = 0;  // it is valid
};

// Of writing 4 KiB to a new file beside the log and flushing it, so many times.
struct FlushTimes {
  int flushes = 0;  // 0: none succeeded
  std::chrono::microseconds median{0};
  std::chrono::microseconds p99{0};
  std::string failure{};  // why it ended early; empty: it did not
};

// The kernel's word (adjtimex) on the wall clock.
struct ClockState {
  bool synchronised = false;
  std::chrono::microseconds error_max{0};
};

struct CoordinatorFacts {
  Deployment deployment;
  LogIdentity identity;
  WallTime now = 0;
  WallTime started = 0;
  std::uint64_t descriptors = 0;                 // that this process may have open
  std::optional<CertificateFact> certificate{};  // none: it listens without TLS

  Result<LogCondition> log = Fail(ErrorCode::kRefused, "");
  Result<FileSystem> file_system = Fail(ErrorCode::kRefused, "");
  FlushTimes flushes;
  std::optional<ClockState> clock;  // none: the kernel may not be asked
  WallTime newest_record = 0;       // 0: the log has none with a time

  OpenCounts open;
  std::vector<ParticipantView> participants;
  std::vector<Stray> strays;
};

std::vector<Finding> CheckCoordinator(const CoordinatorFacts& facts);

// The clock of a database against ours, which read `asked` when it was asked and `took` more when
// the answer came. Nothing for a database without a clock (0).
std::optional<Finding> CheckDatabaseClock(WallTime database, WallTime asked,
                                          std::chrono::milliseconds took);

}  // namespace settle::coordinator
