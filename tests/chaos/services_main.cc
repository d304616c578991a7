// chaos_services: serves the services of the chaos and is their customers, on the command line of
// e2e_transfer. A bank whose name begins with "s" is a service's database, the others take
// payments. Answers "ready", then to each line: "load" begins, the next one ends it.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "chaos/services.h"

namespace {

using namespace settle::testing;
using std::chrono::milliseconds;

struct Options {
  std::string coordinator;
  std::string name;
  std::string notes;
  unsigned seed = 1;
  std::map<std::string, std::string> banks;  // their DSNs
};

Options Parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (words[i] == "--coordinator") options.coordinator = value;
    if (words[i] == "--name") options.name = value;
    if (words[i] == "--notes") options.notes = value;
    if (words[i] == "--seed") options.seed = static_cast<unsigned>(std::stoul(value));
    if (words[i] != "--bank") continue;
    const std::size_t equals = value.find('=');
    options.banks[value.substr(0, equals)] = value.substr(equals + 1);
  }
  return options;
}

// As a program with a user before it: not again at once what has just failed.
std::jthread Repeat(std::function<bool()> work) {
  return std::jthread([work = std::move(work)](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    while (!stop.stop_requested()) {
      if (!work()) stopped.wait_for(lock, stop, milliseconds(20), [] { return false; });
    }
  });
}

int Run(const Options& options) {
  settle::CoordinatorOptions link;
  link.addresses = {options.coordinator};
  link.application = options.name;
  link.call_timeout = milliseconds(15'000);
  link.scan_interval = milliseconds(500);
  std::map<std::string, Bank> banks;
  std::vector<std::string> services;
  for (const auto& [name, dsn] : options.banks) {
    if (name.front() == 's') {
      services.push_back(name);
      link.participants.push_back(MakeService(name, dsn));
    } else {
      banks[name] = MakeBank(name, dsn, settle::Protocol::kTwoPhase);
      link.resources.push_back(banks[name].resource);
    }
  }
  auto coordinator = settle::Coordinator::Connect(link);
  if (!coordinator) {
    const settle::Error& error = coordinator.error();
    std::cout << "refused " << ToString(error.code) << " " << Describe(error) << std::endl;
    return 1;
  }
  NotesWriter notes(options.notes);
  Customer traveller(**coordinator, notes, services, options.seed);
  Customer shopper(**coordinator, notes, services, options.seed + 1);
  std::vector<std::jthread> customers;
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const bool were_at_work = !customers.empty();
    for (std::jthread& customer : customers) customer.request_stop();
    customers.clear();
    if (were_at_work) std::cout << "ok" << std::endl;
    if (line == "load") {
      customers.push_back(Repeat([&] { return traveller.RunSaga(); }));
      customers.push_back(Repeat([&] { return shopper.Order(banks); }));
    } else {
      std::cout << "ok" << std::endl;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return Run(Parse({argv + 1, argv + argc}));
} catch (const std::exception& e) {
  std::fprintf(stderr, "chaos_services: %s\n", e.what());
  return 2;
}
