// Every target with its kept seeds and with variations of them, without a fuzzer. scripts/fuzz runs
// them long, and adds what it finds to the seeds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "inputs.h"
#include "support/sanitized.h"
#include "support/temporary_directory.h"
#include "target.h"

namespace settle::fuzz {
namespace {

constexpr std::size_t kKilobytesMost = 256 * 1024;  // peak of resident memory

// What runs at this moment, for a signal handler.
std::string_view now_running;
constexpr const char* kCrashFile = "fuzz-crash";

void Note(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

// Keeps the input that the process dies of. Uses nothing that a signal handler may not use.
void KeepInput(int signal) {
  const int file = ::open(kCrashFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  (void)!::write(file, now_running.data(), now_running.size());
  Note("what it died of is in the file fuzz-crash: add it to the target's seeds\n");
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

std::size_t PeakKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes;
  }
  return 0;
}

class Input : public ::testing::TestWithParam<const Target*> {
 protected:
  Input() {
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) ::signal(signal, &KeepInput);
  }
  static void SetUpTestSuite() { testing::UseMemoryForDirectories(); }

  // What a campaign asks for, or what ordinary tests have the time for.
  static std::uint32_t Runs() {
    const char* const asked = std::getenv("SETTLE_FUZZ_RUNS");
    return asked == nullptr ? GetParam()->runs : static_cast<std::uint32_t>(std::stoul(asked));
  }

  static void Run(const std::string& bytes) {
    now_running = bytes;
    GetParam()->run(bytes);
  }

  const std::vector<std::string> seeds_ = Seeds(GetParam()->name);
};

TEST_P(Input, IsSurvivedInBoundedMemory) {
  Run("");
  for (const std::string& seed : seeds_) Run(seed);
  for (std::uint32_t i = 1; i <= Runs(); ++i) Run(Variation(seeds_, i));
  EXPECT_TRUE(testing::kSanitized || PeakKilobytes() < kKilobytesMost);
}

std::string NameOf(const ::testing::TestParamInfo<const Target*>& of) {
  std::string name = std::string(of.param->faults) + "_" + of.param->name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Hostile, Input, ::testing::ValuesIn(Targets()), &NameOf);

TEST(Variations, AreManyAndTheSameEveryTime) {
  const std::vector<std::string> seeds{"abcdefgh", "12345678"};
  std::vector<std::string> all;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    all.push_back(Variation(seeds, i));
    EXPECT_EQ(Variation(seeds, i), all.back());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  EXPECT_GT(all.size(), 800u);
}

TEST(Variations, AreNotLongerThanTheMost) {
  const std::vector<std::string> seeds{std::string(kInputMost, 'x')};
  for (std::uint32_t i = 1; i <= 5000; ++i) ASSERT_LE(Variation(seeds, i).size(), kInputMost) << i;
}

}  // namespace
}  // namespace settle::fuzz
