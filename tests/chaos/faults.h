// Carries out planned faults, heals them when their time is over, and counts those that happened.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chaos/operator.h"
#include "chaos/plan.h"
#include "chaos/stage.h"

namespace settle::testing {

struct FaultCount {
  int planned = 0;
  int fired = 0;
};

class Faults {
 public:
  Faults(Stage& stage, Operator& hand) : stage_(stage), operator_(hand) {}

  // Begins it. One whose victim is in another one's hands already does not fire.
  void Strike(const PlannedFault& fault);
  // Goes on with what waits for its moment; to be called again and again.
  void Hunt();
  // Heals what is due; how many were healed. Blocking for as long as a server needs to come up.
  int HealDue(Clock::time_point now);
  int HealAll() { return hunted_.reset(), HealDue(Clock::time_point::max()); }

  const std::map<FaultKind, FaultCount>& counts() const { return counts_; }

 private:
  struct Open {
    Clock::time_point until;
    FaultKind kind;
    std::function<bool()> heal;  // whether it had fired
  };
  // False: it cannot fire now.
  bool Begin(const PlannedFault& fault);
  bool BeginDaemon(const PlannedFault& fault);
  bool BeginProgram(const PlannedFault& fault);
  bool BeginPostgres(const PlannedFault& fault);
  bool BeginWire(const PlannedFault& fault);
  bool BeginDiskFull(const PlannedFault& fault);
  // How the sites of three-phase commits are taken away: frozen; cut off by what they say being
  // lost, so that they may have pre-committed; cut off by what they are told being lost.
  enum class Away { kFrozen, kUnheard, kUntold };
  // Until they are given back; false if another fault has one of them.
  bool TakeSites(Away how);
  void GiveSitesBack(Away how);
  void HealLater(const PlannedFault& fault, std::function<bool()> heal);

  Stage& stage_;
  Operator& operator_;
  // The majority is gone only at a moment at which something waits for one.
  struct Hunted {
    PlannedFault fault;
    Clock::time_point until;
  };
  std::optional<Hunted> hunted_;
  std::vector<Open> open_;
  std::map<FaultKind, FaultCount> counts_;
  std::map<const FaultyWire*, bool> held_;  // wires in a fault's hands
  bool disk_full_[2] = {false, false};
};

}  // namespace settle::testing
