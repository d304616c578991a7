// The invariants of docs/protocols.md, checked from the outside: from what is in the databases and
// what the applications wrote down.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "end_to_end/database.h"
#include "end_to_end/notes.h"

namespace settle::testing {

// What is so in one bank.
struct BankFacts {
  std::map<std::string, std::int64_t> transfers;  // gtid -> amount
  std::int64_t total = 0;
  std::vector<std::string> prepared;
  bool writable = true;
};

BankFacts ReadFacts(const Database& bank);

// No prepared branch is left and no lock keeps others out.
bool IsQuiet(const BankFacts& facts);

// One sentence for each violation; none when everything holds. For banks that are quiet and between
// which each transfer moved an amount: a minus in one, a plus in another.
//   atomicity     a gtid's transfer is in all banks or in none, and its halves cancel
//   conservation  all banks together hold what they held at the start
//   durability    told committed: it is there; told aborted: it is nowhere
//   one decision  nobody was told both
//   no orphan     nothing prepared, no lock without an owner
std::vector<std::string> Violations(const std::vector<BankFacts>& banks, const Notes& notes);

}  // namespace settle::testing
