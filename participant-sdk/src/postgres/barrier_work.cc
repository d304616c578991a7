#include "postgres/barrier_work.h"

#include <utility>

#include "postgres/tables.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::postgres {
namespace {

constexpr const char* kEndedByBusiness =
    "the business ended the barrier's transaction by a statement of its own";

// What is in progress elsewhere under the same key is waited for.
constexpr const char* kInsert =
    "INSERT INTO settle_barrier (log_id, epoch, sequence, gtid, branch, op, reason, input) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";

// At READ COMMITTED the mark is read by a snapshot that is younger than the lock which the insert
// took on settle_barrier, and Prune waits for the holders of that lock. A transaction with one
// snapshot for all may have taken it before: there these two fail (40001) when the mark was moved
// since.
constexpr const char* kMarkExists =
    "INSERT INTO settle_barrier_mark (log_id, epoch, sequence) VALUES ($1, 0, 0) "
    "ON CONFLICT DO NOTHING";
constexpr const char* kMarkIsCurrent =
    "SELECT FROM settle_barrier_mark WHERE log_id = $1 FOR KEY SHARE";

// Cheap to plan, for the first calls of a connection plan it anew: so it has no join. No row: Prune
// took it away after the insert had found it there.
constexpr const char* kLook =
    "SELECT EXISTS (SELECT FROM settle_barrier_mark WHERE log_id = $1 "
    "AND (epoch, sequence) >= ($2, $3)), op, reason, input, result FROM settle_barrier "
    "WHERE log_id = $1 AND epoch = $2 AND sequence = $3 AND gtid = $4 AND branch = $5";

// Fails (22012) without the row: then this is no longer the transaction that noted the call.
constexpr const char* kSetResult =
    "WITH noted AS (UPDATE settle_barrier SET result = $7 WHERE log_id = $1 AND epoch = $2 "
    "AND sequence = $3 AND gtid = $4 AND branch = $5 AND op = $6 AND reason = $6 RETURNING 1) "
    "SELECT 1 / count(*) FROM noted";

bool HasOneSnapshot(const Connection& connection) {
  const std::string& isolation = connection.facts().isolation;
  return isolation != "read committed" && isolation != "read uncommitted";
}

std::optional<std::string> Field(const Reply& reply, int row, int column) {
  if (PQgetisnull(reply.raw(), row, column) != 0) return std::nullopt;
  return reply.value(row, column);
}

barrier::Found Read(const Reply& look, bool own_is_new) {
  const bool pruned = look.row_count() > 0 && look.value(0) == "t";
  barrier::Found found{.pruned = pruned, .own_is_new = own_is_new};
  for (int row = 0; row < look.row_count(); ++row) {
    found.notes.push_back(
        {look.value(row, 1), look.value(row, 2), Field(look, row, 3), Field(look, row, 4)});
  }
  return found;
}

}  // namespace

BarrierWork::BarrierWork(Connection& connection, const ActionContext& call)
    : connection_(connection),
      call_(call),
      deadline_(call.deadline == Clock::time_point{} ? kForever : call.deadline) {}

std::vector<std::optional<std::string>> BarrierWork::Key() const {
  return {std::string(call_.gtid.log_id()), std::to_string(call_.gtid.epoch()),
          std::to_string(call_.gtid.sequence()), call_.gtid.text(), std::to_string(call_.step)};
}

Result<barrier::Found> BarrierWork::MakeNotes() {
  std::vector<Statement> statements{{"BEGIN"}};
  for (const barrier::NewNote& note : barrier::NotesOf(call_)) {
    Statement insert{kInsert, Key(), /*keep_plan=*/true};
    insert.parameters.insert(insert.parameters.end(),
                             {ToString(note.op), ToString(note.reason), note.input});
    statements.push_back(std::move(insert));
  }
  const std::size_t own = statements.size() - 1;
  if (HasOneSnapshot(connection_)) {
    statements.push_back({kMarkExists, {Key().front()}, /*keep_plan=*/true});
    statements.push_back({kMarkIsCurrent, {Key().front()}, /*keep_plan=*/true});
  }
  statements.push_back({kLook, Key(), /*keep_plan=*/true});
  connection_.Send(statements);
  const std::vector<Reply> replies = connection_.Await(deadline_);
  const Reply& last = replies.back();
  if (!last.ok() || replies.size() != statements.size()) {
    // Also of a plan that the server cannot use any more, because the tables are others.
    connection_.touched = true;
    connection_.plans_in_doubt = true;
    return Fail(Explain(last, connection_, kBarrierTables));
  }
  return Read(last, replies[own].affected() == 1);
}

std::string BarrierWork::WhyNotUsable() const {
  if (closed_) return "the transaction is over";
  if (ended_) return kEndedByBusiness;
  switch (connection_.transaction_status()) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR: return "";
    case PQTRANS_IDLE: return kEndedByBusiness;
    case PQTRANS_ACTIVE: return "the business is in the middle of a command on connection()";
    case PQTRANS_UNKNOWN: break;
  }
  return "the connection was lost";
}

Result<Rows> BarrierWork::Execute(const std::string& sql,
                                  const std::vector<std::optional<std::string>>& parameters) {
  last_sqlstate_.clear();
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why), "answer unknown: nothing will be committed");
  }
  if (Status sendable = CheckSendable(sql, parameters); !sendable) return Fail(sendable.error());
  connection_.touched = true;
  const Reply reply = connection_.Run({sql, parameters}, deadline_);
  if (!reply.ok()) {
    last_sqlstate_ = reply.sqlstate();
    if (failure_.empty()) failure_ = reply.words();
    return Fail(CodeFor(reply), reply.words());
  }
  const std::string tag = reply.tag();
  if (tag == "PREPARE" || tag.starts_with("DEALLOCATE") || tag.starts_with("DISCARD")) {
    connection_.plans_in_doubt = true;
  }
  // COMMIT AND CHAIN is in a transaction again. ROLLBACK AND CHAIN looks like ROLLBACK TO
  // SAVEPOINT; it takes the call's own row away, which Keep finds.
  ended_ = tag == "COMMIT" || connection_.transaction_status() == PQTRANS_IDLE;
  if (!ended_) return reply.Rows();
  return Fail(ErrorCode::kRefused, kEndedByBusiness, "leave COMMIT and ROLLBACK to the barrier");
}

PGconn* BarrierWork::connection() {
  if (!WhyNotUsable().empty()) return nullptr;
  connection_.touched = true;
  connection_.plans_in_doubt = true;
  return connection_.raw();
}

Answer BarrierWork::Keep(Answer answer, const std::optional<std::string>& result,
                         std::chrono::milliseconds reply_timeout) {
  connection_.TakeBackNotices();
  if (std::string why = WhyNotUsable(); !why.empty()) return barrier::Unsure(std::move(why));
  if (connection_.transaction_status() == PQTRANS_INERROR) {
    return barrier::Unsure("rolled back: a statement of the business had failed: " + failure_);
  }
  std::vector<Statement> statements;
  if (result) {
    statements.push_back({kSetResult, Key(), !connection_.plans_in_doubt});
    statements.back().parameters.insert(statements.back().parameters.end(),
                                        {ToString(call_.op), *result});
  }
  statements.push_back({"COMMIT"});
  if (SETTLE_FAILPOINT_FAILS("barrier.before_commit")) return barrier::Unsure("not committed");
  connection_.Send(statements);
  // Crash before the server has committed: neither effect nor note. After: both.
  const Reply reply = std::move(connection_.Await(Clock::now() + reply_timeout).back());
  if (reply.ok() && reply.tag() == "COMMIT") {
    SETTLE_FAILPOINT("barrier.after_commit");
    return answer;
  }
  if (reply.lost()) {
    return barrier::Unsure(
        "the connection was lost at the commit, which may or may not have been "
        "carried out: " +
        reply.words());
  }
  const bool row_is_gone = reply.sqlstate() == "22012";
  return barrier::Unsure("rolled back: " + (row_is_gone ? kEndedByBusiness : reply.words()));
}

}  // namespace settle::postgres
