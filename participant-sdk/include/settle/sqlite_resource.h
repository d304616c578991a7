// A SQLite file under global transactions.
//
//   auto stock = settle::SqliteResource::Make({.name = "stock", .path = "/var/lib/shop/stock.db"});
//   ... settle::Coordinator::Connect({.resources = {stock}}) ...
//   auto branch = transaction->Enlist(*stock);
//   (*branch)->Execute("UPDATE item SET count = count - $1 WHERE id = $2", {"1", "17"});
//
// SQLite itself cannot prepare, so the branch is staged: prepare stores the branch's changes as one
// row, durably, and commit applies that row. Between the two no other program can write to the
// file: the resource puts guard triggers (settle_guard_...) on every table of it, which refuse
// while a prepared row is there. Readers never wait.
//
// What the file gets: tables settle_identity, settle_prepared, settle_outcome, settle_migration,
// settle_three_phase, and those of a barrier (settle/sqlite_barrier.h), which stay empty, when the
// resource is first used, three guard triggers for each table when a branch is opened, and WAL
// mode.
//
// As a site of three-phase commit a branch keeps its record in settle_three_phase. It does not hold
// the file's write lock once it is prepared, so that other programs' writes are refused at once
// instead of waiting.
//
// What a branch cannot do; the statement is refused, and so is the vote, with the reason:
//   - write to a table without a primary key, with generated columns, or to a virtual table
//   - leave or touch a row with NULL in its primary key (found at prepare)
//   - change the schema, ATTACH, end the transaction, or use a PRAGMA that writes
//   - exchange the values of a UNIQUE column between rows (at prepare)
//   - leave a deferred foreign key violated (at prepare)
//
// The definition of a table must not change while a branch that changed it is in doubt: it then
// stays prepared, and its Finish says so. VACUUM, ANALYZE and new tables do no harm.
//
// Needs SQLite 3.37 or later, built with its session extension, and a local file system: the file's
// identity includes its inode number, so that a copied or restored file is another database until
// an operator accepts it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settle/resource.h"
#include "settle/rows.h"

struct sqlite3;

namespace settle {

namespace sqlite {
class File;
class Helper;
class Work;
}  // namespace sqlite

struct SqliteOptions {
  std::string name;  // the resource's; 1 to 64 of [A-Za-z0-9._-]
  std::string path;  // must exist: make it with the application's tables first
  // How long to wait for other writers of the file, in this and in other processes.
  std::chrono::milliseconds busy_timeout{5'000};
  // Foreign keys are enforced in branches, as by SQLite's PRAGMA foreign_keys.
  bool foreign_keys = true;
  // Only a file that was a resource before, in this process or another: one without Settle's tables
  // (a barrier's count, too) is refused (kInvalid) and left as it is. For tools that finish
  // branches and begin none.
  bool existing_only = false;
  // Called with every connection the resource makes, also those that only apply staged changes: the
  // place to register collations and functions that the schema's indexes and constraints use.
  std::function<void(sqlite3*)> on_connect{};
};

// One branch: a write transaction of its own on a connection of its own. Calls from several threads
// are serialised. Dead after Fence, after prepare, in a forked child, and once SQLite rolled it
// back (disk full, ON CONFLICT ROLLBACK): every call is then refused and nothing can be committed
// through it.
class SqliteBranch : public Branch {
 public:
  // The resource's own.
  SqliteBranch(std::shared_ptr<sqlite::Work> work, std::shared_ptr<sqlite::Helper> helper);
  ~SqliteBranch() override;

  // One statement. Parameters are written $1, $2 ... (or ?) and are bound as text, which the
  // columns' affinity converts. Blocking. A failed statement leaves the branch usable, with these
  // exceptions: kRefused, the branch cannot be prepared any more or is dead; kRetryTransaction,
  // SQLite rolled the branch back. kInvalid: the SQL or a parameter is wrong, or a constraint
  // failed.
  [[nodiscard]] Result<Rows> Execute(
      std::string_view sql, const std::vector<std::optional<std::string>>& parameters = {});

  // The connection, for the application's own statements; the rules above hold for it too. Owned by
  // the branch: do not close it, finalize its statements before the branch goes. Null when the
  // branch is dead.
  sqlite3* connection();

  Status BecomeSite(const Roster& sites) override;
  Status PrepareInNameOf(const std::optional<LastResource>& last) override;
  // Of branches that a thread has started, in several files, it does the first itself when it
  // awaits it, and has threads of the resources do the others meanwhile.
  void StartPrepare() override;
  VoteResult AwaitPrepare() override;
  void StartFinish(Decision decision) override;
  FinishResult AwaitFinish(Decision decision) override;
  Result<Evidence> TakeEvidence() override;
  FinishResult CommitOnePhase() override;
  void Fence() override;

 private:
  void Start(std::function<void()> job);
  void Await();

  std::shared_ptr<sqlite::Work> work_;
  std::shared_ptr<sqlite::Helper> helper_;
  bool started_ = false;
};

// Thread-safe, blocking. In a forked child every call is refused.
class SqliteResource : public Resource {
 public:
  using BranchType = SqliteBranch;

  // Does not touch the file yet.
  [[nodiscard]] static std::shared_ptr<SqliteResource> Make(SqliteOptions options);
  explicit SqliteResource(SqliteOptions options);
  ~SqliteResource() override;

  // Starts a branch: takes the file's write lock. SQLite has one writer, so this waits, at most the
  // busy timeout, while another branch is open or in doubt or another program writes; waiters of
  // one process are served in their order. Errors: kRetry, still busy, nothing was done, says who;
  // kRefused, the file was replaced or deleted under the resource, the branch has already ended, or
  // its transaction already has a branch here; those of Identify.
  [[nodiscard]] Result<std::shared_ptr<SqliteBranch>> Open(const BranchKey& key);

  const std::string& name() const override;

  // Makes Settle's tables if they are missing. "sqlite:<id>:<inode>". kInvalid: a wrong name, no
  // such file, not a SQLite database, a coordinator's decision log, not one that `existing_only`
  // asks for, SQLite without the session extension; kUnavailable: not writable; kVersion: made by a
  // newer release; kCorrupt: damaged, or WAL mode with synchronous=FULL could not be had.
  [[nodiscard]] Result<std::string> Identify() override;

  // Delegated to the live branch if this process has it. Of one that has ended here its note
  // answers; otherwise waits for the write lock like Open. A branch that cannot be applied stays
  // prepared and gives kRetry with the reason. A commit of a branch that the file knows nothing of
  // is kHazard; an abort is done, and a late prepare is then refused.
  FinishResult Finish(const BranchKey& key, Decision decision, const Evidence& evidence) override;

  // Of one that has ended here its note answers. Otherwise takes the write lock first, so that no
  // transaction of the branch can be in progress. An absent mark proves the rollback; that is
  // written down before it is said.
  FinishResult Prove(const BranchKey& key, const Evidence& evidence) override;

  // Of who waits, it knows the branches that this process wants to open.
  [[nodiscard]] Result<LiveBranch> Inspect(const BranchKey& key, const Evidence& evidence,
                                           std::chrono::milliseconds timeout) override;

  [[nodiscard]] Result<std::vector<std::string>> ScanPrepared() override;

  // Takes the write lock for a moment, if it can be had within a quarter of `timeout`. A file of
  // more than 64 MiB is not read through.
  [[nodiscard]] Result<Examination> Examine(const std::string& log_id,
                                            std::chrono::milliseconds timeout) override;

  // Never null. A change waits for other writers at most the busy timeout (kRetry); one that aborts
  // a branch still at work in this process fences that first.
  SiteLedger* site_ledger() override;

 private:
  std::shared_ptr<sqlite::File> file_;
  std::shared_ptr<sqlite::Helper> helper_;
  std::unique_ptr<SiteLedger> ledger_;
};

}  // namespace settle
