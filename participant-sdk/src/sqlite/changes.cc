#include "sqlite/changes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace settle::sqlite {
namespace {

struct SqliteFree {
  void operator()(void* memory) const { sqlite3_free(memory); }
};
using SqliteBytes = std::unique_ptr<void, SqliteFree>;

// While it lives, changes have no effects but their own. Where they have others, all statements of
// the connection are compiled anew, twice.
class WithoutTriggers {
 public:
  explicit WithoutTriggers(sqlite3* db) : db_(db) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &triggers_);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &foreign_keys_);
    Set(0, 0);
  }
  ~WithoutTriggers() { Set(triggers_, foreign_keys_); }
  WithoutTriggers(const WithoutTriggers&) = delete;
  WithoutTriggers& operator=(const WithoutTriggers&) = delete;

 private:
  void Set(int triggers, int foreign_keys) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, triggers, nullptr);
    // The pragma of the same meaning does nothing inside a transaction.
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys, nullptr);
  }

  sqlite3* db_;
  int triggers_ = 1;
  int foreign_keys_ = 1;
};

const char* WordFor(int conflict) {
  switch (conflict) {
    case SQLITE_CHANGESET_DATA: return "a row differs from what the branch saw";
    case SQLITE_CHANGESET_NOTFOUND: return "a row is missing";
    case SQLITE_CHANGESET_CONFLICT: return "a row with the same primary key is there already";
    case SQLITE_CHANGESET_CONSTRAINT:
      return "a constraint fails when the changes are made one by one";
    default: return "a foreign key is violated";
  }
}

struct Conflict {
  std::string words;
};

int OnConflict(void* context, int conflict, sqlite3_changeset_iter* at) {
  const char* table = nullptr;
  int columns = 0;
  int operation = 0;
  int indirect = 0;
  if (conflict != SQLITE_CHANGESET_FOREIGN_KEY) {
    sqlite3changeset_op(at, &table, &columns, &operation, &indirect);
  }
  static_cast<Conflict*>(context)->words =
      std::string(WordFor(conflict)) + (table == nullptr ? "" : std::string(" in table ") + table);
  return SQLITE_CHANGESET_ABORT;
}

Error SessionError(int result, const std::string& what) {
  const bool passing = result == SQLITE_NOMEM || (result & 0xff) == SQLITE_IOERR;
  return {
      passing ? ErrorCode::kRetry : ErrorCode::kRefused, what + ": " + sqlite3_errstr(result), {}};
}

Result<std::string> Inverse(const Changes& changes) {
  int size = 0;
  void* bytes = nullptr;
  const int result = sqlite3changeset_invert(static_cast<int>(changes.changeset.size()),
                                             changes.changeset.data(), &size, &bytes);
  const SqliteBytes owner(bytes);
  if (result != SQLITE_OK) return Fail(SessionError(result, "changes cannot be inverted"));
  return std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

// Whether the first and then the second together change nothing, as far as the first's old values
// and the second's new ones tell: no others are kept.
Result<bool> Cancel(std::string first, std::string second) {
  int size = 0;
  void* bytes = nullptr;
  const int result =
      sqlite3changeset_concat(static_cast<int>(first.size()), first.data(),
                              static_cast<int>(second.size()), second.data(), &size, &bytes);
  const SqliteBytes owner(bytes);
  if (result != SQLITE_OK) return Fail(SessionError(result, "changes cannot be compared"));
  return size == 0;
}

// One and the undoing of the other cancel each other, either way around: the first sees old values
// that differ, the second new ones.
Result<bool> DoTheSame(const Changes& wanted, const Changes& done) {
  if (wanted.changeset == done.changeset) return true;
  Result<std::string> undone = Inverse(done);
  if (!undone) return Fail(std::move(undone).error());
  const Result<bool> from_the_same = Cancel(wanted.changeset, *std::move(undone));
  if (!from_the_same || !*from_the_same) return from_the_same;
  Result<std::string> unwanted = Inverse(wanted);
  if (!unwanted) return Fail(std::move(unwanted).error());
  return Cancel(*std::move(unwanted), done.changeset);
}

}  // namespace

Recorder::Recorder(Connection& connection) {
  // Neither fails but for want of memory; Take then finds no session.
  if (sqlite3session_create(connection.raw(), "main", &session_) != SQLITE_OK) return;
  const auto is_the_applications = [](void*, const char* table) {
    return std::string_view(table).starts_with("settle_") ? 0 : 1;
  };
  sqlite3session_table_filter(session_, is_the_applications, nullptr);
  if (sqlite3session_attach(session_, nullptr) != SQLITE_OK) {
    sqlite3session_delete(session_);
    session_ = nullptr;
  }
}

Recorder::~Recorder() {
  if (session_ != nullptr) sqlite3session_delete(session_);
}

Result<Changes> Recorder::Take() {
  if (session_ == nullptr) {
    return Fail(ErrorCode::kRetry, "no memory to record the branch's changes");
  }
  int size = 0;
  void* bytes = nullptr;
  const int result = sqlite3session_changeset(session_, &size, &bytes);
  const SqliteBytes owner(bytes);
  if (result != SQLITE_OK) {
    return Fail(SessionError(result, "the branch's changes cannot be recorded"));
  }
  if (bytes == nullptr) return Changes{};
  return ReadChanges({static_cast<const char*>(bytes), static_cast<std::size_t>(size)});
}

Result<Changes> ReadChanges(std::string changeset) {
  Changes changes{std::move(changeset), 0, {}};
  sqlite3_changeset_iter* at = nullptr;
  int result = sqlite3changeset_start(&at, static_cast<int>(changes.changeset.size()),
                                      changes.changeset.data());
  if (result != SQLITE_OK) {
    return Fail(ErrorCode::kCorrupt, "the staged changes are not a changeset");
  }
  while ((result = sqlite3changeset_next(at)) == SQLITE_ROW) {
    const char* table = nullptr;
    int columns = 0;
    int operation = 0;
    int indirect = 0;
    sqlite3changeset_op(at, &table, &columns, &operation, &indirect);
    ++changes.ops;
    if (std::find(changes.tables.begin(), changes.tables.end(), table) == changes.tables.end()) {
      changes.tables.emplace_back(table);
    }
  }
  sqlite3changeset_finalize(at);
  if (result != SQLITE_DONE) return Fail(ErrorCode::kCorrupt, "the staged changes are damaged");
  return changes;
}

Status Apply(Connection& connection, const Changes& changes) {
  const WithoutTriggers without_triggers(connection.raw());
  const std::int64_t before = sqlite3_total_changes64(connection.raw());
  std::string copy = changes.changeset;  // SQLite asks for memory that it could write to
  Conflict conflict;
  const int result = sqlite3changeset_apply(connection.raw(), static_cast<int>(copy.size()),
                                            copy.data(), nullptr, OnConflict, &conflict);
  if (!conflict.words.empty()) return Fail(ErrorCode::kRefused, conflict.words);
  if (result != SQLITE_OK) {
    return Fail(SessionError(result, "SQLite cannot apply the recorded changes"));
  }
  // SQLite skips, without an error, what belongs to a table that is gone or has another form.
  const std::int64_t done = sqlite3_total_changes64(connection.raw()) - before;
  if (done == changes.ops) return {};
  return Fail(ErrorCode::kRefused, "only " + std::to_string(done) + " of " +
                                       std::to_string(changes.ops) +
                                       " staged changes could be applied");
}

Status Compare(Connection& connection, const Changes& changes,
               const std::function<Status()>& apply) {
  Recorder recorder(connection);
  if (Status applied = apply(); !applied) return applied;
  const Result<Changes> done = recorder.Take();
  if (!done) return Fail(done.error());
  const Result<bool> same = DoTheSame(changes, *done);
  if (!same) return Fail(same.error());
  if (!*same) {
    return Fail(ErrorCode::kRefused, "the staged changes would not do what the branch did");
  }
  return {};
}

Status Rehearse(Connection& connection, const Changes& changes) {
  if (Status begun = connection.RunOften("SAVEPOINT settle_rehearsal"); !begun) return begun;
  Status rehearsed = Compare(connection, changes, [&] { return Apply(connection, changes); });
  Status undone = connection.RunOften("ROLLBACK TO settle_rehearsal");
  if (undone) undone = connection.RunOften("RELEASE settle_rehearsal");
  return rehearsed ? undone : rehearsed;
}

std::string Hash(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::array<char, 17> hex{};
  std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(hash));
  return hex.data();
}

Result<std::string> HashDefinitions(Connection& connection,
                                    const std::vector<std::string>& tables) {
  std::string all;
  for (const std::string& table : tables) {
    Statement definitions(connection,
                          "SELECT type || ' ' || name || ' ' || coalesce(sql, '') || char(10)"
                          " FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE"
                          " AND type IN ('table', 'index') ORDER BY type, name");
    definitions.Bind(1, std::string_view(table));
    for (;;) {
      const Result<bool> row = definitions.Step();
      if (!row) return Fail(row.error());
      if (!*row) break;
      all += definitions.Text(0);
    }
  }
  return Hash(all);
}

}  // namespace settle::sqlite
