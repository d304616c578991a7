// The branch behind PostgresBranch.
//
//   kOpen -> kPreparing -> kPrepared -> kDone
//         -> kCommitting (one phase)  -> kDone
//         -> kDone (read-only, voted no, rolled back, fenced)
//
// The owner's thread moves it along; Fence comes from any thread. `mutex_` guards phase_, inside_,
// fenced_, lent_, work_rides_, answers_ and who takes the connection away. The connection itself is
// used by whoever is inside, except for Sever.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "postgres/database.h"
#include "postgres/evidence.h"
#include "settle/postgres_resource.h"

namespace settle::postgres {

class BranchOnConnection : public PostgresBranch {
 public:
  BranchOnConnection(std::shared_ptr<Database> database, BranchKey key, Lease lease);
  ~BranchOnConnection() override;

  Result<Rows> Execute(const std::string& sql,
                       const std::vector<std::optional<std::string>>& parameters) override;
  Result<std::size_t> Queue(const std::string& sql,
                            const std::vector<std::optional<std::string>>& parameters,
                            std::optional<std::int64_t> affected) override;
  Status Flush() override;
  Result<Rows> Answer(std::size_t number) const override;
  const std::string& last_sqlstate() const override { return last_sqlstate_; }
  PGconn* connection() override;

  Status BecomeSite(const Roster& sites) override;
  bool CanBeLast() const override { return true; }
  void MayBecomeLast() override { wants_evidence_ = true; }
  Status PrepareInNameOf(const std::optional<LastResource>& last) override;
  void StartPrepare() override;
  VoteResult AwaitPrepare() override;
  void StartFinish(Decision decision) override;
  FinishResult AwaitFinish(Decision decision) override;
  Result<Evidence> TakeEvidence() override;
  FinishResult CommitOnePhase() override;
  void Fence() override;

 private:
  enum class Phase { kOpen, kPreparing, kPrepared, kCommitting, kDone };
  enum class WhenBusy { kRefuse, kWait };

  struct Queued {
    std::size_t number;
    Statement statement;
    bool writes;
    std::optional<std::int64_t> affected;  // as many rows must be
  };

  // The owner's thread is in a call. When the call is over so is the loan of a connection that the
  // branch does not need any more. False: refused, why() says why.
  class Inside {
   public:
    Inside(BranchOnConnection& branch, WhenBusy when_busy);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    explicit operator bool() const { return why_.empty(); }
    const std::string& why() const { return why_; }

   private:
    BranchOnConnection& branch_;
    std::string why_;
  };

  Phase phase() const;
  bool fenced() const;
  // False when it was fenced meanwhile.
  bool MoveOn(Phase from, Phase to);
  void End();
  bool InForkedChild() const;
  std::string WhyNotUsable();
  void RollBack(Connection& connection);

  Reply RunInside(std::vector<Statement> statements, bool writes = false);
  bool HasEarlyEvidence() const;
  void NoteSuccess(const Reply& reply, const std::string& sql);
  void NoteFailure(const Reply& reply);

  // The queue. What waits for the next round trip: BEGIN, if it has not run, and queued statements.
  // Whoever takes it sends it in front of what else there is, and has its replies noted.
  std::vector<Statement> TakeWaiting();
  std::size_t waiting_out() const { return begin_out_ + queue_out_.size(); }
  // The replies to the rest; if one of those that waited failed, its reply.
  std::vector<Reply> NoteWaiting(std::vector<Reply> replies);
  void NoteQueued(const Queued& queued, std::vector<Reply>& replies, std::size_t at);
  void SetAnswer(std::size_t number, Result<Rows> answer);
  bool QueueWrites() const;
  // Why it will vote no already; empty: nothing is wrong so far.
  const std::string& WhyNo() const { return unexpected_.empty() ? failure_ : unexpected_; }

  void Prepare();
  bool PrepareCanRide() const;
  // False: it has voted.
  bool TakeEvidenceForPrepare();
  bool BeginRecord();
  std::optional<VoteResult> ConfirmRecord();
  Result<EvidenceReply> AskEvidence(TakeXid take);
  void CollectVote();
  VoteResult JudgePrepare(const std::vector<Reply>& replies);
  VoteResult ResolveLostPrepare(const std::string& reason);
  VoteResult Withdraw(const std::string& reason, bool retryable);
  void VoteReadOnly();
  void VoteNo(std::string reason, bool retryable);

  void SendFinish(Decision decision);
  FinishResult FinishUnprepared(Decision decision);
  FinishResult ProveLostCommit();

  const std::shared_ptr<Database> database_;
  const BranchKey key_;
  std::string name_;  // that it is or will be prepared under
  const pid_t process_;
  Lease lease_;
  std::unique_ptr<Connection> cut_off_;  // the application may still hold the pointer to it

  mutable std::mutex mutex_;
  std::condition_variable left_;
  Phase phase_ = Phase::kOpen;
  bool inside_ = false;
  bool fenced_ = false;                // while its PREPARE was out
  bool lent_ = false;                  // to the application, as connection()
  bool work_rides_ = false;            // queued statements are out in front of the PREPARE
  std::vector<Result<Rows>> answers_;  // of queued statements, by number

  bool begun_ = false;
  bool wrote_ = false;             // the server said so: it has an xid
  bool must_prepare_ = false;      // did what only PREPARE can judge, although it may have no xid
  bool ended_ = false;             // by the application
  bool evidence_rides_ = false;    // in front of the PREPARE
  bool wants_evidence_ = false;    // with the first statement that writes
  std::optional<Evidence> early_;  // that came so; it stays true while the transaction does
  std::vector<Queued> queue_;      // not sent yet
  std::size_t begin_out_ = 0;      // sent and not answered: statements that begin the transaction
  std::vector<Queued> queue_out_;  // and queued ones
  std::string lent_in_;            // the transaction in which connection() was lent
  bool unresolved_ = false;        // voted no without knowing that it is not prepared
  std::optional<Roster> sites_;    // it is one of these
  bool recorded_ = false;          // in the ledger, by this branch, and not abandoned yet
  std::optional<Decision> finish_sent_;
  std::string failure_;  // why it will vote no
  bool failure_passing_ = false;
  std::string unexpected_;  // a queued statement that affected other rows; nothing forgives it
  std::string last_sqlstate_;
  std::optional<Evidence> evidence_;
  std::optional<VoteResult> vote_;
  std::optional<FinishResult> end_;
};

}  // namespace settle::postgres
