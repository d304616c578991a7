#include "simulation/invariants.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

struct Open {
  std::set<Gtid> running;
  std::map<Gtid, TransactionSummary> damaged;  // what the coordinator reports as damaged
  std::set<Gtid> waiting;  // for a person: the last resource cannot say what it did
};

bool AwaitsAPerson(const TransactionSummary& one) {
  return one.state == "last-resource" &&
         std::any_of(one.branches.begin(), one.branches.end(),
                     [](const BranchSummary& branch) { return branch.state == "hazard"; });
}

Open ListOpen(CoordinatorNode& coordinator) {
  Open open;
  for (const auto& shard : coordinator.engine().shards()) {
    for (const TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions) {
      if (one.state == "damaged") {
        open.damaged.emplace(one.gtid, one);
      } else {
        (AwaitsAPerson(one) ? open.waiting : open.running).insert(one.gtid);
      }
    }
  }
  return open;
}

// Prepared branches that somebody should have ended. One that is damaged itself (it had ended
// otherwise than decided, and a fail-over undid that) is left to whoever repairs it.
std::vector<BranchKey> OrphansIn(const Scene& scene, const Open& open) {
  std::vector<BranchKey> orphans;
  for (const SimulatedDatabase& database : scene.databases) {
    for (const BranchKey& key : database.Prepared()) {
      if (open.waiting.contains(key.gtid)) continue;
      const auto damaged = scene.disk.damaged.find(key.gtid);
      const bool itself = damaged != scene.disk.damaged.end() &&
                          std::find(damaged->second.begin(), damaged->second.end(), key.number) !=
                              damaged->second.end();
      if (!itself) orphans.push_back(key);
    }
  }
  return orphans;
}

class Checker {
 public:
  explicit Checker(const Scene& scene) : scene_(scene), open_(ListOpen(scene.coordinator)) {}

  std::vector<std::string> Check();

 private:
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  void CheckSettled();
  void CheckBalances();
  void CheckLog();
  void CheckDamage();
  void CheckTransaction(const Note& note);
  bool IsDamagedHere(const Note& note) const;
  void CheckMeddled(const Note& note, const Tally& tally);
  void CheckForced(const Note& note, const Tally& tally, Decision to);
  void CheckOthers(const Note& note);
  void CheckSaid(const Note& note, const Tally& tally);

  const Scene& scene_;
  const Open open_;
  std::set<Gtid> decided_;  // what the log holds a commit or one-phase record of
  std::vector<std::string> violations_;
};

std::vector<std::string> Checker::Check() {
  violations_ = scene_.coordinator.world().violations();
  CheckSettled();
  CheckBalances();
  CheckLog();
  CheckDamage();
  for (const auto& [gtid, note] : scene_.notes) CheckTransaction(note);
  return violations_;
}

void Checker::CheckSettled() {
  for (const BranchKey& key : OrphansIn(scene_, open_))
    Violation("orphans: " + key.DatabaseName() + " is still prepared");
  for (const SimulatedDatabase& database : scene_.databases) {
    for (const BranchKey& key : database.Open())
      Violation("orphans: " + key.DatabaseName() + " is still open");
  }
  for (const Gtid& gtid : open_.running)
    Violation("bounded recovery: " + gtid.text() + " has not ended");
}

void Checker::CheckBalances() {
  std::int64_t expected = 0;
  std::int64_t balance = 0;
  for (const SimulatedDatabase& database : scene_.databases) {
    balance += database.balance();
    expected += database.committed_changes();
  }
  if (balance != expected) Violation("conservation: the balances do not equal what was committed");
}

// One decision for each gtid, and nothing decided that has neither ended nor is shown as damaged.
void Checker::CheckLog() {
  std::set<Gtid> ended;
  for (const Record& record : scene_.disk.records) {
    const Gtid& gtid = GtidOf(record);
    const bool decides = std::holds_alternative<CommitRecord>(record) ||
                         std::holds_alternative<OnePhaseRecord>(record);
    if (decides && !decided_.insert(gtid).second)
      Violation("one decision per gtid: " + gtid.text() + " was decided twice");
    // What was aborted may turn out to be damaged, and ends anew when that is repaired.
    if (std::holds_alternative<HeuristicRecord>(record)) ended.erase(gtid);
    const auto* end = std::get_if<EndRecord>(&record);
    if (end == nullptr) continue;
    if (!ended.insert(gtid).second)
      Violation("one decision per gtid: " + gtid.text() + " ended twice");
    if (end->summary.ending.aborted() && scene_.disk.decided.contains(gtid))
      Violation("one decision per gtid: " + gtid.text() + " was aborted after its commit record");
  }
  std::set<Gtid> all_decided(scene_.disk.decided.begin(), scene_.disk.decided.end());
  for (const auto& [gtid, forced] : scene_.disk.by_person) {
    if (!all_decided.insert(gtid).second)
      Violation("one decision per gtid: " + gtid.text() + " was decided, and forced by a person");
    if (scene_.disk.quorum_aborted.contains(gtid))
      Violation("one decision per gtid: " + gtid.text() + " was aborted, and forced by a person");
  }
  for (const Gtid& gtid : all_decided) {
    const bool known = ended.contains(gtid) || scene_.disk.pruned.contains(gtid);
    if (known || open_.damaged.contains(gtid) || open_.running.contains(gtid)) continue;
    Violation("heuristics: " + gtid.text() + " was decided, and no end of it is recorded or shown");
  }
}

// What is shown as damaged, or decided by a person, is what is recorded as that.
void Checker::CheckDamage() {
  std::set<Gtid> recorded;
  std::map<Gtid, std::vector<HeuristicIntent>> intents;
  for (const Record& record : scene_.disk.records) {
    if (std::holds_alternative<HeuristicRecord>(record)) recorded.insert(GtidOf(record));
    if (const auto* person = std::get_if<HeuristicIntentRecord>(&record)) {
      recorded.insert(person->gtid);
      intents[person->gtid].push_back(person->intent);
    }
  }
  for (const Gtid& gtid : recorded) {
    const bool over = scene_.disk.forgotten.contains(gtid) && scene_.disk.ended.contains(gtid);
    const bool open = open_.running.contains(gtid) || open_.waiting.contains(gtid);
    if (!over && !open && !open_.damaged.contains(gtid))
      Violation("heuristics: the damage of " + gtid.text() + " is recorded and not shown");
  }
  for (const auto& [gtid, shown] : open_.damaged) {
    if (!recorded.contains(gtid))
      Violation("heuristics: the damage of " + gtid.text() + " is shown and not recorded");
    if (shown.heuristics != intents[gtid])
      Violation("heuristics: what persons decided of " + gtid.text() + " is not shown as recorded");
  }
}

void Checker::CheckTransaction(const Note& note) {
  const std::string name = note.gtid.text();
  for (const auto& [key, database] : note.branches) {
    if (database->TimesApplied(key) > 1)
      Violation("durability: " + key.DatabaseName() + " took effect twice");
  }
  const Tally tally = Count(note);
  if (note.last) CheckOthers(note);
  if (open_.waiting.contains(note.gtid)) {
    if (!note.failed_over())
      Violation("bounded recovery: " + name + " waits for a person, and nothing was lost");
    return;
  }
  const auto forced = scene_.disk.by_person.find(note.gtid);
  if (forced != scene_.disk.by_person.end()) return CheckForced(note, tally, forced->second.to);
  if (note.meddled()) return CheckMeddled(note, tally);
  // After a fail-over there is no proof of what an old primary did, and a hazard is the honest
  // word.
  if (open_.damaged.contains(note.gtid) && IsDamagedHere(note) && !note.failed_over())
    Violation("heuristics: " + name + " is reported as damaged, and nobody damaged it");
  if (tally.committed != 0 && !tally.all()) {
    Violation("atomicity: " + name + ": " + std::to_string(tally.committed) + " of " +
              std::to_string(tally.wrote) + " branches committed");
  }
  if (note.told == Outcome::kCommitted && !tally.all())
    Violation("durability: " + name + " was told to have committed, and it has not");
  if (note.told == Outcome::kAborted && tally.committed != 0)
    Violation("durability: " + name + " was told to have aborted, and it committed");
  const bool known =
      scene_.disk.ended.contains(note.gtid) || scene_.disk.pruned.contains(note.gtid);
  // Of what a last resource decided every record may have been lost once all of it was over.
  if (tally.committed != 0 && !known && !open_.damaged.contains(note.gtid) && !note.last) {
    Violation("heuristics: " + name + " committed, and no end of it is recorded or shown");
  }
  CheckSaid(note, tally);
}

// In a database; what an operator skips of a reservation is damage as well.
bool Checker::IsDamagedHere(const Note& note) const {
  const auto damaged = scene_.disk.damaged.find(note.gtid);
  if (damaged == scene_.disk.damaged.end()) return false;
  return std::any_of(note.branches.begin(), note.branches.end(), [&](const auto& branch) {
    return std::count(damaged->second.begin(), damaged->second.end(), branch.first.number) != 0;
  });
}

// Whatever became of the last resource's own commit: those that were prepared in its name end
// alike, or wait.
void Checker::CheckOthers(const Note& note) {
  std::size_t committed = 0;
  std::size_t rolled_back = 0;
  for (const auto& [key, database] : note.branches) {
    if (key == note.last->first || !database->Wrote(key)) continue;
    if (database->Meddled(note.gtid)) return;
    committed += database->Committed(key) ? 1 : 0;
    rolled_back += database->Committed(key) || database->IsPrepared(key) ? 0 : 1;
  }
  if (committed != 0 && rolled_back != 0 && !open_.damaged.contains(note.gtid))
    Violation("atomicity: " + note.gtid.text() + ": of those in its last resource's name " +
              std::to_string(committed) + " committed and " + std::to_string(rolled_back) +
              " did not");
}

// An undecided branch that somebody commits by hand, and that everybody else forgot in a crash, is
// known to nobody: presumed abort writes nothing. Against a decision it must be found out, unless
// the database had done as decided and lost that in a fail-over; or it was in the name of a last
// resource, no record was left of that, and no scan had found the branch before.
void Checker::CheckMeddled(const Note& note, const Tally& tally) {
  if (!decided_.contains(note.gtid) || tally.all() || open_.damaged.contains(note.gtid)) return;
  if (scene_.disk.forgotten.contains(note.gtid)) return;
  if (scene_.disk.delegated.contains(note.gtid) || note.lost_for_good()) return;
  const std::set<BranchNumber>& known = scene_.disk.committed.at(note.gtid);
  const bool unknown = std::any_of(note.branches.begin(), note.branches.end(), [&](const auto& it) {
    return it.second->Meddled(note.gtid) && !known.contains(it.first.number);
  });
  if (note.last && unknown) return;
  Violation("heuristics: " + note.gtid.text() +
            " did not end as decided, and it is not reported as damaged");
}

// Its sites may have ended it otherwise among themselves: then that is found out, and shown for
// what it is. Whatever comes of it, it is shown until a person forgets it.
void Checker::CheckForced(const Note& note, const Tally& tally, Decision to) {
  if (scene_.disk.forgotten.contains(note.gtid) || open_.running.contains(note.gtid)) return;
  const std::string name = note.gtid.text();
  const auto shown = open_.damaged.find(note.gtid);
  if (shown == open_.damaged.end())
    return Violation("heuristics: " + name + " was forced by a person, and that is not shown");
  const bool commits = to == Decision::kCommit;
  const Outcome truth = tally.all() ? (commits ? Outcome::kCommitted : Outcome::kHeuristicCommit)
                        : tally.committed != 0 ? Outcome::kMixed
                        : commits              ? Outcome::kHeuristicRollback
                                               : Outcome::kAborted;
  if (shown->second.ending.outcome == truth) return;
  Violation("heuristics: " + name + " was forced to " + ToString(to) + " and is " +
            ToString(truth) + ", and it is shown as " + ToString(shown->second.ending.outcome));
}

// What the coordinator says when all is over is what the databases hold.
void Checker::CheckSaid(const Note& note, const Tally& tally) {
  if (!note.said_at_the_end || open_.damaged.contains(note.gtid)) return;
  const std::string name = note.gtid.text();
  if (note.said_at_the_end == Outcome::kCommitted && !tally.all())
    Violation("durability: " + name + " is said to be committed at last, and it is not");
  if (note.said_at_the_end == Outcome::kAborted && tally.committed != 0)
    Violation("durability: " + name + " is said to be aborted at last, and it is committed");
}

}  // namespace

bool Settled(const Scene& scene) {
  for (const SimulatedDatabase& database : scene.databases) {
    if (database.open_count() != 0) return false;
  }
  for (const auto& shard : scene.coordinator.engine().shards()) {
    if (shard->undecided() != 0) return false;
  }
  const Open open = ListOpen(scene.coordinator);
  return open.running.empty() && OrphansIn(scene, open).empty();
}

std::vector<std::string> FindViolations(const Scene& scene) { return Checker(scene).Check(); }

}  // namespace settle::simulation
