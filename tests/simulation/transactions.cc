// The client: global transactions as participant-sdk/src/client runs them.
#include <utility>

#include "simulation/process_calls.h"

namespace settle::simulation {

struct Process::Flow {
  struct Part : Plan::Part {
    std::optional<BranchKey> key;
    std::optional<VoteResult> vote;
  };
  Gtid gtid;
  std::vector<Part> parts;
  coordinator::Wait wait = coordinator::Wait::kApplied;
  bool one_phase = false;
  Plan::Then then = Plan::Then::kCommit;
};

Plan Process::DrawPlan() {
  Plan plan;
  const std::size_t count = 1 + world_.Pick(3);
  std::int64_t rest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Process* where = this;
    if (world_.Happens(0.35)) where = others_[world_.Pick(others_.size())];
    SimulatedDatabase* database = where->databases_[world_.Pick(where->databases_.size())];
    std::int64_t change = world_.Happens(0.15) ? 0 : 1 + static_cast<std::int64_t>(world_.Pick(50));
    if (i + 1 == count && count > 1) change = -rest;
    rest += change;
    plan.parts.push_back({where, database, change});
  }
  plan.wait = world_.Happens(0.7) ? coordinator::Wait::kApplied : coordinator::Wait::kDecision;
  plan.one_phase = count == 1 && plan.parts[0].where == this && plan.parts[0].change != 0;
  return plan;
}

void Process::RunTransaction(const Plan& plan) {
  auto flow = std::make_shared<Flow>();
  for (const Plan::Part& part : plan.parts) flow->parts.push_back({part, {}, {}});
  flow->wait = plan.wait;
  flow->one_phase = plan.one_phase;
  flow->then = plan.then;
  AskAgain<Begun>(
      1, microseconds(40'000),
      [name = name_](Engine& engine, Inquiry&, Completion<Begun> done) {
        engine.Begin({std::chrono::milliseconds(0), "simulated", name}, std::move(done));
      },
      [this, flow](const Result<Begun>& begun) {
        if (!begun) return;
        flow->gtid = begun->gtid;
        notes_[flow->gtid].gtid = flow->gtid;
        Enlist(flow, 0);
      });
}

void Process::EnlistHere(const Gtid& gtid, SimulatedDatabase& database, std::int64_t change,
                         bool leave, std::function<void(std::optional<BranchKey>)> done) {
  if (session_.empty()) return done(std::nullopt);
  const SessionId session = session_;
  EnlistCall call{gtid, database.name(), session, name_ + "-" + std::to_string(++request_)};
  AskAgain<BranchNumber>(
      3, microseconds(25'000),
      [call](Engine& engine, Inquiry&, Completion<BranchNumber> reply) {
        engine.Enlist(call, std::move(reply));
      },
      [this, gtid, &database, change, leave, session, done](const Result<BranchNumber>& number) {
        if (!number) return done(std::nullopt);
        const BranchKey key{gtid, *number};
        notes_[gtid].branches.emplace_back(key, &database);
        if (!OpenBranch(key, database, change, session)) return done(std::nullopt);
        if (leave) Later(Effort(), [this, key] { Tell(key, sdk::event::ApplicationLeft{}); });
        done(key);
      });
}

void Process::Enlist(const FlowPtr& flow, std::size_t index) {
  if (index == flow->parts.size()) {
    if (flow->then == Plan::Then::kNothing) return;
    return Later(Effort(), [this, flow] {
      if (flow->then == Plan::Then::kAbort) return GiveUp(flow);
      flow->one_phase ? AskOnePhase(flow) : PrepareAll(flow);
    });
  }
  Flow::Part& part = flow->parts[index];
  const auto next = [this, flow, index](std::optional<BranchKey> key) {
    flow->parts[index].key = key;
    if (!key) return GiveUp(flow);
    Later(Effort(), [this, flow, index] { Enlist(flow, index + 1); });
  };
  if (part.where == this) return EnlistHere(flow->gtid, *part.database, part.change, false, next);
  // The application's own call to another service, which joins; it is lost with either process.
  if (!part.where->up_) return GiveUp(flow);
  part.where->EnlistHere(flow->gtid, *part.database, part.change, true,
                         [this, incarnation = incarnation_, next](std::optional<BranchKey> key) {
                           world_.After(microseconds(300), [this, incarnation, next, key] {
                             if (incarnation == incarnation_) next(key);
                           });
                         });
}

void Process::PrepareAll(const FlowPtr& flow) {
  auto missing = std::make_shared<std::size_t>(0);
  for (Flow::Part& part : flow->parts) {
    if (part.where != this) continue;
    if (!Tell(*part.key, sdk::event::ApplicationPrepares{})) return GiveUp(flow);
    ++*missing;
  }
  if (*missing == 0) return AskCommit(flow);
  for (std::size_t i = 0; i < flow->parts.size(); ++i) {
    if (flow->parts[i].where != this) continue;
    Later(Effort(), [this, flow, i, missing] {
      const BranchKey key = *flow->parts[i].key;
      const VoteResult vote = PrepareNow(key);
      Later(Effort(), [this, flow, i, missing, key, vote] {
        Tell(key, sdk::event::Voted{vote});
        flow->parts[i].vote = vote;
        // The coordinator had it rolled back while it was being prepared.
        if (table_->StateOf(key) != sdk::BranchState::kPrepared && vote.vote == Vote::kCommit) {
          flow->parts[i].vote = VoteResult{Vote::kNo, {}, "rolled back meanwhile", true};
        }
        if (--*missing == 0) AskCommit(flow);
      });
    });
  }
}

void Process::AskCommit(const FlowPtr& flow) {
  CommitCall call{flow->gtid, {}, flow->wait, std::chrono::milliseconds(0)};
  for (const Flow::Part& part : flow->parts) {
    if (part.vote) call.votes.push_back({part.key->number, *part.vote});
  }
  AskAgain<CommitAnswer>(
      6, microseconds(200'000),
      [call](Engine& engine, Inquiry& inquiry, Completion<CommitAnswer> done) {
        engine.Commit(call, [&inquiry, gtid = call.gtid, done](Result<CommitAnswer> answer) {
          if (answer || answer.error().code != ErrorCode::kNotFound) return done(std::move(answer));
          inquiry.AskOutcome(gtid, [done](Result<Ending> ending) {
            if (!ending) return done(Fail(ending.error()));
            done(CommitAnswer{*ending, false, {}});
          });
        });
      },
      [this, flow](const Result<CommitAnswer>& answer) {
        if (answer) return OnCommitAnswer(flow, *answer);
        if (answer.error().code == ErrorCode::kRetry) {
          return Later(microseconds(15'000), [this, flow] { AskCommit(flow); });
        }
        world_.Count("client left without an answer");
      });
}

void Process::OnCommitAnswer(const FlowPtr& flow, const CommitAnswer& answer) {
  NoteTold(flow->gtid, answer.ending.outcome);
  const bool committed = answer.ending.committed();
  if (committed && !answer.finish_here) return;
  if (!committed && answer.ending.outcome != Outcome::kAborted) return;
  const Decision decision = committed ? Decision::kCommit : Decision::kAbort;
  for (const Flow::Part& part : flow->parts) {
    if (part.where != this || !part.key) continue;
    const BranchKey key = *part.key;
    if (!Tell(key, sdk::event::ApplicationFinishes{decision, committed})) continue;
    Later(Effort(), [this, key, resource = part.database->name(), decision] {
      const FinishResult result = FinishNow(key, resource, decision, evidence_[key]);
      Later(Effort(), [this, key, result] { Tell(key, sdk::event::Finished{result}); });
    });
  }
}

void Process::AskOnePhase(const FlowPtr& flow) {
  const BranchKey key = *flow->parts[0].key;
  if (!Tell(key, sdk::event::ApplicationAsksOnePhase{})) return GiveUp(flow);
  const auto work = work_.find(key);
  if (work == work_.end()) return GiveUp(flow);
  const SimulatedDatabase::LocalTransaction local = work->second.local;
  SimulatedDatabase* database = work->second.database;
  OnePhaseCall call{flow->gtid, key.number, database->EvidenceOf(local)};
  AskAgain<OnePhaseAnswer>(
      6, microseconds(60'000),
      [call](Engine& engine, Inquiry&, Completion<OnePhaseAnswer> done) {
        engine.CommitOnePhase(call, std::move(done));
      },
      [this, flow, key, local, database](const Result<OnePhaseAnswer>& answer) {
        if (!answer || !answer->granted) return GiveUp(flow);
        if (!Tell(key, sdk::event::ApplicationCommitsOnePhase{})) return;
        Later(Effort(), [this, flow, key, local, database] {
          const FinishResult result = database->CommitOnePhase(key, local);
          world_.Effect(name_, "commits in one phase in ", database->name());
          work_.erase(key);
          Later(Effort(), [this, flow, result, evidence = database->EvidenceOf(local)] {
            OnOnePhaseEnd(flow, result, evidence, 10);
          });
        });
      });
}

// The database decided. A reply that was lost is settled by asking it, never by a guess.
void Process::OnOnePhaseEnd(const FlowPtr& flow, const FinishResult& result,
                            const Evidence& evidence, int tries) {
  const BranchKey key = *flow->parts[0].key;
  if (result.end != BranchEnd::kRetry) {
    const bool proved = result.end != BranchEnd::kHazard;
    const bool committed = result.end == BranchEnd::kCommitted;
    NoteTold(flow->gtid, !proved     ? Outcome::kHazard
                         : committed ? Outcome::kCommitted
                                     : Outcome::kAborted);
    Tell(key, sdk::event::Finished{result});
  } else if (tries == 0) {
    Tell(key, sdk::event::OnePhaseGivenUp{});
  } else {
    Later(microseconds(10'000), [this, flow, evidence, tries] {
      SimulatedDatabase* database = flow->parts[0].database;
      const FinishResult proof = database->Prove(evidence);
      world_.Effect(name_, "asks ", database->name(), " for proof");
      OnOnePhaseEnd(flow, proof, evidence, tries - 1);
    });
  }
}

// Something went wrong before commit was asked for: rolls back here and tells the coordinator.
void Process::GiveUp(const FlowPtr& flow) {
  AbortCall call{flow->gtid, AbortCause::kRequested, "the application gave up", {}};
  for (const Flow::Part& part : flow->parts) {
    if (part.where != this || !part.key) continue;
    if (!Tell(*part.key, sdk::event::ApplicationDrops{"the application gave up", false})) continue;
    if (const auto work = work_.find(*part.key); work != work_.end()) {
      work->second.database->Rollback(work->second.local);
      world_.Effect(name_, "rolls back in ", part.database->name());
      work_.erase(work);
    }
    Tell(*part.key, sdk::event::Fenced{});
    call.rolled_back.push_back(part.key->number);
  }
  AskAgain<Ending>(
      2, microseconds(30'000),
      [call](Engine& engine, Inquiry&, Completion<Ending> done) {
        engine.Abort(call, std::move(done));
      },
      [this, flow](const Result<Ending>& ending) {
        if (ending) NoteTold(flow->gtid, ending->outcome);
      });
}

void Process::NoteTold(const Gtid& gtid, Outcome outcome) {
  if (outcome == Outcome::kUndecided || outcome == Outcome::kUnknown) return;
  world_.Say(name_ + " is told: " + gtid.text() + " " + settle::ToString(outcome));
  notes_[gtid].told = outcome;
  world_.Effect(name_, "notes that it is told ", settle::ToString(outcome));
}

}  // namespace settle::simulation
