// A branch while its process lives: its write transaction, what is recorded of it, and how it ends.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "settle/resource.h"
#include "settle/rows.h"
#include "sqlite/changes.h"
#include "sqlite/connection.h"
#include "sqlite/file.h"
#include "sqlite/store.h"
#include "sqlite/tables.h"
#include "sqlite/writer_queue.h"

namespace settle::sqlite {

// Thread-safe: calls are serialised, except that Fence interrupts.
class Work {
 public:
  // Everything that a branch is opened with, inside its write transaction.
  struct Start {
    std::shared_ptr<File> file;
    BranchKey key;
    WriterQueue::Turn turn;
    Borrowed connection;
    std::shared_ptr<const TableRules> rules;
    std::int64_t last_note = 0;
  };
  [[nodiscard]] static Result<std::shared_ptr<Work>> Begin(Start start);
  explicit Work(Start start);  // Begin's own
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  const BranchKey& key() const { return key_; }
  bool is_forked() const { return file_->is_forked(); }
  bool is_open() const { return phase_ == Phase::kOpen; }
  // It voted no, and its row is in the file all the same: whoever ends it goes by its name.
  bool left_staged() const { return left_staged_; }

  [[nodiscard]] Result<Rows> Execute(std::string_view sql,
                                     const std::vector<std::optional<std::string>>& parameters);
  sqlite3* Lend();
  [[nodiscard]] Status BecomeSite(const Roster& sites);
  [[nodiscard]] Status PrepareInNameOf(const std::optional<LastResource>& last);
  VoteResult Prepare();
  FinishResult Finish(Decision decision);
  Result<Evidence> TakeEvidence();
  FinishResult CommitOnePhase();
  void Fence();

 private:
  enum class Phase {
    kOpen,      // the application works in it
    kPrepared,  // the row is durable; finisher_ may hold the write lock until the decision
    kEnded,     // nothing is open any more
  };
  // What the authorizer lets pass.
  enum class Pass { kWork, kOurs, kNothing };

  void InstallHooks();
  static int Authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* inner);
  static void OnRow(void* self, int operation, const char* database, const char* table,
                    sqlite3_int64 rowid);

  // All of these with mutex_ held.
  [[nodiscard]] Status Usable() const;
  [[nodiscard]] Status CheckBeforeEnd();
  [[nodiscard]] Status CheckNoNullKeys();
  VoteResult PrepareOpen();
  VoteResult StageAndCommit(Changes changes);
  [[nodiscard]] Status AddRecord();
  VoteResult No(const Error& why);
  FinishResult FinishPrepared(Decision decision);
  FinishResult CommitOpen();
  // Of a branch that is staged: the write lock again, and the changes applied under it, so that
  // only the commit is left to do. What cannot be applied is unstaged.
  [[nodiscard]] Status TakeOver(const StagedBranch& staged);
  [[nodiscard]] Status CheckStaged(const StagedBranch& staged);
  [[nodiscard]] Status ApplyStaged(const StagedBranch& staged);
  FinishResult FinishApplied(Decision decision);
  FinishResult FinishAnew(Decision decision);
  // The connection lets nothing of the application's pass any more; with its own mutex held.
  void Shut();
  void End(const std::string& why);
  tl::unexpected<Error> Refused() const;
  Evidence evidence() const;
  sqlite3* db() const { return connection_->raw(); }

  const std::shared_ptr<File> file_;
  const BranchKey key_;
  const std::string name_;
  std::string prepared_name_ = name_;  // that it is or will be prepared under
  const std::shared_ptr<const TableRules> rules_;
  const std::int64_t last_note_;

  std::mutex mutex_;
  std::optional<WriterQueue::Turn> turn_;
  // Stays until the end of this object: Fence interrupts it without the mutex.
  const Borrowed connection_;
  // Of what is prepared, and holds the write lock meanwhile if it can: on a connection without
  // triggers, on which no statement need be compiled anew.
  std::optional<Borrowed> finisher_;
  bool applied_ = false;  // in the transaction that is open there
  std::optional<Recorder> recorder_;
  std::optional<Roster> sites_;  // it is one of these
  std::int64_t changes_before_ = 0;
  bool lent_ = false;  // the application may have statements of its own on the connection
  std::atomic<Phase> phase_{Phase::kOpen};
  std::atomic<bool> fenced_{false};
  std::atomic<bool> left_staged_{false};
  std::string why_ended_;
  std::optional<VoteResult> vote_;
  std::optional<FinishResult> finished_;

  // Written by the connection's callbacks, so only while its own mutex is held.
  Pass pass_ = Pass::kWork;
  std::string refusal_;  // the first thing that was refused: the branch can only be aborted
  std::unordered_map<std::string, std::unordered_set<std::int64_t>> rows_to_check_;
};

}  // namespace settle::sqlite
