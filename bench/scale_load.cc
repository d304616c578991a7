#include "bench/scale_load.h"

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <thread>
#include <utility>

namespace settle::bench {
namespace {

std::vector<std::string> ResourcesOf(int participant) {
  return {fmt::format("a-{}", participant), fmt::format("b-{}", participant)};
}

}  // namespace

Load::Load(const Daemon& daemon, int clients) : daemon_(daemon) {
  operations_.reserve(static_cast<std::size_t>(clients));
}

void Load::Add(NoOpParticipant& participant, std::vector<std::string> resources) {
  NoOpClient& client = *clients_.emplace_back(
      std::make_unique<NoOpClient>(daemon_.port(), participant, std::move(resources)));
  operations_.emplace_back([&client] { client.Transaction(); });
}

Run Load::Measure(const SuiteOptions& options, const Stop& stop) const {
  return bench::Measure(
      operations_, options.window, [this] { return ReadCpuTimes(daemon_.process(), {}); }, stop);
}

Crowd::Crowd(const Daemon& daemon, int count) : load(daemon, kClients) {
  for (int i = 0; i < count; ++i) {
    participants.push_back(std::make_unique<NoOpParticipant>(daemon.port(), ResourcesOf(i)));
  }
  for (int i = 0; i < kClients; ++i) {
    const int at = i * count / kClients;
    load.Add(*participants[static_cast<std::size_t>(at)], ResourcesOf(at));
  }
}

void Repeat(const Daemon& daemon, NoOpParticipant& participant, std::uint64_t count,
            const std::function<void(NoOpClient&)>& act, const Stop& stop) {
  std::atomic<std::uint64_t> begun = 0;
  std::vector<Operation> clients;
  std::exception_ptr failure;
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kClients; ++i) {
      threads.emplace_back([&] {
        try {
          NoOpClient client(daemon.port(), participant);
          while (begun++ < count && !stop && !failed) act(client);
        } catch (...) {
          if (!failed.exchange(true)) failure = std::current_exception();
        }
      });
    }
  }
  if (stop) throw Interrupted{};
  if (failure) std::rethrow_exception(failure);
}

}  // namespace settle::bench
