// settle-check: whether the invariants hold in these databases, judged by their rows and by what
// the clients noted.
#include <boost/program_options.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "checker/checker.h"
#include "support/command_line.h"

namespace {

namespace options = boost::program_options;
using namespace settle::testing;

constexpr int kHolds = 0;
constexpr int kViolated = 1;
constexpr int kUnreadable = 3;

int Check(const std::vector<std::string>& banks, const std::vector<std::string>& notes) {
  std::vector<BankFacts> facts;
  for (const std::string& bank : banks) {
    const std::size_t equals = bank.find('=');
    facts.push_back(ReadFacts(*OpenBank(bank.substr(equals + 1)), bank.substr(0, equals)));
  }
  const Notes noted = ReadNotes(notes);
  const std::vector<std::string> violations = Violations(facts, noted);
  for (const std::string& violation : violations) std::cout << violation << "\n";
  std::cout << facts.size() << " banks, " << noted.answers.size() << " transactions noted, "
            << violations.size() << " violations\n";
  return violations.empty() ? kHolds : kViolated;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> banks;
  std::vector<std::string> notes;
  options::options_description all(
      "settle-check --bank NAME=postgresql:CONNINFO|sqlite:PATH ... --notes FILE ...\n\n"
      "Prints one sentence for each violation. Exit code: 0 everything holds, 1 a violation,\n"
      "2 wrong use, 3 a database cannot be read.\n\nOptions");
  auto add = all.add_options();
  add("bank", options::value(&banks)->multitoken()->required(), "a participant's database");
  add("notes", options::value(&notes)->multitoken(), "what a client noted");
  add("help", "this text");
  if (const auto code = ReadCommandLine("settle-check", argc, argv, all)) return *code;
  for (const std::string& bank : banks) {
    if (bank.find('=') != std::string::npos) continue;
    std::cerr << "settle-check: \"" << bank << "\" is not NAME=DSN\n";
    return kWrongUse;
  }
  try {
    return Check(banks, notes);
  } catch (const std::exception& error) {
    std::cerr << "settle-check: " << error.what() << "\n";
    return kUnreadable;
  }
}
