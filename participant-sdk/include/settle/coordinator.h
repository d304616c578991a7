// A program's link to the coordinator: begins and joins global transactions, and serves the
// program's resources so that the coordinator can have their branches prepared and finished.
//
//   auto bank_a = settle::PostgresResource::Make({.name = "bank-a", .dsn = "dbname=a"});
//   auto bank_b = settle::PostgresResource::Make({.name = "bank-b", .dsn = "dbname=b"});
//   auto coordinator = settle::Coordinator::Connect(
//       {.addresses = {"127.0.0.1:7420"}, .application = "shop", .resources = {bank_a, bank_b}});
//   auto transaction = (*coordinator)->Begin({.timeout = 30s, .comment = "order 17"});
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settle/action_participant.h"
#include "settle/global_transaction.h"
#include "settle/resource.h"
#include "settle/saga.h"
#include "settle/tls.h"
#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle {

// Sites of three-phase commit (docs/three_phase_commit.md) answer each other, so that a majority of
// them ends a transaction whose coordinator is gone.
struct PeerOptions {
  // host:port to listen on, port 0: any; "" (the default): this process is no site, and its
  // resources are not taken into three-phase commits. Without CoordinatorOptions::tls only this
  // machine's own addresses, unless `insecure`; with it peers speak TLS, both ways.
  std::string listen{};
  // host:port that peers dial, when it is another one than the process listens on.
  std::string advertise{};
  bool insecure = false;
  // Who is a peer: its certificate must have one of these names, "cn:stock", "dns:stock.example" or
  // "uri:spiffe://example/stock". None: one that our own certificate has, too.
  std::vector<std::string> names{};
  // A prepared branch of which the coordinator was not heard for so long, while it cannot be
  // reached, is brought to its end by its peers and this process; ten times as long while it can.
  std::chrono::milliseconds patience{3'000};
  // Further addresses at which a resource's processes answer, by its name: for a process that came
  // after the transaction was prepared, e.g. `settle agent`.
  std::map<std::string, std::vector<std::string>> known{};
};

struct CoordinatorOptions {
  // host:port of the coordinator, or unix:/path of its socket; several name the same coordinator
  // reached by several ways, tried in turn.
  std::vector<std::string> addresses{"127.0.0.1:7420"};
  // Without it connections are plain, and a coordinator that listens with TLS refuses them.
  TlsOptions tls{};
  // For people: shown with the process id and host as the owner of transactions.
  std::string application{};
  // The databases this process serves. Identified and attached by Connect.
  std::vector<std::shared_ptr<Resource>> resources{};
  // The participants whose actions this process serves (settle/action_participant.h). Their
  // barriers are checked by Connect.
  std::vector<std::shared_ptr<ActionParticipant>> participants{};
  // Three-phase commit: how this process answers the other sites.
  PeerOptions peers{};
  // Connect succeeds also while the coordinator cannot be reached, and attaches when it can: for a
  // process that is to end its sites' transactions with their peers although the coordinator is
  // gone. Whatever needs the coordinator is kUnavailable until then.
  bool attach_later = false;
  // For transactions whose BeginOptions do not say. Never by default: an option that a program did
  // not choose must not weaken what AskOutcome answers.
  UseLastResource last_resource = UseLastResource::kNever;
  std::chrono::milliseconds connect_timeout{2'000};
  // How long one call may take before its outcome is called unknown.
  std::chrono::milliseconds call_timeout{40'000};
  // How often each resource is scanned for prepared branches that nobody remembers.
  std::chrono::milliseconds scan_interval{30'000};
  // Threads that carry out commands, for each resource: one slow database does not hold up another.
  int workers_per_resource = 2;
  // Told, one line at a time, what an operator should know: the link is lost, another log answers,
  // a database cannot be scanned. Called from any thread, must not block. Default: a line on
  // standard error.
  std::function<void(const std::string& line)> warn{};
};

struct BeginOptions {
  // The coordinator aborts the transaction if commit was not asked by then. 0: the coordinator's
  // default.
  std::chrono::milliseconds timeout{0};
  // The application's own words, e.g. a business key; shown to operators.
  std::string comment{};
  // kThreePhase: a majority of the branches ends it should the coordinator never come back. Its
  // resources must be served by processes that listen for their peers (PeerOptions).
  Protocol protocol = Protocol::kTwoPhase;
  // The W3C traceparent of the caller's span (settle/vocabulary/trace_parent.h): goes to every
  // process that works for the transaction, and into the coordinator's log. What is none is
  // ignored.
  std::string trace_parent{};
  // None: as CoordinatorOptions say. Not of a three-phase commit.
  std::optional<UseLastResource> last_resource{};
  // Only the branch of this resource decides; empty: any that can.
  std::string last_resource_name{};
};

// Thread-safe. Blocking where it says so. Destruction detaches; open transactions must be gone by
// then.
class Coordinator {
 public:
  // Blocking: identifies every resource, checks every barrier, reaches the coordinator, attaches.
  // Errors name the address, the resource or the participant and what to change: kUnavailable,
  // kVersion, kRefused (a resource's name stands for another database), kInvalid.
  [[nodiscard]] static Result<std::unique_ptr<Coordinator>> Connect(CoordinatorOptions options);

  virtual ~Coordinator() = default;
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Blocking, one round trip.
  [[nodiscard]] virtual Result<GlobalTransaction> Begin(BeginOptions options = {}) = 0;

  // Joins a transaction that another process began; `context` is what its
  // GlobalTransaction::context() gave, carried in the application's own call. Does not call the
  // coordinator.
  [[nodiscard]] virtual Result<GlobalTransaction> Join(const std::string& context) = 0;

  // What became of it? Blocking. Outcome kUnknown if no coordinator can be reached; never redo the
  // work then. Outcome kExpired if it ended so long ago that its record was pruned (settled
  // --keep-ended): only the databases can tell then.
  [[nodiscard]] virtual Ending AskOutcome(const Gtid& gtid) = 0;

  // Starts a saga; it is durable when this returns, and goes on whatever becomes of this process.
  // Blocking. kInvalid: the definition or the input makes no sense, the place is named; kRefused:
  // the request key was used for another saga; kRetry, kUnavailable: nothing was started (kRetry:
  // the application has too many that have not ended, or the coordinator is busy); kAskOutcome: it
  // may have been started: start it again with the same request key.
  [[nodiscard]] Result<Gtid> StartSaga(const Saga& saga, const StartSagaOptions& options = {}) {
    return StartSaga(saga.document(), options);
  }
  // The same for a JSON document (docs/protocols.md, "A saga's document").
  [[nodiscard]] virtual Result<Gtid> StartSaga(const std::string& document,
                                               const StartSagaOptions& options = {}) = 0;
  // The same for a definition that was stored. `version` 0: the highest. kNotFound: there is none.
  [[nodiscard]] virtual Result<Gtid> StartStoredSaga(const std::string& name, int version,
                                                     const StartSagaOptions& options = {}) = 0;
  // Stores a definition under its name and version, durably. Can be repeated. Blocking. kRefused:
  // another definition has that name and version; kInvalid as StartSaga.
  [[nodiscard]] virtual Status DefineSaga(const std::string& document) = 0;

  // Waits for a saga's end, over restarts of the coordinator too. Blocking. Outcome kUndecided:
  // `at_most` passed before it; the saga goes on. kUnavailable: no coordinator could be reached in
  // that time; kNotFound, kWrongLog: it has no such saga.
  [[nodiscard]] virtual Result<SagaEnding> AwaitSaga(const Gtid& gtid,
                                                     std::chrono::milliseconds at_most) = 0;

  // Turns a saga back: what was done is undone. Blocking, until it has ended or the coordinator
  // waits no longer (then kUndecided). Committed, if it had ended before. kRefused: its point of no
  // return is behind it, it goes on; kAskOutcome, kUnavailable: repeat the call.
  [[nodiscard]] virtual Result<Ending> CancelSaga(const Gtid& gtid, const std::string& reason) = 0;

  // The id of the coordinator's log and its current epoch, as last heard.
  virtual std::string log_id() const = 0;
  virtual Epoch epoch() const = 0;

  // host:port at which the peers of this process's sites reach it (PeerOptions), with the port that
  // was taken; empty: it is no site.
  virtual std::string peer_address() const = 0;

  // What destruction does, with its result: ends what is being done to the resources, waits for
  // handlers that are at work, tells what became of it all and detaches. Blocking, some seconds at
  // most, or as long as ActionParticipantOptions::stop_patience. kUnavailable: the coordinator
  // could not be told; it notices by itself a session time-out later. Afterwards there is nothing
  // to do but to destroy it. Not thread-safe; open transactions must be gone by then.
  [[nodiscard]] virtual Status Detach() = 0;

 protected:
  Coordinator() = default;
};

}  // namespace settle
