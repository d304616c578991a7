// Money moves between two PostgreSQL databases, with one round trip to each before the decision:
// the statements are queued, and the prepare travels with them.
//
//   pipelined_transfer <coordinator host:port> <dsn of bank a> <dsn of bank b> <account> <amount>
//
// From that account of bank a to account 7 of bank b.
#include <chrono>
#include <iostream>

#include "settle/coordinator.h"
#include "settle/postgres_resource.h"

using namespace std::chrono_literals;

struct Moved {
  settle::Ending ending;
  std::string balance;  // what is left in the account, if it was committed
};

// Transfer begins
settle::Result<Moved> Transfer(settle::Coordinator& coordinator, settle::PostgresResource& bank_a,
                               settle::PostgresResource& bank_b, const std::string& account,
                               const std::string& amount) {
  auto transaction = coordinator.Begin({.timeout = 30s, .comment = "order 17"});
  if (!transaction) return settle::Fail(transaction.error());
  auto debit = transaction->Enlist(bank_a);
  if (!debit) return settle::Fail(debit.error());
  auto credit = transaction->Enlist(bank_b);
  if (!credit) return settle::Fail(credit.error());

  // Nothing is sent yet. The 1: exactly one row must be changed, or the transfer aborts.
  auto taken = (*debit)->Queue(
      "UPDATE account SET balance = balance - $1 WHERE id = $2 AND balance >= $1 RETURNING balance",
      {amount, account}, 1);
  if (!taken) return settle::Fail(taken.error());
  auto given =
      (*credit)->Queue("UPDATE account SET balance = balance + $1 WHERE id = 7", {amount}, 1);
  if (!given) return settle::Fail(given.error());

  // Both databases work and prepare at the same time. Then the answers can be read.
  Moved moved{transaction->Commit(), ""};
  if (auto left = (*debit)->Answer(*taken); moved.ending.committed() && left) {
    moved.balance = left->rows[0][0].value_or("");
  }
  return moved;
}
// Transfer ends

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: pipelined_transfer <coordinator host:port> <dsn a> <dsn b> <account> "
                 "<amount>\n";
    return 64;
  }
  auto bank_a = settle::PostgresResource::Make({.name = "bank-a", .dsn = argv[2]});
  auto bank_b = settle::PostgresResource::Make({.name = "bank-b", .dsn = argv[3]});
  auto coordinator = settle::Coordinator::Connect(
      {.addresses = {argv[1]}, .application = "pipelined_transfer", .resources = {bank_a, bank_b}});
  if (!coordinator) {
    std::cerr << "pipelined_transfer: " << Describe(coordinator.error()) << '\n';
    return 1;
  }
  const settle::Result<Moved> moved = Transfer(**coordinator, *bank_a, *bank_b, argv[4], argv[5]);
  if (!moved) {
    std::cerr << "pipelined_transfer: " << Describe(moved.error()) << '\n';
    return 1;
  }
  std::cout << ToString(moved->ending.outcome);
  if (!moved->ending.reason.empty()) std::cout << ": " << moved->ending.reason;
  if (!moved->balance.empty()) std::cout << ", " << moved->balance << " left";
  std::cout << '\n';
  return moved->ending.committed() ? 0 : 1;
}
