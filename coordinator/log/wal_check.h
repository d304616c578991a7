// Looks at a log's -wal file before SQLite does. SQLite takes the first frame that does not fit for
// the torn end of an unfinished write and forgets all that follows, which is right after a power
// failure and wrong for a damaged file: acknowledged decisions would be gone without a word.
//
// Two witnesses tell the cases apart. The -shm file, where it outlived the process, says how many
// frames were flushed. And each flush ends before the next begins, so only the last commit can be
// torn: a frame that does not fit and two commits from there on are damage.
//
// Not seen: a -wal file without its -shm file that lost only its last commit, or that was cut off.
// File format: https://www.sqlite.org/walformat.html
#pragma once

#include <string>

#include "log/sqlite.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// True: there is a -wal file and SQLite will read all of it that was flushed. False: there is none
// that holds anything. kCorrupt: it is damaged, with the frame named. Only while this process has
// no connection to the log: it opens and closes the -shm file, which drops SQLite's locks on it.
[[nodiscard]] Result<bool> CheckWal(const std::string& log_path);

// Whether the -wal file holds a commit that SQLite does not count, and would take for good after a
// crash: one whose last write failed although all the bytes that differ from what the file held
// before had been written. Of the connection that writes the log, right after a COMMIT that failed.
// Blocking: reads the -wal file. kUnavailable: it, or SQLite's index of it, cannot be read.
[[nodiscard]] Result<bool> HoldsUncountedCommit(sqlite::Connection& connection);

}  // namespace settle::coordinator
