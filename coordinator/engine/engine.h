// The engine: runs every global transaction of one coordinator. Its face is asynchronous: each call
// takes a completion and returns at once.
//
//   Engine engine(settings, log, clock, ids, observer);
//   engine.Restore(replayed);                       // recovery, before anything else
//   engine.Begin({...}, [](Result<Begun> begun) { ... });
//
// A transaction belongs to one shard, which is driven by one thread (engine/shard_threads.h) or by
// hand in a simulation. Every function is thread-safe and does not block. Completions run exactly
// once and must not block: on a shard's thread, for Attach and AcceptIdentity also on the log's; a
// call that cannot be queued completes at once, on the caller's thread, with kRetry.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/measures.h"
#include "engine/participant_calls.h"
#include "engine/ports.h"
#include "engine/saga_calls.h"
#include "engine/settings.h"
#include "engine/unended.h"
#include "log/decision_log.h"
#include "protocol/effects.h"
#include "protocol/events.h"
#include "protocol/records.h"

namespace settle::coordinator {

template <typename T>
using Completion = std::function<void(Result<T>)>;

struct BeginCall {
  std::chrono::milliseconds timeout{0};  // 0: the default of the settings
  std::string comment;
  std::string owner;
  Protocol protocol = Protocol::kTwoPhase;
  std::string identity{};         // what is proved of whoever calls; empty: nothing
  std::size_t undecided_max = 0;  // of the identity, or else of the owner; 0: as the settings say
  std::string trace_parent{};     // as Origin has it
  // How many branches the caller would number itself, all of them in this session. None are granted
  // if the session is not attached, is another identity's or has its queue full, while anything is
  // paused, and to a three-phase commit.
  BranchNumber own_branches = 0;
  SessionId session{};
  bool last_resource = false;  // it may be committed by a last resource
  // Where the transaction is to run: the shard that the caller's thread drives. None: whichever.
  std::optional<std::size_t> shard{};
};
struct Begun {
  Gtid gtid;
  Epoch epoch = 0;
  BranchNumber own_branches = 0;  // granted: 1 to this
};

struct EnlistCall {
  Gtid gtid;
  std::string resource;
  SessionId session;
  std::string request_key;
  OnlyFor session_of{};
};

struct TryCall {
  Gtid gtid;
  std::string participant;
  std::string action;
  std::string input = "{}";  // JSON text
  std::string request_key;
  std::chrono::milliseconds wait_at_most{0};  // 0: the default of the settings
};
struct TryAnswer {
  BranchNumber branch = 0;
  // kDone: it is reserved. kFailed: it cannot be, so the transaction cannot commit. kOngoing: the
  // wait is over and the try goes on; the same call again waits on.
  AnswerKind kind = AnswerKind::kOngoing;
  std::string text;  // kDone: the result, JSON text; else why, one line
};

enum class Wait { kDecision, kApplied };

struct CommitCall {
  Gtid gtid;
  std::vector<BranchVote> votes;
  Wait wait = Wait::kApplied;
  std::chrono::milliseconds wait_at_most{0};  // 0: the default of the settings
  OnlyFor votes_of{};                         // whose sessions' branches it may vote for
  std::vector<event::OwnBranch> own{};        // that the caller numbered itself
};
struct CommitAnswer {
  Ending ending;  // kUndecided when the wait ran out before a decision
  bool finish_here = false;
  std::vector<BranchNumber> unfinished;
};

struct OnePhaseCall {
  Gtid gtid;
  BranchNumber branch = 0;
  Evidence evidence;
  OnlyFor branch_of{};  // whose session's it must be, and the others that are voted for
  // That the caller numbered itself: it and all others, or none.
  std::vector<event::OwnBranch> own{};
  // There are others, which have voted: the branch is the last resource.
  std::optional<std::vector<BranchVote>> votes{};
};
struct OnePhaseAnswer {
  bool granted = false;
  Ending ending;  // kUndecided unless the transaction has ended
};

struct AbortCall {
  Gtid gtid;
  AbortCause cause = AbortCause::kRequested;
  std::string reason;
  std::vector<BranchNumber> rolled_back;
  OnlyFor rolled_back_by{};  // of others' sessions' branches it counts for nothing
};

struct ForgetCall {
  Gtid gtid;
  std::string operator_name;
  std::string reason;
};

// A person decides: see HeuristicAct. Of a stray the gtid is empty: one is given out for the act.
struct HeuristicCall {
  Gtid gtid;
  HeuristicIntent intent;
  std::string identity{};  // of whoever decides, to whom the act on a stray belongs
};

// Of the transactions that have not ended, newest first.
struct OpenQuery {
  enum class Kind {
    kOpen,
    kInDoubt,     // decided and not carried out everywhere, or damaged
    kNotWritten,  // open, or ended and the log has no record of the end yet
  };
  Kind kind = Kind::kOpen;
  Gtid below{};  // only older ones; empty: from the newest
  std::size_t most = 100;
};
struct OpenPage {
  std::vector<TransactionSummary> transactions;  // without their timelines
  bool more = false;
};
// What was sent again.
struct Hurried {
  struct Branches {
    std::size_t count = 0;
    std::string last_error;  // what one of them answered last; empty if nothing went wrong
  };
  std::size_t transactions = 0;
  std::map<std::pair<std::string, CommandKind>, Branches> sent;  // by resource
  std::map<std::pair<std::string, ActionOp>, Branches> called;   // by participant
};

// What recovery read from the log.
struct RestoredTransaction {
  // None: aborted. Only its damage was written down, or reservations that are to be cancelled.
  std::variant<std::monostate, CommitRecord, OnePhaseRecord, QuorumAbortRecord> decision{};
  std::vector<HeuristicRecord> heuristics;
  std::vector<RegisteredRecord> registered{};
  // Of three-phase commit: without a decision nothing is presumed of it.
  std::optional<PreCommitRecord> pre_commit{};
  std::optional<BallotRecord> ballot{};  // the last one
  // Without a decision its last resource decides, and is asked.
  std::optional<LastResourceRecord> last_resource{};
  // What persons did. Alone: a stray, or nothing else that its records say can be believed.
  std::vector<HeuristicIntentRecord> intents{};
  std::optional<ForgetRecord> forgotten{};  // then it was damaged or forced, if nothing is wrong
  // Not empty: its records contradict themselves, in these words. It is quarantined: shown, and
  // left alone with all its branches, because nothing can be presumed of it.
  std::string contradiction{};
  // Not empty: it may have gone on in records that were lost before a restore, in these words, and
  // what it became there cannot be told from here. It is quarantined likewise.
  std::string lost{};

  const Gtid& gtid() const;
};
struct RestoredState {
  std::vector<RestoredTransaction> open;
  std::vector<ResourceRecord> resources;  // in order; the last one of a name holds
  std::vector<RestoredSaga> sagas{};
  std::vector<SagaStart> ended_starts{};  // that had a request key, in the order of their ends
  std::vector<DefinitionRecord> definitions{};
  std::vector<PauseRecord> pauses{};  // in order; the last one of a scope and name holds
};

// What went between the coordinator and its participants since it started, by branch or step: what
// travelled with others in one batch is counted one by one.
struct Messages {
  std::uint64_t commands = 0;  // and calls of actions; those that were sent again, too
  std::uint64_t reports = 0;   // votes, ends, what sites hold, answers to calls

  friend bool operator==(const Messages&, const Messages&) = default;
};

// What was refused since the coordinator started because somebody had as many as they may have.
struct QuotaRefusals {
  std::uint64_t transactions = 0;
  std::uint64_t sagas = 0;
  std::uint64_t sessions = 0;
  std::uint64_t names = 0;  // of resources
};

class Pauses;
class Sessions;
class Shard;

class Engine {
 public:
  // References must outlive the engine, except that the log is closed first: what it still writes
  // completes into the engine.
  Engine(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids, Observer& observer);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Rebuilds what was open; call once, before any shard runs.
  void Restore(RestoredState state);

  // Applications.
  void Begin(BeginCall call, Completion<Begun> done);
  void Enlist(EnlistCall call, Completion<BranchNumber> done);
  // Reserves in a service, as a branch of the transaction: what it registers is durable before the
  // participant is called. The same request key again is the same branch. kInvalid: the input is no
  // JSON. kRefused: the transaction takes no more branches, or was aborted meanwhile;
  // kRetryTransaction: the log has no room.
  void Try(TryCall call, Completion<TryAnswer> done);
  // kNotFound from these four: not running here; recovery/inquiry.h says what became of it.
  void Commit(CommitCall call, Completion<CommitAnswer> done);
  void CommitOnePhase(OnePhaseCall call, Completion<OnePhaseAnswer> done);
  void Abort(AbortCall call, Completion<Ending> done);
  void AskOutcome(Gtid gtid, Completion<Ending> done);

  // A saga is durable when `done` runs. kInvalid names what is wrong with its definition or input;
  // kNotFound: no such definition is stored; kRefused: its request key began another one. It is
  // asked for, shown, listed and forgotten by its gtid as any other transaction; Abort cancels it,
  // unless its pivot has run (kRefused).
  void StartSaga(StartSagaCall call, Completion<Begun> done);
  // How it ended, once that is durable; kUndecided if it has not within `wait`.
  void AwaitSaga(Gtid gtid, std::chrono::milliseconds wait, Completion<SagaEnd> done);
  // The definition is durable when `done` runs. kRefused: its name and version have another
  // content.
  void DefineSaga(const DefineSagaCall& call, Completion<Defined> done);
  // Whether that would be refused now; does not block.
  [[nodiscard]] Status CheckDefine(const saga::Definition& definition) const;

  // Participants.
  void Attach(AttachCall call, Completion<Attached> done);
  void Fetch(FetchCall call, Completion<CommandBatch> done);
  void Report(ReportCall call, Completion<std::monostate> done);
  void Detach(SessionId session, Completion<std::monostate> done, const OnlyFor& session_of = {});
  // Whether the session is attached and serves the resource; does not block.
  bool Serves(const SessionId& session, const std::string& resource) const;
  // As a site of the transaction (number 0): answered once what the answer says is durable.
  // kNotFound: not running here; kRefused: it is no three-phase commit.
  void Peer(PeerCall call, Completion<SiteAnswer> done);
  // A scan of `resource` found the branch prepared. Its transaction tells it the decision, or
  // leaves it alone while there is none. kNotFound: not running here.
  void FoundPrepared(BranchKey key, std::string resource, const Evidence& evidence,
                     const std::optional<LastResource>& last, Completion<std::monostate> done);
  // No record is left of its transaction, and it is prepared in the name of a last resource: that
  // is asked, and decides. If the transaction runs, the branch is one more of it.
  void AskLastResource(const BranchKey& key, const std::string& resource, const Evidence& evidence,
                       const LastResource& last);
  // Sends a command about a branch of no running transaction (recovery/inquiry.h decides which).
  void SendStray(Command command);
  // A branch ended against the abort of a transaction that is not running here. Recorded durably,
  // then shown as damaged. Nothing happens if the transaction runs: it learns that by itself.
  void RecordDamage(HeuristicRecord record);

  // Operators.
  // At once, or with kUnavailable when the question's time is over: see engine/questions.h.
  void Ask(Question question, Completion<LiveAnswer> done);
  void StopAsking();  // ends those that wait, and every later one, at once: kUnavailable
  void Show(Gtid gtid, Completion<TransactionSummary> done);
  // Takes memory for one page, however many are open. A list that goes on with the log's ended ones
  // misses none if it asks for kNotWritten.
  void ListOpen(OpenQuery query, Completion<OpenPage> done);
  void CountOpen(Completion<OpenCounts> done);
  void Measure(Completion<Measures> done);
  void Participants(Completion<std::vector<ParticipantView>> done);
  // Since when somebody has served the resource without a pause; none if nobody does. Does not
  // block.
  std::optional<Instant> ServedSince(const std::string& resource) const;
  void AcceptIdentity(ResourceRecord record, Completion<std::monostate> done);
  // Skips a step of a saga, or sets its input: only one that must happen and does not get on. Of
  // another transaction a confirm or cancel can be skipped.
  void ActOnSaga(SagaActCall call, Completion<std::monostate> done);
  // Sends again, now, what a decided transaction still waits for: nothing if it is undecided or
  // damaged. kNotFound: not running here.
  void Hurry(Gtid gtid, Completion<Hurried> done);
  // The same for one step of a saga. kRefused: it is not outstanding.
  void HurryStep(Gtid gtid, BranchNumber step, Completion<Hurried> done);
  // The same for every transaction that waits for `resource`, and every saga that waits for the
  // participant of that name; for any if it is empty.
  void HurryAll(std::string resource, Completion<Hurried> done);
  // Ends a damaged transaction, once it is durable who says that it is repaired, and why. kRefused:
  // it is not damaged, or another operator was first. kRetry: the log refused it, so it stays
  // damaged. kNotFound: not running here.
  void Forget(ForgetCall call, Completion<std::monostate> done);

  // Does what a person decided, once that it will be done is durable: then `done` runs, with the
  // gtid that shows it. kRefused: it is not in such a state; kRetry: the log has no room, or writes
  // another record of it at this moment; nothing was done. kNotFound: not running here.
  void Intervene(HeuristicCall call, Completion<Gtid> done);
  // Holds back what is new, or lets it go on (engine/pauses.h, which see). A saga goes on at once.
  void Pause(PauseRecord record, Completion<PauseRecord> done);
  const Pauses& pauses() const;
  std::size_t undecided() const;  // transactions, sagas not among them; does not block

  // Stored definitions by name and version; do not block.
  DefinitionPage ListDefinitions(const DefinitionQuery& query) const;
  // Version 0: the highest. kNotFound.
  [[nodiscard]] Result<std::shared_ptr<const DefinitionRecord>> FindDefinition(
      const std::string& name, std::int32_t version) const;
  // How far everything has ended, and what holds it back if anything does; do not block.
  EndedThrough ended_through() const;
  std::optional<Gtid> oldest_unended() const;
  Messages messages() const;  // does not block
  // Whether `identity` began it, by the gtid alone: whatever became of it, and also if it never
  // was. True for gtids of other logs, and of epochs that were lost whole before the log was
  // restored: nothing is answered about those but that. Does not block.
  bool Began(const Gtid& gtid, const std::string& identity) const;
  QuotaRefusals quota_refusals() const;  // does not block
  // The first epoch that was lost before the log was restored and that nobody has looked after yet
  // (Settings::losses_settled): the mark stays below it, and no saga is started with a request key
  // that the log does not know, because it may have begun one.
  std::optional<Epoch> UnsettledLoss() const;

  // No new transactions from now on (kRetry); those that run go on. `done` runs when none is left
  // undecided and nothing waits for the log.
  void Drain(std::function<void()> done);
  bool draining() const;

  struct Admission;  // engine/admission.h

  const LogIdentity& log_identity() const;
  std::uint64_t last_sequence() const;  // of this epoch; a higher one was never begun
  const std::vector<std::unique_ptr<Shard>>& shards() const { return shards_; }

 private:
  Shard& ShardOf(const Gtid& gtid);
  Status CheckRoom() const;
  enum class Decides { kLog, kLogOrLastResource };
  Gtid NextGtid(const std::string& identity, Decides decides = Decides::kLog,
                std::optional<std::size_t> shard = {});
  Result<Gtid> BeginSaga(StartSagaCall call, const Completion<Begun>& done);
  void JoinSaga(const Gtid& gtid, const StartSagaCall& call, const Completion<Begun>& done);
  template <typename T, typename Part, typename Add>
  void AskAll(const Completion<T>& done, Part part_of, Add add);
  template <typename T, typename Run>
  void Post(const Gtid& gtid, const Completion<T>& done, Run run);
  void Tick();

  const Settings settings_;
  DecisionLog& log_;
  Clock& clock_;
  Ids& ids_;
  Observer& observer_;
  std::unique_ptr<Sessions> sessions_;
  std::atomic<std::uint64_t> reports_taken_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Admission> admission_;
};

}  // namespace settle::coordinator
