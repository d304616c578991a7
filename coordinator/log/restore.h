// Makes a log of a backup: one that knows what it has lost.
#pragma once

#include <string>

#include "log/verify.h"

namespace settle::coordinator {

struct RestoreCall {
  std::string backup;  // the file of a backup, or of a log that no daemon serves from
  std::string log;     // the file that is made
  // The next life's epoch is above this one, and far above the backup's in any case: participants
  // that saw a higher one refuse the restored log.
  Epoch epoch_above = 0;
  // The backup has everything that was ever written. Then its next life goes on as if it had been
  // stopped and started, and presumes abort as ever.
  bool nothing_was_lost = false;
  WallTime now = 0;
  std::string by;
  std::string reason;  // may be empty if something was lost
};

// Epochs between a backup's and that of a restored log at the least. No log is started so often
// after a backup.
inline constexpr Epoch kEpochsSkipped = 1'000'000;

// Blocking: verifies the backup, copies it, verifies the copy, and gives it its name durably; never
// replaces a file. What it gives back is of the new log. Errors as VerifyLog; kRefused: there is a
// log already, or a daemon holds it, or epoch_above is impossible.
//
// Crash anywhere: no log, and perhaps settle.db.new, which the next attempt removes; or a whole
// one.
[[nodiscard]] Result<LogReport> RestoreLog(const RestoreCall& call, const VerifyProgress& progress);

}  // namespace settle::coordinator
