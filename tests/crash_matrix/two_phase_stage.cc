#include "crash_matrix/two_phase_stage.h"

#include <algorithm>
#include <set>
#include <utility>

namespace settle::crash_matrix {

using simulation::Fault;
using simulation::Process;
using simulation::SimulatedDatabase;

namespace {

// Whether an answer about a transaction that nobody touched by hand is the truth.
bool IsTrue(const Fate& fate) {
  if (fate.answer.committed()) return fate.committed == fate.wrote;
  if (fate.answer.aborted()) return fate.committed == 0;
  return false;
}

// The same after an operator's hand, which an abort that nobody remembers cannot know of.
bool IsTrueOfHandled(const Fate& fate) {
  switch (fate.answer.outcome) {
    case Outcome::kCommitted: return fate.committed == fate.wrote;
    // An abort keeps no list of its branches: those that were not committed may be unknown by now.
    case Outcome::kHeuristicCommit: return fate.committed != 0;
    case Outcome::kHeuristicRollback: return fate.committed == 0;
    case Outcome::kMixed: return fate.committed != 0 && fate.committed != fate.wrote;
    case Outcome::kAborted:
    case Outcome::kHazard: return true;
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return false;
  }
  return false;
}

}  // namespace

TwoPhaseStage::TwoPhaseStage(const Scenario& scenario, crash_matrix::Databases databases,
                             const std::vector<Crash>& crashes, const Staging& staging)
    : Stage(scenario, crashes, staging), witness_(world_, coordinator_, notes_) {
  disk_.watch = [this](const coordinator::Record& record) { witness_.Appends(record); };
  for (const Transaction& transaction : scenario.transactions) {
    serves_[transaction.client];
    for (const Work& work : transaction.work) serves_[work.process].insert(work.database);
  }
  for (const auto& [name, kind] : DatabasesOf(scenario, databases)) {
    const bool worked_in =
        std::any_of(serves_.begin(), serves_.end(),
                    [&name = name](const auto& one) { return one.second.contains(name); });
    if (worked_in) databases_.emplace_back(world_, name, kind);
  }
}

void TwoPhaseStage::Cast() {
  for (const auto& [process, own] : serves_) {
    std::vector<SimulatedDatabase*> served;
    for (SimulatedDatabase& database : databases_) {
      if (scenario_.all_serve_all || own.contains(database.name())) served.push_back(&database);
    }
    auto& made = own_[process];
    made = MakeProcess(process, std::move(served));
    processes_[process] = made.get();
  }
}

std::unique_ptr<Process> TwoPhaseStage::MakeProcess(const std::string& name,
                                                    std::vector<SimulatedDatabase*> served) {
  return std::make_unique<Process>(world_, coordinator_, name, std::move(served), notes_);
}

SimulatedDatabase& TwoPhaseStage::DatabaseNamed(const std::string& name) {
  return *std::find_if(databases_.begin(), databases_.end(),
                       [&](const SimulatedDatabase& database) { return database.name() == name; });
}

std::optional<Gtid> TwoPhaseStage::First() const {
  if (notes_.empty()) return std::nullopt;
  return notes_.begin()->first;
}

std::vector<std::string> TwoPhaseStage::Databases() const {
  std::vector<std::string> names;
  for (const SimulatedDatabase& database : databases_) names.push_back(database.name());
  return names;
}

void TwoPhaseStage::StartDatabase(const std::string& name) {
  SimulatedDatabase& database = DatabaseNamed(name);
  if (!database.up()) database.Start();
}

bool TwoPhaseStage::Ready() const {
  return std::all_of(own_.begin(), own_.end(),
                     [](const auto& one) { return one.second->attached(); });
}

void TwoPhaseStage::BeginWork() {
  for (const Transaction& transaction : scenario_.transactions) {
    simulation::Plan plan;
    for (const Reservation& one : transaction.reservations)
      plan.parts.push_back({.reserves_at = one.participant});
    for (const Work& work : transaction.work) {
      plan.parts.push_back(
          {own_.at(work.process).get(), &DatabaseNamed(work.database), work.change});
    }
    plan.wait = transaction.wait;
    plan.protocol = transaction.protocol;
    plan.one_phase = transaction.one_phase;
    plan.own = transaction.own;
    plan.last_resource = transaction.last_resource;
    plan.then = transaction.then;
    Process& client = *own_.at(transaction.client);
    world_.After(transaction.later, [&client, plan] {
      if (client.up()) client.RunTransaction(plan);
    });
  }
}

void TwoPhaseStage::HappenOwn(const Trouble& trouble) {
  if (const auto* finishes = std::get_if<OperatorFinishes>(&trouble)) Happen(*finishes);
  if (const auto* forgets = std::get_if<DatabaseForgets>(&trouble)) Happen(*forgets);
}

void TwoPhaseStage::Happen(const OperatorFinishes& finishes) {
  world_.After(microseconds(1), [this, finishes] {
    SimulatedDatabase& database = DatabaseNamed(finishes.database);
    if (!database.up()) return;
    for (const BranchKey& key : database.Prepared()) {
      world_.Say("an operator finishes ", key.DatabaseName(), " by hand");
      world_.Count(Fault::kOperatorsHand);
      database.FinishByHand(key, finishes.decision);
    }
  });
}

void TwoPhaseStage::Happen(const DatabaseForgets& forgets) {
  world_.After(microseconds(2),
               [this, forgets] { DatabaseNamed(forgets.database).ForgetHistory(); });
}

// Asks as a client does that was never answered, and compares with the databases.
void TwoPhaseStage::CheckAnswer(simulation::Note& note) {
  const simulation::Tally tally = Count(note);
  Fate fate{note.gtid, Ask(note.gtid), note.told, tally.wrote, tally.committed};
  note.said_at_the_end = fate.answer.outcome;
  const bool handled = note.meddled() || disk_.by_person.contains(note.gtid);
  // Of what a last resource could have decided there may be no record, once all of it is over.
  const bool forgotten =
      note.gtid.allows_last_resource() && fate.answer.outcome == Outcome::kUnknown;
  if (!forgotten && !(handled ? IsTrueOfHandled(fate) : IsTrue(fate))) {
    played_.violations.push_back(note.gtid.text() + ": the coordinator answers " +
                                 Words(fate.answer) + ", and " + std::to_string(fate.committed) +
                                 " of " + std::to_string(fate.wrote) + " branches committed");
  }
  // What changed nothing anywhere leaves nothing that a crash must not lose, not even its name.
  const bool told_otherwise = note.told && *note.told != fate.answer.outcome;
  if (told_otherwise && !handled && !forgotten && fate.wrote != 0) {
    played_.violations.push_back(note.gtid.text() + ": the client was told " +
                                 ToString(*note.told) + ", and the answer is " +
                                 Words(fate.answer));
  }
  played_.fates.push_back(std::move(fate));
}

void TwoPhaseStage::Judge() {
  // Without a name: its client never heard that it was begun.
  std::erase_if(notes_, [](const auto& one) { return one.second.gtid.empty(); });
  for (auto& [gtid, note] : notes_) CheckAnswer(note);
  const std::vector<std::string> violations = simulation::FindViolations(scene_);
  played_.violations.insert(played_.violations.begin(), violations.begin(), violations.end());
}

// A crash can turn a commit into an abort, never an abort into a commit; unless a majority of sites
// or a person aborts what all had voted for: which of two attempts comes first, a crash may change.
void TwoPhaseStage::CheckOwnCrashes() {
  const bool forced = std::any_of(scenario_.incidents.begin(), scenario_.incidents.end(),
                                  [](const Incident& incident) {
                                    return std::holds_alternative<OperatorForces>(incident.trouble);
                                  });
  for (std::size_t i = 0; i < played_.fates.size(); ++i) {
    const End& end = scenario_.ends[i];
    const bool aborts =
        end.outcome == Outcome::kAborted && end.cause != AbortCause::kQuorum && !forced;
    if (aborts && played_.fates[i].committed != 0)
      Violation("it committed, and without the crash it aborts");
  }
}

}  // namespace settle::crash_matrix
