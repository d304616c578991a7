// What a log knows of the copies that it came from: the table `restored`, and the mark that makes a
// file a backup.
//
// A log that was restored is older than what participants have seen. It knows how much older: from
// the epoch of the backup to the one before its next life, what is not in it may have been decided
// all the same, so abort is never presumed there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log/decision_log.h"
#include "log/sqlite.h"

namespace settle::coordinator {

// The mark: such a file is no log that may be served from; restore.h makes one of it.
struct BackupMark {
  WallTime taken = 0;          // what was durable then is in it
  Epoch epoch = 0;             // in which it was taken
  std::uint64_t position = 0;  // of the last record that it has; 0 if there was none

  friend bool operator==(const BackupMark&, const BackupMark&) = default;
};

struct Restoration {
  Epoch epoch = 0;                  // the last one before the life that began then
  std::optional<Epoch> lost_from;   // none: whoever restored it said that nothing was lost
  std::optional<WallTime> taken{};  // when the backup was made, where that is known
  WallTime restored = 0;
  std::string by;
  std::string reason;

  friend bool operator==(const Restoration&, const Restoration&) = default;
};

// Nothing: it is no backup. kCorrupt as for any other fact.
[[nodiscard]] Result<std::optional<BackupMark>> ReadBackupMark(sqlite::Connection& connection,
                                                               const std::string& path);
// Within the caller's transaction, as the rest that writes.
[[nodiscard]] sqlite::Expected<void> WriteBackupMark(sqlite::Connection& connection,
                                                     const BackupMark& mark);
[[nodiscard]] sqlite::Expected<void> RemoveBackupMark(sqlite::Connection& connection);

// By epoch. kCorrupt for a damaged row, and for one that is missing.
[[nodiscard]] Result<std::vector<Restoration>> ReadRestorations(sqlite::Connection& connection,
                                                                const std::string& path);
// `before` is how many there were.
[[nodiscard]] sqlite::Expected<void> AddRestoration(sqlite::Connection& connection,
                                                    const Restoration& restoration,
                                                    std::size_t before);

// The epochs of which not everything is known.
std::vector<LostEpochs> LostIn(const std::vector<Restoration>& restorations);

}  // namespace settle::coordinator
