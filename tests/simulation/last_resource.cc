// Commit by a last resource, as participant-sdk/src/client/last_resource.cc does it.
#include "settle/vocabulary/last_resource.h"

#include <utility>

#include "simulation/flow.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::simulation {

// Its evidence is taken, and all others are named after it, before anything is prepared.
void Process::ChooseLast(const FlowPtr& flow) {
  Flow::Part& last = flow->parts[*flow->last];
  if (!Tell(*last.key, sdk::event::ApplicationAsksOnePhase{})) {
    flow->last.reset();
    return PrepareAll(flow);
  }
  const std::optional<Evidence> evidence = EvidenceOfWork(*last.key);
  if (!evidence) return GiveUp(flow);
  flow->evidence = *evidence;
  notes_[flow->gtid].last.emplace(*last.key, last.database);
  for (Flow::Part& part : flow->parts) {
    if (flow->IsLast(part) || SETTLE_PLANTED_BUG(kLastResourceChosenAfterPrepare)) continue;
    const Result<std::string> name =
        NameInNameOf(*part.key, {last.key->number, last.database->name(), *evidence});
    SETTLE_ASSERT(name, part.key->DatabaseName());
    part.name = *name;
  }
  PrepareAll(flow);
}

// Another one voted no.
void Process::GiveUpLast(const FlowPtr& flow) {
  Flow::Part& last = flow->parts[*flow->last];
  Tell(*last.key, sdk::event::OnePhaseDeclined{});
  if (Tell(*last.key, sdk::event::ApplicationDrops{"another branch voted no", false})) {
    RollBackWork(*last.key);
    Tell(*last.key, sdk::event::Fenced{});
  }
  last.vote = VoteResult{Vote::kNo, {}, "rolled back because another branch voted no", true};
}

void Process::AskLeave(const FlowPtr& flow) {
  OnePhaseCall call{flow->gtid, flow->parts[*flow->last].key->number, flow->evidence};
  call.own = flow->own;
  call.votes.emplace();
  for (const Flow::Part& part : flow->parts) {
    if (part.vote) call.votes->push_back({part.key->number, *part.vote});
  }
  CallOnePhase(call, [this, flow](const Result<OnePhaseAnswer>& answer) {
    if (answer && answer->granted) return CommitLast(flow);
    if (!answer) world_.Count(Fault::kClientGaveUp);
    NoLeave(flow);
  });
}

// Certain to be an abort, whatever became of the leave: only what is rolled back here could have
// committed it.
void Process::NoLeave(const FlowPtr& flow) {
  AbortCall call{flow->gtid, AbortCause::kRequested, "no leave", {}};
  RollBackHere(flow, call.rolled_back);
  NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kRolledBack, "no leave", true});
  FinishAll(flow, Decision::kAbort);
  Ask<Ending>(
      flow->gtid, 2, microseconds(30'000),
      [call](Engine& engine, Inquiry&, Completion<Ending> done) { engine.Abort(call, done); },
      [](const Result<Ending>&) {});
}

void Process::CommitLast(const FlowPtr& flow) {
  const Flow::Part& last = flow->parts[*flow->last];
  if (!Tell(*last.key, sdk::event::ApplicationCommitsOnePhase{})) return NoLeave(flow);
  const OpenWork work = work_.at(*last.key);
  Later(Effort(), [this, flow, key = *last.key, work] {
    const FinishResult result = work.database->CommitOnePhase(key, work.local);
    world_.Effect(name(), "commits the last resource in ", work.database->name());
    work_.erase(key);
    Later(Effort(), [this, flow, result] { OnLastEnd(flow, result, 10); });
  });
}

// Where it does not say what it did all others stay prepared.
void Process::OnLastEnd(const FlowPtr& flow, const FinishResult& result, int tries) {
  const Flow::Part& last = flow->parts[*flow->last];
  switch (result.end) {
    case BranchEnd::kCommitted: Tell(*last.key, sdk::event::Finished{result}); break;
    case BranchEnd::kAborted:
      Tell(*last.key, sdk::event::Finished{result});
      NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kRolledBack, "", true});
      return FinishAll(flow, Decision::kAbort);
    case BranchEnd::kHazard:
      Tell(*last.key, sdk::event::Finished{result});
      return AskOutcomeLater(flow->gtid, 20);
    case BranchEnd::kRetry:
      if (tries == 0) {
        Tell(*last.key, sdk::event::OnePhaseGivenUp{});
        return AskOutcomeLater(flow->gtid, 20);
      }
      return Later(microseconds(10'000), [this, flow, tries] {
        SimulatedDatabase* database = flow->parts[*flow->last].database;
        const FinishResult proof = database->Prove(flow->evidence);
        world_.Effect(name(), "asks ", database->name(), " for proof");
        OnLastEnd(flow, proof, tries - 1);
      });
  }
  OnLastCommitted(flow);
}

void Process::OnLastCommitted(const FlowPtr& flow) {
  NoteTold(flow->gtid, {Outcome::kCommitted, AbortCause::kNone, "", false});
  for (const Flow::Part& part : flow->parts) {
    const auto work = work_.find(*part.key);
    if (!flow->IsSecondLast(part) || work == work_.end()) continue;
    work->second.database->CommitOnePhase(*part.key, work->second.local);
    work_.erase(work);
  }
  if (flow->wait == coordinator::Wait::kApplied) return FinishAll(flow, Decision::kCommit);
  for (const Flow::Part& part : flow->parts) {
    if (part.vote) Tell(*part.key, sdk::event::ApplicationHandsOver{Decision::kCommit});
  }
}

}  // namespace settle::simulation
