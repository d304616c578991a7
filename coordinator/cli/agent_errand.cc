#include "cli/agent_errand.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/text.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

bool IsOutstanding(const wire::BranchView& branch) {
  return branch.state == "committing" || branch.state == "aborting" || branch.state == "one-phase";
}

std::string NameOf(const std::string& gtid, int branch) {
  return fmt::format("{}{}:{}", kDatabaseNamePrefix, gtid, branch);
}

// Of a branch that is prepared in the database while nothing is to be done about it.
std::string WhyPrepared(const wire::TransactionView& transaction, BranchNumber number,
                        const std::string& name) {
  std::string why =
      transaction.ending.outcome == wire::Outcome::UNDECIDED
          ? fmt::format("prepared, and its transaction is not decided ({})", transaction.state)
          : fmt::format("prepared; its transaction is {}, its outcome {}", transaction.state,
                        EndingText(transaction.ending));
  for (const wire::BranchView& branch : transaction.branches) {
    if (branch.branch != static_cast<std::int64_t>(number)) continue;
    if (branch.resource == name) {
      return why + fmt::format("; the branch is {} for the coordinator", branch.state);
    }
    return why + fmt::format("; the branch was enlisted under the resource name {}, not {}",
                             branch.resource, name);
  }
  return why + "; the coordinator has no record of the branch";
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
    now->try_emplace(name, "");
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

void Errand::Explain() {
  bool asks = true;  // until the coordinator cannot be reached, which is said once
  for (auto& [name, why] : left_) {
    if (!why.empty()) continue;
    why = "prepared; nothing is in doubt for it under the name " + resource_.name();
    const Result<BranchKey> key = BranchKey::ParseDatabaseName(name);
    if (!key || !asks) continue;
    const Result<wire::TransactionView> shown = client_.Show(key->gtid.text());
    asks = shown || shown.error().code != ErrorCode::kUnavailable;
    why = shown ? WhyPrepared(*shown, key->number, resource_.name())
                : why + ": " + Describe(shown.error());
  }
}

}  // namespace settle::cli
