// What a database says when it is asked how things are now. For people: nothing is decided by it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace settle {

// What the database's own record says became of the branch's transaction.
enum class Proof {
  kCommitted = 1,
  kAborted = 2,
  kInProgress = 3,
  kNone = 4,  // there is no record, or it is none of the database that the vote was given in
};

// A session of the database that waits for what the branch holds.
struct Waiter {
  std::int64_t process_id = 0;        // of the database's session; of SQLite the program's
  std::string user;                   // empty: not known, as below
  std::string application;            // as it names itself to the database
  std::chrono::milliseconds waits{};  // until now
  std::string relation;               // what it waits for

  friend bool operator==(const Waiter&, const Waiter&) = default;
};

// One branch as its database has it at this moment.
struct LiveBranch {
  static constexpr std::size_t kRelationsMost = 20;
  static constexpr std::size_t kWaitersMost = 20;

  bool prepared = false;
  std::int64_t prepared_at = 0;  // microseconds since 1970-01-01 UTC; 0: not prepared or not known
  std::string owner;             // the role that prepared it; empty: not prepared or not known
  Proof proof = Proof::kNone;
  std::string proof_detail;  // one line: where that comes from, or why there is none

  std::uint64_t locks = 0;               // that it holds
  std::vector<std::string> relations{};  // that they are on; the first kRelationsMost
  std::uint64_t waiting = 0;             // sessions that wait behind it
  std::vector<Waiter> waiters{};         // the longest first; the first kWaitersMost
  std::string unseen{};  // one line: what could not be seen, and why; empty: nothing

  friend bool operator==(const LiveBranch&, const LiveBranch&) = default;
};

const char* ToString(Proof proof);  // "committed", "aborted", "in progress", "none"

}  // namespace settle
