// A running saga inside its shard: the machine, what people may see of it, and who waits for it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/sagas.h"

namespace settle::coordinator {

struct Sagas::Saga {
  explicit Saga(saga::Machine start);

  struct Waiter {
    std::uint64_t id = 0;
    bool cancels = false;  // it asked to cancel
    Completion<Ending> done;
  };
  // An operator who waits; of what is neither skip nor set-input if `act` is empty.
  struct Operator {
    BranchNumber step = 0;
    std::optional<SagaAct> act;
    Completion<std::monostate> done;
  };

  saga::Machine machine;
  Instant counts_from{};  // its deadline
  Instant begun{};        // in this process
  std::vector<TimelineEntry> timeline;
  struct StepTimes {
    WallTime called = 0;
    WallTime changed = 0;
    int unsent = 0;         // attempts of the latest call that reached nobody
    bool unserved = false;  // the last of them is one
    std::string held{};     // its participant is paused, in words; empty: it was called
    saga::Machine::StepState state = saga::Machine::StepState::kWaiting;
  };
  std::vector<StepTimes> times;  // by position
  StartFingerprint fingerprint;  // with a request key alone
  Completion<Gtid> started;      // until it was told
  std::vector<Waiter> waiters;
  std::vector<Operator> operators;  // the newest last
  WallTime ended = 0;

  const std::string& NameOf(BranchNumber step) const {
    return machine.definition(machine.steps()[step - 1]).name;
  }
  About about() const { return {machine.gtid(), machine.begin().origin.trace_parent}; }
  // The oldest and the newest entries are kept when there are too many.
  void Note(WallTime at, std::string what);
  // Call after the machine has handled something.
  void NoteSteps(WallTime at);
  TransactionSummary Summary() const;
  // The saga with those of its outstanding calls that are wanted, if there are any.
  void AddOutstanding(Hurried& hurried,
                      const std::function<bool(const saga::Machine::Step&)>& wanted) const;
};

struct Sagas::Ended {
  TransactionSummary summary;
  int refusals = 0;  // by the log
};

}  // namespace settle::coordinator
