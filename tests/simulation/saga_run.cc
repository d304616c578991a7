// The world of sagas: participants with a barrier each, several processes of each name, clients.
#include <deque>
#include <memory>
#include <utility>

#include "simulation/run.h"
#include "simulation/saga_adversary.h"
#include "simulation/saga_client.h"
#include "simulation/saga_invariants.h"
#include "simulation/saga_plan.h"
#include "simulation/service.h"

namespace settle::simulation {
namespace {

class SagaRun : public Run {
 public:
  SagaRun(std::uint64_t seed, World::Telling telling);

 private:
  Adversary& adversary() override { return adversary_; }
  std::vector<Caller*> processes() override;
  void BeginWork(microseconds rough_phase) override;
  bool Ended() override { return !client_.starts() && CoordinatorRests() && Settled(scene_); }
  std::vector<Gtid> Begun() override;
  void Said(const Gtid& gtid, const Ending& ending) override;
  std::vector<std::string> FindViolations() override { return simulation::FindViolations(scene_); }

  const ServiceRoughness rough_;
  SagaNotes notes_;
  SagaWitness witness_;
  SagaAdversary adversary_;
  std::deque<BarrierDatabase> databases_;
  std::deque<Service> services_;
  SagaClient client_;
  const SagaScene scene_{notes_, disk_, coordinator_};
};

const std::vector<std::string> kParticipants{"airline", "hotels", "bank"};

SagaRun::SagaRun(std::uint64_t seed, World::Telling telling)
    : Run(seed, telling),
      rough_(DrawServiceRoughness(world_, 0.7, 0.25)),
      witness_(world_, coordinator_, notes_),
      adversary_(world_, coordinator_, disk_, witness_, notes_),
      client_(world_, coordinator_, witness_, "client-1") {
  disk_.watch = [this](const Record& record) { witness_.Appends(record); };
  coordinator_.when_it_starts = [this] { witness_.Nudged(); };
  for (const std::string& participant : kParticipants) {
    databases_.emplace_back(world_, participant + "-db",
                            [this](const SagaCall& call, const settle::Answer& answer) {
                              witness_.TookEffect(call, answer);
                            });
  }
  DrawServices(world_, coordinator_, witness_, rough_, kParticipants, databases_, services_);
  for (Service& service : services_)
    service.when_it_dies = [this](Service& dead) { adversary_.BringBackLater(dead); };
  if (world_.Happens(0.5))
    adversary_.operators_every = microseconds(2'000) + world_.UpTo(microseconds(20'000));
}

std::vector<Caller*> SagaRun::processes() {
  std::vector<Caller*> all{&client_};
  for (Service& service : services_) all.push_back(&service);
  return all;
}

void SagaRun::BeginWork(microseconds rough_phase) {
  const std::uint64_t count = 1 + world_.Pick(6);
  for (std::uint64_t i = 0; i < count; ++i) {
    world_.After(world_.UpTo(rough_phase), [this] {
      if (!client_.up() || client_.frozen()) return;
      const bool cancels = world_.Happens(0.3);
      const microseconds after = world_.UpTo(microseconds(150'000));
      client_.Start(DrawSaga(world_, kParticipants), cancels ? std::optional(after) : std::nullopt);
    });
  }
}

std::vector<Gtid> SagaRun::Begun() {
  std::vector<Gtid> begun;
  for (const auto& [gtid, note] : notes_) begun.push_back(gtid);
  return begun;
}

// Of one that never began abort is presumed.
void SagaRun::Said(const Gtid& gtid, const Ending& ending) {
  if (disk_.sagas.contains(gtid)) notes_.at(gtid).said_at_the_end = ending.outcome;
}

}  // namespace

std::unique_ptr<Run> MakeSagaRun(std::uint64_t seed, World::Telling telling) {
  return std::make_unique<SagaRun>(seed, telling);
}

}  // namespace settle::simulation
