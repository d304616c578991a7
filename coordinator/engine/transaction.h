// A running transaction inside its shard: the machine, what people may see of it, and who waits for
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "protocol/seldom.h"
#include "protocol/shared_text.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {

// What someone who waits for the end is told.
struct EndingNews {
  Ending ending;
  bool finish_here = false;
  std::vector<BranchNumber> unfinished;
};

struct EndingWaiter {
  std::uint64_t id = 0;
  bool at_decision = false;  // else: once every branch has ended
  std::function<void(Result<EndingNews>)> tell;
};

struct TryWaiter {
  std::uint64_t id = 0;
  BranchNumber branch = 0;  // once it is known
  Completion<TryAnswer> done;
};

// An operator who skips a branch.
struct SkipWaiter {
  BranchNumber branch = 0;
  Completion<std::monostate> done;
};

struct Transaction {
  explicit Transaction(TwoPhase start) : machine(std::move(start)) {}

  TwoPhase machine;
  std::vector<TimelineEntry> timeline;  // since its begin, if that was in this life
  std::vector<EndingWaiter> waiters;
  struct OtherWaiters {
    std::vector<TryWaiter> tries;  // the newest last
    std::vector<SkipWaiter> skips;
    std::vector<Completion<OnePhaseAnswer>> one_phase;
    std::map<std::uint64_t, Completion<SiteAnswer>> peers;  // by event::PeerCalled::call
    std::vector<Completion<std::monostate>> forgets;
    std::vector<Completion<Gtid>> heuristics;
  };
  Seldom<OtherWaiters> other_waiters;
  PhaseTimes times{};
  bool one_phase = false;              // one resource decides, or decided
  bool last_resource = false;          // the last one of several does, or did
  std::optional<CommandKind> asked{};  // three-phase: what its sites were asked last
  WallTime ended = 0;
  // Of the latest command or call of a branch.
  struct Unsent {
    int attempts = 0;     // that reached nobody
    bool latest = false;  // the last one is one of them
  };
  Seldom<std::map<BranchNumber, Unsent>> unsent{};
  // Whose session it is; missing: the beginner's own.
  Seldom<std::map<BranchNumber, SharedText>> others{};

  About about() const { return {machine.gtid(), machine.origin().trace_parent}; }

  // The oldest and the newest entries are kept when there are too many.
  void Note(WallTime at, std::string what);
  using IsServed = std::function<bool(const std::string& resource)>;
  // Where `is_served` is none, who is there is what the latest commands met.
  TransactionSummary Summary(const IsServed& is_served = {}) const;
  // Call when an attempt is made.
  void CountAttempt(BranchNumber branch, int attempt, bool sent);
  // The last attempt found no process to go to.
  bool IsUnserved(BranchNumber branch) const;
  // What a person should know of a branch that has not answered; empty: nothing went wrong yet.
  std::string LastError(const TwoPhase::Branch& branch, const IsServed& is_served = {}) const;
  // Whether the branch's session is one of `whose`.
  bool IsFor(const OnlyFor& whose, BranchNumber branch) const {
    if (!whose) return true;
    const auto other = others.OrEmpty().find(branch);
    return *whose == (other == others.OrEmpty().end() ? machine.origin().identity : other->second);
  }
  // Decided and not carried out everywhere, or damaged.
  bool IsInDoubt() const;
};

// A branch in this state owes an answer: a vote, or how it ended.
bool IsOutstanding(TwoPhase::BranchState state);

}  // namespace settle::coordinator
