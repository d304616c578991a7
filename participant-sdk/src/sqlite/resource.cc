#include <unistd.h>

#include <algorithm>

#include "settle/sqlite_resource.h"
#include "sqlite/examine.h"
#include "sqlite/finish.h"
#include "sqlite/helper.h"
#include "sqlite/inspect.h"
#include "sqlite/ledger.h"
#include "sqlite/store.h"
#include "sqlite/work.h"

namespace settle {
namespace {

using sqlite::Connection;
using sqlite::File;
using sqlite::Instant;
using sqlite::Triggers;
using sqlite::Work;
using sqlite::WriterQueue;
using std::chrono::milliseconds;

// Nothing of an object that was forked along may run, not even its destructor.
template <typename T>
void Leak(std::shared_ptr<T> object) {
  static_cast<void>(new std::shared_ptr<T>(std::move(object)));
}

milliseconds Until(Instant deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(0));
}

Instant DeadlineFor(const File& file) {
  return std::chrono::steady_clock::now() + file.options().busy_timeout;
}

Error Busy(File& file, const std::string& by) {
  return {ErrorCode::kRetry,
          "resource " + file.options().name + " is busy: " + by + "; nothing was done",
          "SQLite has one writer at a time: keep branches short, or raise busy_timeout"};
}

std::string Holder(File& file) {
  const std::shared_ptr<Work> live = file.live();
  if (live == nullptr) return "another call of this process is writing";
  return "branch " + live->key().DatabaseName() + " of this process is open or in doubt";
}

// A write transaction on a connection that nobody else has, in turn with the process's other
// writers.
struct Writer {
  WriterQueue::Turn turn;
  sqlite::Borrowed connection;
};

Result<Writer> StartWriting(File& file, WriterQueue::Rank rank, Instant deadline) {
  if (Status ready = file.Ready(); !ready) return Fail(std::move(ready).error());
  std::optional<WriterQueue::Turn> turn = file.writers().Wait(rank, deadline);
  if (!turn) return Fail(Busy(file, Holder(file)));
  Result<sqlite::Borrowed> connection =
      file.Borrow(rank == WriterQueue::Rank::kWorker ? Triggers::kRun : Triggers::kOff);
  if (!connection) return Fail(std::move(connection).error());
  (*connection)->SetBusyTimeout(Until(deadline));
  if (Status begun = (*connection)->BeginImmediate(); !begun) {
    const bool busy = (sqlite3_errcode((*connection)->raw()) & 0xff) == SQLITE_BUSY;
    return Fail(busy ? Busy(file, "another process is writing to the file") : begun.error());
  }
  (*connection)->SetBusyTimeout(file.options().busy_timeout);
  if (Status same = file.CheckContents(**connection); !same) return Fail(std::move(same).error());
  return Writer{*std::move(turn), *std::move(connection)};
}

// Whether a branch may be opened now: the name of the one that is in doubt, if there is one.
Result<std::optional<std::string>> FindObstacle(Connection& connection, const BranchKey& key) {
  const Result<std::optional<BranchEnd>> note = sqlite::FindNote(connection, key.DatabaseName());
  if (!note) return Fail(note.error());
  if (note->has_value()) {
    return Fail(ErrorCode::kRefused,
                "branch " + key.DatabaseName() + " has already ended here: " + ToString(**note),
                "begin a new global transaction");
  }
  return sqlite::FindStagedName(connection);
}

Result<std::shared_ptr<Work>> OpenIn(const std::shared_ptr<File>& file, const BranchKey& key,
                                     Writer writer,
                                     std::shared_ptr<const sqlite::TableRules> rules) {
  const Result<sqlite::NoteRange> notes = sqlite::ReadNoteRange(*writer.connection);
  if (!notes) return Fail(notes.error());
  return Work::Begin({file, key, std::move(writer.turn), std::move(writer.connection),
                      std::move(rules), notes->last});
}

// How long to wait before looking again whether another process has ended the branch that is in
// doubt.
constexpr milliseconds kLookAgain{50};

// By this thread, and not awaited yet. One that never is costs the next a helper, no more.
thread_local int branches_started = 0;

FinishResult Retry(const Error& error) { return {BranchEnd::kRetry, Describe(error)}; }

// A note is for good, and is read without a turn among the writers: that may belong to a branch
// whose own decision stands behind this one.
std::optional<FinishResult> FindEnd(File& file, const BranchKey& key) {
  return file
      .Read([&](Connection& connection) -> Result<std::optional<FinishResult>> {
        // What is in the file, even if somebody wrote to it behind SQLite's back.
        sqlite3_db_release_memory(connection.raw());
        if (Status same = file.CheckContents(connection); !same) return Fail(same.error());
        return sqlite::EndByNote(connection, key.DatabaseName());
      })
      .value_or(std::nullopt);  // whoever writes meets the same error, and says it
}

}  // namespace

std::shared_ptr<SqliteResource> SqliteResource::Make(SqliteOptions options) {
  return std::make_shared<SqliteResource>(std::move(options));
}

SqliteResource::SqliteResource(SqliteOptions options)
    : file_(std::make_shared<File>(std::move(options))),
      helper_(std::make_shared<sqlite::Helper>()),
      ledger_(std::make_unique<sqlite::Ledger>(*file_)) {}

SqliteResource::~SqliteResource() {
  if (!file_->is_forked()) return;
  Leak(std::move(file_));
  Leak(std::move(helper_));
}

Result<std::shared_ptr<SqliteBranch>> SqliteResource::Open(const BranchKey& key) {
  const Instant deadline = DeadlineFor(*file_);
  if (Status ready = file_->Ready(); !ready) return Fail(std::move(ready).error());
  const auto live = file_->live();
  if (live != nullptr && live->key().gtid == key.gtid && live->is_open()) {
    return Fail(ErrorCode::kRefused, "this transaction already has a branch in resource " + name(),
                "use that one: a second would wait for it for ever");
  }
  const WriterQueue::Wish wish(file_->writers());
  for (;;) {
    Result<Writer> writer = StartWriting(*file_, WriterQueue::Rank::kWorker, deadline);
    if (!writer) return Fail(std::move(writer).error());
    auto rules = file_->GuardAndReadRules(*writer->connection);
    if (!rules) return Fail(std::move(rules).error());
    Result<std::optional<std::string>> in_doubt = FindObstacle(*writer->connection, key);
    if (!in_doubt) return Fail(std::move(in_doubt).error());
    if (!in_doubt->has_value()) {
      auto work = OpenIn(file_, key, *std::move(writer), *std::move(rules));
      if (!work) return Fail(std::move(work).error());
      return std::make_shared<SqliteBranch>(*std::move(work), helper_);
    }
    writer = Fail(ErrorCode::kRetry, {});  // gives the lock back, for the decision to come through
    if (Until(deadline) == milliseconds(0)) {
      return Fail(Busy(
          *file_, "branch " + **in_doubt + " is prepared in the file and awaits its decision"));
    }
    file_->writers().AwaitRelease(std::min(kLookAgain, Until(deadline)));
  }
}

const std::string& SqliteResource::name() const { return file_->options().name; }

Result<std::string> SqliteResource::Identify() {
  if (Status ready = file_->Ready(); !ready) return Fail(std::move(ready).error());
  // Shows that a branch could be opened: settings, and that the file can be read.
  Result<std::unique_ptr<Connection>> connection = file_->Connect();
  if (!connection) return Fail(std::move(connection).error());
  if (Status same = file_->CheckContents(**connection); !same) return Fail(std::move(same).error());
  return file_->identity();
}

FinishResult SqliteResource::Finish(const BranchKey& key, Decision decision,
                                    const Evidence& evidence) {
  const auto live = file_->is_forked() ? nullptr : file_->live();
  if (live != nullptr && live->key() == key && !live->left_staged()) {
    if (decision == Decision::kAbort) live->Fence();
    return live->Finish(decision);
  }
  if (std::optional<FinishResult> ended = FindEnd(*file_, key)) return *std::move(ended);
  Result<Writer> writer = StartWriting(*file_, WriterQueue::Rank::kFinisher, DeadlineFor(*file_));
  if (!writer) return Retry(writer.error());
  return sqlite::FinishStaged(*writer->connection, file_->identity(), key, decision, evidence);
}

FinishResult SqliteResource::Prove(const BranchKey& key, const Evidence& evidence) {
  if (std::optional<FinishResult> ended = FindEnd(*file_, key)) return *std::move(ended);
  Result<Writer> writer = StartWriting(*file_, WriterQueue::Rank::kFinisher, DeadlineFor(*file_));
  if (!writer) return Retry(writer.error());
  return sqlite::ProveOnePhase(*writer->connection, file_->identity(), key, evidence);
}

Result<std::vector<std::string>> SqliteResource::ScanPrepared() {
  const Result<std::optional<std::string>> name = file_->Read(sqlite::FindStagedName);
  if (!name) return Fail(name.error());
  return name->has_value() ? std::vector{**name} : std::vector<std::string>{};
}

Result<LiveBranch> SqliteResource::Inspect(const BranchKey& key, const Evidence& evidence,
                                           milliseconds) {
  Result<LiveBranch> live = file_->Read([&](Connection& connection) {
    return sqlite::Inspect(connection, file_->identity(), key, evidence);
  });
  if (!live || !live->prepared) return live;
  const std::vector<milliseconds> waits = file_->writers().Wishes();
  live->waiting = waits.size();
  for (const milliseconds wait : waits) {
    if (live->waiters.size() == LiveBranch::kWaitersMost) break;
    live->waiters.push_back({::getpid(), {}, "a branch of this process", wait, "the file"});
  }
  if (live->unseen.empty()) live->unseen = "writers in other processes cannot be seen";
  return live;
}

Result<Examination> SqliteResource::Examine(const std::string& log_id, milliseconds timeout) {
  return sqlite::Examine(*file_, log_id, timeout);
}

SiteLedger* SqliteResource::site_ledger() { return ledger_.get(); }

SqliteBranch::SqliteBranch(std::shared_ptr<Work> work, std::shared_ptr<sqlite::Helper> helper)
    : work_(std::move(work)), helper_(std::move(helper)) {}

SqliteBranch::~SqliteBranch() {
  if (!work_->is_forked()) return;
  Leak(std::move(work_));
  Leak(std::move(helper_));
}

Result<Rows> SqliteBranch::Execute(std::string_view sql,
                                   const std::vector<std::optional<std::string>>& parameters) {
  return work_->Execute(sql, parameters);
}

sqlite3* SqliteBranch::connection() { return work_->Lend(); }

Status SqliteBranch::BecomeSite(const Roster& sites) { return work_->BecomeSite(sites); }

Status SqliteBranch::PrepareInNameOf(const std::optional<LastResource>& last) {
  return work_->PrepareInNameOf(last);
}

void SqliteBranch::Start(std::function<void()> job) {
  if (work_->is_forked()) return;
  if (branches_started > 0) helper_->Post(std::move(job));
  branches_started += started_ ? 0 : 1;
  started_ = true;
}

void SqliteBranch::Await() {
  branches_started -= started_ && branches_started > 0 ? 1 : 0;
  started_ = false;
}

// Work does either once, and gives whoever comes second what came of it.
void SqliteBranch::StartPrepare() {
  Start([work = work_] { work->Prepare(); });
}

VoteResult SqliteBranch::AwaitPrepare() {
  VoteResult vote = work_->Prepare();
  Await();
  return vote;
}

void SqliteBranch::StartFinish(Decision decision) {
  Start([work = work_, decision] { work->Finish(decision); });
}

FinishResult SqliteBranch::AwaitFinish(Decision decision) {
  FinishResult result = work_->Finish(decision);
  Await();
  return result;
}

Result<Evidence> SqliteBranch::TakeEvidence() { return work_->TakeEvidence(); }

FinishResult SqliteBranch::CommitOnePhase() { return work_->CommitOnePhase(); }

void SqliteBranch::Fence() { work_->Fence(); }

}  // namespace settle
