// Makes a backup of a log that goes on being written: a copy of one moment, beside the log, by a
// thread of its own.
//
// It reads through one snapshot, which keeps commits waiting for nothing, but keeps checkpoints
// from reusing the -wal file: that grows by what is written meanwhile. So the copy is made on this
// machine, as fast as its disk is, and whoever fetches it may take any time.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "log/decision_log.h"

namespace settle::coordinator {

// Beside the log: settle.db.being-fetched, a name that nobody gives a backup that is to stay. At
// most one is there.
[[nodiscard]] std::string BackupPathOf(const std::string& log_path);
// What a daemon that was killed has left of one.
void RemoveBackupFile(const std::string& log_path);

// `taken` is false while none is made; it becomes true, and false again when the backup is gone. As
// DecisionLog::StartBackup.
[[nodiscard]] Result<std::unique_ptr<LogBackup>> StartLogBackup(const std::string& log_path,
                                                                std::atomic<bool>& taken);

}  // namespace settle::coordinator
