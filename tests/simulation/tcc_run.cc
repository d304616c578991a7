// The world of reservations: services with a barrier each, several processes of each name, clients
// that only reserve, and shops that reserve and work in databases in one transaction.
#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "simulation/invariants.h"
#include "simulation/run.h"
#include "simulation/service.h"
#include "simulation/tcc_adversary.h"
#include "simulation/tcc_client.h"
#include "simulation/tcc_invariants.h"

namespace settle::simulation {
namespace {

const std::vector<std::string> kParticipants{"inventory", "hotels", "credit"};

class TccRun : public Run {
 public:
  TccRun(std::uint64_t seed, World::Telling telling);

 private:
  Adversary& adversary() override { return adversary_; }
  std::vector<Caller*> processes() override;
  void BeginWork(microseconds rough_phase) override;
  bool Ended() override { return CoordinatorRests() && Settled(scene_) && Settled(beside_scene_); }
  std::vector<Gtid> Begun() override;
  void Said(const Gtid& gtid, const Ending& ending) override {
    notes_[gtid].said_at_the_end = ending.outcome;
    const auto beside = beside_.find(gtid);
    if (beside != beside_.end()) beside->second.said_at_the_end = ending.outcome;
  }
  std::vector<std::string> FindViolations() override;

  TccOrder DrawOrder();
  Plan DrawPlan(Process& shop);

  const ServiceRoughness rough_;
  TccNotes notes_;
  TccWitness witness_;
  TccAdversary adversary_;
  std::deque<BarrierDatabase> databases_;
  std::deque<Service> services_;
  TccClient client_;
  std::deque<SimulatedDatabase> beside_databases_;
  std::deque<Process> shops_;
  std::map<Gtid, Note> beside_;  // of the shops' transactions, as far as databases go
  Witness beside_witness_;
  const TccScene scene_{notes_, disk_, coordinator_};
  const Scene beside_scene_{beside_, beside_databases_, disk_, coordinator_};
};

TccRun::TccRun(std::uint64_t seed, World::Telling telling)
    : Run(seed, telling, 5),  // three services and two shops
      rough_(DrawServiceRoughness(world_, 0.6, 0.3)),
      witness_(world_, coordinator_, notes_),
      adversary_(world_, coordinator_, disk_, witness_),
      client_(world_, coordinator_, witness_, "client-1"),
      beside_witness_(world_, coordinator_, beside_) {
  disk_.watch = [this](const Record& record) { beside_witness_.Appends(record); };
  disk_.may_prune = [this](const Gtid& gtid) {
    return std::none_of(beside_databases_.begin(), beside_databases_.end(),
                        [&](const auto& database) { return database.Holds(gtid); });
  };
  beside_databases_.emplace_back(world_, "orders", DatabaseKind::kPostgresLike);
  beside_databases_.emplace_back(world_, "stock", DatabaseKind::kSqliteLike);
  for (const char* name : {"shop-1", "shop-2"}) {
    shops_.emplace_back(
        world_, coordinator_, name,
        std::vector<SimulatedDatabase*>{&beside_databases_[0], &beside_databases_[1]}, beside_);
  }
  shops_[0].Meet({&shops_[1]});
  shops_[1].Meet({&shops_[0]});
  for (const std::string& participant : kParticipants) {
    databases_.emplace_back(
        world_, participant + "-db",
        [this](const SagaCall& call, const settle::Answer&) { witness_.TookEffect(call); });
  }
  DrawServices(world_, coordinator_, witness_, rough_, kParticipants, databases_, services_);
  for (Service& service : services_)
    service.when_it_dies = [this](Service& dead) { adversary_.BringBackLater(dead); };
  if (world_.Happens(0.5))
    adversary_.operators_every = microseconds(2'000) + world_.UpTo(microseconds(20'000));
}

std::vector<Caller*> TccRun::processes() {
  std::vector<Caller*> all{&client_};
  for (Service& service : services_) all.push_back(&service);
  for (Process& shop : shops_) all.push_back(&shop);
  return all;
}

TccOrder TccRun::DrawOrder() {
  TccOrder order;
  const std::size_t reservations = 1 + world_.Pick(3);
  for (std::size_t i = 0; i < reservations; ++i)
    order.participants.push_back(kParticipants[world_.Pick(kParticipants.size())]);
  if (world_.Happens(0.15)) order.ends = TccOrder::Ends::kCommits;
  if (world_.Happens(0.15)) order.ends = TccOrder::Ends::kAborts;
  if (world_.Happens(0.1)) order.ends = TccOrder::Ends::kNever;
  order.at_once = world_.Happens(0.25);
  if (order.at_once && order.ends == TccOrder::Ends::kAsItShould)
    order.ends = world_.Happens(0.5) ? TccOrder::Ends::kCommits : TccOrder::Ends::kAborts;
  if (world_.Happens(0.3)) order.wait = coordinator::Wait::kDecision;
  return order;
}

// Some work in databases, and one or two reservations before it.
Plan TccRun::DrawPlan(Process& shop) {
  Plan plan = shop.DrawPlan();
  plan.one_phase = false;
  for (std::uint64_t i = world_.Pick(2) + 1; i != 0; --i) {
    Plan::Part reservation;
    reservation.reserves_at = kParticipants[world_.Pick(kParticipants.size())];
    plan.parts.insert(plan.parts.begin(), reservation);
  }
  return plan;
}

void TccRun::BeginWork(microseconds rough_phase) {
  const std::uint64_t count = 1 + world_.Pick(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    world_.After(world_.UpTo(rough_phase), [this] {
      if (world_.Happens(0.4)) {
        Process& shop = shops_[world_.Pick(shops_.size())];
        if (shop.up() && !shop.frozen()) shop.RunTransaction(DrawPlan(shop));
        return;
      }
      const TccOrder order = DrawOrder();
      if (client_.up() && !client_.frozen()) client_.Place(order);
    });
  }
}

std::vector<Gtid> TccRun::Begun() {
  std::vector<Gtid> begun;
  for (const auto& [gtid, note] : beside_) {
    if (!gtid.empty()) notes_[gtid];
  }
  for (const auto& [gtid, note] : notes_) begun.push_back(gtid);
  return begun;
}

std::vector<std::string> TccRun::FindViolations() {
  std::vector<std::string> violations = simulation::FindViolations(beside_scene_);
  for (std::string& one : simulation::FindViolations(scene_)) violations.push_back(std::move(one));
  return violations;
}

}  // namespace

std::unique_ptr<Run> MakeTccRun(std::uint64_t seed, World::Telling telling) {
  return std::make_unique<TccRun>(seed, telling);
}

}  // namespace settle::simulation
