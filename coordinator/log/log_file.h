// The files of a log, before SQLite touches them: where they are, whose they are, and whether the
// ones that belong together are all there.
//
//   settle.db            the log
//   settle.db-wal        what was written since the last checkpoint; gone after a clean stop
//   settle.db-shm        SQLite's index of the -wal file
//   settle.db.lock       who uses it (process_lock.h)
//   settle.db.new        a log that is being made; renamed to settle.db when it is complete
//   settle.db.being-fetched  a copy for whoever fetches a backup at this moment (backup.h)
#pragma once

#include <string>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// PRAGMA application_id of a decision log: "Stle".
inline constexpr int kApplicationId = 0x53746c65;

// The absolute path with the links of its directory followed. kUnavailable for a directory that is
// missing or not one.
[[nodiscard]] Result<std::string> ResolveLogPath(const std::string& path);

// Whether there is a log to open (true) or one must be made (false). An error for anything that
// this process should not touch: a link, a device, another user's file, one that others may write
// to, a database that has lost its -wal file's partner.
[[nodiscard]] Result<bool> FindLogFile(const std::string& path);

// Whether the file can be read and begins as a log or a backup does; whose it is does not matter.
[[nodiscard]] Status CheckReadable(const std::string& path);

// An empty `<path>.new`, readable and writable by its owner alone; what an interrupted attempt left
// is removed.
[[nodiscard]] Result<std::string> MakeNewFile(const std::string& path);

// Gives a complete `<path>.new` its name, durably. Never replaces a file.
[[nodiscard]] Status PublishNewFile(const std::string& path);

// What was made of a `<path>.new` that cannot be completed.
void RemoveNewFile(const std::string& path);

}  // namespace settle::coordinator
