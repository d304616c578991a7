// Several programs transfer money while everything is killed under them; then it heals and everything is checked.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::IsEmpty;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kStorm{9'000};
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
    programs_[slot]->Send("load " + std::to_string(kStorm.count()));
  }

  // One fault, healed before the next.
  void Strike(std::minstd_rand& random) {
    const auto pause = milliseconds(50 + random() % 300);
    const bool has_cluster = GetParam().a == Kind::kPostgres || GetParam().b == Kind::kPostgres;
    switch (random() % (has_cluster ? 3 : 2)) {
      case 0:
        world_.daemon().Kill();
        ++daemon_kills_;
        std::this_thread::sleep_for(pause);
        world_.daemon().Start();
        break;
      case 1: {
        const std::size_t slot = random() % kPrograms;
        programs_[slot]->Kill();
        ++program_kills_;
        StartProgram(slot);
        break;
      }
      case 2:
        world_.cluster().Kill();
        ++cluster_kills_;
        std::this_thread::sleep_for(pause);
        world_.cluster().Start();
        break;
    }
  }

  std::vector<Application*> programs_ = std::vector<Application*>(kPrograms, nullptr);
  int daemon_kills_ = 0;
  int program_kills_ = 0;
  int cluster_kills_ = 0;
};

TEST_P(Storm, NothingIsLostDoubledOrLeftBehind) {
  const unsigned seed = Seed();
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE("SETTLE_TEST_SEED=" + std::to_string(seed));
  std::minstd_rand random(seed);
  world_.daemon().Start();
  for (std::size_t slot = 0; slot < kPrograms; ++slot) StartProgram(slot);

  for (const auto until = Clock::now() + kStorm; Clock::now() < until;) {
    std::this_thread::sleep_for(milliseconds(200 + random() % 800));  // the storm's own rhythm
    Strike(random);
  }
  EXPECT_GT(daemon_kills_ + program_kills_ + cluster_kills_, 4) << "there was no storm";
  for (Application* program : programs_) program->Answer(60s);

  EXPECT_THAT(world_.SettleAndCheck(60s), IsEmpty());
  const std::size_t transfers = world_.bank('a').Transfers().size();
  EXPECT_GT(transfers, 10u) << "there was no load";
  // The daemon's own counters equal what the databases say.
  const auto counted = [&] { return world_.Cli({"status"}).json["committed"] == transfers; };
  EXPECT_TRUE(WaitUntil(counted)) << transfers << " transfers; " << world_.Cli({"status"}).out;
  std::cout << "seed " << seed << ": " << transfers << " transfers, " << daemon_kills_ << " daemon, "
            << program_kills_ << " program and " << cluster_kills_ << " database kills\n";
}

INSTANTIATE_TEST_SUITE_P(Chaos, Storm, kEveryKind, NameOfKinds);

}  // namespace
}  // namespace settle::testing
