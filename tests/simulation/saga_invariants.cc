#include "simulation/saga_invariants.h"

#include <map>
#include <set>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

using coordinator::saga::StepKind;

constexpr std::size_t kForcedMost = 3;  // records of a saga that nobody acted on

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
  explicit Checker(const SagaScene& scene) : scene_(scene), open_(ListOpen(scene.coordinator)) {}

  std::vector<std::string> Check();

 private:
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  void CheckSaga(const SagaNote& note);
  void CheckKeys();
  void CheckSteps(const SagaNote& note, const SagaFacts& facts);
  void CheckStep(const SagaNote& note, BranchNumber number, Outcome ended);
  void CheckDamage(const SagaNote& note, const SagaFacts& facts);

  const SagaScene& scene_;
  const Open open_;
  std::vector<std::string> violations_;
};

std::vector<std::string> Checker::Check() {
  violations_ = scene_.coordinator.world().violations();
  for (const Gtid& gtid : open_.running)
    Violation("bounded recovery: " + gtid.text() + " has not ended");
  for (const auto& [gtid, note] : scene_.notes) CheckSaga(note);
  CheckKeys();
  return violations_;
}

void Checker::CheckSaga(const SagaNote& note) {
  const Gtid& gtid = note.begin.gtid;
  const std::string name = gtid.text();
  const auto found = scene_.disk.sagas.find(gtid);
  const SagaFacts facts = found == scene_.disk.sagas.end() ? SagaFacts{} : found->second;
  if (!facts.begun) {  // then nothing took effect: the witness would have seen it
    if (note.told) Violation("durability: " + name + " was told to have ended, and never began");
    return;
  }
  if (!facts.ended) {
    if (!open_.running.contains(gtid))
      Violation("bounded recovery: " + name + " began, and no end of it is recorded");
    return;
  }
  if (note.told && note.told != facts.ended)
    Violation("durability: " + name + " was told otherwise than it ended");
  if (note.said_at_the_end && note.said_at_the_end != facts.ended) {
    Violation("durability: " + name + " is said at last to be " +
              settle::ToString(*note.said_at_the_end) + ", and it is " +
              settle::ToString(*facts.ended));
  }
  const bool known = scene_.disk.ended.contains(gtid) || scene_.disk.pruned.contains(gtid);
  if (!known && !open_.damaged.contains(gtid))
    Violation("heuristics: " + name + " has ended, and that is neither recorded nor shown");
  const auto forced = scene_.disk.forced.find(gtid);
  const bool too_many = forced != scene_.disk.forced.end() && forced->second > kForcedMost;
  if (too_many && facts.acts == 0)
    Violation("forced writes: " + name + " cost " + std::to_string(forced->second));
  CheckSteps(note, facts);
  CheckDamage(note, facts);
}

// A start that is repeated begins nothing new, for as long as the log keeps what it began.
void Checker::CheckKeys() {
  std::map<std::string, Gtid> began;
  for (const auto& [gtid, note] : scene_.notes) {
    if (!scene_.disk.sagas.contains(gtid) || scene_.disk.pruned.contains(gtid)) continue;
    const auto [first, is_new] = began.emplace(note.begin.request_key, gtid);
    if (!is_new) {
      Violation("once in effect: " + gtid.text() + " was begun by the same start as " +
                first->second.text());
    }
  }
}

// What was skipped is as it is; nobody can say.
void Checker::CheckSteps(const SagaNote& note, const SagaFacts& facts) {
  const bool forward = !facts.aborting;
  for (BranchNumber number = 1; number <= note.steps.size(); ++number) {
    if (facts.skipped.contains(number)) continue;
    Outcome ended = *facts.ended;
    if (ended == Outcome::kMixed) ended = forward ? Outcome::kCommitted : Outcome::kAborted;
    CheckStep(note, number, ended);
  }
}

void Checker::CheckStep(const SagaNote& note, BranchNumber number, Outcome ended) {
  const StepNote& step = note.steps[number - 1];
  const std::string name = note.begin.gtid.text() + ": step " + note.definition(number).name +
                           " was done " + std::to_string(step.done) + " times and undone " +
                           std::to_string(step.undone) + " times";
  if (ended == Outcome::kCommitted) {
    if (step.done != 1 || step.undone != 0) Violation("saga: committed, but " + name);
  } else if (ended == Outcome::kAborted) {
    const bool stays = note.definition(number).kind == StepKind::kNoUndo;
    if (!stays && step.done != step.undone) Violation("saga: aborted, but " + name);
  } else {
    Violation("saga: " + note.begin.gtid.text() + " ended as " + settle::ToString(ended));
  }
}

// Damage is what operators skipped, all of it and nothing else, shown until it is forgotten.
void Checker::CheckDamage(const SagaNote& note, const SagaFacts& facts) {
  const std::string name = note.begin.gtid.text();
  const bool damaged = facts.ended == Outcome::kMixed;
  if (damaged == facts.skipped.empty()) {
    Violation("heuristics: " + name + " ended as " + settle::ToString(*facts.ended) + ", and " +
              std::to_string(facts.skipped.size()) + " steps were skipped");
  }
  const bool shown = open_.damaged.contains(note.begin.gtid);
  const bool forgotten = scene_.disk.forgotten.contains(note.begin.gtid);
  if (damaged && !shown && !forgotten)
    Violation("heuristics: the damage of " + name + " is recorded and not shown");
  if (shown && !damaged) Violation("heuristics: the damage of " + name + " is not recorded");
}

}  // namespace

bool Settled(const SagaScene& scene) { return ListOpen(scene.coordinator).running.empty(); }

std::vector<std::string> FindViolations(const SagaScene& scene) { return Checker(scene).Check(); }

}  // namespace settle::simulation
