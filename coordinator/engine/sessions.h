// The participants that are attached: which resources each serves, what is queued for it, who is
// still there.
//
// Shards send commands to a session, or to any session of a resource; participants fetch them in
// batches. A batch is whatever queued while the last one was on the wire. Commands may be lost here
// (a session that went away, a full queue): the shard's retry timer sends them again.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "protocol/shared_text.h"

namespace settle::coordinator {

// Thread-safe; never blocks. Completions run on the thread that caused them.
class Sessions {
 public:
  struct Listener {
    std::function<void(const SessionId&)> lost;
    std::function<void(const std::string& resource)> ready;
    std::function<void(const std::string& participant)> participant_ready;
    std::function<EndedThrough()> ended_through;  // takes no lock that is held while calling in
  };

  Sessions(const Settings& settings, DecisionLog& log, Clock& clock, Ids& ids, Observer& observer,
           Listener listener);

  void Restore(const std::vector<ResourceRecord>& resources);

  void Attach(const AttachCall& call, Completion<Attached> done);
  void Fetch(const FetchCall& call, Completion<CommandBatch> done);
  // kDenied: it belongs to another identity; nothing was done. One that is lost is detached.
  [[nodiscard]] Status Detach(const SessionId& session, const OnlyFor& session_of);
  struct Serves {
    std::set<std::string> resources;
    std::set<std::string> participants;
  };
  // It gave a sign of life. What it serves; kNotFound when it is lost, kDenied: another identity's.
  [[nodiscard]] Result<Serves> Touch(const SessionId& session, const OnlyFor& session_of);

  // Of a branch. The same texts for all that a session owns in a resource.
  struct Owner {
    SharedText session;
    SharedText resource;
    SharedText identity;  // of the resource's database
    SharedText process;
    SharedText caller;  // the session's identity
  };
  // kNotFound: no such session, or it does not serve the resource.
  [[nodiscard]] Result<Owner> FindOwner(const SessionId& session,
                                        const std::string& resource) const;
  // Where the processes of the resource answer its peers: the owner's address first, at most
  // kPeerAddressesMost. Empty: the owner answers none.
  std::vector<std::string> PeersOf(const std::string& resource, const SessionId& owner) const;
  bool IsAttached(const SessionId& session) const;
  // Whether transactions that are begun with it may number branches themselves: it is attached, by
  // this identity, and has room for commands.
  bool MayNumber(const SessionId& session, const std::string& identity) const;
  // Since when there has been a session of the resource at every moment; none if there is none.
  std::optional<Instant> ServedSince(const std::string& resource) const;

  // To `preferred` if it is attached; else, unless it is a prepare, to any session of the resource;
  // else nowhere. Whether it is on its way by this call: not where nobody is, and not again while
  // the process has not even fetched the last one.
  bool Send(const SessionId& preferred, Command command);
  // To any session that serves the participant; else nowhere. What was not fetched yet is replaced
  // by a newer call of the same. As Send.
  bool Call(SagaCall call);

  // To the process that the question prefers, if it can be asked; else to any that serves the
  // resource. Errors as engine/questions.h says.
  void Ask(Question question, Completion<LiveAnswer> done);
  void StopAsking();
  // What the session answers; counts for what it was asked, and once.
  void Answered(const SessionId& session, std::vector<AnswerReport> reports);

  // Ends long polls and questions whose time is up and finds sessions that stopped fetching. Call
  // about ten times a second.
  void Tick();

  std::vector<ParticipantView> View() const;
  // By Send and Call, since this object was made.
  std::uint64_t commands_sent() const { return commands_sent_; }
  std::uint64_t quota_refusals() const { return quota_refusals_; }  // of sessions
  std::uint64_t name_refusals() const { return name_refusals_; }
  void AcceptIdentity(ResourceRecord record, Completion<std::monostate> done);

 private:
  // Bytes of texts in the commands of one batch, and in its calls: rosters, inputs and results can
  // be long, and a batch must fit the wire's frame many times over.
  static constexpr std::size_t kBatchBytesMax = 4 * 1024 * 1024;

  using CallKey = std::pair<BranchKey, ActionOp>;
  struct Session {
    std::string process;
    std::string identity;                              // of whoever attached it
    std::map<std::string, OfferedResource> resources;  // by name
    std::map<std::string, Owner> owners;               // by resource
    bool answers_peers = false;                        // for one of them at least
    bool answers_questions = false;
    std::string release;                 // of Settle in the process; empty: not said
    std::deque<std::int64_t> questions;  // not fetched yet
    std::set<std::int64_t> asked;        // not answered yet, these included
    WallTime attached = 0;
    Instant last_sign{};
    std::deque<Command> queue;
    std::set<std::pair<BranchKey, CommandKind>> queued;  // what is in it
    bool overflows = false;                              // said so since it was last empty
    std::set<std::string> participants;
    std::deque<CallKey> calls_in_order;
    std::map<CallKey, SagaCall> calls;
    CommandBatch unconfirmed;  // sent, and sent again until the next fetch says that it arrived
    std::int64_t batches = 0;
    struct Poll {
      Completion<CommandBatch> done;
      std::size_t most = 0;
      Instant until{};
    };
    std::optional<Poll> poll;
  };
  struct Binding {
    std::string identity;
    std::string refused_identity;
    bool durable = false;
    WallTime left = 0;  // when its last session went away; 0: none has
  };
  struct Pending {
    SessionId session;
    Question question;
    Instant until{};
    Completion<LiveAnswer> done;
  };
  // An attach whose names are being bound for the first time.
  struct Binder;
  // A completion and its answer, to be run once the mutex is released.
  using Answer = std::function<void()>;

  static Error IsLost();
  static Error IsAnothers();
  Status CheckRoom(const AttachCall& call);
  Status CheckAttach(const AttachCall& call);
  Status CheckNames(const AttachCall& call);
  Result<std::vector<ResourceRecord>> BindNew(const AttachCall& call);
  void Park(Session& session, const FetchCall& call, Completion<CommandBatch> done,
            std::vector<Answer>& answers);
  void OnBound(const std::shared_ptr<Binder>& binder, const OfferedResource& resource,
               AppendResult result, const std::string& reason);
  Status Enter(const SessionId& id, const AttachCall& call);
  void Register(const AttachCall& call, const Completion<Attached>& done);
  Answer Deliver(Session& session);
  SessionView ViewOf(const SessionId& id) const;
  CommandBatch EmptyBatch(const Session& session) const;
  CommandBatch NextBatch(Session& session, std::size_t most);
  void TakeCommands(Session& session, std::size_t most, CommandBatch& batch);
  void TakeCalls(Session& session, std::size_t most, CommandBatch& batch);
  Answer SayThatItOverflows(Session& session, const About& about);
  void TakeQuestions(Session& session, std::size_t most, CommandBatch& batch);
  Result<SessionId> ChooseToAsk(const Question& question);
  void CloseQuestion(std::int64_t number, Result<LiveAnswer> answer, std::vector<Answer>& answers);
  void CloseAllOf(const Session& session, std::vector<Answer>& answers);
  void CloseOverdue(Instant now, std::vector<Answer>& answers);
  Session* Choose(const SessionId& preferred, const Command& command);
  static bool Replace(Session& session, const Command& command);
  void Rebind(const ResourceRecord& accepted);
  void Remove(const SessionId& session, std::vector<Answer>& answers);

  const Settings& settings_;
  DecisionLog& log_;
  Clock& clock_;
  Ids& ids_;
  Observer& observer_;
  const Listener listener_;
  mutable std::mutex mutex_;
  std::map<SessionId, Session> sessions_;
  std::map<std::string, std::set<SessionId>> serving_;  // resource -> sessions
  std::map<std::string, Instant> served_since_;         // those that have any
  std::map<std::string, std::set<SessionId>> acting_;   // participant -> sessions
  std::map<std::string, Binding> bindings_;             // resource -> the database it stands for
  std::map<std::int64_t, Pending> questions_;           // by number
  std::int64_t questions_asked_ = 0;
  bool asking_ = true;
  std::uint64_t turn_ = 0;
  std::map<std::string, std::size_t> sessions_of_;  // by identity
  std::atomic<std::uint64_t> commands_sent_ = 0;
  std::atomic<std::uint64_t> quota_refusals_ = 0;
  std::atomic<std::uint64_t> name_refusals_ = 0;
};

}  // namespace settle::coordinator
