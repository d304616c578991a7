// Branches that whoever began a transaction numbers itself: protocol/two_phase_own.cc.
#include <algorithm>

#include "engine/admission.h"
#include "engine/shard.h"

namespace settle::coordinator {

// A session that is lost after this is heard of in this shard's mailbox, when the transaction is
// known here. While anything is paused each branch is enlisted by a call, which the pause refuses;
// what began before goes on, as the branches do that had joined.
Beginner Shard::BeginnerOf(const BeginCall& call) const {
  // Others may join, too.
  const auto most = static_cast<BranchNumber>(settings_.branches_max / 2);
  const BranchNumber granted = std::min(call.own_branches, most);
  const bool may = granted > 0 && call.protocol == Protocol::kTwoPhase &&
                   !admission_.pauses.any() && sessions_.MayNumber(call.session, call.identity);
  return may ? Beginner{call.session, granted} : Beginner{};
}

// As FindInTime, for a request that names `own`: whose they are is filled in. If their session is
// gone, so is the transaction, and the news of that is only on its way here.
Result<Transaction*> Shard::FindNaming(const Gtid& gtid, std::span<event::OwnBranch> own) {
  Transaction* transaction = FindInTime(gtid);
  if (transaction == nullptr || transaction->machine.state() != TwoPhase::State::kActive)
    return transaction;
  const SessionId session = transaction->machine.beginner().session;
  // None of its own, or too many: the machine refuses them.
  if (session.empty() || own.size() > transaction->machine.beginner().own_branches)
    return transaction;
  for (event::OwnBranch& branch : own) {
    Result<Sessions::Owner> owner = sessions_.FindOwner(session, branch.resource);
    if (!owner && owner.error().code == ErrorCode::kNotFound) {
      Handle(*transaction, event::SessionLost{session});
      return Find(gtid);
    }
    if (!owner) return Fail(std::move(owner).error());
    branch.resource = std::move(owner->resource);
    branch.identity = std::move(owner->identity);
    branch.process = std::move(owner->process);
  }
  return transaction;
}

}  // namespace settle::coordinator
