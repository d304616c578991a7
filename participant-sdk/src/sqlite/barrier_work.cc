#include "sqlite/barrier_work.h"

#include <utility>

#include "settle/vocabulary/failpoint.h"
#include "sqlite/execute.h"
#include "sqlite/store.h"

namespace settle::sqlite {
namespace {

constexpr const char* kRolledBack = "SQLite rolled the whole transaction back";
constexpr const char* kNotItsOwn =
    "the business would end the barrier's transaction, or attach another file";

// The five values of the key, in this order. The texts must live as long as they are bound.
Statement& BindKey(Statement& statement, const std::string& log_id, const std::string& gtid,
                   const ActionContext& call) {
  return statement.Bind(1, std::string_view(log_id))
      .Bind(2, static_cast<std::int64_t>(call.gtid.epoch()))
      .Bind(3, static_cast<std::int64_t>(call.gtid.sequence()))
      .Bind(4, std::string_view(gtid))
      .Bind(5, static_cast<std::int64_t>(call.step));
}

// Runs a statement that gives no rows; how many rows it changed.
Result<std::int64_t> Do(Connection& connection, Statement& statement) {
  const Result<bool> row = statement.Step();
  if (!row) return Fail(row.error());
  return sqlite3_changes64(connection.raw());
}

}  // namespace

BarrierWork::BarrierWork(Connection& connection, const ActionContext& call)
    : connection_(connection), call_(call), log_id_(call.gtid.log_id()), gtid_(call.gtid.text()) {}

BarrierWork::~BarrierWork() { Close(); }

Result<barrier::Found> BarrierWork::MakeNotes() {
  barrier::Found found;
  for (const barrier::NewNote& note : barrier::NotesOf(call_)) {
    if (Status inserted = Insert(note); !inserted) return Fail(std::move(inserted).error());
    found.own_is_new = sqlite3_changes64(connection_.raw()) == 1;
  }
  const Result<bool> pruned = IsPruned();
  if (!pruned) return Fail(pruned.error());
  found.pruned = *pruned;
  Statement look(connection_,
                 "SELECT op, reason, input, result FROM settle_barrier WHERE log_id = ?1 "
                 "AND epoch = ?2 AND sequence = ?3 AND gtid = ?4 AND branch = ?5");
  BindKey(look, log_id_, gtid_, call_);
  for (;;) {
    const Result<bool> row = look.Step();
    if (!row) return Fail(row.error());
    if (!*row) return found;
    found.notes.push_back({look.Text(0), look.Text(1), look.OptionalText(2), look.OptionalText(3)});
  }
}

Status BarrierWork::Insert(const barrier::NewNote& note) {
  Statement insert(connection_,
                   "INSERT INTO settle_barrier (log_id, epoch, sequence, gtid, branch, op, reason, "
                   "input) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING");
  BindKey(insert, log_id_, gtid_, call_).Bind(6, std::string_view(ToString(note.op)));
  insert.Bind(7, std::string_view(ToString(note.reason)));
  if (note.input) insert.Bind(8, std::string_view(*note.input));
  const Result<std::int64_t> done = Do(connection_, insert);
  if (!done) return Fail(done.error());
  return {};
}

Result<bool> BarrierWork::IsPruned() {
  Statement mark(connection_,
                 "SELECT 1 FROM settle_barrier_mark WHERE log_id = ?1 "
                 "AND (epoch, sequence) >= (?2, ?3)");
  mark.Bind(1, std::string_view(log_id_));
  mark.Bind(2, static_cast<std::int64_t>(call_.gtid.epoch()));
  mark.Bind(3, static_cast<std::int64_t>(call_.gtid.sequence()));
  return mark.Step();
}

Result<std::optional<std::string>> BarrierWork::FindObstacle() {
  return FindStagedName(connection_);
}

int BarrierWork::Authorize(void* self, int action, const char*, const char*, const char*,
                           const char*) {
  auto& work = *static_cast<BarrierWork*>(self);
  const bool refused =
      action == SQLITE_TRANSACTION || action == SQLITE_ATTACH || action == SQLITE_DETACH;
  if (!work.open_ || !refused) return SQLITE_OK;
  work.why_dead_ = kNotItsOwn;
  return SQLITE_DENY;
}

Result<Rows> BarrierWork::Execute(const std::string& sql,
                                  const std::vector<std::optional<std::string>>& parameters) {
  if (connection() == nullptr) {
    return Fail(ErrorCode::kRefused, why_dead_, "answer unknown: nothing will be committed");
  }
  Result<Rows> rows = sqlite::Execute(connection_.raw(), sql, parameters);
  if (why_dead_ != nullptr) {
    return Fail(ErrorCode::kRefused, why_dead_, "leave COMMIT and ROLLBACK to the barrier");
  }
  const std::string why = rows ? "" : ": " + rows.error().message;
  if (connection() == nullptr) return Fail(ErrorCode::kRetryTransaction, why_dead_ + why);
  if (rows || rows.error().code != ErrorCode::kRetry) return rows;
  return Fail(ErrorCode::kRetryTransaction, rows.error().message);
}

sqlite3* BarrierWork::connection() {
  if (why_dead_ == nullptr && !connection_.in_transaction()) why_dead_ = kRolledBack;
  if (why_dead_ != nullptr) return nullptr;
  if (!std::exchange(open_, true)) sqlite3_set_authorizer(connection_.raw(), Authorize, this);
  return connection_.raw();
}

void BarrierWork::Close() {
  if (!std::exchange(open_, false)) return;
  connection_.ResetStatements();
  sqlite3_set_authorizer(connection_.raw(), nullptr, nullptr);
}

Status BarrierWork::SetResult(const std::string& result) {
  Statement set(connection_,
                "UPDATE settle_barrier SET result = ?7 WHERE log_id = ?1 AND epoch = ?2 "
                "AND sequence = ?3 AND gtid = ?4 AND branch = ?5 AND op = ?6 AND reason = ?6");
  BindKey(set, log_id_, gtid_, call_).Bind(6, std::string_view(ToString(call_.op)));
  set.Bind(7, std::string_view(result));
  const Result<std::int64_t> changed = Do(connection_, set);
  if (!changed) return Fail(changed.error());
  if (*changed == 1) return {};
  return Fail(ErrorCode::kRefused, "the business took the barrier's own row away");
}

Answer BarrierWork::Keep(Answer answer, const std::optional<std::string>& result) {
  Close();
  if (why_dead_ == nullptr && !connection_.in_transaction()) why_dead_ = kRolledBack;
  if (why_dead_ != nullptr) return barrier::Unsure(std::string("rolled back: ") + why_dead_);
  if (result) {
    if (Status set = SetResult(*result); !set) {
      return barrier::Unsure("rolled back: " + Describe(set.error()));
    }
  }
  if (SETTLE_FAILPOINT_FAILS("barrier.before_commit")) return barrier::Unsure("not committed");
  // Crash before this is durable: neither effect nor note. After: both.
  if (Status committed = connection_.Commit(); !committed) {
    return barrier::Unsure("the commit failed: " + Describe(committed.error()));
  }
  SETTLE_FAILPOINT("barrier.after_commit");
  return answer;
}

}  // namespace settle::sqlite
