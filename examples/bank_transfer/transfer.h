// One transfer of money between two databases: all there is to write for a global transaction.
#pragma once

#include <chrono>
#include <string>

#include "settle/coordinator.h"

namespace bank_transfer {

struct Order {
  int from_account = 0;
  int to_account = 0;
  int amount = 0;
  std::string comment;  // shown to operators
};

// What the client was told.
struct Told {
  settle::Gtid gtid;
  settle::Ending ending;
};

// One bank's part: changes an account, and writes the transfer down beside it. False: not enough
// money.
template <typename Branch>
settle::Result<bool> Post(Branch& bank, const settle::Gtid& gtid, int account, int amount) {
  auto changed =
      bank.Execute("UPDATE account SET balance = balance + $1 WHERE id = $2 AND balance + $1 >= 0",
                   {std::to_string(amount), std::to_string(account)});
  if (!changed) return settle::Fail(changed.error());
  if (changed->affected == 0) return false;
  auto written = bank.Execute("INSERT INTO transfer (gtid, amount) VALUES ($1, $2)",
                              {gtid.text(), std::to_string(amount)});
  if (!written) return settle::Fail(written.error());
  return true;
}

// Takes money from an account in one bank and gives it to one in the other: both happen, or neither
// does. On an error nothing has happened: commit was not asked for, and what was begun is rolled
// back.
template <typename From, typename To>
settle::Result<Told> Transfer(settle::Coordinator& coordinator, From& from, To& to,
                              const Order& order) {
  auto transaction =
      coordinator.Begin({.timeout = std::chrono::seconds(30), .comment = order.comment});
  if (!transaction) return settle::Fail(transaction.error());
  const settle::Gtid gtid = transaction->gtid();

  auto debit = transaction->Enlist(from);
  if (!debit) return settle::Fail(debit.error());
  auto credit = transaction->Enlist(to);
  if (!credit) return settle::Fail(credit.error());

  auto taken = Post(**debit, gtid, order.from_account, -order.amount);
  if (!taken) return settle::Fail(taken.error());
  if (!*taken) return Told{gtid, transaction->Abort("the account has not enough")};
  auto given = Post(**credit, gtid, order.to_account, order.amount);
  if (!given) return settle::Fail(given.error());
  if (!*given) return Told{gtid, transaction->Abort("there is no such account")};

  return Told{gtid, transaction->Commit()};
}

}  // namespace bank_transfer
