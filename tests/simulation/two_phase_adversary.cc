#include "simulation/two_phase_adversary.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {

void TwoPhaseAdversary::BeginOwn() {
  const Roughness& rough = world_.roughness;
  Every(rough.older_copy_every, [this] { RunOlderCopy(); });
  Every(rough.database_life, [this] { CrashDatabase(); });
  Every(rough.fail_over_every, [this] { FailOver(); });
  Every(rough.fail_over_every, [this] { OperatorSays(); });  // what nobody can prove after one
  if (rough.operator_hand > 0) Every(microseconds(5'000), [this] { HandInTheDatabase(); });
  if (rough.operator_acts > 0) Every(microseconds(5'000), [this] { OperatorActs(); });
}

void TwoPhaseAdversary::HealOwn() {
  for (SimulatedDatabase& database : victims_.databases) {
    if (!database.up()) database.Start();
    if (database.standby()) database.FailOver(0);
  }
  if (nobody_dies_) BringBackNewestLog();
}

// The log is restored from a copy that is two lives old. Whoever has seen a later one refuses it;
// nobody dies meanwhile, since a process that has forgotten what it has seen cannot refuse.
void TwoPhaseAdversary::RunOlderCopy() {
  const bool all_there = std::all_of(processes_.begin(), processes_.end(), [](const auto& process) {
    return process->up() && process->attached() && !process->frozen();
  });
  if (!coordinator_.up() || coordinator_.frozen() || nobody_dies_ || !all_there) return;
  if (disk_.epoch < 3 || dead_for_good_ != nullptr) return;
  for (const auto& process : victims_.processes) {
    if (process->greeted() != disk_.epoch) return;
  }
  nobody_dies_ = true;
  coordinator_.Crash();
  newest_ = disk_;
  disk_ = newest_.CopyBefore(newest_.epoch - 1);
  world_.Say("---- the log is restored from an older copy ----");
  coordinator_.Start();
  world_.After(microseconds(10'000) + world_.UpTo(microseconds(60'000)), [this] {
    if (nobody_dies_) BringBackNewestLog();
  });
}

void TwoPhaseAdversary::BringBackNewestLog() {
  if (coordinator_.up()) coordinator_.Crash();
  world_.Say("---- the newest log is brought back ----");
  nobody_dies_ = false;
  disk_ = std::move(newest_);
  coordinator_.Start();
}

void TwoPhaseAdversary::CrashDatabase() {
  SimulatedDatabase& database = victims_.databases[world_.Pick(victims_.databases.size())];
  if (!database.up() || database.standby()) return;
  world_.Count(Fault::kDatabaseCrashed);
  database.Crash();
  world_.After(Soon(microseconds(15'000)), [&database] { database.Start(); });
}

void TwoPhaseAdversary::FailOver() {
  SimulatedDatabase& database = victims_.databases[world_.Pick(victims_.databases.size())];
  if (!database.can_fail_over() || !database.up() || database.standby()) return;
  database.BecomeStandby();
  world_.After(world_.UpTo(microseconds(20'000)), [this, &database] {
    if (database.standby()) database.FailOver(world_.Pick(4));
  });
}

void TwoPhaseAdversary::HandInTheDatabase() {
  if (!world_.Happens(world_.roughness.operator_hand)) return;
  const auto key = victims_.databases[world_.Pick(victims_.databases.size())].HandleByHand();
  if (!key) return;
  world_.Count(Fault::kOperatorsHand);
  world_.Say("---- an operator finishes ", key->DatabaseName(), " by hand ----");
}

void TwoPhaseAdversary::OperatorActs() {
  if (victims_.notes.empty() || !world_.Happens(world_.roughness.operator_acts)) return;
  if (!coordinator_.up() || nobody_dies_) return;
  const std::uint64_t what = world_.Pick(3);
  if (what == 2) return OperatorForgets();
  const Gtid gtid =
      std::next(victims_.notes.begin(), static_cast<long>(world_.Pick(victims_.notes.size())))
          ->first;
  coordinator_.Arrive([this, what, gtid](Engine& engine, Inquiry&) {
    if (what == 0) {
      engine.Abort({gtid, AbortCause::kOperator, "simulated operator", {}},
                   [this](const Result<Ending>& ending) {
                     if (ending && ending->cause == AbortCause::kOperator)
                       world_.Count(Fault::kOperatorAborts);
                   });
    } else {
      engine.Hurry(gtid, [this](const Result<Hurried>& hurried) {
        if (hurried) world_.Count(Fault::kOperatorHurries);
      });
    }
  });
}

// Who has looked into the database, where nothing can be proved.
void TwoPhaseAdversary::OperatorSays() {
  if (!coordinator_.up() || nobody_dies_) return;
  for (const auto& shard : coordinator_.engine().shards()) {
    for (const TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions) {
      const auto hazard =
          std::find_if(one.branches.begin(), one.branches.end(),
                       [](const BranchSummary& branch) { return branch.state == "hazard"; });
      if (one.state != "damaged" || hazard == one.branches.end()) continue;
      coordinator::HeuristicIntent intent;
      intent.act = coordinator::HeuristicAct::kVerdict;
      intent.to = IsCommitted({one.gtid, hazard->number}) ? Decision::kCommit : Decision::kAbort;
      intent.branches.push_back({hazard->number, "", Vote::kCommit, {}});
      intent.operator_name = "simulated operator";
      intent.reason = "looked into its database";
      return coordinator_.Arrive([this, gtid = one.gtid, intent](Engine& engine, Inquiry&) {
        engine.Intervene({gtid, intent}, [this](const Result<Gtid>& said) {
          if (said) world_.Count(Fault::kOperatorSays);
        });
      });
    }
  }
}

bool TwoPhaseAdversary::IsCommitted(const BranchKey& key) const {
  return std::any_of(victims_.databases.begin(), victims_.databases.end(),
                     [&](const SimulatedDatabase& database) { return database.Committed(key); });
}

// A branch of a forgotten transaction that a fail-over prepares again is nobody's but the
// operator's, so that is left out.
void TwoPhaseAdversary::OperatorForgets() {
  if (world_.roughness.fail_over_every.count() != 0) return;
  for (const auto& [gtid, note] : victims_.notes) {
    if (!disk_.damaged.contains(gtid) || disk_.forgotten.contains(gtid)) continue;
    coordinator_.Arrive([this, &gtid = gtid](Engine& engine, Inquiry&) {
      engine.Forget({gtid, "simulated operator", "repaired by hand"},
                    [this](const Result<std::monostate>& forgotten) {
                      if (forgotten) world_.Count(Fault::kOperatorForgets);
                    });
    });
    return;
  }
}

}  // namespace settle::simulation
