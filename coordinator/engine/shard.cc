// What comes in: calls, reports, timers.
#include "engine/shard.h"

#include <algorithm>
#include <utility>

#include "engine/admission.h"
#include "engine/quarantine.h"
#include "settle/vocabulary/failpoint.h"
#include "vocabulary/assertion.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
Shard::Shard(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids, Observer& observer,
             Sessions& sessions, Engine::Admission& admission)
    : settings_(settings),
      log_(log),
      clock_(clock),
      ids_(ids),
      observer_(observer),
      sessions_(sessions),
      admission_(admission),
      mailbox_(settings.mailbox_max),
      sagas_({settings, log, clock, ids, observer, mailbox_,
              [&sessions](SagaCall call) { return sessions.Call(std::move(call)); },
              [&admission](const std::string& name) { return admission.pauses.Of(name); },
              [this, &admission](const Sagas::Gone& gone) {
                if (gone.outcome != Outcome::kUndecided)
                  measures_.Ended(EndedBy::kSaga, gone.outcome, gone.begun, clock_.Now());
                admission.starts.Ended(gone.identity, gone.request_key, gone.gtid, gone.began);
                admission.unended.End(gone.gtid);
                admission.sagas_quota.GiveBack(QuotaKey(gone.identity, gone.owner));
              }}) {}

std::optional<Instant> Shard::RunReady() {
  for (const Task& task : mailbox_.TakeAll()) task();
  while (const std::optional<TimerKey> due = timers_.TakeDue(clock_.Now())) Fire(*due);
  const std::optional<Instant> of_sagas = sagas_.FireDue();
  CountRunning();
  const std::optional<Instant> next = timers_.Next();
  return next && of_sagas ? std::min(*next, *of_sagas) : next ? next : of_sagas;
}

void Shard::EveryTick(std::chrono::milliseconds period, std::function<void()> tick) {
  tick_period_ = period;
  tick_ = std::move(tick);
  timers_.Arm({Gtid{}, TimerKind::kTick, 0}, clock_.Now() + period);
}

void Shard::Fire(const TimerKey& key) {
  if (key.kind == TimerKind::kTick) {
    timers_.Arm(key, clock_.Now() + tick_period_);
    return tick_();
  }
  if (key.kind == TimerKind::kEnd) return WriteEnd(key.gtid);
  Transaction* transaction = Find(key.gtid);
  if (transaction == nullptr) return;
  switch (key.kind) {
    case TimerKind::kDeadline: return Handle(*transaction, event::DeadlineReached{});
    case TimerKind::kVote: return Handle(*transaction, event::VoteTimerFired{});
    case TimerKind::kRetry: return Handle(*transaction, event::RetryTimerFired{});
    case TimerKind::kWaiter: return WaitIsOver(*transaction, key.number);
    case TimerKind::kCall: {
      const auto branch = static_cast<BranchNumber>(key.number);
      return Handle(*transaction, event::CallTimerFired{branch, transaction->IsUnserved(branch)});
    }
    case TimerKind::kTryWaiter: return TryWaitIsOver(*transaction, key.number);
    case TimerKind::kEnd:
    case TimerKind::kTick: return;
  }
}

Transaction* Shard::Find(const Gtid& gtid) {
  const auto found = running_.find(gtid);
  return found == running_.end() ? nullptr : found->second.get();
}

// For what may only be asked before the deadline. If this process was frozen, the question may be
// looked at before the timer that is due as well.
Transaction* Shard::FindInTime(const Gtid& gtid) {
  Transaction* transaction = Find(gtid);
  if (transaction == nullptr || !timers_.IsDue({gtid, TimerKind::kDeadline}, clock_.Now()))
    return transaction;
  Handle(*transaction, event::DeadlineReached{});
  return Find(gtid);
}

// What is answered here although it does not run: a transaction that has ended and whose end is not
// in the log yet, and a quarantined one. Any other is for recovery/inquiry.
const TransactionSummary* Shard::FindNotRunning(const Gtid& gtid) const {
  if (const auto ended = ended_.find(gtid); ended != ended_.end()) return &ended->second.summary;
  const auto quarantined = quarantined_.find(gtid);
  return quarantined == quarantined_.end() ? nullptr : &quarantined->second;
}

template <typename T>
void Shard::AnswerNotRunning(const Gtid& gtid, const Completion<T>& done, T answer) const {
  const TransactionSummary* summary = FindNotRunning(gtid);
  if (summary == nullptr && sagas_.Has(gtid)) {
    return done(Fail(ErrorCode::kRefused, gtid.text() + " is a saga: it commits by itself"));
  }
  if (summary == nullptr) {
    return done(Fail(ErrorCode::kNotFound, "transaction " + gtid.text() + " is not running here"));
  }
  answer.ending = summary->ending;
  done(std::move(answer));
}

void Shard::Begin(const Gtid& gtid, const BeginCall& call, const Completion<Begun>& done) {
  const WallTime now = clock_.WallNow();
  auto transaction = std::make_unique<Transaction>(TwoPhase(
      gtid, {texts_.Of(call.owner), call.comment, now, texts_.Of(call.identity), call.trace_parent},
      {settings_.branches_max}, call.protocol, BeginnerOf(call)));
  const auto timeout = call.timeout.count() == 0 ? settings_.transaction_timeout : call.timeout;
  const Instant from = SETTLE_PLANTED_BUG(kDeadlineByTheWallClock)
                           ? Instant(std::chrono::microseconds(now))
                           : clock_.Now();
  transaction->times.begun = clock_.Now();
  timers_.Arm({gtid, TimerKind::kDeadline},
              from + std::min(timeout, settings_.transaction_timeout_max));
  const bool is_new = running_.emplace(gtid, std::move(transaction)).second;
  SETTLE_ASSERT(is_new, gtid.text() + " was given out before");
  CountRunning();
  ++undecided_count_;
  done(Begun{gtid, gtid.epoch(), running_.at(gtid)->machine.beginner().own_branches});
}

namespace {

// Of a stray there is nothing else, and of what was quarantined nothing else is believed.
bool IsByIntentAlone(const RestoredTransaction& restored) {
  return std::holds_alternative<std::monostate>(restored.decision) && !restored.intents.empty() &&
         restored.intents.front().intent.act != HeuristicAct::kVerdict;
}

}  // namespace

void Shard::Restore(RestoredTransaction restored) {
  if (!WhyQuarantined(restored).empty()) return Quarantine(restored);
  auto transaction = [&] {
    if (restored.pre_commit) {
      TwoPhase::RestoredQuorum records{*restored.pre_commit, restored.ballot};
      if (const auto* commit = std::get_if<CommitRecord>(&restored.decision))
        records.commit = *commit;
      if (const auto* abort = std::get_if<QuorumAbortRecord>(&restored.decision))
        records.abort = *abort;
      return std::make_unique<Transaction>(TwoPhase(records, restored.heuristics));
    }
    if (IsByIntentAlone(restored)) {
      return std::make_unique<Transaction>(TwoPhase(restored.intents.front(), restored.heuristics));
    }
    if (const auto* commit = std::get_if<CommitRecord>(&restored.decision)) {
      return std::make_unique<Transaction>(
          TwoPhase(*commit, restored.heuristics, restored.registered));
    }
    if (const auto* one_phase = std::get_if<OnePhaseRecord>(&restored.decision)) {
      return std::make_unique<Transaction>(TwoPhase(*one_phase, restored.heuristics));
    }
    if (restored.last_resource) {
      return std::make_unique<Transaction>(TwoPhase(*restored.last_resource, restored.heuristics));
    }
    return std::make_unique<Transaction>(TwoPhase(restored.heuristics, restored.registered));
  }();
  for (const HeuristicIntentRecord& record : restored.intents) {
    if (transaction->machine.intents().empty() || record != restored.intents.front())
      transaction->machine.TakeIntent(record.intent);
  }
  transaction->one_phase = std::holds_alternative<OnePhaseRecord>(restored.decision);
  const auto* commit = std::get_if<CommitRecord>(&restored.decision);
  transaction->last_resource = restored.last_resource.has_value();
  if (restored.last_resource) {
    const LastResourceRecord& record = *restored.last_resource;
    const std::string last =
        "branch " + std::to_string(record.last) + " in " + record.Deciding()->resource;
    if (record.delegated != 0) {
      transaction->Note(record.origin.began, "begun by " + record.origin.owner);
      transaction->Note(record.delegated, "left to its last resource to decide, " + last);
    } else {
      transaction->Note(clock_.WallNow(), "found prepared in the name of " + last +
                                              ", and no record says more of it");
    }
  }
  if (restored.pre_commit) {
    const PreCommitRecord& record = *restored.pre_commit;
    transaction->Note(record.origin.began,
                      "begun by " + record.origin.owner + ", for three-phase commit");
    transaction->Note(record.at, "every site had voted yes; pre-commit may have been sent");
  } else if (commit != nullptr && !restored.last_resource) {
    transaction->Note(commit->origin.began, "begun by " + commit->origin.owner);
  }
  if (commit != nullptr) transaction->Note(commit->decided, "decided to commit");
  if (const auto* abort = std::get_if<QuorumAbortRecord>(&restored.decision))
    transaction->Note(abort->decided, "decided to abort: " + abort->reason);
  for (const RegisteredRecord& record : restored.registered) {
    transaction->Note(record.at, "registered branch " + std::to_string(record.branch) + " in " +
                                     record.participant + ", action " + record.action);
  }
  if (!restored.last_resource || restored.last_resource->delegated != 0)
    transaction->Note(clock_.WallNow(),
                      "recovered from the log in epoch " + std::to_string(log_.identity().epoch));
  SETTLE_FAILPOINT("engine.restored");
  Run(std::move(transaction), {}, restored.intents, std::move(restored.forgotten));
}

Error Shard::CannotJoin(const Gtid& gtid) const {
  const TransactionSummary* summary = FindNotRunning(gtid);
  return {summary != nullptr ? ErrorCode::kRefused : ErrorCode::kNotFound,
          "transaction " + gtid.text() + " is " +
              (summary != nullptr ? summary->state : "not running here"),
          "begin a new transaction"};
}

namespace {

// Notes the branch as another's than the transaction's, if its session is.
Completion<BranchNumber> NotingWhose(Transaction& transaction, const SharedText& identity,
                                     const Completion<BranchNumber>& done) {
  if (identity == transaction.machine.origin().identity) return done;
  return [&transaction, identity, done](const Result<BranchNumber>& branch) {
    if (branch) transaction.others.Change()[*branch] = identity;
    done(branch);
  };
}

Error NotYourBranch(const Gtid& gtid, BranchNumber branch) {
  return {ErrorCode::kDenied,
          "branch " + std::to_string(branch) + " of transaction " + gtid.text() +
              " belongs to a session of another identity, which alone says what became of it",
          "leave it out: its own session is asked for its vote"};
}

}  // namespace

void Shard::Enlist(const EnlistCall& call, const Sessions::Owner& owner,
                   const Completion<BranchNumber>& done) {
  Transaction* transaction = FindInTime(call.gtid);
  if (transaction == nullptr) return done(Fail(CannotJoin(call.gtid)));
  if (Status may = CheckMayJoin(*transaction, call.resource, call.request_key); !may)
    return done(Fail(may.error()));
  event::Enlist enlist{owner.resource, owner.identity,   owner.session,
                       owner.process,  call.request_key, {}};
  if (transaction->machine.protocol() == Protocol::kThreePhase)
    enlist.peers = sessions_.PeersOf(call.resource, call.session);
  Handle(*transaction, enlist, NotingWhose(*transaction, owner.caller, done),
         [&](Error error) { done(Fail(std::move(error))); });
  // The session may have been lost after it was looked up and before its branch was known here.
  if (!sessions_.IsAttached(call.session)) SessionLost(call.session);
}

// Asked again, it goes on from the first time.
void Shard::NoteCommitAsked(Transaction& transaction) {
  if (transaction.times.commit_asked != Instant{}) return;
  transaction.times.commit_asked = clock_.Now();
  measures_.Add(Phase::kWork, transaction.times.begun, transaction.times.commit_asked);
}

void Shard::Commit(CommitCall call, const Completion<CommitAnswer>& done) {
  const Result<Transaction*> found = FindNaming(call.gtid, call.own);
  if (!found) return done(Fail(found.error()));
  Transaction* transaction = *found;
  if (transaction == nullptr) return AnswerNotRunning(call.gtid, done, CommitAnswer{});
  for (const BranchVote& vote : call.votes) {
    if (!transaction->IsFor(call.votes_of, vote.branch))
      return done(Fail(NotYourBranch(call.gtid, vote.branch)));
  }
  const auto wait = call.wait_at_most.count() == 0 ? settings_.commit_wait : call.wait_at_most;
  const std::uint64_t waiter =
      AddWaiter(*transaction, call.wait == Wait::kDecision, wait, [done](Result<EndingNews> news) {
        if (!news) return done(Fail(std::move(news).error()));
        done(CommitAnswer{news->ending, news->finish_here, news->unfinished});
      });
  transaction->Note(clock_.WallNow(),
                    "commit asked for, with " + std::to_string(call.votes.size()) + " votes");
  NoteCommitAsked(*transaction);
  Handle(*transaction, event::CommitRequested{std::move(call.votes), std::move(call.own)}, {},
         [&](Error error) {
           if (Transaction* still = Find(call.gtid)) RemoveWaiter(*still, waiter);
           done(Fail(std::move(error)));
         });
}

void Shard::CommitOnePhase(const OnePhaseCall& call, const Completion<OnePhaseAnswer>& done) {
  std::vector<event::OwnBranch> own = call.own;
  const Result<Transaction*> found = FindNaming(call.gtid, own);
  if (!found) return done(Fail(found.error()));
  Transaction* transaction = *found;
  if (transaction == nullptr) return AnswerNotRunning(call.gtid, done, OnePhaseAnswer{});
  if (!transaction->IsFor(call.branch_of, call.branch))
    return done(Fail(NotYourBranch(call.gtid, call.branch)));
  for (const BranchVote& vote : call.votes.value_or(std::vector<BranchVote>())) {
    if (!transaction->IsFor(call.branch_of, vote.branch))
      return done(Fail(NotYourBranch(call.gtid, vote.branch)));
  }
  transaction->other_waiters.Change().one_phase.push_back(done);
  NoteCommitAsked(*transaction);
  const Event asked =
      call.votes ? Event(event::LastResourceRequested{call.branch, call.evidence, *call.votes, own})
                 : Event(event::OnePhaseRequested{
                       call.branch, call.evidence,
                       own.empty() ? std::nullopt : std::optional(std::move(own.front()))});
  Handle(*transaction, asked, {}, [&](Error error) {
    if (error.code != ErrorCode::kInvalid) {  // too late: whoever asks is told what is so
      return TellOnePhase(*transaction, {false, transaction->machine.ending()});
    }
    transaction->other_waiters->one_phase.pop_back();
    done(Fail(std::move(error)));
  });
}

void Shard::Abort(const AbortCall& call, const Completion<Ending>& done) {
  Transaction* transaction = Find(call.gtid);
  if (transaction == nullptr) {
    if (const auto* summary = FindNotRunning(call.gtid)) return done(summary->ending);
    if (sagas_.Has(call.gtid))
      return sagas_.Cancel(call.gtid, call.cause, call.reason, settings_.commit_wait, done);
    return done(
        Fail(ErrorCode::kNotFound, "transaction " + call.gtid.text() + " is not running here"));
  }
  AddWaiter(*transaction, true, settings_.commit_wait, [done](Result<EndingNews> news) {
    if (!news) return done(Fail(std::move(news).error()));
    done(news->ending);
  });
  std::vector<BranchNumber> rolled_back = call.rolled_back;
  std::erase_if(rolled_back, [&](BranchNumber branch) {
    return !transaction->IsFor(call.rolled_back_by, branch);
  });
  Handle(*transaction, event::AbortRequested{call.cause, call.reason, std::move(rolled_back)});
}

void Shard::AskOutcome(const Gtid& gtid, const Completion<Ending>& done) {
  if (const Transaction* transaction = Find(gtid)) return done(transaction->machine.ending());
  if (const auto* summary = FindNotRunning(gtid)) return done(summary->ending);
  if (const auto saga = sagas_.Show(gtid)) return done(saga->ending);
  done(Fail(ErrorCode::kNotFound, "transaction " + gtid.text() + " is not running here"));
}

void Shard::ForgetDamaged(const ForgetCall& call, const Completion<std::monostate>& done) {
  if (quarantined_.contains(call.gtid)) return ForgetQuarantined(call, done);
  Transaction* transaction = Find(call.gtid);
  if (transaction == nullptr) {
    if (sagas_.Has(call.gtid)) return sagas_.Forget(call, done);
    return done(
        Fail(ErrorCode::kNotFound, "transaction " + call.gtid.text() + " is not running here"));
  }
  transaction->other_waiters.Change().forgets.push_back(done);
  Handle(*transaction, event::ForgetRequested{call.operator_name, call.reason}, {},
         [&](Error error) {
           transaction->other_waiters->forgets.pop_back();
           done(Fail(std::move(error)));
         });
}

}  // namespace settle::coordinator
