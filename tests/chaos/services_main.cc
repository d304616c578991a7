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
#include "end_to_end/transfer_options.h"

namespace {

using namespace settle::testing;
using std::chrono::milliseconds;

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

int Run(const TransferOptions& options) {
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
  const auto coordinator = ConnectOrAnswer(link);
  if (!coordinator) return 1;
  NotesWriter notes(options.notes);
  Customer traveller(*coordinator, notes, services, options.seed);
  Customer shopper(*coordinator, notes, services, options.seed + 1);
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
  return Run(ParseTransferOptions({argv + 1, argv + argc}));
} catch (const std::exception& e) {
  std::fprintf(stderr, "chaos_services: %s\n", e.what());
  return 2;
}
