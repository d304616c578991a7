// A database with a barrier in it, and a view from outside: the same for PostgreSQL and SQLite.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "settle/barrier.h"
#include "support/wait_until.h"

namespace settle::testing {

using Business = std::function<Answer(const ActionContext&, Work&)>;

struct BarrierOptions {
  std::chrono::milliseconds busy_timeout{5'000};  // SQLite
  std::chrono::milliseconds prune_wait{5'000};    // PostgreSQL
  int prune_batch = 1'000;
  int connections_max = 16;        // PostgreSQL
  std::string session_settings{};  // PostgreSQL: "-c name=value"
};

// One barrier object, with connections of its own, as another process would have.
class AnyBarrier {
 public:
  virtual ~AnyBarrier() = default;
  virtual Answer Run(const ActionContext& call, const Business& business) = 0;
  virtual Barrier& operator*() = 0;
};

// The table effect (step, word) is empty.
class BarrierWorld {
 public:
  enum class Kind { kPostgres, kSqlite };
  static std::unique_ptr<BarrierWorld> Make(Kind kind);
  virtual ~BarrierWorld() = default;

  virtual std::unique_ptr<AnyBarrier> Open(const BarrierOptions& options = {}) = 0;
  virtual Result<TablesInstalled> Install() = 0;
  virtual std::string target() const = 0;  // as `settle barrier` takes it
  // On a connection that knows nothing of Settle. The first column of the first row, or empty.
  virtual std::string Query(const std::string& sql) const = 0;
  // Until a call waits for another transaction; at once where that cannot be seen.
  virtual bool AwaitBlocked() const = 0;

  // "1 reserved; 1 undone", in order.
  std::string Effects() const;
  std::string Rows() const { return Query("SELECT count(*) FROM settle_barrier"); }
};

// The kinds that can be had here.
std::vector<BarrierWorld::Kind> Kinds();
std::string NameOf(BarrierWorld::Kind kind);

// A call of the transaction with this sequence.
ActionContext Call(ActionOp op, std::uint64_t sequence = 1, BranchNumber step = 1);

// Adds a row to effect; answers done with the result.
Business Does(const std::string& word, const std::string& result = "{}");
// Fails the test when it is called.
Business MustNotRun();

}  // namespace settle::testing
