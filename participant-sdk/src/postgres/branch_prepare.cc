// Phase one of a branch.
#include <utility>

#include "postgres/branch.h"
#include "postgres/ledger.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::postgres {
namespace {

const char* const kFenced = "the branch was rolled back before it was prepared";
const char* const kDecidedWithout =
    "the branch's site has a record already: its peers decided to abort before it had voted";
constexpr const char* kPrepareTag = "PREPARE TRANSACTION";

}  // namespace

Status BranchOnConnection::BecomeSite(const Roster& sites) {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  if (!database_->options().three_phase) {
    return Fail(
        ErrorCode::kRefused,
        "resource \"" + database_->options().name + "\" was not made for three-phase commit",
        "set PostgresOptions::three_phase in every process that serves it");
  }
  if (phase() != Phase::kOpen) return Fail(ErrorCode::kRefused, "the branch is not open any more");
  sites_ = sites;
  return {};
}

Status BranchOnConnection::PrepareInNameOf(const std::optional<LastResource>& last) {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return Fail(ErrorCode::kRefused, inside.why());
  if (phase() != Phase::kOpen) return {};  // it votes without preparing
  Result<std::string> name = last ? NameInNameOf(key_, *last) : key_.DatabaseName();
  if (!name) return Fail(std::move(name).error());
  name_ = *std::move(name);
  return {};
}

void BranchOnConnection::StartPrepare() {
  const Inside inside(*this, WhenBusy::kWait);
  if (inside && !vote_ && phase() == Phase::kOpen) Prepare();
}

VoteResult BranchOnConnection::AwaitPrepare() {
  const Inside inside(*this, WhenBusy::kWait);
  if (!inside) return {Vote::kNo, {}, inside.why(), false};
  if (!vote_ && phase() == Phase::kOpen) Prepare();
  if (!vote_) CollectVote();
  if (vote_->vote == Vote::kNo && std::exchange(recorded_, false)) {
    Ledger(*database_).Abandon(key_);
  }
  return *vote_;
}

// The PREPARE is sent with what waits and with the evidence: one round trip. Not where the server
// has to be asked first: whether there is anything to prepare (nothing is known to have been
// written), whether it is the branch's transaction still (the application had the connection), or
// what a site's record is to hold.
bool BranchOnConnection::PrepareCanRide() const {
  return !sites_ && lent_in_.empty() && (wrote_ || must_prepare_ || QueueWrites());
}

// Votes at once, or sends the PREPARE and leaves the phase at kPreparing.
void BranchOnConnection::Prepare() {
  evidence_.reset();
  lease_->TakeBackNotices();
  if (!WhyNo().empty()) return VoteNo(WhyNo(), failure_passing_ && unexpected_.empty());
  if (!begun_ && queue_.empty() && !sites_) return VoteReadOnly();
  if (std::string why = WhyNotUsable(); !why.empty()) return VoteNo(why, lease_->broken());
  if (lease_->transaction_status() == PQTRANS_INERROR) {
    return VoteNo("a statement failed on connection(), the transaction cannot go on", false);
  }
  evidence_rides_ = PrepareCanRide();
  if (!evidence_rides_ && (!TakeEvidenceForPrepare() || (sites_ && !BeginRecord()))) return;
  {
    const std::lock_guard lock(mutex_);
    work_rides_ = !queue_.empty();
  }
  if (SETTLE_FAILPOINT_FAILS("postgres.before_prepare")) return VoteNo("not reached", true);
  if (!MoveOn(Phase::kOpen, Phase::kPreparing)) return VoteNo(kFenced, false);
  std::vector<Statement> statements;
  if (evidence_rides_) {
    statements = TakeWaiting();
    statements.push_back(EvidenceStatement(*lease_, TakeXid::kAssign));
  }
  statements.push_back({std::string(kPrepareTag) + " " + lease_->Literal(name_)});
  lease_->Send(statements);
}

// False: it has voted.
bool BranchOnConnection::TakeEvidenceForPrepare() {
  const bool prepares_anyway = sites_ || must_prepare_ || wrote_;
  const Result<EvidenceReply> asked =
      AskEvidence(prepares_anyway ? TakeXid::kAssign : TakeXid::kIfAssigned);
  if (!asked) {
    VoteNo(asked.error().message, asked.error().code == ErrorCode::kRetryTransaction);
    return false;
  }
  const bool wrote = !asked->evidence.local_transaction.empty();
  if (!wrote && !asked->wrote_elsewhere && !must_prepare_) {
    VoteReadOnly();
    return false;
  }
  if (wrote) {
    evidence_ = asked->evidence;
  } else {
    evidence_rides_ = true;  // and gives it an xid
  }
  return true;
}

bool BranchOnConnection::BeginRecord() {
  const Result<bool> begun = Ledger(*database_).Begin(key_, *sites_, *evidence_);
  if (!begun) {
    const ErrorCode code = begun.error().code;
    const bool passing = code == ErrorCode::kRetry || code == ErrorCode::kUnavailable ||
                         code == ErrorCode::kAskOutcome;
    VoteNo("the site's record was not begun: " + Describe(begun.error()), passing);
    return false;
  }
  recorded_ = *begun;
  if (!recorded_) VoteNo(kDecidedWithout, false);
  return recorded_;
}

// Nothing: it waits, or peers have moved it on already. Otherwise the reason of a no-vote, which is
// safe whatever the record says: nobody can decide to commit without this vote.
std::optional<VoteResult> BranchOnConnection::ConfirmRecord() {
  const Result<SiteState> state = Ledger(*database_).Confirm(key_);
  if (!state) {
    return Withdraw("the site's record could not be brought to waiting: " + Describe(state.error()),
                    true);
  }
  if (*state == SiteState::kAborted) return Withdraw(kDecidedWithout, false);
  return std::nullopt;
}

// With what waits, in one round trip.
Result<EvidenceReply> BranchOnConnection::AskEvidence(TakeXid take) {
  const auto failed = [](const Reply& reply, std::string why) {
    const bool passing = reply.lost() || IsPassing(reply.sqlstate());
    return Fail(passing ? ErrorCode::kRetryTransaction : ErrorCode::kRefused, std::move(why));
  };
  std::vector<Statement> statements = TakeWaiting();
  if (!lent_in_.empty()) statements.push_back(VirtualTransaction());
  statements.push_back(EvidenceStatement(*lease_, take));
  lease_->Send(statements);
  std::vector<Reply> replies = lease_->AwaitWork(waiting_out(), database_->options().reply_timeout);
  replies = NoteWaiting(std::move(replies));
  if (!WhyNo().empty()) return failed(replies.back(), WhyNo());
  if (!lent_in_.empty() && replies.front().ok() && replies.front().value(0) != lent_in_) {
    return Fail(ErrorCode::kRefused, kEndedByApplication);
  }
  if (!replies.back().ok()) return failed(replies.back(), ExplainEvidence(replies.back()));
  EvidenceReply asked = ReadEvidence(*lease_, replies.back());
  if (!asked.may_have_written_elsewhere) return asked;
  const Reply foreign = lease_->Run(ForeignWrites(), database_->ReplyDeadline());
  if (!foreign.ok()) return failed(foreign, foreign.words());
  asked.wrote_elsewhere = foreign.value(0) == "t";
  return asked;
}

void BranchOnConnection::CollectVote() {
  if (phase() == Phase::kPreparing) {
    vote_ = JudgePrepare(
        NoteWaiting(lease_->AwaitWork(waiting_out(), database_->options().reply_timeout)));
  } else {
    VoteNo(kFenced, false);
  }
}

VoteResult BranchOnConnection::JudgePrepare(const std::vector<Reply>& replies) {
  const Reply& last = replies.back();
  if (last.lost()) {
    return ResolveLostPrepare(fenced() ? kFenced
                                       : "the connection was lost during prepare: " + last.words());
  }
  if (!last.ok() || last.tag() != kPrepareTag) {
    // A PREPARE TRANSACTION that failed, or found a failed transaction, has rolled back already.
    RollBack(*lease_);
    End();
    const bool evidence_failed = evidence_rides_ && replies.size() == 1;
    std::string reason = evidence_failed ? ExplainEvidence(last) : last.words();
    if (last.ok()) reason = "PREPARE TRANSACTION was answered by " + OneLine(last.tag());
    if (!WhyNo().empty()) reason = WhyNo();
    return {Vote::kNo, {}, std::move(reason), IsPassing(last.sqlstate())};
  }
  if (evidence_rides_) evidence_ = ReadEvidence(*lease_, replies.front()).evidence;
  SETTLE_FAILPOINT("postgres.after_prepare");
  // It is prepared, and nobody can decide to commit it without a vote.
  if (!WhyNo().empty()) return Withdraw(WhyNo(), false);
  if (lease_->replication_cancelled()) {
    return Withdraw(
        "the wait for the synchronous standbys was cancelled: a fail-over may lose the "
        "prepared branch",
        true);
  }
  if (sites_) {
    if (const std::optional<VoteResult> no = ConfirmRecord()) return *no;
  }
  bool was_fenced = false;
  {
    const std::lock_guard lock(mutex_);
    was_fenced = fenced_;
    phase_ = Phase::kPrepared;
  }
  if (was_fenced) return Withdraw(kFenced, false);
  return {Vote::kCommit, *evidence_, "", false};
}

VoteResult BranchOnConnection::ResolveLostPrepare(const std::string& reason) {
  bool prepared = false;
  // A no is safe whatever is found, so nobody waits long for it.
  const auto until = database_->ShortDeadline();
  unresolved_ = !database_->AfterLoss(lease_->facts(), until, [&](Connection& other) {
    const Reply reply = other.Run(
        {"SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts "
         "WHERE gid = $1 AND database = current_database())",
         {name_}},
        database_->ReplyDeadline());
    if (!reply.ok() || reply.value(0) == "t") return false;
    prepared = reply.value(1) == "t";
    return true;
  });
  if (prepared) return Withdraw(reason, true);
  End();
  if (!unresolved_) return {Vote::kNo, {}, reason, true};
  // No is safe: should it be prepared after all, nothing but an abort can ever be decided for it,
  // and a scan finds it.
  return {Vote::kNo, {}, reason + "; the server could not be asked whether it is prepared", true};
}

VoteResult BranchOnConnection::Withdraw(const std::string& reason, bool retryable) {
  const bool reachable = !lease_->broken();
  const bool done =
      reachable &&
      lease_->Run(FinishStatement(name_, Decision::kAbort, *lease_), database_->ReplyDeadline())
          .ok();
  unresolved_ = !done && database_->Finish(key_, Decision::kAbort, {}).end != BranchEnd::kAborted;
  End();
  return {Vote::kNo, {}, reason, retryable};
}

// COMMIT and not ROLLBACK: under SERIALIZABLE it may still tell that what was read was not
// consistent.
void BranchOnConnection::VoteReadOnly() {
  if (begun_) {
    SendLast(*lease_, {{"COMMIT"}});
    const Reply reply = AwaitLast(*lease_, 1, database_->ReplyDeadline());
    if (!reply.ok() || reply.tag() != "COMMIT") {
      const std::string why = reply.ok() ? "COMMIT was answered by " + reply.tag() : reply.words();
      return VoteNo(why, reply.lost() || IsPassing(reply.sqlstate()));
    }
  }
  End();
  vote_ = VoteResult{Vote::kReadOnly, {}, "", false};
}

void BranchOnConnection::VoteNo(std::string reason, bool retryable) {
  if (MoveOn(Phase::kOpen, Phase::kDone)) {
    RollBack(*lease_);
  } else if (phase() == Phase::kDone) {
    reason = kFenced;
  }
  vote_ = VoteResult{Vote::kNo, {}, std::move(reason), retryable};
}

}  // namespace settle::postgres
