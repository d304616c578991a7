// One seed of one protocol: a rough phase in which everything may break, then a healed one in which
// everything must end, then the invariants. What is the same for all protocols; each adds its
// processes, its work, and its invariants.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "simulation/adversary.h"
#include "simulation/simulation.h"

namespace settle::simulation {

class Run {
 public:
  // `sessions` is how many there must be room for, so that all can end: one for each process that
  // attaches, or more.
  Run(std::uint64_t seed, World::Telling telling, std::size_t sessions = 3);
  virtual ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  SeedResult Play(const std::function<void()>& halfway);
  const World& world() const { return world_; }

 protected:
  // Nothing is on its way to the disk, and the shards list all that they count.
  bool CoordinatorRests();

  World world_;
  Disk disk_;
  CoordinatorNode coordinator_;

 private:
  virtual Adversary& adversary() = 0;
  virtual std::vector<Caller*> processes() = 0;
  virtual void BeginWork(microseconds rough_phase) = 0;
  virtual void BeforeHealing() {}  // a part of the world heals first
  // Nothing runs but what only a person can end.
  virtual bool Ended() = 0;
  // What the coordinator is asked about when all is over, and what it says.
  virtual std::vector<Gtid> Begun() = 0;
  virtual void Said(const Gtid& gtid, const Ending& ending) = 0;
  virtual std::vector<std::string> FindViolations() = 0;

  microseconds AwaitTheEnd();
  void AskForOutcomes();
};

std::unique_ptr<Run> MakeTwoPhaseRun(std::uint64_t seed, World::Telling telling);
std::unique_ptr<Run> MakeThreePhaseRun(std::uint64_t seed, World::Telling telling);
std::unique_ptr<Run> MakeTccRun(std::uint64_t seed, World::Telling telling);
std::unique_ptr<Run> MakeSagaRun(std::uint64_t seed, World::Telling telling);

}  // namespace settle::simulation
