#include "cli/agent_errand.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace settle::cli {
namespace {

bool IsOutstanding(const wire::BranchView& branch) {
  return branch.state == "committing" || branch.state == "aborting" || branch.state == "one-phase";
}

std::string NameOf(const std::string& gtid, int branch) {
  return fmt::format("{}{}:{}", kDatabaseNamePrefix, gtid, branch);
}

}  // namespace

Result<Errand::Branches> Errand::InDoubt() {
  Branches found;
  strays_.clear();
  wire::PageRequest request;
  request.most = 1000;
  do {
    const Result<wire::InDoubtReply> page = client_.InDoubt(request);
    if (!page) return Fail(page.error());
    for (const wire::TransactionView& transaction : page->transactions) {
      for (const wire::BranchView& branch : transaction.branches) {
        if (branch.resource != resource_.name() || !IsOutstanding(branch)) continue;
        found[NameOf(transaction.gtid, branch.branch)] =
            branch.state + (branch.last_error.empty() ? "" : ": " + branch.last_error);
      }
    }
    for (const wire::StrayView& stray : page->strays) {
      if (stray.resource == resource_.name()) strays_[stray.database_name] = stray.why;
    }
    request.cursor = page->next_cursor;
  } while (!request.cursor.empty());
  return found;
}

bool Errand::Look() {
  const Result<std::vector<std::string>> prepared = resource_.ScanPrepared();
  Result<Branches> now =
      prepared ? InDoubt() : Result<Branches>(tl::unexpected<Error>(prepared.error()));
  if (!now) {
    if (!began_) left_ = {{"", Describe(now.error())}};
    return false;
  }
  for (const std::string& name : *prepared) {
    now->try_emplace(name, "prepared, and its transaction is not decided");
  }
  if (!std::exchange(began_, true)) left_ = *now;
  std::erase_if(left_, [&](const auto& branch) { return !now->contains(branch.first); });
  for (auto& [name, why] : left_) {
    const auto stray = strays_.find(name);
    why = stray == strays_.end() ? now->at(name) : "left alone: " + stray->second;
  }
  return std::all_of(left_.begin(), left_.end(),
                     [&](const auto& branch) { return strays_.contains(branch.first); });
}

}  // namespace settle::cli
