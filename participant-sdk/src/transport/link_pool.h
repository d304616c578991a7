// A few connections shared by the program's threads, and how long a call is repeated.
//
//   auto ending = pool.Call<Ending>({.retry_for = 2s, .give_up_after = 40s},
//                                   [&](Link& link, Instant by) { return link.Abort(call, by); });
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "transport/backoff.h"
#include "transport/link.h"

namespace settle::sdk {

struct Patience {
  milliseconds retry_for{0};      // attempts begin until then
  milliseconds give_up_after{0};  // a reply is awaited until then
};

// Thread-safe.
class LinkPool {
 public:
  // `greet` is told of every hello before its connection is used, and may refuse it.
  LinkPool(LinkSettings settings, std::function<Status(const Hello&)> greet);
  LinkPool(const LinkPool&) = delete;
  LinkPool& operator=(const LinkPool&) = delete;

  // Blocking. Makes the call, and makes it again, on a new connection if need be, while nothing or
  // kRetry is heard: every call of the contract may be repeated. kUnavailable: never sent.
  // kAskOutcome: some attempt may have had an effect.
  template <typename T>
  [[nodiscard]] Result<T> Call(Patience patience,
                               const std::function<Result<T>(Link&, Instant)>& call);

 private:
  // An idle connection, or a new one.
  struct Lease {
    std::unique_ptr<Link> link;
    bool was_idle = false;
  };
  [[nodiscard]] Result<Lease> Take(Instant deadline);
  void GiveBack(std::unique_ptr<Link> link);
  void DropIdle();

  const LinkSettings settings_;
  const std::function<Status(const Hello&)> greet_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Link>> idle_;
};

// Between two long polls for the same thing. Blocking: an answer that came before its wait was over
// and says nothing yet must not make a hot loop; another one costs no time.
class Pacer {
 public:
  // Until `until` at most.
  void Pause(Instant asked, milliseconds wait, Instant until);

 private:
  Backoff backoff_;
};

// The decisions of Call that do not depend on T.
class Attempts {
 public:
  explicit Attempts(Patience patience);
  Instant deadline() const { return give_up_; }
  // Notes a failure; sleeps and says true if another attempt may be made.
  bool Again(const Error& failure, bool at_once);
  // The failure to hand on.
  Error Verdict(Error last) const;

 private:
  Instant retry_until_;
  Instant give_up_;
  bool maybe_done_ = false;
  Backoff backoff_;
};

template <typename T>
Result<T> LinkPool::Call(Patience patience, const std::function<Result<T>(Link&, Instant)>& call) {
  Attempts attempts(patience);
  for (;;) {
    Result<Lease> lease = Take(attempts.deadline());
    bool at_once = false;
    Error failure;
    if (lease) {
      Result<T> result = call(*lease->link, attempts.deadline());
      if (lease->link->broken()) {
        // The others were opened to the same coordinator and are most likely gone as well.
        DropIdle();
        at_once = lease->was_idle;
      } else {
        GiveBack(std::move(lease->link));
      }
      if (result) return result;
      failure = std::move(result).error();
    } else {
      failure = std::move(lease).error();
    }
    if (!attempts.Again(failure, at_once)) return Fail(attempts.Verdict(std::move(failure)));
  }
}

}  // namespace settle::sdk
