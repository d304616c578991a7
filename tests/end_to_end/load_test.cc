// Several programs transfer money while everything is killed under them; then it heals and
// everything is checked.
#include <cstdlib>
#include <random>
#include <thread>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr int kStrikes = 9;
constexpr std::size_t kPrograms = 3;

class Storm : public WithBothBanks {
 protected:
  // SETTLE_TEST_SEED replays the faults of a run, as far as processes can be replayed.
  static unsigned Seed() {
    const char* given = std::getenv("SETTLE_TEST_SEED");
    return given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  }

  void StartProgram(std::size_t slot) {
    programs_[slot] = &world_.Start();
    programs_[slot]->StartLoad();
  }

  // One fault, healed before the next.
  void Strike(int turn, std::minstd_rand& random) {
    const auto downtime = milliseconds(50 + random() % 300);
    const bool has_cluster = GetParam().a == Kind::kPostgres || GetParam().b == Kind::kPostgres;
    switch (turn % (has_cluster ? 3 : 2)) {
      case 0:
        world_.daemon().Kill();
        std::this_thread::sleep_for(downtime);
        world_.daemon().Start();
        break;
      case 1: {
        const std::size_t slot = random() % kPrograms;
        programs_[slot]->Kill();
        StartProgram(slot);
        break;
      }
      case 2:
        world_.cluster().Kill();
        std::this_thread::sleep_for(downtime);
        world_.cluster().Start();
        break;
    }
  }

  std::vector<Application*> programs_ = std::vector<Application*>(kPrograms, nullptr);
};

TEST_P(Storm, NothingIsLostDoubledOrLeftBehind) {
  const unsigned seed = Seed();
  SCOPED_TRACE("SETTLE_TEST_SEED=" + std::to_string(seed));
  std::minstd_rand random(seed);
  world_.daemon().Start();
  for (std::size_t slot = 0; slot < kPrograms; ++slot) StartProgram(slot);

  for (int turn = 0; turn < kStrikes; ++turn) {
    std::this_thread::sleep_for(milliseconds(200 + random() % 600));  // the storm's own rhythm
    Strike(turn, random);
  }
  for (Application* program : programs_) EXPECT_THAT(program->StopLoad(), StartsWith("ok"));

  EXPECT_THAT(world_.SettleAndCheck(60s), IsEmpty());
  const std::size_t transfers = world_.bank('a').Transfers().size();
  EXPECT_GT(transfers, 10u) << "there was no load";
  // The daemon's own counters equal what the databases say.
  const auto counted = [&] { return world_.Cli({"status"}).json["committed"] == transfers; };
  EXPECT_TRUE(WaitUntil(counted)) << transfers << " transfers; " << world_.Cli({"status"}).out;
  std::cout << "seed " << seed << ": " << transfers << " transfers under " << kStrikes
            << " kills\n";
}

INSTANTIATE_TEST_SUITE_P(Chaos, Storm, kEveryKind, NameOfKinds);

}  // namespace
}  // namespace settle::testing
