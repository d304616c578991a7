#include "settle/coordinator.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>

#include "action/desk.h"
#include "client/context_text.h"
#include "client/endings.h"
#include "client/peering.h"
#include "client/program.h"
#include "client/sagas.h"
#include "client/transaction_state.h"
#include "participant/resource_calls.h"
#include "participant/session.h"
#include "settle/vocabulary/failpoint.h"
#include "settle/vocabulary/trace_parent.h"
#include "transport/dial_tls.h"

namespace settle {
namespace {

using sdk::Instant;
using sdk::Link;
using sdk::OwnResource;
using sdk::Program;
using State = GlobalTransaction::State;

void WarnOnStandardError(const std::string& line) {
  std::fprintf(stderr, "settle: %s\n", line.c_str());
}

std::string Label(const std::string& application) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return (application.empty() ? "unnamed" : application) + "@" + host.data() + ":" +
         std::to_string(::getpid());
}

Status CheckOptions(const CoordinatorOptions& options) {
  if (options.addresses.empty()) {
    return Fail(ErrorCode::kInvalid, "no address of a coordinator was given");
  }
  for (const std::string& address : options.addresses) {
    if (Result<sdk::Address> parsed = sdk::ParseAddress(address); !parsed) {
      return Fail(parsed.error());
    }
  }
  if (Status tls = sdk::CheckTls(options.tls); !tls) return tls;
  const bool positive = options.connect_timeout.count() > 0 && options.call_timeout.count() > 0 &&
                        options.scan_interval.count() > 0 && options.workers_per_resource > 0 &&
                        options.peers.patience.count() > 0;
  if (!positive) {
    return Fail(ErrorCode::kInvalid,
                "a time-out, the peers' patience, the scan interval or the number of workers is "
                "not positive");
  }
  std::set<std::string> names;
  for (const std::shared_ptr<Resource>& resource : options.resources) {
    if (resource == nullptr) return Fail(ErrorCode::kInvalid, "a resource is null");
    if (Status name = CheckResourceName(resource->name()); !name) return name;
    if (!names.insert(resource->name()).second) {
      return Fail(ErrorCode::kInvalid, "two resources are named \"" + resource->name() + "\"",
                  "a resource's name stands for one database");
    }
  }
  return {};
}

Status OpenAll(const std::vector<std::shared_ptr<ActionParticipant>>& participants) {
  std::set<std::string> names;
  for (const std::shared_ptr<ActionParticipant>& participant : participants) {
    if (participant == nullptr) return Fail(ErrorCode::kInvalid, "a participant is null");
    if (!names.insert(participant->name()).second) {
      return Fail(ErrorCode::kInvalid,
                  "two participants are named \"" + Escaped(participant->name()) + "\"",
                  "serve all actions of a name in one participant");
    }
    if (Status opened = participant->desk().Open(); !opened) return opened;
  }
  return {};
}

Result<std::vector<OwnResource>> IdentifyAll(
    const std::vector<std::shared_ptr<Resource>>& resources,
    const std::function<void(const std::string&)>& warn) {
  std::vector<OwnResource> own;
  for (const std::shared_ptr<Resource>& resource : resources) {
    Result<std::string> identity = sdk::Identify(*resource);
    if (!identity) {
      Error why = std::move(identity).error();
      why.message = "resource \"" + resource->name() + "\": " + why.message;
      return Fail(std::move(why));
    }
    for (const std::string& warning : sdk::Warnings(*resource)) warn(warning);
    own.push_back({resource, *std::move(identity)});
  }
  return own;
}

Status CheckLastResource(const BeginOptions& options) {
  const bool asked = options.last_resource && *options.last_resource != UseLastResource::kNever;
  if (asked && options.protocol == Protocol::kThreePhase)
    return Fail(ErrorCode::kInvalid, "a three-phase commit has no last resource");
  if (!options.last_resource_name.empty()) return CheckResourceName(options.last_resource_name);
  return {};
}

class ConnectedCoordinator final : public Coordinator {
 public:
  explicit ConnectedCoordinator(std::shared_ptr<Program> program)
      : program_(std::move(program)), process_(::getpid()) {}

  ~ConnectedCoordinator() override {
    if (::getpid() == process_) {
      static_cast<void>(ConnectedCoordinator::Detach());
      return;
    }
    // A forked child has none of the threads, and the connections are its parent's: leave
    // everything alone.
    static_cast<void>(session_.release());
    static_cast<void>(peering_.release());
    static_cast<void>(new std::shared_ptr<Program>(program_));
  }

  Status Start() {
    if (!program_->options.peers.listen.empty()) {
      Result<std::unique_ptr<sdk::Peering>> peering = sdk::Peering::Start(*program_);
      if (!peering) return Fail(std::move(peering).error());
      peering_ = *std::move(peering);
    }
    if (!program_->options.resources.empty() || !program_->options.participants.empty()) {
      session_ = std::make_unique<sdk::Session>(program_->Links(), program_->options.scan_interval,
                                                program_->participant, program_->options.warn);
      return session_->Start(program_->options.attach_later ? sdk::Session::First::kAttachLater
                                                            : sdk::Session::First::kAttach);
    }
    Result<sdk::Hello> hello = program_->pool.Call<sdk::Hello>(
        program_->Brief(), [](Link& link, Instant) { return Result<sdk::Hello>(link.hello()); });
    if (!hello) return Fail(std::move(hello).error());
    return {};
  }

  Result<GlobalTransaction> Begin(BeginOptions options) override {
    constexpr std::size_t kCommentMost = 1000;
    if (options.comment.size() > kCommentMost || options.timeout.count() < 0) {
      return Fail(ErrorCode::kInvalid, "a comment of more than 1000 bytes, or a negative time-out");
    }
    const std::string trace_parent = TraceParentFrom(options.trace_parent);
    if (Status last = CheckLastResource(options); !last) return Fail(std::move(last).error());
    const bool two_phase = options.protocol == Protocol::kTwoPhase;
    const UseLastResource use =
        two_phase ? options.last_resource.value_or(program_->options.last_resource)
                  : UseLastResource::kNever;
    sdk::BeginCall call{options.timeout, std::move(options.comment), program_->label,
                        options.protocol, std::move(options.trace_parent)};
    call.last_resource = use != UseLastResource::kNever;
    if (two_phase) call.session = program_->participant.session();
    if (!call.session.empty()) call.own_branches = sdk::kOwnBranches;
    // A begin whose reply was lost leaves an empty transaction that its deadline aborts.
    Result<sdk::Begun> begun = program_->pool.Call<sdk::Begun>(
        program_->Brief(), [&](Link& link, Instant by) { return link.Begin(call, by); });
    if (!begun) {
      Error why = std::move(begun).error();
      if (why.code == ErrorCode::kAskOutcome) why.code = ErrorCode::kUnavailable;
      return Fail(std::move(why));
    }
    SETTLE_FAILPOINT("client.begun");
    auto state = std::make_unique<State>(
        program_, sdk::Context{std::move(begun->gtid), trace_parent}, State::Role::kOwner,
        options.protocol,
        OwnNumbers{std::min(begun->own_branches, call.own_branches), call.session});
    // A coordinator of an older release does not know what it was asked.
    if (state->gtid.allows_last_resource()) {
      state->last_resource = use;
    } else if (use == UseLastResource::kAlways) {
      static_cast<void>(state->Abort("no last resource is possible", program_->Brief()));
      return Fail(ErrorCode::kRefused,
                  "the coordinator begins no transactions with leave for a last resource",
                  "it is of an older release: upgrade it, or begin without");
    }
    state->last_resource_name = std::move(options.last_resource_name);
    return GlobalTransaction(std::move(state));
  }

  Result<GlobalTransaction> Join(const std::string& context) override {
    Result<sdk::Context> joined = sdk::ParseContextText(context);
    if (!joined) return Fail(std::move(joined).error());
    const Gtid& gtid = joined->gtid;
    if (gtid.log_id() != log_id()) {
      return Fail(ErrorCode::kWrongLog,
                  gtid.text() + " belongs to the coordinator with another log; this program is " +
                      "connected to the one with log " + log_id(),
                  "connect both programs to the same coordinator");
    }
    return GlobalTransaction(
        std::make_unique<State>(program_, *std::move(joined), State::Role::kJoined));
  }

  Ending AskOutcome(const Gtid& gtid) override {
    Result<Ending> ending = program_->pool.Call<Ending>(
        program_->Brief(), [&](Link& link, Instant by) { return link.AskOutcome(gtid, by); });
    if (ending) return *std::move(ending);
    return sdk::UnknownEnding(gtid, ending.error());
  }

  using Coordinator::StartSaga;

  Result<Gtid> StartSaga(const std::string& document, const StartSagaOptions& options) override {
    return sdk::StartSaga(*program_, {.document = document}, options);
  }

  Result<Gtid> StartStoredSaga(const std::string& name, int version,
                               const StartSagaOptions& options) override {
    return sdk::StartSaga(*program_, {.name = name, .version = version}, options);
  }

  Status DefineSaga(const std::string& document) override {
    return sdk::DefineSaga(*program_, document);
  }

  Result<SagaEnding> AwaitSaga(const Gtid& gtid, std::chrono::milliseconds at_most) override {
    return sdk::AwaitSaga(*program_, gtid, at_most);
  }

  Result<Ending> CancelSaga(const Gtid& gtid, const std::string& reason) override {
    return sdk::CancelSaga(*program_, gtid, reason);
  }

  std::string log_id() const override { return program_->participant.log_id(); }
  Epoch epoch() const override { return program_->participant.epoch(); }
  std::string peer_address() const override {
    return peering_ == nullptr ? "" : peering_->address();
  }

  Status Detach() override {
    if (peering_ != nullptr) peering_->Stop();
    return session_ == nullptr ? Status() : session_->Stop();
  }

 private:
  std::shared_ptr<Program> program_;
  std::unique_ptr<sdk::Peering> peering_;  // none if it is no site
  std::unique_ptr<sdk::Session> session_;  // none without resources and participants
  const pid_t process_;
};

}  // namespace

Result<std::unique_ptr<Coordinator>> Coordinator::Connect(CoordinatorOptions options) {
  if (!options.warn) options.warn = WarnOnStandardError;
  if (Status checked = CheckOptions(options); !checked) return Fail(checked.error());
  Result<std::vector<OwnResource>> own = IdentifyAll(options.resources, options.warn);
  if (!own) return Fail(std::move(own).error());
  if (Status opened = OpenAll(options.participants); !opened) return Fail(opened.error());
  std::string label = Label(options.application);
  auto program = std::make_shared<Program>(std::move(options), std::move(label), *std::move(own));
  auto coordinator = std::make_unique<ConnectedCoordinator>(std::move(program));
  if (Status started = coordinator->Start(); !started) return Fail(started.error());
  return coordinator;
}

}  // namespace settle
