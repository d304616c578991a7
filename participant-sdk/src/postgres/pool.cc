#include "postgres/pool.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace settle::postgres {
namespace {

using std::chrono_literals::operator""s;

// An idle server answers a reset at once; what takes longer is not worth waiting for.
constexpr auto kResetPatience = 1s;

// What DISCARD ALL is made of, but for prepared statements and their plans. The last one fails, and
// the connection is closed, when there are others than those that are kept: a function may have
// prepared them, which no tag shows.
constexpr const char* kDiscardAllButPlans[] = {
    "CLOSE ALL",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
    "SELECT pg_catalog.int4div(1, (pg_catalog.count(*) OPERATOR(pg_catalog.=) 0)::pg_catalog.int4) "
    "FROM pg_catalog.pg_prepared_statement() WHERE NOT pg_catalog.starts_with(name, 'settle_')"};

// What makes the session as new: no settings, temporary tables, advisory locks, prepared
// statements, listeners. Empty: nothing of the application's ran here. Each can follow the other
// without a synchronisation point: the server ends a transaction by itself behind DISCARD ALL.
std::vector<Statement> ResetStatements(const Connection& connection) {
  std::vector<Statement> reset;
  if (!connection.touched) return reset;
  if (connection.keeps_plans()) {
    for (const char* part : kDiscardAllButPlans) reset.push_back({part, {}, true});
  } else {
    reset.push_back({"DISCARD ALL"});
  }
  if (connection.watches_client()) reset.push_back({kWatchClient});
  return reset;
}

void NoteReset(Connection& connection) {
  if (connection.touched && !connection.keeps_plans()) connection.ForgetPlans();
  connection.touched = false;
}

// Sends the reset, for a connection on which it did not ride. False: throw it away.
bool StartReset(Connection& connection) {
  if (connection.broken() || connection.pending()) return false;
  std::vector<Statement> reset = ResetStatements(connection);
  switch (connection.transaction_status()) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR: reset.insert(reset.begin(), Statement{"ROLLBACK"}); break;
    case PQTRANS_IDLE: break;
    case PQTRANS_ACTIVE:
    case PQTRANS_UNKNOWN: return false;
  }
  if (reset.empty()) return true;
  if (!connection.Send(reset, Sync::kEach)) return false;
  NoteReset(connection);
  return true;
}

bool FinishReset(Connection& connection) {
  if (!connection.pending()) return !connection.LooksDead();
  for (const Reply& reply : connection.Await(Clock::now() + kResetPatience)) {
    if (!reply.ok()) return false;
  }
  return connection.transaction_status() == PQTRANS_IDLE && !connection.LooksDead();
}

}  // namespace

void SendLast(Connection& connection, std::vector<Statement> last) {
  std::vector<Statement> reset = ResetStatements(connection);
  std::move(reset.begin(), reset.end(), std::back_inserter(last));
  connection.Send(last);
}

Reply AwaitLast(Connection& connection, std::size_t count, Clock::time_point deadline) {
  const std::size_t all = count + ResetStatements(connection).size();
  std::vector<Reply> replies = connection.Await(deadline);
  if (replies.size() == all && replies.back().ok()) NoteReset(connection);
  return std::move(replies[std::min(count, replies.size()) - 1]);
}

Lease::Lease(Lease&& other) noexcept
    : pool_(other.pool_), connection_(std::move(other.connection_)), counted_(other.counted_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  GiveBack();
  pool_ = other.pool_;
  connection_ = std::move(other.connection_);
  counted_ = other.counted_;
  return *this;
}

void Lease::GiveBack() {
  if (connection_) pool_->Return(std::move(connection_), counted_);
}

std::unique_ptr<Connection> Lease::Keep() {
  if (connection_ && counted_) pool_->FreeSlot();
  return std::move(connection_);
}

Pool::~Pool() = default;

Status Pool::TakeSlot() {
  std::unique_lock lock(mutex_);
  const auto free = [this] { return lent_ < options_.connections_max; };
  if (!freed_.wait_for(lock, options_.connect_timeout, free)) {
    return Fail(ErrorCode::kRetry,
                "all " + std::to_string(options_.connections_max) + " connections of " +
                    options_.who + " are in use by open transactions",
                "end transactions sooner, or raise connections_max");
  }
  ++lent_;
  return {};
}

void Pool::FreeSlot() {
  {
    const std::lock_guard lock(mutex_);
    --lent_;
  }
  freed_.notify_one();
}

// The one that was used last. Work has all plans forgotten: what has some is left to Settle itself
// while there is another.
std::unique_ptr<Connection> Pool::TakeIdle(Purpose purpose) {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  const bool with_plans = purpose == Purpose::kSettle;
  auto found = std::find_if(idle_.rbegin(), idle_.rend(), [with_plans](const auto& connection) {
    return connection->has_plans() == with_plans;
  });
  if (found == idle_.rend()) found = idle_.rbegin();
  std::unique_ptr<Connection> connection = std::move(*found);
  idle_.erase(std::next(found).base());
  return connection;
}

Result<Lease> Pool::Take(Purpose purpose, Freshness freshness) {
  const bool counted = purpose == Purpose::kWork;
  if (counted) {
    if (Status slot = TakeSlot(); !slot) return Fail(std::move(slot).error());
  }
  while (freshness == Freshness::kAny) {
    std::unique_ptr<Connection> idle = TakeIdle(purpose);
    if (!idle) break;
    if (FinishReset(*idle)) return Lease(this, std::move(idle), counted);
  }
  Result<std::unique_ptr<Connection>> made = Connection::Open(options_);
  if (made) return Lease(this, *std::move(made), counted);
  if (counted) FreeSlot();
  return Fail(std::move(made).error());
}

void Pool::Return(std::unique_ptr<Connection> connection, bool counted) {
  // In a forked child nothing is kept and no lock is taken: its state there is anyone's guess.
  if (connection->InForkedChild()) return;
  if (StartReset(*connection)) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < static_cast<std::size_t>(options_.connections_max)) {
      idle_.push_back(std::move(connection));
    }
  }
  connection.reset();
  if (counted) FreeSlot();
}

}  // namespace settle::postgres
