#include "end_to_end/checker.h"

#include <algorithm>
#include <numeric>

namespace settle::testing {
namespace {

std::vector<std::string> CheckAtomicity(const std::vector<BankFacts>& banks) {
  std::vector<std::string> violations;
  std::map<std::string, std::pair<std::size_t, std::int64_t>> halves;  // gtid -> how many, sum
  for (const BankFacts& bank : banks) {
    for (const auto& [gtid, amount] : bank.transfers) {
      ++halves[gtid].first;
      halves[gtid].second += amount;
    }
  }
  for (const auto& [gtid, half] : halves) {
    if (half.first != banks.size()) {
      violations.push_back("atomicity: " + gtid + " took effect in " + std::to_string(half.first) +
                           " of " + std::to_string(banks.size()) + " banks");
    } else if (half.second != 0) {
      violations.push_back("atomicity: the halves of " + gtid + " differ by " +
                           std::to_string(half.second));
    }
  }
  return violations;
}

void CheckAnswers(const std::vector<BankFacts>& banks, const Notes& notes,
                  std::vector<std::string>& violations) {
  for (const auto& [gtid, answers] : notes.answers) {
    const auto told = [&answers = answers](const char* outcome) {
      return std::find(answers.begin(), answers.end(), outcome) != answers.end();
    };
    const auto has_it = [&gtid = gtid](const BankFacts& bank) {
      return bank.transfers.contains(gtid);
    };
    const auto present = std::count_if(banks.begin(), banks.end(), has_it);
    if (told("committed") && told("aborted")) {
      violations.push_back("one decision: " + gtid + " was told committed and aborted");
    }
    if (told("committed") && present != static_cast<std::ptrdiff_t>(banks.size())) {
      violations.push_back("durability: " + gtid + " was told committed and is in " +
                           std::to_string(present) + " of " + std::to_string(banks.size()) +
                           " banks");
    }
    if (told("aborted") && present != 0) {
      violations.push_back("durability: " + gtid + " was told aborted and is in " +
                           std::to_string(present) + " banks");
    }
  }
}

}  // namespace

BankFacts ReadFacts(const Database& bank) {
  return {bank.Transfers(), bank.Total(), bank.Prepared(), bank.Writable()};
}

bool IsQuiet(const BankFacts& facts) { return facts.prepared.empty() && facts.writable; }

std::vector<std::string> Violations(const std::vector<BankFacts>& banks, const Notes& notes) {
  std::vector<std::string> violations = CheckAtomicity(banks);
  CheckAnswers(banks, notes, violations);
  const std::int64_t total =
      std::accumulate(banks.begin(), banks.end(), std::int64_t{0},
                      [](std::int64_t sum, const BankFacts& bank) { return sum + bank.total; });
  const std::int64_t opening =
      kAccounts * kOpeningBalance * static_cast<std::int64_t>(banks.size());
  if (total != opening) {
    violations.push_back("conservation: " + std::to_string(total) + " instead of " +
                         std::to_string(opening));
  }
  for (std::size_t i = 0; i < banks.size(); ++i) {
    for (const std::string& name : banks[i].prepared) {
      violations.push_back("no orphan: " + name + " is still prepared in bank " +
                           std::to_string(i + 1));
    }
    if (!banks[i].writable) {
      violations.push_back("no orphan: a lock keeps writers out of bank " + std::to_string(i + 1));
    }
  }
  return violations;
}

}  // namespace settle::testing
