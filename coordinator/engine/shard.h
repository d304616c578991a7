// A shard owns its transactions outright: one thread drives it, nothing in it is locked. Everything
// comes in through the mailbox; the functions below the line are called by tasks in it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/mailbox.h"
#include "engine/reporter.h"
#include "engine/sagas.h"
#include "engine/sessions.h"
#include "engine/timers.h"
#include "engine/transaction.h"
#include "protocol/shared_text.h"

namespace settle::coordinator {

class Shard {
 public:
  Shard(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids, Observer& observer,
        Sessions& sessions, Engine::Admission& admission);

  Mailbox& mailbox() { return mailbox_; }

  // Handles what is queued and every timer that is due. Returns when the next timer is due.
  std::optional<Instant> RunReady();

  // `tick` runs about every `period` from RunReady.
  void EveryTick(std::chrono::milliseconds period, std::function<void()> tick);

  // Readable from any thread.
  std::size_t running() const { return running_count_; }  // with those whose end the log refused
  std::size_t undecided() const { return undecided_count_; }

  // ---- Only on the shard's own thread ----

  // Taken from its owner's quota; given back once it is decided.
  void Begin(const Gtid& gtid, const BeginCall& call, const Completion<Begun>& done);
  void Restore(RestoredTransaction transaction);
  void Enlist(const EnlistCall& call, const Sessions::Owner& owner,
              const Completion<BranchNumber>& done);
  void Try(const TryCall& call, const Completion<TryAnswer>& done);
  void Commit(CommitCall call, const Completion<CommitAnswer>& done);
  void CommitOnePhase(const OnePhaseCall& call, const Completion<OnePhaseAnswer>& done);
  void Abort(const AbortCall& call, const Completion<Ending>& done);
  void AskOutcome(const Gtid& gtid, const Completion<Ending>& done);
  void Voted(const Reporter& reporter, const VoteReport& report);
  void SiteAnswered(const Reporter& reporter, const SiteReport& report);
  void Finished(const Reporter& reporter, const EndReport& report);
  void Peer(const PeerCall& call, const Completion<SiteAnswer>& done);
  // Of a saga's step or a reservation.
  void Answered(const Reporter& reporter, const SagaAnswer& answer);
  void ParticipantReady(const std::string& participant);
  void Act(const SagaActCall& call, const Completion<std::monostate>& done);
  void SessionLost(const SessionId& session);
  void ResourceReady(const std::string& resource);
  void FoundPrepared(const BranchKey& key, const std::string& resource, const Evidence& evidence,
                     const std::optional<LastResource>& last,
                     const Completion<std::monostate>& done);
  void AskLastResource(const BranchKey& key, const std::string& resource, const Evidence& evidence,
                       const LastResource& last);
  Sagas& sagas() { return sagas_; }
  void RecordDamage(HeuristicRecord record);
  void Hurry(const Gtid& gtid, const Completion<Hurried>& done);
  Hurried HurryAll(const std::string& resource);  // of any resource if it is empty
  void ForgetDamaged(const ForgetCall& call, const Completion<std::monostate>& done);  // or worse
  void Intervene(const HeuristicCall& call, const Completion<Gtid>& done);
  void Show(const Gtid& gtid, const Completion<TransactionSummary>& done) const;
  OpenPage ListOpen(const OpenQuery& query) const;
  OpenCounts CountOpen() const;
  const Measures& measures() const { return measures_; }

 private:
  enum class TimerKind { kDeadline, kVote, kRetry, kWaiter, kCall, kTryWaiter, kEnd, kTick };
  struct TimerKey {
    TimerKey(const Gtid& of, TimerKind what, std::uint64_t which = 0)
        : gtid(of), kind(what), number(which) {}

    Gtid gtid;
    TimerKind kind : 8;
    std::uint64_t number : 56;  // of a waiter; of a call: its branch
    friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
  };
  struct TimerHash {
    std::size_t operator()(const TimerKey& key) const noexcept {
      return std::hash<Gtid>{}(key.gtid) + 31 * key.number + static_cast<std::size_t>(key.kind);
    }
  };
  using Refused = std::function<void(Error)>;

  Transaction* Find(const Gtid& gtid);
  Transaction* FindInTime(const Gtid& gtid);
  Result<Transaction*> FindNaming(const Gtid& gtid, std::span<event::OwnBranch> own);
  Beginner BeginnerOf(const BeginCall& call) const;
  TransactionSummary SummaryOf(const Transaction& transaction) const;
  const TransactionSummary* FindNotRunning(const Gtid& gtid) const;
  Error CannotJoin(const Gtid& gtid) const;
  Status CheckMayJoin(const Transaction& transaction, const std::string& participant,
                      const std::string& request_key) const;
  void Quarantine(const RestoredTransaction& transaction);
  void ForgetQuarantined(const ForgetCall& call, const Completion<std::monostate>& done);
  void ForceQuarantined(TransactionSummary& shown, const HeuristicCall& call,
                        const Completion<Gtid>& done);
  void RecordIntent(HeuristicIntentRecord record, const Completion<Gtid>& done);
  void OnIntentRecorded(const HeuristicIntentRecord& record, const Completion<Gtid>& done,
                        AppendResult result, const std::string& reason);
  void Run(std::unique_ptr<Transaction> transaction, std::vector<TimelineEntry> timeline,
           const std::vector<HeuristicIntentRecord>& intents,
           std::optional<ForgetRecord> forgotten);
  void OnQuarantineEnded(const Gtid& gtid, AppendResult result, const std::string& reason,
                         const Completion<std::monostate>& done);
  bool MaySpeakFor(const Reporter& reporter, const Transaction& transaction, BranchNumber number,
                   bool as_owner) const;
  void CountRunning() {
    running_count_ = running_.size() + refused_ends_ + quarantined_.size() + sagas_.size();
  }
  template <typename T>
  void AnswerNotRunning(const Gtid& gtid, const Completion<T>& done, T answer) const;
  void Handle(Transaction& transaction, const Event& event,
              const Completion<BranchNumber>& enlisted = {}, const Refused& refused = {});
  void Perform(Transaction& transaction, Effect effect, const Completion<BranchNumber>& enlisted,
               const Refused& refused);
  void Perform(Transaction& transaction, effect::Call& call);
  void Perform(Transaction& transaction, const effect::Pause& pause);
  void Perform(Transaction& transaction, const effect::Alarm& alarm);
  void Perform(Transaction& transaction, const effect::Skipped& skipped);
  void Perform(Transaction& transaction, effect::PersistLazily& persist);
  void TellTried(Transaction& transaction, BranchNumber branch);
  void RefuseTries(Transaction& transaction, const Ending& ending);
  static void AnswerPeer(Transaction& transaction, std::uint64_t call,
                         const Result<SiteAnswer>& answer);
  void NoteQuorum(Transaction& transaction, const std::optional<QuorumSummary>& before);
  void TryWaitIsOver(Transaction& transaction, std::uint64_t waiter);
  void NoteCommitAsked(Transaction& transaction);
  void NoteForLog(Transaction& transaction, const Record& record);
  void Persist(Transaction& transaction, Record record);
  void OnAppended(const Gtid& gtid, AppendResult result, const std::string& reason);
  void TellDecided(Transaction& transaction, const effect::ReplyDecided& reply);
  void TellEnded(Transaction& transaction, const Ending& ending);
  void TellOnePhase(Transaction& transaction, const OnePhaseAnswer& answer);
  std::uint64_t AddWaiter(Transaction& transaction, bool at_decision,
                          std::chrono::milliseconds wait,
                          std::function<void(Result<EndingNews>)> tell);
  void RemoveWaiter(Transaction& transaction, std::uint64_t id);
  void Forget(Transaction& transaction);
  void WriteEnd(const Gtid& gtid);
  void OnEndWritten(const Gtid& gtid, AppendResult result);
  void Fire(const TimerKey& key);
  void WaitIsOver(Transaction& transaction, std::uint64_t waiter);
  std::chrono::nanoseconds RetryDelay(int attempt);

  const Settings& settings_;
  DecisionLog& log_;
  Clock& clock_;
  Ids& ids_;
  Observer& observer_;
  Sessions& sessions_;
  Engine::Admission& admission_;
  Mailbox mailbox_;
  RecentTexts texts_;  // of who begins transactions
  Timers<TimerKey, TimerHash> timers_;
  Sagas sagas_;
  std::unordered_map<Gtid, std::unique_ptr<Transaction>> running_;
  // Ended, but the lazy record that says so is not written yet.
  struct Ended {
    TransactionSummary summary;
    bool presumable = false;  // without its record the same would be presumed
    Durability durability = Durability::kLazy;
    int refusals = 0;  // by the log
  };
  std::unordered_map<Gtid, Ended> ended_;
  std::unordered_map<Gtid, TransactionSummary> quarantined_;  // their records contradict themselves
  std::size_t refused_ends_ = 0;
  Measures measures_;
  std::uint64_t next_waiter_ = 1;
  std::chrono::milliseconds tick_period_{0};
  std::function<void()> tick_;
  std::atomic<std::size_t> running_count_{0};
  std::atomic<std::size_t> undecided_count_{0};
};

}  // namespace settle::coordinator
