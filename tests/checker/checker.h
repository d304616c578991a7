// The invariants of docs/protocols.md, checked from the outside: from what is in the databases and
// what the applications wrote down.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "checker/database.h"
#include "checker/notes.h"

namespace settle::testing {

// The sagas of the tests are chains of this form: what is before the pivot can be undone, it and
// what follows cannot.
inline constexpr int kSagaSteps = 4;
inline constexpr int kSagaPivot = 3;

// What is so in one bank.
struct BankFacts {
  std::string name;
  std::map<std::string, std::int64_t> transfers;  // gtid -> amount
  std::vector<EffectRow> effects;
  std::int64_t total = 0;
  std::vector<std::string> prepared;
  bool writable = true;
};

BankFacts ReadFacts(const Database& bank, const std::string& name);

// No prepared branch is left and no lock keeps others out.
bool IsQuiet(const BankFacts& facts);

// One sentence for each violation; none when everything holds. For banks that are quiet.
//   atomicity     a transfer is in all its banks or in none, what it moved cancels, and its
//                 reservations are confirmed if it is there and cancelled if it is not
//   durability    told committed: it is there; told aborted, or never asked: it is nowhere
//   once          no step, compensation, try, confirm or cancel took effect twice
//   order         nothing was confirmed or undone that was not done; steps and compensations in
//   turn saga          committed: every step done and none undone; else what was done is undone
//   pivot         nothing of it or after it was undone, and it never stands alone
//   one decision  nobody was told both
//   heuristics    what ended as damaged was forced by a person who noted it; what a person was told
//                 to have forced is shown as that, and as what is in the banks. Only what is shown
//                 as damaged is exempt from what stands above
//   ledger        each bank holds what its own rows say
//   conservation  all banks together hold what they held at the start
//   no orphan     nothing prepared, no lock without an owner, no reservation held
// Throws std::runtime_error.
std::vector<std::string> Violations(const std::vector<BankFacts>& banks, const Notes& notes);

// Every invariant's name and the query that looks for what breaks it, over the tables that
// checker.cc makes of facts and notes.
struct Invariant {
  const char* name;
  const char* violated;
};
const std::vector<Invariant>& Invariants();

}  // namespace settle::testing
