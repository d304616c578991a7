// Phase two of a branch by its own connection, and the commit in one phase.
#include <utility>

#include "postgres/branch.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::postgres {
namespace {

const char* const kWroteNothing = "the branch wrote nothing";

}  // namespace

void BranchOnConnection::StartFinish(Decision decision) {
  const Inside inside(*this, WhenBusy::kWait);
  if (inside && phase() == Phase::kPrepared) SendFinish(decision);
}

void BranchOnConnection::SendFinish(Decision decision) {
  if (!lease_ || lent_ || finish_sent_) return;
  if (SETTLE_FAILPOINT_FAILS("postgres.before_finish")) return;
  SendLast(*lease_, {FinishStatement(name_, decision, *lease_)});
  finish_sent_ = decision;
}

FinishResult BranchOnConnection::AwaitFinish(Decision decision) {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return {BranchEnd::kRetry, inside.why()};
  if (end_) return *end_;
  if (phase() == Phase::kPreparing) CollectVote();
  if (phase() != Phase::kPrepared) return FinishUnprepared(decision);
  SendFinish(decision);
  if (finish_sent_) {
    const Reply reply = AwaitLast(*lease_, 1, database_->ReplyDeadline());
    const bool done = reply.ok() && *finish_sent_ == decision && reply.tag() == FinishTag(decision);
    finish_sent_.reset();
    if (done) {
      SETTLE_FAILPOINT("postgres.after_finish");
      end_ = FinishResult{EndFor(decision), ""};
      End();
      return *end_;
    }
  }
  // Any other answer may come from what the application left in the session; a clean one tells the
  // truth.
  {
    const std::lock_guard lock(mutex_);
    if (lease_) lease_.GiveBack();
  }
  FinishResult result = database_->Finish(key_, decision, *evidence_);
  if (result.end == BranchEnd::kRetry) return result;
  End();
  end_ = result;
  return result;
}

FinishResult BranchOnConnection::FinishUnprepared(Decision decision) {
  if (!vote_) VoteNo("the branch was finished before it was prepared", false);
  if (unresolved_) return database_->Finish(key_, Decision::kAbort, {});
  if (vote_->vote == Vote::kReadOnly && decision == Decision::kCommit) {
    return {BranchEnd::kCommitted, kWroteNothing};
  }
  return {BranchEnd::kAborted, "it was never prepared"};
}

// And nothing waits to be sent, nor could anybody have exchanged the transaction for another.
bool BranchOnConnection::HasEarlyEvidence() const {
  return early_ && queue_.empty() && lent_in_.empty() &&
         lease_->transaction_status() == PQTRANS_INTRANS;
}

Result<Evidence> BranchOnConnection::TakeEvidence() {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  if (evidence_) return *evidence_;
  if (vote_ && vote_->vote == Vote::kReadOnly) return Fail(ErrorCode::kNotFound, kWroteNothing);
  if (!WhyNo().empty()) {
    const bool passing = failure_passing_ && unexpected_.empty();
    return Fail(passing ? ErrorCode::kRetryTransaction : ErrorCode::kRefused, WhyNo());
  }
  if (std::string why = WhyNotUsable(); !why.empty()) {
    return Fail(ErrorCode::kRefused, std::move(why));
  }
  lease_->TakeBackNotices();
  if (HasEarlyEvidence()) {
    evidence_ = early_;
    return *evidence_;
  }
  Result<EvidenceReply> asked = EvidenceReply{};
  if (begun_ || !queue_.empty()) asked = AskEvidence(TakeXid::kIfAssigned);
  const bool unwritten = asked && asked->evidence.local_transaction.empty();
  if (unwritten && !asked->wrote_elsewhere && !must_prepare_) {
    VoteReadOnly();
    if (vote_->vote == Vote::kReadOnly) return Fail(ErrorCode::kNotFound, kWroteNothing);
    return Fail(vote_->retryable ? ErrorCode::kRetryTransaction : ErrorCode::kRefused,
                vote_->reason);
  }
  if (unwritten) asked = AskEvidence(TakeXid::kAssign);
  if (!asked) {
    failure_ = asked.error().message;
    return Fail(std::move(asked).error());
  }
  evidence_ = asked->evidence;
  return *evidence_;
}

FinishResult BranchOnConnection::CommitOnePhase() {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return {BranchEnd::kRetry, inside.why()};
  if (end_) return *end_;
  if (!evidence_) return {BranchEnd::kRetry, "the branch's evidence has to be taken first"};
  // Either it was fenced, or its COMMIT went out before and was lost: the database knows.
  if (!MoveOn(Phase::kOpen, Phase::kCommitting)) return database_->Prove(key_, *evidence_);
  SETTLE_FAILPOINT("postgres.before_commit");
  SendLast(*lease_, {ForceCommit(), {"COMMIT"}});
  const Reply reply = AwaitLast(*lease_, 2, database_->ReplyDeadline());
  End();
  if (reply.lost()) return ProveLostCommit();
  if (reply.ok() && reply.tag() == "COMMIT") {
    SETTLE_FAILPOINT("postgres.after_commit");
    end_ = FinishResult{BranchEnd::kCommitted, ""};
    return *end_;
  }
  RollBack(*lease_);
  const std::string why = reply.ok() ? "COMMIT was answered by " + reply.tag() : reply.words();
  end_ = FinishResult{BranchEnd::kAborted, why};
  return *end_;
}

FinishResult BranchOnConnection::ProveLostCommit() {
  FinishResult result{BranchEnd::kRetry, "COMMIT's reply was lost and the server cannot be asked"};
  const auto until = database_->ReplyDeadline();
  const bool known = database_->AfterLoss(lease_->facts(), until, [&](Connection& other) {
    result = Prove(other, *evidence_, database_->ReplyDeadline());
    return result.end != BranchEnd::kRetry;
  });
  if (known) end_ = result;
  return result;
}

}  // namespace settle::postgres
