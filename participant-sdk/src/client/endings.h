// What an application is told, made from what is known. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/status.h"

namespace settle::sdk {

// A branch of this process and what became of it; nothing: not known yet.
struct BranchFate {
  BranchNumber number = 0;
  std::string resource;
  std::optional<FinishResult> end;
  std::string trouble;  // why it is not known
};

enum class Scope {
  kWhole,  // the transaction has no other branches
  kPart,   // other processes have branches too
};

// `decided` is the coordinator's answer; the fates are those of the branches that this process was
// to finish accordingly. What they contradict becomes a heuristic ending, what is not known yet is
// named.
Ending SettledEnding(Ending decided, const std::vector<BranchFate>& fates, Scope scope);

// The decision, if there is one, could not be learned.
Ending UnknownEnding(const Gtid& gtid, const std::string& why);
// Because of an error. kExpired where that says so: then asking again will not help either.
Ending UnknownEnding(const Gtid& gtid, const Error& why);

Ending AbortedEnding(AbortCause cause, std::string reason, bool retryable = false);

}  // namespace settle::sdk
