#include "postgres/branch.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "postgres/sql_text.h"

namespace settle::postgres {
namespace {

using std::chrono_literals::operator""s;

// A rollback needs no disk: a server that does not answer by then is cut off instead.
constexpr auto kRollbackPatience = 2s;

}  // namespace

BranchOnConnection::BranchOnConnection(std::shared_ptr<Database> database, BranchKey key,
                                       Lease lease)
    : database_(std::move(database)),
      key_(std::move(key)),
      name_(key_.DatabaseName()),
      process_(::getpid()),
      lease_(std::move(lease)) {}

BranchOnConnection::~BranchOnConnection() {
  if (InForkedChild()) return;
  Fence();
  // Nobody has heard its vote, and nobody will.
  if (phase() == Phase::kPreparing) AwaitPrepare();
}

BranchOnConnection::Inside::Inside(BranchOnConnection& branch, WhenBusy when_busy)
    : branch_(branch) {
  if (branch.InForkedChild()) {
    why_ = "the branch belongs to the process that was forked";
    return;
  }
  std::unique_lock lock(branch.mutex_);
  if (branch.inside_ && when_busy == WhenBusy::kRefuse) {
    why_ = "another thread is using this branch";
    return;
  }
  branch.left_.wait(lock, [&] { return !branch.inside_; });
  branch.inside_ = true;
}

BranchOnConnection::Inside::~Inside() {
  if (!why_.empty()) return;
  Lease over;
  {
    const std::lock_guard lock(branch_.mutex_);
    branch_.inside_ = false;
    const bool prepared = branch_.phase_ == Phase::kPrepared;
    const bool done = branch_.phase_ == Phase::kDone;
    if (branch_.lease_ && branch_.lent_ && (prepared || done)) {
      // Whatever the application still sends would run outside of the transaction.
      branch_.cut_off_ = branch_.lease_.Keep();
      branch_.cut_off_->Sever();
    } else if (done) {
      over = std::move(branch_.lease_);
    }
  }
  branch_.left_.notify_one();
}

BranchOnConnection::Phase BranchOnConnection::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

bool BranchOnConnection::fenced() const {
  const std::lock_guard lock(mutex_);
  return fenced_;
}

bool BranchOnConnection::MoveOn(Phase from, Phase to) {
  const std::lock_guard lock(mutex_);
  if (phase_ != from) return false;
  phase_ = to;
  return true;
}

void BranchOnConnection::End() {
  const std::lock_guard lock(mutex_);
  phase_ = Phase::kDone;
}

bool BranchOnConnection::InForkedChild() const { return process_ != ::getpid(); }

void BranchOnConnection::Fence() {
  if (InForkedChild()) return;
  Lease idle;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kOpen) {
      // A PREPARE that is out cannot be called back: whoever awaits it withdraws it. A COMMIT is
      // its own. Statements in front of a PREPARE may wait for locks for ever: whoever awaits them
      // finds out what became of both.
      fenced_ = true;
      if (phase_ == Phase::kPreparing && work_rides_) lease_->Sever();
      return;
    }
    phase_ = Phase::kDone;
    if (inside_) {
      lease_->Sever();
    } else if (lent_) {
      cut_off_ = lease_.Keep();
      cut_off_->Sever();
    } else {
      idle = std::move(lease_);
    }
  }
  if (idle) RollBack(*idle);
}

void BranchOnConnection::RollBack(Connection& connection) {
  const PGTransactionStatusType status = connection.transaction_status();
  if (connection.broken() || status == PQTRANS_IDLE) return;
  const bool quiet = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
  if (quiet && connection.Run({"ROLLBACK"}, Clock::now() + kRollbackPatience).ok()) return;
  connection.Sever();
}

std::string BranchOnConnection::WhyNotUsable() {
  switch (phase()) {
    case Phase::kOpen: break;
    case Phase::kPreparing:
    case Phase::kPrepared: return "the branch is prepared and waits for the decision";
    case Phase::kCommitting:
    case Phase::kDone: return "the branch is over: nothing runs in it, or outside of it, any more";
  }
  if (ended_) return kEndedByApplication;
  if (!unexpected_.empty()) return unexpected_;
  if (lease_->broken()) return "the branch's connection was lost; its work is rolled back";
  if (!begun_) return "";
  switch (lease_->transaction_status()) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR: return "";
    case PQTRANS_IDLE: return kEndedByApplication;
    case PQTRANS_ACTIVE: return "the application is in the middle of a command on connection()";
    case PQTRANS_UNKNOWN: break;
  }
  return "the branch's connection was lost; its work is rolled back";
}

// In one round trip with what waits; nothing of its own is BEGIN and the queue alone.
Reply BranchOnConnection::RunInside(std::vector<Statement> statements, bool writes) {
  const bool takes_evidence =
      writes && wants_evidence_ && !early_ && !lease_->facts().timeline.empty();
  if (takes_evidence) statements.push_back(XidStatement());
  const std::size_t asked = statements.size();
  std::vector<Statement> all = TakeWaiting();
  std::move(statements.begin(), statements.end(), std::back_inserter(all));
  lease_->Send(all);
  std::vector<Reply> replies = NoteWaiting(lease_->Await(kForever));
  if (takes_evidence && replies.size() == asked && replies.back().ok()) {
    Evidence evidence = ReadEvidence(*lease_, replies.back()).evidence;
    if (!evidence.local_transaction.empty()) early_ = std::move(evidence);
    replies.pop_back();
  }
  return std::move(replies.back());
}

Result<Rows> BranchOnConnection::Execute(
    const std::string& sql, const std::vector<std::optional<std::string>>& parameters) {
  const Inside inside(*this, WhenBusy::kRefuse);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  last_sqlstate_.clear();
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why));
  }
  if (Status sendable = CheckSendable(sql, parameters); !sendable) {
    return Fail(std::move(sendable).error());
  }
  const Reply reply = RunInside({{sql, parameters}}, Writes(FirstWord(sql)));
  if (!reply.ok()) {
    NoteFailure(reply);
    if (phase() == Phase::kDone) {
      return Fail(ErrorCode::kRefused, "the branch was rolled back while the statement ran");
    }
    return Fail(CodeFor(reply), reply.words());
  }
  NoteSuccess(reply, sql);
  if (ended_) {
    return Fail(ErrorCode::kRefused,
                std::string(kEndedByApplication) + " (" + OneLine(reply.tag()) +
                    "); what it did before is outside of the global transaction, which will abort",
                "leave COMMIT and ROLLBACK to the global transaction");
  }
  if (!unexpected_.empty()) return Fail(ErrorCode::kRefused, unexpected_);
  return reply.Rows();
}

void BranchOnConnection::NoteSuccess(const Reply& reply, const std::string& sql) {
  const std::string tag = reply.tag();
  if (reply.affected() > 0) wrote_ = true;
  if (tag == "NOTIFY") must_prepare_ = true;
  const bool idle = lease_->transaction_status() == PQTRANS_IDLE;
  if (idle || tag == "COMMIT" || (tag == "ROLLBACK" && MayChain(sql))) {
    ended_ = true;
    failure_ = kEndedByApplication;
  } else if (tag == "ROLLBACK") {
    failure_.clear();  // to a savepoint
  }
}

void BranchOnConnection::NoteFailure(const Reply& reply) {
  last_sqlstate_ = reply.sqlstate();
  if (!failure_.empty()) return;
  failure_ = reply.words();
  failure_passing_ = reply.lost() || IsPassing(last_sqlstate_);
}

PGconn* BranchOnConnection::connection() {
  const Inside inside(*this, WhenBusy::kRefuse);
  if (!inside || !WhyNotUsable().empty()) return nullptr;
  // What is done there is not seen. Afterwards it has to be the same transaction still.
  if (lent_in_.empty() || !queue_.empty()) {
    const Reply open = RunInside({VirtualTransaction()});
    if (!open.ok()) NoteFailure(open);
    if (!open.ok() || !WhyNotUsable().empty()) return nullptr;
    if (lent_in_.empty()) lent_in_ = open.value(0);
  }
  evidence_.reset();
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kOpen) return nullptr;
  lent_ = true;
  return lease_->raw();
}

}  // namespace settle::postgres
