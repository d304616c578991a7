#include "simulation/tcc_invariants.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

std::set<Gtid> Open(CoordinatorNode& coordinator, bool damaged) {
  std::set<Gtid> open;
  for (const auto& shard : coordinator.engine().shards()) {
    for (const TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions)
      if ((one.state == "damaged") == damaged) open.insert(one.gtid);
  }
  return open;
}

class Checker {
 public:
  explicit Checker(const TccScene& scene)
      : scene_(scene), damaged_(Open(scene.coordinator, true)) {}

  std::vector<std::string> Check();

 private:
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  void CheckTransaction(const Gtid& gtid, const TccNote& note);
  void CheckReservation(const BranchKey& key, const ReservationNote& note);

  const TccScene& scene_;
  const std::set<Gtid> damaged_;  // what is shown as damaged
  std::vector<std::string> violations_;
};

std::vector<std::string> Checker::Check() {
  for (const Gtid& gtid : Open(scene_.coordinator, false))
    Violation("bounded recovery: " + gtid.text() + " has not ended");
  for (const auto& [gtid, note] : scene_.notes) CheckTransaction(gtid, note);
  return std::move(violations_);
}

// The oracle is what the disk holds and what the services did.
void Checker::CheckTransaction(const Gtid& gtid, const TccNote& note) {
  const std::string name = gtid.text();
  for (const auto& [branch, reservation] : note.reservations)
    CheckReservation({gtid, branch}, reservation);
  if (!scene_.disk.registered.contains(gtid)) return;
  const bool decided = scene_.disk.decided.contains(gtid);
  const bool damaged = scene_.disk.damaged.contains(gtid);
  const bool shown = damaged_.contains(gtid);
  if (decided) {
    for (const BranchNumber branch : scene_.disk.registered.at(gtid)) {
      if (!note.reservations.contains(branch))
        Violation("atomicity: " + name + " was committed, and branch " + std::to_string(branch) +
                  " never reserved");
    }
  }
  if (note.said_at_the_end == Outcome::kCommitted && !decided)
    Violation("durability: " + name + " is said committed at last, and was not");
  if (note.said_at_the_end == Outcome::kAborted && decided)
    Violation("durability: " + name + " is said aborted at last, and was committed");
  const bool known = scene_.disk.ended.contains(gtid) || scene_.disk.pruned.contains(gtid) || shown;
  if (!known) Violation("bounded recovery: " + name + " has no end in the log");
  if (damaged && !shown && !scene_.disk.forgotten.contains(gtid))
    Violation("heuristics: the damage of " + name + " is recorded and not shown");
  if (shown && !damaged) Violation("heuristics: the damage of " + name + " is not recorded");
}

void Checker::CheckReservation(const BranchKey& key, const ReservationNote& note) {
  const auto damaged = scene_.disk.damaged.find(key.gtid);
  const bool skipped = damaged != scene_.disk.damaged.end() &&
                       std::count(damaged->second.begin(), damaged->second.end(), key.number) > 0;
  if (skipped) return;  // nobody can say
  const bool decided = scene_.disk.decided.contains(key.gtid);
  const bool right = decided ? note.reserved == 1 && note.confirmed == 1 && note.cancelled == 0
                             : note.confirmed == 0 && note.reserved == note.cancelled;
  if (right) return;
  Violation("atomicity: " + key.DatabaseName() + " was " + (decided ? "committed" : "aborted") +
            ", and reserved " + std::to_string(note.reserved) + ", confirmed " +
            std::to_string(note.confirmed) + ", cancelled " + std::to_string(note.cancelled) +
            " times");
}

}  // namespace

bool Settled(const TccScene& scene) { return Open(scene.coordinator, false).empty(); }

std::vector<std::string> FindViolations(const TccScene& scene) { return Checker(scene).Check(); }

}  // namespace settle::simulation
