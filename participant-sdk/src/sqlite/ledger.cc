#include "sqlite/ledger.h"

#include <utility>

#include "sqlite/barrier_tables.h"
#include "sqlite/site_records.h"
#include "sqlite/work.h"

namespace settle::sqlite {
namespace {

// A commit that failed may still be in the write-ahead log, unseen, and come back after a crash,
// unless the next one takes its place there.
Status Commit(Connection& connection) {
  Status committed = connection.Commit();
  if (committed) return committed;
  Error error = std::move(committed).error();
  error.code = ErrorCode::kAskOutcome;
  error.message = "whether the site's record was written is not known: " + error.message;
  error.advice = "find the record again";
  return Fail(std::move(error));
}

}  // namespace

Result<std::unique_ptr<Connection>> Ledger::BeginWriting(Durability durability) {
  Result<std::unique_ptr<Connection>> connection = file_.Connect();
  if (!connection) return connection;
  // In WAL mode such a commit is in the log, in its order, and synced with the next that is.
  // The setting goes with the connection.
  if (durability == Durability::kLazy) {
    if (Status set = (*connection)->Run("PRAGMA synchronous = NORMAL"); !set) {
      return Fail(std::move(set).error());
    }
  }
  if (Status begun = (*connection)->BeginImmediate(); !begun) {
    Error error = std::move(begun).error();
    if ((sqlite3_errcode((*connection)->raw()) & 0xff) == SQLITE_BUSY) {
      error.message = "resource " + file_.options().name +
                      " is busy: a branch is at work in the file, or another program writes to "
                      "it; nothing was done";
      error.advice = "SQLite has one writer at a time: keep branches short, or raise busy_timeout";
    }
    return Fail(std::move(error));
  }
  if (Status same = file_.CheckContents(**connection); !same) return Fail(std::move(same).error());
  return connection;
}

Result<std::optional<SiteRecord>> Ledger::Find(const BranchKey& key) {
  return file_.Read([&](Connection& connection) { return FindRecord(connection, key); });
}

Result<bool> Ledger::Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                         const SiteRecord& after, Durability durability) {
  if (file_.is_forked()) return Fail(file_.Ready().error());
  // A branch that is still at work has the write lock, and once peers abort it nothing of it can
  // ever be committed. Should it be prepared before this reaches it, it has a record by then.
  const auto live = file_.live();
  const bool fences = !before && after.at.state == SiteState::kAborted;
  if (fences && live != nullptr && live->key() == key) live->Fence();
  const Result<std::unique_ptr<Connection>> connection = BeginWriting(durability);
  if (!connection) return Fail(connection.error());
  const Result<std::optional<SiteRecord>> now = FindRecord(**connection, key);
  if (!now) return Fail(now.error());
  if (*now != before) return false;
  if (Status written = WriteRecord(**connection, key, after); !written) {
    return Fail(std::move(written).error());
  }
  if (Status committed = Commit(**connection); !committed) {
    return Fail(std::move(committed).error());
  }
  return true;
}

Status Ledger::Prune(const EndedThrough& mark) {
  if (!IsLogId(mark.log_id)) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(mark.log_id) + "\" is not the id of a log");
  }
  const Result<std::unique_ptr<Connection>> connection = BeginWriting(Durability::kForce);
  if (!connection) return Fail(connection.error());
  if (Status raised = RaiseMark(**connection, mark); !raised) return raised;
  if (Status removed = RemoveRecords(**connection, mark); !removed) return removed;
  return Commit(**connection);
}

}  // namespace settle::sqlite
