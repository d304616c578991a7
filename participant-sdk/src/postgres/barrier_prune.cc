#include "postgres/barrier_prune.h"

#include <thread>

#include "postgres/tables.h"

namespace settle::postgres {
namespace {

using std::chrono_literals::operator""ms;

constexpr auto kPause = 5ms;

// A call takes this lock by its insert, before it looks at the mark, and keeps it to its end. So
// once the mark is committed, whoever read an older one is among the holders of that moment.
constexpr const char* kHolders =
    "SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}')::text, count(*) "
    "FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
    "AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) "
    "AND relation = 'settle_barrier'::regclass AND pid IS DISTINCT FROM pg_backend_pid() "
    "AND ($1::text[] IS NULL OR virtualtransaction = ANY ($1::text[]))";

// From where the last batch ended: the entries of the index before it are dead, and slow to pass.
constexpr const char* kRemoveBatch =
    "WITH gone AS (DELETE FROM settle_barrier WHERE ctid = ANY (ARRAY (SELECT ctid "
    "FROM settle_barrier WHERE log_id = $1 AND (epoch, sequence) <= ($2, $3) "
    "AND (epoch, sequence) >= ($4, $5) ORDER BY log_id, epoch, sequence LIMIT $6)) "
    "RETURNING epoch, sequence) "
    "SELECT epoch, sequence FROM gone ORDER BY epoch DESC, sequence DESC LIMIT 1";

class Pruning {
 public:
  Pruning(Connection& connection, const EndedThrough& mark, const PostgresBarrierOptions& options)
      : connection_(connection), mark_(mark), options_(options) {}

  Status Run() {
    const Reply raised = Ask(RaiseMark(mark_));
    if (!raised.ok()) return Fail(Explain(raised, connection_, kBarrierTables));
    if (Status ended = AwaitOlderCalls(); !ended) return ended;
    return Remove();
  }

 private:
  Reply Ask(const Statement& statement) {
    return connection_.Run(statement, Clock::now() + options_.reply_timeout);
  }

  std::vector<std::optional<std::string>> Mark() const {
    return {mark_.log_id, std::to_string(mark_.epoch), std::to_string(mark_.sequence)};
  }

  Status AwaitOlderCalls() {
    const auto until = Clock::now() + options_.prune_wait;
    std::optional<std::string> holders;
    for (;; std::this_thread::sleep_for(kPause)) {
      const Reply left = Ask({kHolders, {holders}});
      if (!left.ok()) return Fail(Explain(left, connection_, kBarrierTables));
      if (left.value(1) == "0") return {};
      holders = left.value(0);
      if (Clock::now() >= until) {
        return Fail(ErrorCode::kRetry,
                    "calls that began before the mark are still at work (" + left.value(1) +
                        " transactions hold a lock on settle_barrier): the mark is durable, the "
                        "rows below it are still there",
                    "prune again later; pg_locks shows who holds the lock");
      }
    }
  }

  Status Remove() {
    std::string epoch = "0";
    std::string sequence = "0";
    for (;;) {
      Statement remove{kRemoveBatch, Mark()};
      remove.parameters.insert(remove.parameters.end(),
                               {epoch, sequence, std::to_string(options_.prune_batch)});
      const Reply last = Ask(remove);
      if (!last.ok()) return Fail(Explain(last, connection_, kBarrierTables));
      if (last.row_count() == 0) return {};
      epoch = last.value(0);
      sequence = last.value(1);
    }
  }

  Connection& connection_;
  const EndedThrough& mark_;
  const PostgresBarrierOptions& options_;
};

}  // namespace

Status PruneBarrier(Connection& connection, const EndedThrough& mark,
                    const PostgresBarrierOptions& options) {
  if (!IsLogId(mark.log_id)) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(mark.log_id) + "\" is not the id of a log");
  }
  return Pruning(connection, mark, options).Run();
}

}  // namespace settle::postgres
