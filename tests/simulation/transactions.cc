// The client: global transactions as participant-sdk/src/client runs them.
#include <algorithm>
#include <utility>

#include "simulation/flow.h"

namespace settle::simulation {
namespace {

constexpr std::chrono::milliseconds kTryWait{40};

}  // namespace

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
    const bool late = where != this && world_.Happens(world_.roughness.late_branch);
    plan.parts.push_back({where, database, change, late});
  }
  plan.wait = world_.Happens(0.7) ? coordinator::Wait::kApplied : coordinator::Wait::kDecision;
  plan.one_phase = count == 1 && plan.parts[0].where == this;
  const bool all_here = std::all_of(plan.parts.begin(), plan.parts.end(),
                                    [this](const auto& part) { return part.where == this; });
  if (count > 1 && all_here && world_.Happens(0.7)) {
    for (std::size_t i = 0; i < count && !plan.last_resource; ++i) {
      const Plan::Part& part = plan.parts[i];
      if (part.change != 0 && part.database->can_fail_over()) plan.last_resource = i;
    }
  }
  if (world_.Happens(0.1))
    plan.then = world_.Happens(0.5) ? Plan::Then::kAbort : Plan::Then::kNothing;
  plan.own = world_.Happens(0.6);
  return plan;
}

void Process::RunTransaction(const Plan& plan) {
  auto flow = std::make_shared<Flow>();
  for (const Plan::Part& part : plan.parts) flow->parts.push_back({part, {}, {}});
  flow->wait = plan.wait;
  flow->one_phase = plan.one_phase;
  flow->last = plan.last_resource;
  flow->then = plan.then;
  flow->protocol = plan.protocol;
  if (plan.own) flow->session = session_;
  coordinator::BeginCall call{std::chrono::milliseconds(0), "simulated", name(), plan.protocol};
  call.last_resource = plan.last_resource.has_value();
  call.session = flow->session;
  call.own_branches = flow->session.empty() ? 0 : sdk::kOwnBranches;
  Ask<Begun>(
      {}, 1, microseconds(40'000),
      [call](Engine& engine, Inquiry&, Completion<Begun> done) {
        engine.Begin(call, std::move(done));
      },
      [this, flow, asked = world_.now()](const Result<Begun>& begun) {
        if (!begun) return;
        flow->gtid = begun->gtid;
        flow->granted = begun->own_branches;
        notes_[flow->gtid].gtid = flow->gtid;
        notes_[flow->gtid].asked = asked;
        Enlist(flow, 0);
      });
}

void Process::EnlistHere(const Gtid& gtid, SimulatedDatabase& database, std::int64_t change,
                         bool leave, std::function<void(std::optional<BranchKey>)> done) {
  if (session_.empty()) return done(std::nullopt);
  const SessionId session = session_;
  EnlistCall call{gtid, database.name(), session, name() + "-" + std::to_string(++request_)};
  Ask<BranchNumber>(
      gtid, 3, microseconds(25'000),
      [call](Engine& engine, Inquiry&, Completion<BranchNumber> reply) {
        engine.Enlist(call, std::move(reply));
      },
      [this, gtid, &database, change, leave, session, done](const Result<BranchNumber>& number) {
        if (!number) {
          if (leave && number.error().code == ErrorCode::kRefused)
            world_.Count(Fault::kBranchJoinedLate);
          return done(std::nullopt);
        }
        const BranchKey key{gtid, *number};
        notes_[gtid].branches.emplace_back(key, &database);
        if (!OpenBranch(key, database, change, session)) return done(std::nullopt);
        if (leave) Later(Effort(), [this, key] { Tell(key, sdk::event::ApplicationLeft{}); });
        done(key);
      });
}

// Nobody is asked: the coordinator hears of it with the commit.
std::optional<BranchKey> Process::NumberHere(Flow& flow, const Plan::Part& part) {
  const auto number = static_cast<BranchNumber>(flow.own.size() + 1);
  const BranchKey key{flow.gtid, number};
  notes_[flow.gtid].branches.emplace_back(key, part.database);
  flow.own.push_back({number, part.database->name()});
  if (!OpenBranch(key, *part.database, part.change, flow.session)) return std::nullopt;
  return key;
}

// The application's own call to another service, which joins; it is lost with either process.
void Process::EnlistThere(const Flow& flow, const Plan::Part& part,
                          std::function<void(std::optional<BranchKey>)> done) {
  Process& there = *part.where;
  const auto reply = [this, incarnation = incarnation_, done](std::optional<BranchKey> key) {
    world_.After(microseconds(300),
                 [this, incarnation, done, key] { Run(incarnation, [done, key] { done(key); }); });
  };
  there.Run(there.incarnation_, [&there, gtid = flow.gtid, part, reply] {
    there.EnlistHere(gtid, *part.database, part.change, true, reply);
  });
}

void Process::Enlist(const FlowPtr& flow, std::size_t index) {
  if (index == flow->parts.size()) {
    if (flow->then == Plan::Then::kNothing) return;
    return Later(Effort(), [this, flow] {
      if (flow->then == Plan::Then::kAbort) return GiveUp(flow);
      if (flow->protocol == settle::Protocol::kThreePhase) return LeaveAll(flow);
      if (flow->last) return ChooseLast(flow);
      flow->one_phase ? AskOnePhase(flow) : PrepareAll(flow);
    });
  }
  Flow::Part& part = flow->parts[index];
  const auto next = [this, flow, index](std::optional<BranchKey> key) {
    flow->parts[index].key = key;
    if (!key) return GiveUp(flow);
    // Now and then it thinks for so long that the deadline comes between two branches.
    const bool dawdles = world_.Happens(0.04);
    Later(dawdles ? world_.UpTo(microseconds(100'000)) : Effort(),
          [this, flow, index] { Enlist(flow, index + 1); });
  };
  if (!part.reserves_at.empty()) return Try(flow, index);
  if (part.where == this && flow->own.size() < flow->granted) return next(NumberHere(*flow, part));
  if (part.where == this) return EnlistHere(flow->gtid, *part.database, part.change, false, next);
  if (!part.where->up()) return GiveUp(flow);
  if (!part.late) return EnlistThere(*flow, part, next);
  Later(Effort() * 4, [this, flow, index] {
    const Flow::Part& late = flow->parts[index];
    if (late.where->up()) EnlistThere(*flow, late, [](std::optional<BranchKey>) {});
  });
  Enlist(flow, index + 1);
}

// The same request again until the service has answered.
void Process::Try(const FlowPtr& flow, std::size_t index) {
  const TryCall call{flow->gtid, flow->parts[index].reserves_at, "reserve",
                     "{}",       "t" + std::to_string(index),    kTryWait};
  Ask<coordinator::TryAnswer>(
      flow->gtid, 3, microseconds(80'000),
      [call](Engine& engine, Inquiry&, Completion<coordinator::TryAnswer> done) {
        engine.Try(call, std::move(done));
      },
      [this, flow, index](const Result<coordinator::TryAnswer>& answer) {
        const bool again = answer ? answer->kind == AnswerKind::kOngoing
                                  : answer.error().code == ErrorCode::kRetry;
        if (again) return Later(microseconds(2'000), [this, flow, index] { Try(flow, index); });
        if (!answer || answer->kind != AnswerKind::kDone) return GiveUp(flow);
        Enlist(flow, index + 1);
      });
}

// As client/commit_by_sites.cc: the coordinator has all branches prepared.
void Process::LeaveAll(const FlowPtr& flow) {
  for (const Flow::Part& part : flow->parts) {
    if (part.where != this) continue;
    if (table_->StateOf(*part.key) != sdk::BranchState::kWorking) return GiveUp(flow);
    Tell(*part.key, sdk::event::ApplicationLeft{});
  }
  AskCommit(flow);
}

bool Process::LearnHere(const FlowPtr& flow) {
  std::vector<BranchKey> own;
  for (const Flow::Part& part : flow->parts) {
    if (part.where == this) own.push_back(*part.key);
  }
  const std::optional<Ending> ending = DecidedHere(own);
  if (ending) NoteTold(flow->gtid, *ending);
  return ending.has_value();
}

void Process::PrepareAll(const FlowPtr& flow) {
  flow->missing = 0;
  for (Flow::Part& part : flow->parts) {
    if (part.where != this || flow->IsLast(part) || flow->IsSecondLast(part)) continue;
    if (!Tell(*part.key, sdk::event::ApplicationPrepares{})) {
      part.vote = VoteResult{Vote::kNo, {}, "rolled back meanwhile", true};
      continue;
    }
    ++flow->missing;
    Later(Effort(), [this, flow, &part] {
      const VoteResult vote = PrepareNow(*part.key, part.name);
      Later(Effort(), [this, flow, &part, vote] {
        const BranchKey& key = *part.key;
        Tell(key, sdk::event::Voted{vote});
        part.vote = vote;
        // The coordinator had it rolled back while it was being prepared.
        if (table_->StateOf(key) != sdk::BranchState::kPrepared && vote.vote == Vote::kCommit)
          part.vote = VoteResult{Vote::kNo, {}, "rolled back meanwhile", true};
        if (--flow->missing == 0) OnVotes(flow);
      });
    });
  }
  if (flow->missing == 0) OnVotes(flow);
}

void Process::OnVotes(const FlowPtr& flow) {
  for (const Flow::Part& part : flow->parts) {
    if (!part.vote || part.vote->vote != Vote::kNo) continue;
    if (flow->last) GiveUpLast(flow);
    return Refuse(flow);
  }
  flow->last ? AskLeave(flow) : AskCommit(flow);
}

// A no-vote has only one end, so the others need not wait for the coordinator.
void Process::Refuse(const FlowPtr& flow) {
  flow->refused = true;
  flow->missing = 1;
  const auto one_done = [this, flow] {
    if (--flow->missing != 0) return;
    for (Flow::Part& part : flow->parts) {
      if (!part.vote || part.vote->vote != Vote::kCommit) continue;
      const auto end = table_->EndOf(*part.key);
      if (end && end->end == BranchEnd::kAborted)
        part.vote = VoteResult{Vote::kNo, {}, "rolled back because a sibling voted no", true};
    }
    AskCommit(flow);
  };
  for (const Flow::Part& part : flow->parts) {
    if (!part.vote || part.vote->vote != Vote::kCommit) continue;
    if (!Tell(*part.key, sdk::event::ApplicationFinishes{Decision::kAbort, false})) continue;
    ++flow->missing;
    FinishSoon(*part.key, part.database->name(), Decision::kAbort, std::nullopt, one_done);
  }
  one_done();
}

void Process::AskCommit(const FlowPtr& flow) {
  CommitCall call{flow->gtid, {}, flow->wait, std::chrono::milliseconds(0)};
  call.own = flow->own;
  for (const Flow::Part& part : flow->parts) {
    if (part.vote) call.votes.push_back({part.key->number, *part.vote});
  }
  const bool impatient = world_.Happens(world_.roughness.gives_up);
  Ask<CommitAnswer>(
      flow->gtid, impatient ? 1 : 6, microseconds(impatient ? 3'000 : 200'000),
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
        if (LearnHere(flow)) return;
        if (answer.error().code == ErrorCode::kRetry) {
          return Later(microseconds(15'000), [this, flow] { AskCommit(flow); });
        }
        world_.Count(Fault::kClientGaveUp);
        // A no-vote has only one end, whatever became of the call.
        if (flow->refused)
          NoteTold(flow->gtid, {Outcome::kAborted, AbortCause::kVotedNo, "", true});
        AskOutcomeLater(flow->gtid, 20);
      });
}

void Process::OnCommitAnswer(const FlowPtr& flow, const CommitAnswer& answer) {
  NoteTold(flow->gtid, answer.ending);
  switch (answer.ending.outcome) {
    case Outcome::kCommitted:
      if (flow->wait == coordinator::Wait::kApplied) return FinishAll(flow, Decision::kCommit);
      for (const Flow::Part& part : flow->parts) {
        if (answer.finish_here && part.vote)
          Tell(*part.key, sdk::event::ApplicationHandsOver{Decision::kCommit});
      }
      return;
    case Outcome::kAborted: return FinishAll(flow, Decision::kAbort);
    // Not which way it was decided: the coordinator commands what is prepared.
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit: return;
    case Outcome::kUndecided:
    case Outcome::kUnknown:
    case Outcome::kExpired: return AskOutcomeLater(flow->gtid, 20);
  }
}

void Process::FinishAll(const FlowPtr& flow, Decision decision) {
  for (const Flow::Part& part : flow->parts) {
    if (!part.vote || part.vote->vote != Vote::kCommit) continue;
    if (!Tell(*part.key, sdk::event::ApplicationFinishes{decision, true})) continue;
    FinishSoon(*part.key, part.database->name(), decision, std::nullopt);
  }
}

void Process::RollBackHere(const FlowPtr& flow, std::vector<BranchNumber>& rolled_back) {
  for (const Flow::Part& part : flow->parts) {
    if (part.where != this || !part.key) continue;
    if (!Tell(*part.key, sdk::event::ApplicationDrops{"the application gave up", false})) continue;
    RollBackWork(*part.key);
    Tell(*part.key, sdk::event::Fenced{});
    rolled_back.push_back(part.key->number);
  }
}

// Something went wrong before commit was asked for: rolls back here and tells the coordinator.
void Process::GiveUp(const FlowPtr& flow) {
  AbortCall call{flow->gtid, AbortCause::kRequested, "the application gave up", {}};
  RollBackHere(flow, call.rolled_back);
  Ask<Ending>(
      flow->gtid, 2, microseconds(30'000),
      [call](Engine& engine, Inquiry& inquiry, Completion<Ending> done) {
        engine.Abort(call, [&inquiry, gtid = call.gtid, done](Result<Ending> ending) {
          if (ending || ending.error().code != ErrorCode::kNotFound) return done(std::move(ending));
          inquiry.AskOutcome(gtid, done);
        });
      },
      [this, flow](const Result<Ending>& ending) {
        if (ending) NoteTold(flow->gtid, *ending);
      });
}

void Process::AskOutcomeLater(const Gtid& gtid, int tries) {
  if (tries == 0) return;
  Later(microseconds(25'000), [this, gtid, tries] {
    Ask<Ending>(
        gtid, 2, microseconds(30'000),
        [gtid](Engine&, Inquiry& inquiry, Completion<Ending> done) {
          inquiry.AskOutcome(gtid, std::move(done));
        },
        [this, gtid, tries](const Result<Ending>& ending) {
          if (ending) NoteTold(gtid, *ending);
          if (!ending || ending->outcome == Outcome::kUndecided) AskOutcomeLater(gtid, tries - 1);
        });
  });
}

void Process::NoteTold(const Gtid& gtid, const Ending& ending) {
  if (ending.outcome == Outcome::kUndecided || ending.outcome == Outcome::kUnknown) return;
  witness_.Told(gtid, ending);
  if (world_.script != nullptr || world_.telling())
    world_.Effect(name(), "notes that it is told ", settle::ToString(ending.outcome));
}

}  // namespace settle::simulation
