// An order in a SQLite file and its invoice in a directory: both are there, or neither is.
//
//   custom_resource <coordinator host:port> <orders.db> <invoices/> <id> <text>   orders
//   custom_resource <coordinator host:port> <orders.db> <invoices/>               finishes what
//                     programs that crashed have left prepared, until SIGTERM
//
// The file has the table purchase(id TEXT PRIMARY KEY, what TEXT). Exit code 0: ordered, or ended
// by SIGTERM; 1: not ordered; 2: wrong usage; 3: not known, ask for the outcome.
#include <pthread.h>
#include <signal.h>

#include <iostream>

#include "directory_resource.h"
#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"

namespace {

using namespace std::chrono_literals;

settle::Result<settle::Ending> Order(settle::Coordinator& coordinator,
                                     settle::SqliteResource& orders, DirectoryResource& invoices,
                                     const std::string& id, const std::string& what) {
  auto transaction = coordinator.Begin({.timeout = 30s, .comment = "order " + id});
  if (!transaction) return settle::Fail(transaction.error());
  auto order = transaction->Enlist(orders);
  if (!order) return settle::Fail(order.error());
  auto invoice = transaction->Enlist(invoices);
  if (!invoice) return settle::Fail(invoice.error());

  auto inserted = (*order)->Execute("INSERT INTO purchase VALUES ($1, $2)", {id, what});
  if (!inserted) return settle::Fail(inserted.error());
  if (auto written = (*invoice)->Write(id + ".txt", what + "\n"); !written) {
    return settle::Fail(written.error());
  }
  return transaction->Commit();
}

int AwaitSignal() {
  std::cout << "serving" << std::endl;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  int signal = 0;
  return sigwait(&ends, &signal);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 6) {
    std::cerr << "usage: custom_resource <coordinator> <orders.db> <invoices/> [<id> <text>]\n";
    return 2;
  }
  sigset_t ends;  // waited for, and by none of the threads that Connect starts
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  auto orders = settle::SqliteResource::Make({.name = "orders", .path = argv[2]});
  auto invoices = std::make_shared<DirectoryResource>("invoices", argv[3]);
  auto coordinator = settle::Coordinator::Connect({.addresses = {argv[1]},
                                                   .application = "custom_resource",
                                                   .resources = {orders, invoices}});
  if (!coordinator) {
    std::cerr << "custom_resource: " << Describe(coordinator.error()) << '\n';
    return 1;
  }
  if (argc == 4) return AwaitSignal();
  const auto ending = Order(**coordinator, *orders, *invoices, argv[4], argv[5]);
  if (!ending) {
    std::cerr << "not ordered: " << Describe(ending.error()) << '\n';
    return 1;
  }
  std::cout << ToString(ending->outcome) << (ending->reason.empty() ? "" : ": " + ending->reason)
            << std::endl;
  if (ending->committed()) return 0;
  return ending->aborted() ? 1 : 3;
}
