#include "simulation/three_phase_adversary.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/shard.h"

namespace settle::simulation {
namespace {

// By then what was sent before a cut has arrived, and what a site had heard it has obeyed: it waits
// for the others' answers before, at up to two addresses each, and writes to its database after.
constexpr microseconds kInFlight{200'000};

}  // namespace

void ThreePhaseAdversary::BeginOwn() {
  Every(world_.roughness.database_life, [this] {
    CrashDatabase(victims_.databases[world_.Pick(victims_.databases.size())],
                  Soon(microseconds(15'000)));
  });
  Every(world_.roughness.partition_every, [this] { CutInTwo(); });
  if (world_.roughness.operator_acts > 0) Every(microseconds(5'000), [this] { OperatorActs(); });
  if (world_.Happens(0.3)) world_.After(Soon(microseconds(300'000)), [this] { GoForGood(); });
  if (world_.Happens(0.6)) malice_ = 0.1 + 0.8 * world_.Chance();
  forgetful_ = world_.Happens(0.4);
  forces_ = world_.Happens(0.25);
  if (forces_) Every(microseconds(20'000), [this] { OperatorForcesOne(); });
  const bool interferes = world_.Happens(0.5);
  for (SimulatedLedger& ledger : victims_.scene.ledgers) {
    ledger.when_written = [this, &ledger](const BranchKey&, const SiteRecord& record) {
      Wrote(ledger.database(), record);
    };
    if (interferes)
      ledger.meanwhile = [this, &ledger](const BranchKey& key) { ChangeRecord(ledger, key); };
  }
}

void ThreePhaseAdversary::HealOwn() {
  world_.cut.reset();
  gone_ = false;
  for (SimulatedDatabase& database : victims_.databases) {
    if (!database.up()) database.Start();
  }
}

void ThreePhaseAdversary::CrashDatabase(SimulatedDatabase& database, microseconds lasting) {
  if (!database.up() || world_.healed) return;
  world_.Count(Fault::kDatabaseCrashed);
  database.Crash();
  world_.After(lasting, [&database] { database.Start(); });
}

// A site has joined or accepted: now it may forget that, or the network may change.
void ThreePhaseAdversary::Wrote(SimulatedDatabase& database, const SiteRecord& record) {
  if (world_.healed || IsFinal(record.at.state) || !world_.Happens(malice_)) return;
  if (!forgetful_ && world_.Happens(0.8)) {
    return world_.After(world_.UpTo(microseconds(5'000)), [this] {
      if (!world_.healed) CutInTwo();
    });
  }
  const microseconds soon(forgetful_ ? 1'500 : 6'000);
  world_.After(microseconds(1) + world_.UpTo(soon),
               [this, &database] { CrashDatabase(database, world_.UpTo(microseconds(1'000))); });
}

void ThreePhaseAdversary::BreakCoordinator() {
  if (world_.healed || !coordinator_.up() || coordinator_.frozen()) return;
  switch (world_.Pick(4)) {
    case 0: return CutInTwo();
    case 1:
      world_.Count(Fault::kCoordinatorFrozen);
      coordinator_.Freeze();
      return world_.After(Soon(microseconds(100'000)), [this] {
        if (coordinator_.up()) coordinator_.Thaw();
      });
    default:
      world_.Count(Fault::kCoordinatorCrashed);
      coordinator_.Crash();
      return world_.After(Soon(microseconds(30'000)), [this] {
        if (!coordinator_.up() && !stays_down_) coordinator_.Start();
      });
  }
}

void ThreePhaseAdversary::Saw(const Record& record) {
  const bool pre_commits = std::holds_alternative<PreCommitRecord>(record);
  const bool of_sites = pre_commits || std::holds_alternative<BallotRecord>(record) ||
                        std::holds_alternative<QuorumAbortRecord>(record);
  if (world_.healed || !of_sites || !world_.Happens(malice_)) return;
  const microseconds soon = microseconds(1) + world_.UpTo(microseconds(8'000));
  if (pre_commits && world_.Happens(0.2)) {
    return world_.After(soon, [this, gtid = GtidOf(record)] { OperatorAborts(gtid); });
  }
  // Just before its sites decide, or just after: the one moment in which it does damage.
  if (forces_ && world_.Happens(0.3))
    world_.After(microseconds(1) + world_.UpTo(microseconds(8'000)),
                 [this, gtid = GtidOf(record)] { OperatorForces(gtid); });
  world_.After(soon, [this] { BreakCoordinator(); });
}

void ThreePhaseAdversary::CutInTwo() {
  World::Cut cut;
  cut.one_way = world_.Happens(0.3);
  if (world_.Happens(0.5)) cut.side.insert("coordinator");
  for (const Caller* process : processes_) {
    if (world_.Happens(0.5)) cut.side.insert(process->name());
  }
  world_.cut = cut;
  world_.Say("---- the network is cut in two ----");
  world_.After(Soon(microseconds(80'000)), [this] {
    if (world_.healed) return;
    world_.cut.reset();
    world_.Say("---- the network is one ----");
  });
}

// Until all heals.
void ThreePhaseAdversary::GoForGood() {
  if (world_.healed || !coordinator_.up()) return;
  world_.Count(Fault::kCoordinatorGone);
  world_.Say("---- and for good ----");
  coordinator_.Crash();
  stays_down_ = true;
  gone_ = true;
}

void ThreePhaseAdversary::OperatorActs() {
  if (victims_.notes.empty() || !world_.Happens(world_.roughness.operator_acts)) return;
  const Gtid gtid =
      std::next(victims_.notes.begin(), static_cast<long>(world_.Pick(victims_.notes.size())))
          ->first;
  if (world_.Happens(0.5)) return OperatorAborts(gtid);
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Hurry(gtid, [this](const Result<Hurried>& hurried) {
      if (hurried) world_.Count(Fault::kOperatorHurries);
    });
  });
}

void ThreePhaseAdversary::OperatorAborts(const Gtid& gtid) {
  coordinator_.Arrive([this, gtid](Engine& engine, Inquiry&) {
    engine.Abort({gtid, AbortCause::kOperator, "simulated operator", {}},
                 [this](const Result<Ending>& ending) {
                   if (ending && ending->cause == AbortCause::kOperator)
                     world_.Count(Fault::kOperatorAborts);
                 });
  });
}

// Who looks at what waits for a majority, and decides one of them.
void ThreePhaseAdversary::OperatorForcesOne() {
  if (!coordinator_.up() || !world_.Happens(0.3)) return;
  std::vector<Gtid> waiting;
  for (const auto& shard : coordinator_.engine().shards()) {
    for (const TransactionSummary& one : shard->ListOpen({.most = 1'000'000}).transactions) {
      if (one.state == "quorum") waiting.push_back(one.gtid);
    }
  }
  if (!waiting.empty()) OperatorForces(waiting[world_.Pick(waiting.size())]);
}

void ThreePhaseAdversary::OperatorForces(const Gtid& gtid) {
  coordinator::HeuristicIntent intent;
  intent.act = coordinator::HeuristicAct::kForce;
  intent.to = world_.Happens(0.5) ? Decision::kCommit : Decision::kAbort;
  intent.operator_name = "simulated operator";
  intent.reason = "its majority never comes";
  world_.Say("---- an operator forces ", gtid.text(), " to ", ToString(intent.to), " ----");
  coordinator_.Arrive([this, gtid, intent](Engine& engine, Inquiry&) {
    engine.Intervene({gtid, intent}, [this](const Result<Gtid>& recorded) {
      if (recorded) world_.Count(Fault::kOperatorForces);
    });
  });
}

// Another leader's election comes to another process of the site, just now.
void ThreePhaseAdversary::ChangeRecord(SimulatedLedger& ledger, const BranchKey& key) {
  if (world_.healed || !world_.Happens(0.05)) return;
  const auto record = ledger.Find(key);
  if (!record || !*record) return;
  const std::string& resource = ledger.database().name();
  for (const auto& [name, process] : victims_.scene.processes) {
    if (!process->up() || !process->Serves(resource) || !world_.Happens(0.5)) continue;
    for (BranchNumber other = 1; other <= (*record)->sites.size(); ++other) {
      for (const auto& [leader, leads] : victims_.scene.processes) {
        const Ballot ballot = leads->LeadsFor({key.gtid, other});
        if (ballot.round == 0) continue;
        return process->TellRecord(key, resource, {PeerVerb::kElect, ballot, {}});
      }
    }
  }
}

void ThreePhaseAdversary::HealAPart() {
  Side one;
  Side other;
  world_.cut.emplace();
  one.coordinator = !gone_ && world_.Happens(0.3);
  other.coordinator = !gone_ && !one.coordinator && world_.Happens(0.5);
  if (one.coordinator) world_.cut->side.insert("coordinator");
  for (const Caller* process : processes_) {
    const bool here = world_.Happens(0.65);
    (here ? one : other).processes.insert(process->name());
    if (here) world_.cut->side.insert(process->name());
  }
  world_.Say("---- both sides of a cut heal ----");
  world_.healed = true;
  world_.partition.reset();
  disk_.full = false;
  for (SimulatedDatabase& database : victims_.databases) {
    if (!database.up()) database.Start();
  }
  const bool stays = one.coordinator || other.coordinator;
  if (stays && !coordinator_.up()) coordinator_.Start();
  if (!stays && coordinator_.up()) coordinator_.Crash();
  stays_down_ = !stays;
  if (coordinator_.up()) coordinator_.Thaw();
  for (Caller* process : processes_) {
    if (!process->up()) process->Start();
    process->Thaw();
  }
  const Instant quiet = world_.now() + kInFlight;
  while (world_.now() < quiet && world_.Step()) {
  }
  std::set<BranchKey> to_end;
  std::set<BranchKey> to_wait;
  to_end.merge(ToBeEndedBy(one, victims_.scene));
  to_end.merge(ToBeEndedBy(other, victims_.scene));
  to_wait.merge(ToWaitOn(one, other, victims_.scene));
  to_wait.merge(ToWaitOn(other, one, victims_.scene));
  const Instant until = world_.now() + kMajorityBound;
  while (world_.now() < until && world_.Step()) {
  }
  CheckRecords(victims_.scene);
  for (const BranchKey& key : to_end) {
    if (!IsFinalNow(key, victims_.scene))
      world_.Violates("progress: " + key.DatabaseName() + " waits, and a majority is connected");
  }
  for (const BranchKey& key : to_wait) {
    if (IsFinalNow(key, victims_.scene))
      world_.Violates("majority: " + key.DatabaseName() + " has ended without one");
    world_.Count(Fault::kMinorityCutOff);
  }
  stays_down_ = false;
}

}  // namespace settle::simulation
