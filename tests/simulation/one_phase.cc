// A lone branch, committed in one phase, as participant-sdk/src/client/one_phase.cc does it.
#include <utility>

#include "simulation/flow.h"

namespace settle::simulation {

void Process::AskOnePhase(const FlowPtr& flow) {
  const BranchKey key = *flow->parts[0].key;
  if (!Tell(key, sdk::event::ApplicationAsksOnePhase{})) return PrepareAll(flow);
  const auto work = work_.find(key);
  if (work == work_.end()) return GiveUp(flow);
  if (flow->parts[0].change == 0) return CommitReadOnly(flow);
  const Evidence evidence = work->second.database->EvidenceOf(work->second.local);
  OnePhaseCall call{flow->gtid, key.number, evidence};
  call.own = flow->own;
  CallOnePhase(call, [this, flow, evidence](const Result<OnePhaseAnswer>& answer) {
    OnOnePhaseAnswer(flow, evidence, answer);
  });
}

// Of a transaction that is not there any more it is asked how that ended.
void Process::CallOnePhase(const OnePhaseCall& call, Answer<OnePhaseAnswer> answer) {
  Ask<OnePhaseAnswer>(
      call.gtid, 6, microseconds(60'000),
      [call](Engine& engine, Inquiry& inquiry, Completion<OnePhaseAnswer> done) {
        engine.CommitOnePhase(call,
                              [&inquiry, gtid = call.gtid, done](Result<OnePhaseAnswer> answer) {
                                if (answer || answer.error().code != ErrorCode::kNotFound)
                                  return done(std::move(answer));
                                inquiry.AskOutcome(gtid, [done](Result<Ending> ending) {
                                  if (!ending) return done(Fail(ending.error()));
                                  done(OnePhaseAnswer{false, *ending});
                                });
                              });
      },
      std::move(answer));
}

void Process::OnOnePhaseAnswer(const FlowPtr& flow, const Evidence& evidence,
                               const Result<OnePhaseAnswer>& answer) {
  if (answer && answer->granted) return CommitInOnePhase(flow, evidence);
  if (answer && answer->ending.outcome == Outcome::kUndecided) {
    Tell(*flow->parts[0].key, sdk::event::OnePhaseDeclined{});
    return PrepareAll(flow);
  }
  // Certain to be an abort, whatever the coordinator was asked: only what is rolled back here could
  // have committed it.
  std::vector<BranchNumber> rolled_back;
  RollBackHere(flow, rolled_back);
  if (!answer) {
    world_.Count(Fault::kClientGaveUp);
    return NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kRolledBack, "no leave", true});
  }
  NoteTold(flow->gtid, answer->ending);
}

void Process::CommitInOnePhase(const FlowPtr& flow, const Evidence& evidence) {
  const BranchKey key = *flow->parts[0].key;
  if (!Tell(key, sdk::event::ApplicationCommitsOnePhase{})) {
    std::vector<BranchNumber> rolled_back;
    RollBackHere(flow, rolled_back);
    return NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kRolledBack, "meanwhile", true});
  }
  const OpenWork work = work_.at(key);
  Later(Effort(), [this, flow, evidence, key, work] {
    const FinishResult result = work.database->CommitOnePhase(key, work.local);
    world_.Effect(name(), "commits in one phase in ", work.database->name());
    work_.erase(key);
    Later(Effort(), [this, flow, evidence, result] { OnOnePhaseEnd(flow, result, evidence, 10); });
  });
}

// It wrote nothing: an ordinary commit with a read-only vote.
void Process::CommitReadOnly(const FlowPtr& flow) {
  Flow::Part& part = flow->parts[0];
  RollBackWork(*part.key);
  part.vote = VoteResult{Vote::kReadOnly, {}, "", false};
  Tell(*part.key, sdk::event::OnePhaseDeclined{});
  if (Tell(*part.key, sdk::event::ApplicationPrepares{}))
    Tell(*part.key, sdk::event::Voted{*part.vote});
  AskCommit(flow);
}

// The database decided. A reply that was lost is settled by asking it, never by a guess.
void Process::OnOnePhaseEnd(const FlowPtr& flow, const FinishResult& result,
                            const Evidence& evidence, int tries) {
  const BranchKey key = *flow->parts[0].key;
  if (result.end != BranchEnd::kRetry) {
    if (result.end == BranchEnd::kCommitted)
      NoteTold(flow->gtid, {Outcome::kCommitted, AbortCause::kNone, "", false});
    if (result.end == BranchEnd::kAborted)
      NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kRolledBack, "", true});
    Tell(key, sdk::event::Finished{result});
  } else if (tries == 0) {
    Tell(key, sdk::event::OnePhaseGivenUp{});
  } else {
    Later(microseconds(10'000), [this, flow, evidence, tries] {
      SimulatedDatabase* database = flow->parts[0].database;
      const FinishResult proof = database->Prove(evidence);
      world_.Effect(name(), "asks ", database->name(), " for proof");
      OnOnePhaseEnd(flow, proof, evidence, tries - 1);
    });
  }
}

}  // namespace settle::simulation
