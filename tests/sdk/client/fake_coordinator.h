// An in-process Thrift server that plays the coordinator: sensible by default, and as mean as a
// test wants. It writes down what it is asked. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "settle/coordinator.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::sdk {

class FakeCoordinator {
 public:
  explicit FakeCoordinator(std::string log_id = "abcdefghijkl", std::int64_t epoch = 1);
  ~FakeCoordinator();
  FakeCoordinator(const FakeCoordinator&) = delete;
  FakeCoordinator& operator=(const FakeCoordinator&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  CoordinatorOptions Options(std::vector<std::shared_ptr<Resource>> resources = {});

  // Stops the server, ends every session, comes back on the same port.
  void Restart(std::int64_t epoch, const std::string& log_id = {});
  void Stop();

  // Hooks run on a connection's thread, before (and instead of the default if they say so) the
  // answer is made. They may throw wire::ServiceError, call CutConnection(), or wait.
  using CommitHook = std::function<bool(const wire::CommitRequest&, wire::CommitReply&)>;
  std::function<void()> on_begin;
  std::function<void(const wire::EnlistRequest&)> on_enlist;
  std::function<void(const wire::TryRequest&, wire::TryReply&)> on_try;
  CommitHook on_commit;  // true: `reply` is the answer
  std::function<bool(const wire::OnePhaseRequest&, wire::OnePhaseReply&)> on_one_phase;
  std::function<void(const wire::AbortRequest&)> on_abort;
  std::function<bool(const std::string&, wire::Ending&)> on_outcome;
  std::function<void(const wire::StartSagaRequest&)> on_start_saga;
  std::function<void(const wire::DefineSagaRequest&)> on_define_saga;
  std::function<void(const wire::AwaitSagaRequest&, wire::AwaitSagaReply&)> on_await_saga;
  std::function<void(const wire::AttachRequest&)> on_attach;
  std::function<void(const wire::FetchRequest&)> on_fetch;
  std::function<void(const wire::ReportRequest&)> on_report;
  std::function<void(wire::HelloReply&)> on_hello;
  std::function<void(wire::Command&)> on_command;  // before it is queued: what Send leaves empty
  std::int64_t session_timeout_ms = 10'000;
  // How many branches a process may number itself; none: as a coordinator of an older release.
  int own_granted = 0;
  bool knows_last_resources = true;  // or is of an older release
  // For hooks: answers no sooner, as a coordinator does while what is waited for goes on. Less if
  // the fake is stopped.
  void TakeAsLongAs(std::int64_t wait_ms);
  // Breaks the connection whose call is being handled: its reply is lost.
  static void CutConnection();

  // Queues a command for every session that serves its resource.
  void Send(wire::CommandKind::type kind, const BranchKey& key, const std::string& resource,
            std::int64_t epoch = 0);
  // The same for every session, whatever it serves.
  void SendToAll(wire::CommandKind::type kind, const BranchKey& key, const std::string& resource);
  // Queues a call for every session that serves its participant; waits until there is a session.
  void Call(const wire::ActionCall& call);
  // Queues a question for every session that said that it answers them.
  void Ask(const wire::Question& question);
  // From now on every batch says so.
  void SayEndedThrough(std::int64_t epoch, std::int64_t sequence);
  // Ends the sessions as a time-out would.
  void LoseSessions();

  // What was heard, one line each: "begin", "begin 3pc", "enlist bank", "try airline/fly", "commit
  // 1=commit 2=no", "commit 1=commit own 1 bank", "one-phase 1 own bank", "one-phase 1 2=commit own
  // 1 bank own 2 shop", "abort", "detach", "vote
  // 1=no", "site 1=waiting", "end 1=committed", "found bank settle:...", "attach bank acts:airline
  // seen=<log>/<epoch>", "answer <step>.<attempt>=done
  // {}". Waits half a minute for it.
  bool Await(const std::string& line);
  std::vector<std::string> heard();
  std::size_t Count(const std::string& line);
  std::string LastReason();  // of the last no-vote or abort

 private:
  class CoordinatorFace;
  class ParticipantFace;
  class Server;
  struct Batch {
    std::vector<wire::Command> commands;
    std::vector<wire::ActionCall> calls;
    std::vector<wire::Question> questions;

    bool empty() const { return commands.empty() && calls.empty() && questions.empty(); }
  };
  struct Session {
    std::set<std::string> resources;
    std::set<std::string> participants;
    bool answers_questions = false;
    Batch unacknowledged;
    std::int64_t number = 0;
    Batch queue;
  };

  void Start(int port);
  wire::Command MakeCommand(wire::CommandKind::type kind, const BranchKey& key,
                            const std::string& resource, std::int64_t epoch);
  void Note(const std::string& line);
  void NoteAnswer(const wire::ActionAnswer& answer);
  void NoteVote(const std::string& prefix, const wire::BranchVote& vote, std::string& line);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string log_id_;
  std::int64_t epoch_;
  int port_ = 0;
  bool stopping_ = false;
  std::vector<std::string> heard_;
  std::string last_reason_;
  std::map<std::string, int> branches_;  // by gtid: the last number
  std::map<std::string, int> granted_;
  std::map<std::string, std::map<std::string, int>> requests_;
  std::map<std::string, wire::Ending> endings_;
  std::map<std::string, Session> sessions_;
  std::optional<wire::EndedThrough> ended_through_;
  std::uint64_t sequence_ = 0;
  int next_session_ = 0;
  std::unique_ptr<Server> server_;
};

// What a service may throw.
wire::ServiceError ServiceError(wire::ErrorCode::type code, const std::string& message);
wire::Ending WireEnding(wire::Outcome::type outcome,
                        wire::AbortCause::type cause = wire::AbortCause::NONE,
                        const std::string& reason = {});

}  // namespace settle::sdk
