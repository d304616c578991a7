// How a branch ends: the vote, the decision, the one-phase commit.
#include "settle/vocabulary/failpoint.h"
#include "sqlite/authorize.h"
#include "sqlite/finish.h"
#include "sqlite/replay.h"
#include "sqlite/site_records.h"
#include "sqlite/store.h"
#include "sqlite/work.h"

namespace settle::sqlite {
namespace {

bool HasDeferredViolations(sqlite3* db) {
  int current = 0;
  int highest = 0;
  const int asked = sqlite3_db_status(db, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
  return asked != SQLITE_OK || current != 0;
}

Result<bool> HasNullKey(Connection& connection, const std::string& table,
                        const std::vector<std::string>& nullable_key,
                        const std::unordered_set<std::int64_t>& rows) {
  std::string is_null;
  for (const std::string& column : nullable_key) {
    is_null += (is_null.empty() ? "" : " OR ") + Quoted(column) + " IS NULL";
  }
  const std::string sql =
      "SELECT 1 FROM main." + Quoted(table) + " WHERE _rowid_ = ?1 AND (" + is_null + ")";
  for (const std::int64_t row : rows) {
    Statement find(connection, sql);
    const Result<bool> found = find.Bind(1, row).Step();
    if (!found || *found) return found;
  }
  return false;
}

}  // namespace

Status Work::CheckBeforeEnd() {
  if (fenced_) return Fail(ErrorCode::kRefused, "the branch was aborted");
  if (!connection_->in_transaction()) {
    return Fail(ErrorCode::kRefused, "SQLite had rolled the branch back");
  }
  if (!refusal_.empty()) return Fail(ErrorCode::kRefused, refusal_);
  if (HasDeferredViolations(db())) {
    return Fail(ErrorCode::kRefused,
                "a deferred foreign key is violated (SQLITE_CONSTRAINT_FOREIGNKEY)");
  }
  return file_->CheckInPlace();
}

Status Work::CheckNoNullKeys() {
  for (const auto& [table, rows] : rows_to_check_) {
    const Result<bool> found =
        HasNullKey(*connection_, table, rules_->tables.at(table).nullable_key, rows);
    if (!found) return Fail(found.error());
    if (*found) {
      return Fail(ErrorCode::kRefused,
                  "a row of table " + Quoted(table) +
                      " has NULL in its primary key, so its change cannot be staged");
    }
  }
  return {};
}

VoteResult Work::No(const Error& why) {
  End("it voted no: " + why.message);
  return {Vote::kNo, evidence(), why.message, why.code == ErrorCode::kRetry};
}

Status Work::BecomeSite(const Roster& sites) {
  if (is_forked()) return Usable();
  const std::lock_guard lock(mutex_);
  if (Status usable = Usable(); !usable) return usable;
  sites_ = sites;
  return {};
}

VoteResult Work::Prepare() {
  if (is_forked()) return {Vote::kNo, {}, "a branch is dead in a forked child", false};
  const std::lock_guard lock(mutex_);
  if (vote_) return *vote_;
  if (phase_ == Phase::kEnded) {
    return {Vote::kNo, evidence(), "the branch is over: " + why_ended_, false};
  }
  const Exclusive exclusive(db());
  pass_ = Pass::kOurs;
  vote_ = PrepareOpen();
  Shut();
  return *vote_;
}

VoteResult Work::PrepareOpen() {
  connection_->ResetStatements();
  if (Status fit = CheckBeforeEnd(); !fit) return No(fit.error());
  // Rows with a NULL key that the branch leaves behind; then, below, those that it found.
  if (Status keys = CheckNoNullKeys(); !keys) return No(keys.error());
  Result<Changes> changes = recorder_->Take();
  recorder_.reset();
  if (!changes) return No(changes.error());
  const Status undone = connection_->RunOften(std::string("ROLLBACK TO ") + kBranchSavepoint);
  if (!undone) return No(undone.error());
  if (Status keys = CheckNoNullKeys(); !keys) return No(keys.error());
  if (changes->ops == 0 && !sites_) {
    End("it was read-only");
    return {Vote::kReadOnly, evidence(), {}, false};
  }
  // Of a site others change the record from the moment that it is there: nothing of it can be taken
  // back without them.
  if (sites_) {
    if (Status fit = Rehearse(*connection_, *changes); !fit) return No(fit.error());
  }
  return StageAndCommit(*std::move(changes));
}

VoteResult Work::StageAndCommit(Changes changes) {
  if (SETTLE_FAILPOINT_FAILS("sqlite.before_prepare"))
    return No({ErrorCode::kRetry, "no room", {}});
  if (!sites_) {
    Result<Borrowed> finisher = file_->Borrow(Triggers::kOff);
    if (!finisher) return No(finisher.error());
    finisher_ = *std::move(finisher);
  }
  const Status released = connection_->RunOften(std::string("RELEASE ") + kBranchSavepoint);
  if (!released) return No(released.error());
  if (Status added = AddRecord(); !added) return No(added.error());
  Result<std::string> definitions = file_->DefinitionsOf(*connection_, *rules_, changes.tables);
  if (!definitions) return No(definitions.error());
  const std::int64_t ops = changes.ops;
  const StagedBranch staged{prepared_name_, std::move(changes), ops, rules_->schema_version,
                            *std::move(definitions)};
  if (Status written = Stage(*connection_, staged); !written) return No(written.error());
  if (fenced_) return No({ErrorCode::kRefused, "the branch was aborted", {}});
  // Crash before this is durable: nothing was ever there. After: the row is the prepared branch. A
  // failure that leaves the row after all (an I/O error, then a crash) is a no-vote whose stray the
  // next scan finds.
  SETTLE_FAILPOINT_TEARS("sqlite.stage_commit", connection_->wal_path());
  if (Status committed = connection_->Commit(); !committed) return No(committed.error());
  SETTLE_FAILPOINT("sqlite.after_prepare");
  if (finisher_) {
    if (Status taken = TakeOver(staged); !taken) return No(taken.error());
  }
  phase_ = Phase::kPrepared;
  return {Vote::kCommit, evidence(), {}, false};
}

Status Work::PrepareInNameOf(const std::optional<LastResource>& last) {
  if (is_forked()) return Fail(Usable().error());
  const std::lock_guard lock(mutex_);
  Result<std::string> name = last ? NameInNameOf(key_, *last) : name_;
  if (!name) return Fail(std::move(name).error());
  prepared_name_ = *std::move(name);
  return {};
}

// Of a site, becoming durable with the staged row.
Status Work::AddRecord() {
  if (!sites_) return {};
  const Result<std::optional<SiteRecord>> found = FindRecord(*connection_, key_);
  if (!found) return Fail(found.error());
  if (found->has_value()) {
    return Fail(ErrorCode::kRefused,
                "the branch's site has a record already: its peers decided to abort before it had "
                "voted");
  }
  SiteRecord waiting{{}, *sites_, evidence()};
  waiting.at.state = SiteState::kWaiting;
  return WriteRecord(*connection_, key_, waiting);
}

// Other writers wait for this lock instead of being refused by the guards. Who came in between is
// refused by them, or has ended the branch; should he keep the lock nevertheless, the row stays
// behind a no-vote, and the next scan finds it. A site leaves the lock to those, in whatever
// process, who change its record.
Status Work::TakeOver(const StagedBranch& staged) {
  left_staged_ = true;
  Connection& connection = **finisher_;
  Status applied = connection.BeginImmediate();
  if (!applied) return applied;
  applied = CheckStaged(staged);
  if (applied) applied = ApplyStaged(staged);
  if (applied) {
    left_staged_ = false;
    return {};
  }
  connection.Rollback();
  if (connection.BeginImmediate() && CheckStaged(staged)) {
    left_staged_ = EndStaged(connection, name_, Decision::kAbort).end != BranchEnd::kAborted;
  }
  return applied;
}

Status Work::CheckStaged(const StagedBranch& staged) {
  if (Status same = file_->CheckContents(**finisher_); !same) return same;
  const Result<std::optional<std::string>> name = FindStagedName(**finisher_);
  if (!name) return Fail(name.error());
  if (*name == staged.name) return {};
  return Fail(ErrorCode::kRefused, "somebody ended the branch before it had voted");
}

Status Work::ApplyStaged(const StagedBranch& staged) {
  Connection& connection = **finisher_;
  if (SETTLE_FAILPOINT_FAILS("sqlite.before_apply"))
    return Fail(ErrorCode::kRetry, "no room to apply the changes");
  if (Status same = CheckDefinitions(connection, staged); !same) return same;
  const Changes& changes = staged.changes;
  const Status marked = connection.RunOften(std::string("SAVEPOINT ") + kBranchSavepoint);
  if (!marked) return marked;
  Status applied =
      Compare(connection, changes, [&] { return Replay(connection, *rules_, changes); });
  // Without the savepoint SQLite has rolled back more than that, and said why.
  if (!applied && connection.RunOften(std::string("ROLLBACK TO ") + kBranchSavepoint)) {
    applied = Compare(connection, changes, [&] { return Apply(connection, changes); });
  }
  applied_ = applied.has_value();
  return applied;
}

FinishResult Work::Finish(Decision decision) {
  if (is_forked()) return {BranchEnd::kRetry, "a branch is dead in a forked child"};
  const std::lock_guard lock(mutex_);
  if (finished_) return *finished_;
  if (phase_ == Phase::kPrepared) return FinishPrepared(decision);
  if (phase_ == Phase::kOpen && decision == Decision::kCommit) {
    return {BranchEnd::kRetry, "the branch has not been prepared"};
  }
  const bool read_only = vote_ && vote_->vote == Vote::kReadOnly;
  End("it was aborted");
  finished_ = FinishResult{BranchEnd::kAborted, why_ended_};
  if (decision == Decision::kCommit && read_only) finished_ = {BranchEnd::kCommitted, {}};
  return *finished_;
}

FinishResult Work::FinishPrepared(Decision decision) {
  if (Status same = file_->CheckInPlace(); !same) {
    return {BranchEnd::kRetry, Describe(same.error())};
  }
  FinishResult result = applied_ ? FinishApplied(decision) : FinishAnew(decision);
  if (result.end == BranchEnd::kRetry) return result;
  End(std::string("it is ") + ToString(result.end));
  finished_ = result;
  return result;
}

FinishResult Work::FinishApplied(Decision decision) {
  Connection& connection = **finisher_;
  applied_ = false;
  if (decision == Decision::kAbort) {
    const Status undone = connection.RunOften(std::string("ROLLBACK TO ") + kBranchSavepoint);
    if (!undone) return {BranchEnd::kRetry, Describe(undone.error())};
  }
  return EndStaged(connection, name_, decision);
}

// Whatever was tried before: as anybody would who has but the branch's name.
FinishResult Work::FinishAnew(Decision decision) {
  finisher_.reset();
  Result<Borrowed> finisher = file_->Borrow(Triggers::kOff);
  if (!finisher) return {BranchEnd::kRetry, Describe(finisher.error())};
  Status begun = (*finisher)->BeginImmediate();
  if (begun) begun = file_->CheckContents(**finisher);
  if (!begun) return {BranchEnd::kRetry, Describe(begun.error())};
  return FinishStaged(**finisher, file_->identity(), key_, decision, evidence());
}

Result<Evidence> Work::TakeEvidence() {
  if (is_forked()) return Fail(Usable().error());
  const std::lock_guard lock(mutex_);
  if (Status usable = Usable(); !usable) return Fail(std::move(usable).error());
  if (sqlite3_total_changes64(db()) != changes_before_ || !connection_->in_transaction()) {
    return evidence();
  }
  const Exclusive exclusive(db());
  if (!refusal_.empty()) return evidence();
  vote_ = VoteResult{Vote::kReadOnly, evidence(), {}, false};
  End("it was read-only");
  return Fail(ErrorCode::kNotFound, "the branch wrote nothing");
}

FinishResult Work::CommitOnePhase() {
  if (is_forked()) return {BranchEnd::kRetry, "a branch is dead in a forked child"};
  const std::lock_guard lock(mutex_);
  if (finished_) return *finished_;
  if (phase_ == Phase::kPrepared) {
    return {BranchEnd::kRetry, "the branch is prepared: finish it by its decision"};
  }
  if (phase_ == Phase::kEnded) return {BranchEnd::kAborted, why_ended_};
  const Exclusive exclusive(db());
  pass_ = Pass::kOurs;
  FinishResult result = CommitOpen();
  End(std::string("one-phase commit: ") + ToString(result.end));
  finished_ = result;  // a retry, too: from here on only the file can tell (Prove)
  return result;
}

FinishResult Work::CommitOpen() {
  connection_->ResetStatements();
  if (Status fit = CheckBeforeEnd(); !fit) return {BranchEnd::kAborted, fit.error().message};
  recorder_.reset();
  SETTLE_FAILPOINT("sqlite.before_finish");
  if (Status noted = AddNote(*connection_, name_, BranchEnd::kCommitted); !noted) {
    return {BranchEnd::kAborted, Describe(noted.error())};
  }
  SETTLE_FAILPOINT("sqlite.inside_finish");
  SETTLE_FAILPOINT_TEARS("sqlite.finish_commit", connection_->wal_path());
  // The note becomes durable together with the work: it is the proof. Crash before: neither is
  // there.
  if (Status committed = connection_->Commit(); !committed) {
    const bool refused = committed.error().code == ErrorCode::kInvalid;  // a constraint
    return {refused ? BranchEnd::kAborted : BranchEnd::kRetry, Describe(committed.error())};
  }
  SETTLE_FAILPOINT("sqlite.after_finish");
  return {BranchEnd::kCommitted, {}};
}

}  // namespace settle::sqlite
