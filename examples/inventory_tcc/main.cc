// inventory_tcc: sells what is in stock, and no more, to many customers at once.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <boost/program_options.hpp>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "shop.h"

namespace {

namespace options = boost::program_options;
using namespace inventory_tcc;

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string coordinator;
  std::string directory;
  int stock = 0;
  int orders = 0;
  int customers = 0;
  int count = 0;
  bool create = false;
  bool stay = false;
  bool elsewhere = false;
  bool audit = false;
};

options::options_description Describe(Arguments& arguments) {
  options::options_description all(
      "inventory_tcc --directory DIR --create [--stock N]\n"
      "inventory_tcc --directory DIR --audit\n"
      "inventory_tcc --coordinator HOST:PORT --directory DIR [options]\n\nOptions");
  auto add = all.add_options();
  add("coordinator", options::value(&arguments.coordinator)->default_value("127.0.0.1:7420"),
      "its address");
  add("directory", options::value(&arguments.directory)->required(), "where the databases are");
  add("create", options::bool_switch(&arguments.create), "make them, if not there, and end");
  add("stock", options::value(&arguments.stock)->default_value(20), "pieces, when they are made");
  add("audit", options::bool_switch(&arguments.audit),
      "say what the databases hold, and end; exit code 1 if it does not add up");
  add("orders", options::value(&arguments.orders)->default_value(15), "how many orders to place");
  add("customers", options::value(&arguments.customers)->default_value(4),
      "so many at the same time");
  add("count", options::value(&arguments.count)->default_value(2), "pieces of each order");
  add("stay", options::bool_switch(&arguments.stay),
      "place no order: serve the inventory until SIGTERM or SIGINT");
  add("elsewhere", options::bool_switch(&arguments.elsewhere),
      "another process serves the inventory");
  add("help", "this text");
  return all;
}

int Complain(const settle::Error& error) {
  std::cerr << "inventory_tcc: " << Describe(error) << "\n";
  return error.code == settle::ErrorCode::kInvalid ? kUsage : kFailed;
}

// How often orders ended in each way.
std::map<std::string, int> PlaceOrders(settle::Coordinator& coordinator,
                                       settle::SqliteResource& payments,
                                       const Arguments& arguments) {
  std::atomic<int> left{arguments.orders};
  std::mutex mutex;
  std::map<std::string, int> ended;
  std::vector<std::jthread> customers;
  for (int i = 0; i < arguments.customers; ++i) {
    customers.emplace_back([&] {
      while (left.fetch_sub(1) > 0) {
        const settle::Ending ending = Order(coordinator, payments, arguments.count);
        const bool sold_out = ending.reason.find("sold out") != std::string::npos;
        const std::lock_guard lock(mutex);
        ++ended[ToString(ending.outcome) + std::string(sold_out ? ", sold out" : "")];
        if (!ending.committed() && !sold_out) std::cerr << "an order: " << ending.reason << "\n";
      }
    });
  }
  customers.clear();
  return ended;
}

int PrintAudit(const std::string& directory) {
  const auto audit = ReadAudit(directory);
  if (!audit) return Complain(audit.error());
  std::cout << audit->report;
  if (!audit->broken.empty()) std::cout << "BROKEN: " << audit->broken << "\n";
  if (audit->pending != 0) std::cout << "some orders are still under way\n";
  return audit->broken.empty() ? kOk : kFailed;
}

int Run(const Arguments& arguments) {
  auto payments =
      settle::SqliteResource::Make({.name = "payments", .path = PaymentsPath(arguments.directory)});
  settle::CoordinatorOptions wanted{.addresses = {arguments.coordinator},
                                    .application = "inventory_tcc"};
  if (!arguments.stay) wanted.resources = {payments};
  if (!arguments.elsewhere) wanted.participants = {MakeInventory(arguments.directory)};
  // The main thread waits for the signal; the other threads inherit the mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  if (arguments.stay) pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  auto coordinator = settle::Coordinator::Connect(std::move(wanted));
  if (!coordinator) return Complain(coordinator.error());
  if (arguments.stay) {
    std::cout << "serving" << std::endl;
    int signal = 0;
    sigwait(&ends, &signal);
    const settle::Status left = (*coordinator)->Detach();
    return left ? kOk : Complain(left.error());
  }
  for (const auto& [how, count] : PlaceOrders(**coordinator, *payments, arguments))
    std::cout << count << " orders " << how << "\n";
  return PrintAudit(arguments.directory);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  const options::options_description all = Describe(arguments);
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(all).positional({}).run(),
                   values);
    if (values.contains("help")) {
      std::cout << all;
      return kOk;
    }
    options::notify(values);
  } catch (const options::error& error) {
    std::cerr << "inventory_tcc: " << error.what() << "\nsee inventory_tcc --help\n";
    return kUsage;
  }
  if (arguments.stock < 0 || arguments.orders < 0 || arguments.customers < 1 ||
      arguments.customers > 1'000 || arguments.count < 1) {
    std::cerr << "inventory_tcc: a number is out of range\nsee inventory_tcc --help\n";
    return kUsage;
  }
  if (arguments.create) {
    const settle::Status made = CreateDatabases(arguments.directory, arguments.stock);
    return made ? kOk : Complain(made.error());
  }
  return arguments.audit ? PrintAudit(arguments.directory) : Run(arguments);
}
