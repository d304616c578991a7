// The participants of the measured sagas, and a program that starts them: the SDK, as programs use
// it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/bookings.h"
#include "bench/daemon.h"
#include "bench/suites.h"
#include "settle/coordinator.h"

namespace settle::bench {

enum class Steps {
  kNoOp,  // handlers that do nothing, without a database: what is left is the coordinator's, the
          // SDK's and the wire's
  kBook,  // a booking in each service's database, behind a barrier
};

// A saga of one step in each service, one after the other, each of which can be undone.
std::string ThreeSteps(Steps steps);

// Three services, each with a session and a barrier of its own, as if they were processes of their
// own; and a client of theirs. Thread-safe.
class Services {
 public:
  // Throws std::runtime_error with what the SDK said.
  Services(const Bookings& bookings, const Daemon& daemon, const Progress& progress);

  enum class Last { kDone, kRefused };  // what the last step comes to, with Steps::kBook
  // Starts a saga and waits for its end. Throws std::runtime_error unless it is committed, or
  // aborted if its last step is to be refused.
  void Book(const std::string& document, const std::string& name, Last last);

 private:
  std::vector<std::unique_ptr<Coordinator>> served_;
  std::unique_ptr<Coordinator> client_;
};

}  // namespace settle::bench
