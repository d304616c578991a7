#include "log/log_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/audit_table.h"
#include "log/failures.h"
#include "log/meta.h"
#include "log/pruned_ranges.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Statement;

Status CheckPruned(Connection& connection, const std::string& path, const Pruned& pruned) {
  const Expected<std::uint64_t> named = CountPruned(connection);
  if (!named) return Fail(ErrorOf(named.error(), path, "count pruned transactions"));
  if (*named == pruned.transactions) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is damaged: {} transactions were pruned, and it names {} of them; "
                          "nothing may be presumed of the others",
                          path, pruned.transactions, *named),
              "keep the file, and restore a backup");
}

}  // namespace

Status CheckStructure(Connection& connection, const std::string& path, Structure how) {
  const Expected<std::string> found = connection.Ask(
      how == Structure::kQuick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)");
  if (!found) return Fail(ErrorOf(found.error(), path, "check the log's structure"));
  if (*found == "ok") return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is damaged: {}; nothing was changed", path, Escaped(*found)),
              "nothing may be presumed from a damaged log: keep it, and restore a backup");
}

// The main file says that there is more in its -wal file. A -wal file that is gone was deleted, or
// left behind by a copy: what was in it was told to people and is nowhere else. A clean stop leaves
// none and says so; so does a sqlite3 shell that opens the log after a crash, because it brings
// everything over.
Status CheckTail(const LogFacts& facts, bool has_wal, const std::string& path) {
  if (facts.tail == Tail::kHere || has_wal) return {};
  return Fail(ErrorCode::kCorrupt,
              fmt::format("{} is incomplete: its newest records were in {}-wal, which is missing, "
                          "empty or unreadable; nothing was changed",
                          path, path),
              "put the -wal file back beside it, or restore a backup made with SQLite's backup; a "
              "copy of the main file alone is not one");
}

Result<LogState> CountWhatIsThere(Connection& connection, const std::string& path) {
  LogState state;
  Result<Pruned> pruned = ReadPruned(connection, path);
  if (!pruned) return Fail(pruned.error());
  if (Status whole = CheckPruned(connection, path, *pruned); !whole) return Fail(whole.error());
  state.pruned = *pruned;
  const Result<AuditEnds> audit = ReadAuditEnds(connection, path);
  if (!audit) return Fail(audit.error());
  state.audit = *audit;
  state.totals = pruned->totals;
  const Expected<std::string> last = connection.Ask("SELECT max(position) FROM record");
  if (!last) return Fail(ErrorOf(last.error(), path, "find the last record"));
  std::uint64_t position = 0;
  ParseNumber(*last, position);
  state.next_position = std::max(position + 1, pruned->first_position);
  Expected<Statement> outcomes =
      Statement::Prepare(connection, "SELECT outcome, count(*) FROM ended GROUP BY outcome");
  if (!outcomes) return Fail(ErrorOf(outcomes.error(), path, "count ended transactions"));
  for (;;) {
    const Expected<bool> row = outcomes->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "count ended transactions"));
    if (!*row) return state;
    Count(static_cast<Outcome>(outcomes->Number(0)), outcomes->Number(1), state.totals);
    state.ended += static_cast<std::uint64_t>(outcomes->Number(1));
  }
}

}  // namespace settle::coordinator
