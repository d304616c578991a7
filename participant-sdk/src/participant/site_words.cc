#include "participant/site_words.h"

#include <algorithm>

namespace settle::sdk {
namespace {

std::string NameOfLeader(const Roster& sites, BranchNumber number) {
  return number == 0 ? "the coordinator" : NameOfSite(sites, number);
}

}  // namespace

std::string NameOfSite(const Roster& sites, BranchNumber number) {
  if (number == 0) return "the coordinator's witness";
  std::string name = "site " + std::to_string(number);
  const auto site = std::find_if(sites.begin(), sites.end(),
                                 [&](const Site& known) { return known.number == number; });
  return site == sites.end() ? name : name + " (" + site->resource + ")";
}

std::string DecisionWords(const SiteAnswer& at, const Roster& sites) {
  const std::string what = at.state == SiteState::kCommitted ? "committed" : "aborted";
  if (at.decided.ballot.round == 0) return what + " before any site can have pre-committed";
  return what + " by its sites: ballot " + ToString(at.decided.ballot) + ", led by " +
         NameOfLeader(sites, at.decided.ballot.leader) +
         "; the majority: " + ToString(at.decided.quorum);
}

std::string ShortageWords(const Recovery::Shortage& shortage, const Roster& sites,
                          const std::map<BranchNumber, std::string>& trouble) {
  std::string words = "waits until " + std::to_string(shortage.needed) + " of its " +
                      std::to_string(sites.size()) + " sites can be reached; reached:";
  for (const BranchNumber number : shortage.reached) {
    words += (number == shortage.reached.front() ? " " : ", ") + NameOfSite(sites, number);
  }
  words += "; not reached:";
  for (const BranchNumber number : shortage.missing) {
    words += (number == shortage.missing.front() ? " " : ", ") + NameOfSite(sites, number);
    const auto why = trouble.find(number);
    if (why != trouble.end()) words += " [" + why->second + "]";
  }
  return words;
}

}  // namespace settle::sdk
