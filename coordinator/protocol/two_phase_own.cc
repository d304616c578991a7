// Branches that whoever began the transaction numbers itself, and names when it asks to commit: so
// a transaction that works in one process alone costs two calls. Until then the coordinator does
// not know of them. That is safe because nothing can be decided without a commit request: a
// prepared one that a scan finds is left alone while the transaction is undecided, and is aborted
// with it, unless the request named it.
#include <algorithm>

#include "protocol/two_phase.h"
#include "protocol/two_phase_parts.h"

namespace settle::coordinator {

// Empty: they may join. What is refused changes nothing.
Effects TwoPhase::RefuseOwn(const std::vector<event::OwnBranch>& own) const {
  const auto refuse = [](const event::OwnBranch& branch, const std::string& why) {
    return Effects{effect::Refuse{ErrorCode::kInvalid, "branch " + std::to_string(branch.number) +
                                                           " in " + branch.resource + " " + why +
                                                           "; the transaction stays as it was"}};
  };
  for (auto branch = own.begin(); branch != own.end(); ++branch) {
    if (branch->number == 0 || branch->number > beginner_.own_branches) {
      return refuse(*branch, "is none that its beginner numbers: it may number " +
                                 std::to_string(beginner_.own_branches) + ", from 1");
    }
    const bool twice = std::any_of(own.begin(), branch, [&](const event::OwnBranch& other) {
      return other.number == branch->number;
    });
    if (twice || FindBranch(branch->number) != nullptr) return refuse(*branch, "is named twice");
    if (branch->number > own.size()) return refuse(*branch, "is numbered with a gap before it");
  }
  return {};
}

void TwoPhase::JoinOwn(const event::OwnBranch& own) {
  Branch& branch = Ensure(own.number);
  branch.resource = own.resource;
  branch.identity = own.identity;
  branch.process = own.process;
  branch.session = beginner_.session;
  branch.state = BranchState::kWorking;
}

// Its process may have died, and the scan that found it be the last one for long.
void TwoPhase::RememberFound(const event::FoundPrepared& found) {
  if (found.branch == 0 || found.branch > beginner_.own_branches) return;
  std::vector<event::FoundPrepared>& known = beginner_.found.Change();
  std::erase_if(known, [&](const auto& one) { return one.branch == found.branch; });
  known.push_back(found);
}

// Nothing is known of it; that it is prepared is known now, so its end is waited for too.
TwoPhase::Branch& TwoPhase::JoinFound(const event::FoundPrepared& found) {
  Branch& branch = Ensure(found.branch);
  branch.resource = found.resource;
  branch.voted = true;
  branch.voted_so.Change().vote = Vote::kCommit;
  return branch;
}

// New ones count as ended: whoever asks for them says what else is so.
TwoPhase::Branch& TwoPhase::Ensure(BranchNumber number) {
  const auto at = std::ranges::lower_bound(branches_, number, {}, &Branch::number);
  if (at != branches_.end() && at->number == number) return *at;
  Branch branch;
  branch.number = number;
  branch.state = BranchState::kAborted;
  return *branches_.insert(at, std::move(branch));
}

}  // namespace settle::coordinator
