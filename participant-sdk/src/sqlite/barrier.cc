#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "barrier/notes.h"
#include "settle/sqlite_barrier.h"
#include "settle/vocabulary/failpoint.h"
#include "sqlite/barrier_tables.h"
#include "sqlite/barrier_work.h"
#include "sqlite/file.h"
#include "sqlite/writer_queue.h"

namespace settle {
namespace {

using sqlite::BarrierWork;
using sqlite::Connection;
using sqlite::Instant;
using sqlite::WriterQueue;
using std::chrono::milliseconds;

milliseconds Until(Instant deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(0));
}

SqliteBarrierOptions WithAbsolutePath(SqliteBarrierOptions options) {
  // The process may change its directory later. An empty path would name a temporary database.
  std::error_code ignored;
  if (!options.path.empty()) {
    options.path = std::filesystem::absolute(options.path, ignored).string();
  }
  return options;
}

// SQLite has one writer, so there is one connection, and whose turn it is has it.
class BarrierOnFile : public SqliteBarrier {
 public:
  explicit BarrierOnFile(SqliteBarrierOptions options)
      : options_(WithAbsolutePath(std::move(options))), process_(::getpid()) {}

  ~BarrierOnFile() override {
    // SQLite's connections do not survive a fork: not even their end may run in the child.
    if (IsForked()) static_cast<void>(connection_.release());
  }

  Answer Run(const ActionContext& call, const Business& business) override {
    if (std::string why = barrier::WhyNotNotable(call); !why.empty()) {
      return barrier::Unsure(std::move(why));
    }
    Answer answer;
    SETTLE_FAILPOINT("barrier.before_insert");
    const Status written = Write(DeadlineFor(call), [&](Connection& connection) {
      answer = RunOn(connection, call, business);
      return Status{};
    });
    return written ? answer : barrier::Unsure(Describe(written.error()));
  }

  Status Check() override {
    return InTurn(DeadlineFor({}), [this](Connection& connection) {
      return sqlite::CheckTables(connection, options_.path);
    });
  }

  Status Prune(const EndedThrough& mark) override {
    if (!IsLogId(mark.log_id)) {
      return Fail(ErrorCode::kInvalid, "\"" + Escaped(mark.log_id) + "\" is not the id of a log");
    }
    bool more = true;
    while (more) {
      // A turn for each batch: calls get in between.
      const Status removed = Write(DeadlineFor({}), [&](Connection& connection) -> Status {
        const Result<bool> left =
            sqlite::RaiseMarkAndRemove(connection, mark, options_.prune_batch);
        if (!left) return Fail(left.error());
        more = *left;
        return connection.Commit();
      });
      if (!removed) return removed;
    }
    return {};
  }

 private:
  bool IsForked() const { return ::getpid() != process_; }

  Instant DeadlineFor(const ActionContext& call) const {
    const Instant patience = std::chrono::steady_clock::now() + options_.busy_timeout;
    return call.deadline == Instant{} ? patience : std::min(patience, call.deadline);
  }

  template <typename Act>
  Status InTurn(Instant deadline, const Act& act) {
    if (IsForked()) {
      return Fail(ErrorCode::kRefused, "the barrier was made before this process was forked",
                  "make barriers after fork()");
    }
    const auto turn = writers_.Wait(WriterQueue::Rank::kWorker, deadline);
    if (!turn) {
      return Fail(ErrorCode::kRetry,
                  options_.path +
                      " is busy: other calls of this process are at work; nothing was "
                      "done");
    }
    if (Status ready = Ready(); !ready) return ready;
    connection_->SetBusyTimeout(Until(deadline));
    return act(*connection_);
  }

  // In a write transaction, which `act` commits, or else is rolled back.
  template <typename Act>
  Status Write(Instant deadline, const Act& act) {
    return InTurn(deadline, [&](Connection& connection) -> Status {
      if (Status begun = connection.BeginImmediate(); !begun) return begun;
      connection.SetBusyTimeout(options_.busy_timeout);
      Status done = act(connection);
      const bool open = connection.in_transaction();
      connection.Rollback();
      // What a connection is good for after a failed commit nobody knows.
      if (!done || (open && connection.in_transaction())) connection_.reset();
      return done;
    });
  }

  // An open connection to the file that was there the first time.
  Status Ready() {
    const Result<struct stat> now = sqlite::Look(options_.path);
    if (!now) return Fail(now.error());
    const bool same = inode_ == 0 || (now->st_ino == inode_ && now->st_dev == device_);
    if (!same) {
      return Fail(ErrorCode::kRefused,
                  options_.path + " was replaced by another file while this process was using it",
                  "bring the file back, or stop the process and see what became of the file");
    }
    if (connection_ == nullptr) {
      Result<std::unique_ptr<Connection>> opened =
          sqlite::Connection::Open({.name = "barrier",
                                    .path = options_.path,
                                    .busy_timeout = options_.busy_timeout,
                                    .foreign_keys = options_.foreign_keys,
                                    .on_connect = options_.on_connect});
      if (!opened) return Fail(std::move(opened).error());
      connection_ = *std::move(opened);
      inode_ = now->st_ino;
      device_ = now->st_dev;
    }
    return {};
  }

  Answer RunOn(Connection& connection, const ActionContext& call, const Business& business) {
    BarrierWork work(connection, call);
    const Result<barrier::Found> found = work.MakeNotes();
    if (!found) return barrier::Unsure(Describe(sqlite::Explain(found.error(), options_.path)));
    SETTLE_FAILPOINT("barrier.after_insert");
    barrier::Verdict verdict = barrier::Judge(call, *found);
    switch (verdict.next) {
      case barrier::Next::kAnswer: return verdict.answer;
      case barrier::Next::kKeepNotes: break;
      case barrier::Next::kRunBusiness:
        // Its guards would refuse whatever the business writes, which might take it for a failure.
        if (Status free = CheckNothingStaged(work); !free) {
          return barrier::Unsure(Describe(free.error()));
        }
        verdict.answer = barrier::RunBusiness(business, verdict.call, work);
        SETTLE_FAILPOINT("barrier.after_business");
        if (verdict.answer.kind != AnswerKind::kDone) return verdict.answer;
    }
    const bool done = verdict.answer.kind == AnswerKind::kDone;
    const auto result = done ? std::optional(verdict.answer.text) : std::nullopt;
    return work.Keep(std::move(verdict.answer), result);
  }

  Status CheckNothingStaged(BarrierWork& work) const {
    const Result<std::optional<std::string>> staged = work.FindObstacle();
    if (!staged) return Fail(staged.error());
    if (!staged->has_value()) return {};
    return Fail(ErrorCode::kRetry, "branch " + **staged +
                                       " of a global transaction is prepared in " + options_.path +
                                       " and awaits its decision: nothing else may "
                                       "be written until then; nothing was done");
  }

  const SqliteBarrierOptions options_;
  const pid_t process_;
  WriterQueue writers_;
  // Of whoever has the turn:
  std::unique_ptr<Connection> connection_;
  ino_t inode_ = 0;
  dev_t device_ = 0;
};

}  // namespace

std::shared_ptr<SqliteBarrier> SqliteBarrier::Make(SqliteBarrierOptions options) {
  return std::make_shared<BarrierOnFile>(std::move(options));
}

}  // namespace settle
