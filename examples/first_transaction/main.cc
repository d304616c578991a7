// The transfer of the README: money moves between two databases, or nothing happens.
//
//   first_transaction <coordinator host:port> <bank a.db> <bank b.db>
#include <chrono>
#include <iostream>

#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"

using namespace std::chrono_literals;

// Transfer begins
settle::Ending Transfer(settle::Coordinator& coordinator, settle::SqliteResource& bank_a,
                        settle::SqliteResource& bank_b, const std::string& amount) {
  auto failed = [](const settle::Error& why) {
    return settle::Ending{settle::Outcome::kAborted, settle::AbortCause::kRequested, Describe(why)};
  };
  auto transaction = coordinator.Begin({.timeout = 30s, .comment = "order 17"});
  if (!transaction) return failed(transaction.error());
  auto debit = transaction->Enlist(bank_a);
  if (!debit) return failed(debit.error());
  auto credit = transaction->Enlist(bank_b);
  if (!credit) return failed(credit.error());

  auto taken =
      (*debit)->Execute("UPDATE account SET balance = balance - $1 WHERE id = 1", {amount});
  if (!taken) return failed(taken.error());  // leaving without Commit rolls everything back
  auto given =
      (*credit)->Execute("UPDATE account SET balance = balance + $1 WHERE id = 7", {amount});
  if (!given) return failed(given.error());

  // Committed in both, aborted in both, or "unknown": then ask, never redo the work.
  return transaction->Commit();
}
// Transfer ends

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: first_transaction <coordinator host:port> <bank a.db> <bank b.db>\n";
    return 64;
  }
  auto bank_a = settle::SqliteResource::Make({.name = "bank-a", .path = argv[2]});
  auto bank_b = settle::SqliteResource::Make({.name = "bank-b", .path = argv[3]});
  auto coordinator = settle::Coordinator::Connect(
      {.addresses = {argv[1]}, .application = "first_transaction", .resources = {bank_a, bank_b}});
  if (!coordinator) {
    std::cerr << "first_transaction: " << Describe(coordinator.error()) << '\n';
    return 1;
  }
  const settle::Ending ending = Transfer(**coordinator, *bank_a, *bank_b, "10");
  std::cout << ToString(ending.outcome) << (ending.reason.empty() ? "" : ": " + ending.reason)
            << '\n';
  return ending.committed() ? 0 : 1;
}
