#include "simulation/invariants.h"

#include <cstddef>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

struct Open {
  std::set<Gtid> running;
  std::set<Gtid> damaged;  // what the coordinator reports as damaged
};

Open ListOpen(CoordinatorNode& coordinator) {
  Open open;
  for (const auto& shard : coordinator.engine().shards()) {
    for (const TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions)
      (one.state == "damaged" ? open.damaged : open.running).insert(one.gtid);
  }
  return open;
}

class Checker {
 public:
  explicit Checker(const Scene& scene)
      : scene_(scene), damaged_(ListOpen(scene.coordinator).damaged) {}

  std::vector<std::string> Check();

 private:
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  void CheckSettled();
  void CheckBalances();
  void CheckLog();
  void CheckTransaction(const Note& note);
  void CheckHandled(const std::string& name, const Gtid& gtid, bool all);

  const Scene& scene_;
  const std::set<Gtid> damaged_;
  std::set<Gtid> decided_;  // what the log holds a commit record of
  std::vector<std::string> violations_;
};

std::vector<std::string> Checker::Check() {
  CheckSettled();
  CheckBalances();
  CheckLog();
  for (const auto& [gtid, note] : scene_.notes) CheckTransaction(note);
  return violations_;
}

void Checker::CheckSettled() {
  if (Settled(scene_)) return;
  std::size_t prepared = 0;
  for (const SimulatedDatabase& database : scene_.databases) prepared += database.prepared_count();
  Violation("not settled within the bound: " + std::to_string(prepared) +
            " branches are still prepared");
}

void Checker::CheckBalances() {
  std::int64_t expected = 0;
  std::int64_t balance = 0;
  for (const SimulatedDatabase& database : scene_.databases) {
    balance += database.balance();
    expected += database.committed_changes();
  }
  if (balance != expected) Violation("the balances do not equal what was committed");
}

void Checker::CheckLog() {
  for (const Record& record : scene_.disk.records) {
    if (const auto* commit = std::get_if<CommitRecord>(&record)) {
      if (!decided_.insert(commit->gtid).second) Violation(commit->gtid.text() + ": decided twice");
    }
    const auto* end = std::get_if<EndRecord>(&record);
    if (end != nullptr && end->summary.ending.aborted() && decided_.contains(end->summary.gtid)) {
      Violation(end->summary.gtid.text() + ": aborted after it was decided to commit");
    }
  }
}

void Checker::CheckTransaction(const Note& note) {
  const std::string name = note.gtid.text();
  std::size_t wrote = 0;
  std::size_t committed = 0;
  for (const auto& [key, database] : note.branches) {
    if (database->TimesApplied(key) > 1) Violation(name + ": a branch took effect twice");
    if (!database->Wrote(key)) continue;
    ++wrote;
    if (database->Committed(key)) ++committed;
  }
  const bool all = committed == wrote;
  if (scene_.by_hand.contains(note.gtid)) return CheckHandled(name, note.gtid, all);
  if (damaged_.contains(note.gtid))
    Violation(name + ": reported as damaged, and nobody damaged it");
  if (committed != 0 && !all) {
    Violation(name + ": " + std::to_string(committed) + " of " + std::to_string(wrote) +
              " branches committed");
  }
  if (note.told == Outcome::kCommitted && !all) Violation(name + ": told committed, and it is not");
  if (note.told == Outcome::kAborted && committed != 0)
    Violation(name + ": told aborted, and it committed");
}

// An undecided branch that somebody commits by hand, and that everybody else forgot in a crash, is
// known to nobody: presumed abort writes nothing. Against a decision it must be found out.
void Checker::CheckHandled(const std::string& name, const Gtid& gtid, bool all) {
  if (!decided_.contains(gtid) || all || damaged_.contains(gtid)) return;
  Violation(name +
            ": an operator's hand went against the decision and it is not reported as damaged");
}

}  // namespace

bool Settled(const Scene& scene) {
  for (const SimulatedDatabase& database : scene.databases) {
    if (database.prepared_count() != 0 || database.open_count() != 0) return false;
  }
  return ListOpen(scene.coordinator).running.empty();
}

std::vector<std::string> FindViolations(const Scene& scene) { return Checker(scene).Check(); }

}  // namespace settle::simulation
