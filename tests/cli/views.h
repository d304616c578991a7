// Views as a coordinator would give them.
#pragma once

#include <cstdint>
#include <string>

#include "wire/admin_types.h"

namespace settle::cli {

inline constexpr const char* kGtid = "k3m9qxw4c7ab.2.1842.9f3c2a51";
// 2026-01-02T03:04:05.000006Z
inline constexpr std::int64_t kBegan_us = 1'767'323'045'000'006;
inline constexpr std::int64_t kSecond_us = 1'000'000;

inline wire::BranchView BranchIn(const std::string& resource, int number,
                                 const std::string& state) {
  wire::BranchView branch;
  branch.branch = number;
  branch.resource = resource;
  branch.identity = "postgresql:730123:16384";
  branch.process = "shop/4711@host";
  branch.state = state;
  branch.vote = "commit";
  branch.evidence.database = "postgresql:730123:16384";
  branch.evidence.timeline = 1;
  branch.evidence.local_transaction = "744";
  branch.attempts = 14;
  return branch;
}

// Decided to commit; one branch has done so, the other one's database is away.
inline wire::TransactionView Committing() {
  wire::TransactionView view;
  view.gtid = kGtid;
  view.state = "committing";
  view.ending.outcome = wire::Outcome::COMMITTED;
  view.ending.cause = wire::AbortCause::NONE;
  view.owner = "shop/4711@host";
  view.comment = "order 17";
  view.began_us = kBegan_us;
  view.branches = {BranchIn("bank-a", 1, "committed"), BranchIn("bank-b", 2, "committing")};
  view.branches[1].last_error = "connection refused";
  wire::TimelineEntry entry;
  entry.at_us = kBegan_us + kSecond_us;
  entry.what = "decided to commit";
  view.timeline = {entry};
  view.waiting_for = "bank-b";
  view.advice = "bring bank-b back";
  return view;
}

}  // namespace settle::cli
