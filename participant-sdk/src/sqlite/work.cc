#include "sqlite/work.h"

#include "sqlite/authorize.h"
#include "sqlite/execute.h"

namespace settle::sqlite {

Result<std::shared_ptr<Work>> Work::Begin(Start start) {
  auto work = std::make_shared<Work>(std::move(start));
  const Status begun = work->connection_->RunOften(std::string("SAVEPOINT ") + kBranchSavepoint);
  if (!begun) return Fail(begun.error());
  work->recorder_.emplace(*work->connection_);
  work->changes_before_ = sqlite3_total_changes64(work->db());
  work->InstallHooks();
  work->file_->SetLive(work);
  return work;
}

Work::Work(Start start)
    : file_(std::move(start.file)),
      key_(std::move(start.key)),
      name_(key_.DatabaseName()),
      rules_(std::move(start.rules)),
      last_note_(start.last_note),
      turn_(std::move(start.turn)),
      connection_(std::move(start.connection)) {}

Work::~Work() {
  // What is prepared stays so: only the lock on top of the row is given up.
  End("the handle was dropped");
  if (lent_ || fenced_) connection_->DoNotKeep();
}

void Work::InstallHooks() {
  connection_->Ask(Authorize, this);
  if (rules_->has_nullable_keys) sqlite3_update_hook(db(), OnRow, this);
  // An interrupt reaches only what runs already; this also stops what begins a moment later.
  const auto stop_if_fenced = [](void* self) {
    const Work& work = *static_cast<Work*>(self);
    return work.fenced_ && work.pass_ == Pass::kWork ? 1 : 0;
  };
  constexpr int kInstructionsBetween = 1000;
  sqlite3_progress_handler(db(), kInstructionsBetween, stop_if_fenced, this);
}

int Work::Authorize(void* self, int action, const char* first, const char* second,
                    const char* database, const char* /*inner*/) {
  Work& work = *static_cast<Work*>(self);
  if (work.pass_ == Pass::kOurs) return SQLITE_OK;
  // A transaction that SQLite has rolled back on its own leaves auto-commit: nothing may run
  // outside.
  if (work.pass_ == Pass::kNothing || !work.connection_->in_transaction()) return SQLITE_DENY;
  std::string refusal = WhyRefused(*work.rules_, action, first, second, database);
  if (refusal.empty()) return SQLITE_OK;
  if (work.refusal_.empty()) work.refusal_ = std::move(refusal);
  return SQLITE_DENY;
}

void Work::OnRow(void* self, int /*operation*/, const char* database, const char* table,
                 sqlite3_int64 rowid) {
  Work& work = *static_cast<Work*>(self);
  if (work.pass_ != Pass::kWork || std::string_view(database) != "main") return;
  const auto rule = work.rules_->tables.find(table);
  if (rule == work.rules_->tables.end() || rule->second.nullable_key.empty()) return;
  work.rows_to_check_[table].insert(rowid);
}

Status Work::Usable() const {
  if (is_forked()) return Fail(ErrorCode::kRefused, "a branch is dead in a forked child");
  if (phase_ == Phase::kPrepared) {
    return Fail(ErrorCode::kRefused, "the branch is prepared: no more work");
  }
  if (phase_ == Phase::kEnded) {
    return Fail(ErrorCode::kRefused, "the branch is over: " + why_ended_);
  }
  return {};
}

Result<Rows> Work::Execute(std::string_view sql,
                           const std::vector<std::optional<std::string>>& parameters) {
  if (is_forked()) return Fail(Usable().error());
  const std::lock_guard lock(mutex_);
  if (Status usable = Usable(); !usable) return Fail(std::move(usable).error());
  const Exclusive exclusive(db());
  if (!refusal_.empty()) return Refused();
  Result<Rows> rows = sqlite::Execute(db(), sql, parameters);
  if (fenced_) End("it was aborted");
  if (phase_ == Phase::kEnded) {
    return Fail(ErrorCode::kRefused, "the branch is over: " + why_ended_);
  }
  if (!connection_->in_transaction()) {
    const std::string why = rows ? "SQLite rolled it back" : rows.error().message;
    End("SQLite rolled the whole branch back: " + why);
    return Fail(ErrorCode::kRetryTransaction, why_ended_, "abort the global transaction");
  }
  if (!refusal_.empty()) return Refused();
  return rows;
}

tl::unexpected<Error> Work::Refused() const {
  return Fail(ErrorCode::kRefused, refusal_, "the branch can only be aborted now");
}

sqlite3* Work::Lend() {
  if (is_forked()) return nullptr;
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kOpen) return nullptr;
  lent_ = true;
  return db();
}

void Work::Fence() {
  if (is_forked()) return;
  fenced_ = true;
  // Without the mutex: its holder may be inside the statement that is to stop.
  if (phase_ == Phase::kOpen) sqlite3_interrupt(db());
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kOpen) End("it was aborted");
}

void Work::End(const std::string& why) {
  if (phase_ == Phase::kEnded) return;
  {
    const Exclusive exclusive(db());
    pass_ = Pass::kOurs;
    recorder_.reset();
    connection_->Rollback();
    pass_ = Pass::kNothing;
    if (lent_) connection_->Neutralise();
  }
  applied_ = false;
  finisher_.reset();
  why_ended_ = why;
  phase_ = Phase::kEnded;
  turn_.reset();
}

void Work::Shut() {
  if (phase_ == Phase::kEnded) return;
  pass_ = Pass::kNothing;
  if (lent_) connection_->ExpireStatements();
}

Evidence Work::evidence() const { return {file_->identity(), 0, std::to_string(last_note_)}; }

}  // namespace settle::sqlite
