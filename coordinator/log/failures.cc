#include "log/failures.h"

#include <fmt/format.h>

#include <cerrno>

namespace settle::coordinator {
namespace {

struct Meaning {
  ErrorCode code;
  const char* advice;
};

Meaning MeaningOf(int primary_code) {
  switch (primary_code) {
    case SQLITE_NOTADB:
      return {ErrorCode::kCorrupt,
              "it is not a decision log, or its beginning is damaged: name the right file or "
              "restore a backup"};
    case SQLITE_CORRUPT:
      return {ErrorCode::kCorrupt,
              "nothing may be presumed from a damaged log: keep it, and restore a backup"};
    case SQLITE_ERROR:  // a statement of ours does not fit the schema
      return {ErrorCode::kCorrupt,
              "its schema is not what this program made: it was edited or damaged; restore a "
              "backup"};
    case SQLITE_FULL: return {ErrorCode::kUnavailable, "make room on the file system"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {ErrorCode::kUnavailable,
              "another program, perhaps a sqlite3 shell, keeps the log locked: close it"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return {ErrorCode::kUnavailable,
              "the daemon's user must be able to write to the log and to its directory"};
    case SQLITE_IOERR:
      return {ErrorCode::kUnavailable,
              "look for disk errors in the system's log before starting again"};
    default: return {ErrorCode::kInternal, "report this with the message"};
  }
}

}  // namespace

Error ErrorOf(const sqlite::Failure& failure, const std::string& path, std::string_view doing) {
  // Of SQLite's own files only the main one and the -wal file have a code of their own for this.
  const bool full = failure.system == ENOSPC || failure.system == EDQUOT;
  const Meaning meaning = MeaningOf(full ? SQLITE_FULL : failure.primary());
  return {
      meaning.code,
      fmt::format("{}: cannot {}: {} (SQLite code {})", path, doing, failure.message, failure.code),
      meaning.advice};
}

}  // namespace settle::coordinator
