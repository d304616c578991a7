// A few connections that are kept for the next branch.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "postgres/connection.h"

namespace settle::postgres {

class Pool;

// A connection on loan; goes back to the pool with the object.
class Lease {
 public:
  Lease() = default;
  Lease(Pool* pool, std::unique_ptr<Connection> connection, bool counted)
      : pool_(pool), connection_(std::move(connection)), counted_(counted) {}
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { GiveBack(); }

  explicit operator bool() const { return connection_ != nullptr; }
  Connection* operator->() const { return connection_.get(); }
  Connection& operator*() const { return *connection_; }

  // Ends the loan: reset and kept, or closed when in doubt.
  void GiveBack();
  // Ends the loan without giving it back: the connection is the caller's to close.
  std::unique_ptr<Connection> Keep();

 private:
  Pool* pool_ = nullptr;
  std::unique_ptr<Connection> connection_;
  bool counted_ = false;
};

enum class Purpose {
  kWork,    // the application's: counts against connections_max
  kSettle,  // phase two, scans, pruning: never waits for work
};

// Sends what ends the application's transaction, and behind it what makes the session as new, in
// one round trip. AwaitLast: the reply to the last of these statements, or to the one that failed.
// A connection whose reset went through costs the pool nothing more.
void SendLast(Connection& connection, std::vector<Statement> last);
Reply AwaitLast(Connection& connection, std::size_t count, Clock::time_point deadline);

enum class Freshness { kAny, kNew };

// Thread-safe. Outlives its leases.
class Pool {
 public:
  explicit Pool(ServerOptions options) : options_(std::move(options)) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Blocking up to connect_timeout: kRetry when all are in use. A connection that the last user
  // left in any doubt is not lent again.
  Result<Lease> Take(Purpose purpose, Freshness freshness = Freshness::kAny);

 private:
  friend class Lease;
  void Return(std::unique_ptr<Connection> connection, bool counted);
  std::unique_ptr<Connection> TakeIdle(Purpose purpose);
  Status TakeSlot();
  void FreeSlot();

  const ServerOptions options_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;  // their reset is sent, its answer not yet read
  int lent_ = 0;                                   // counted ones
};

}  // namespace settle::postgres
