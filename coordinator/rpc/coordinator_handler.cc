#include "rpc/coordinator_handler.h"

#include <algorithm>
#include <utility>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

// The engine answers every call; these bound the wait for it all the same.
constexpr std::chrono::milliseconds kAnswerLimit{60'000};
constexpr Calls::Limits kNothingDone{.limit = kAnswerLimit, .if_given_up = ErrorCode::kRetry};
constexpr Calls::Limits kMaybeDone{.limit = kAnswerLimit, .if_given_up = ErrorCode::kAskOutcome};

template <typename T>
bool NotRunningHere(const Result<T>& result) {
  return !result && result.error().code == ErrorCode::kNotFound;
}

// A trace that is none must not harm the work it was to be about.
template <typename Request>
void NoteIfIgnored(Observer& observer, const Gtid& gtid, const Request& request,
                   const std::string& trace_parent) {
  if (request.trace_parent.empty() || !trace_parent.empty()) return;
  observer.Event(Observer::Level::kDebug, gtid,
                 "its trace_parent, of " + std::to_string(request.trace_parent.size()) +
                     " bytes, is no W3C traceparent: ignored");
}

}  // namespace

CoordinatorHandler::CoordinatorHandler(Settings settings, Engine& engine, Inquiry& inquiry,
                                       Calls& calls, Audit& audit, Observer& observer,
                                       std::shared_ptr<access::Visitor> visitor)
    : settings_(std::move(settings)),
      engine_(engine),
      inquiry_(inquiry),
      calls_(calls),
      audit_(audit),
      edge_(observer, std::move(visitor)) {}

void CoordinatorHandler::hello(wire::HelloReply& reply, const wire::HelloRequest& request) {
  edge_.Serve(access::Of("coordinator", "hello"), [&] {
    Need(CheckText("application", request.application, 200));
    reply.version = Need(AgreeOnVersion(request.version_low, request.version_high));
    reply.log_id = engine_.log_identity().log_id;
    reply.epoch = static_cast<std::int64_t>(engine_.log_identity().epoch);
    reply.release = settings_.release;
  });
}

void CoordinatorHandler::begin_transaction(wire::BeginReply& reply,
                                           const wire::BeginRequest& request) {
  edge_.Serve(access::Of("coordinator", "begin_transaction"), [&] {
    BeginCall call = Need(FromWire(request));
    const std::string trace_parent = call.trace_parent;
    call.identity = edge_.rights().identity;
    call.undecided_max = edge_.rights().quota.open_transactions.value_or(0);
    const Begun begun = Need(calls_.Await<Begun>(kNothingDone, [&](Completion<Begun> done) {
      engine_.Begin(std::move(call), std::move(done));
    }));
    NoteIfIgnored(edge_.observer(), begun.gtid, request, trace_parent);
    reply.gtid = begun.gtid.text();
    reply.epoch = static_cast<std::int64_t>(begun.epoch);
    if (begun.own_branches != 0)
      reply.__set_own_branches(static_cast<std::int32_t>(begun.own_branches));
  });
}

void CoordinatorHandler::enlist(wire::EnlistReply& reply, const wire::EnlistRequest& request) {
  edge_.Serve(access::Of("coordinator", "enlist"), [&] {
    EnlistCall call = Need(FromWire(request));
    AllowEnlist(call);
    const Gtid gtid = call.gtid;
    const BranchNumber branch = edge_.NeedAllowed(
        access::Reason::kSession,
        calls_.Await<BranchNumber>(kNothingDone,
                                   [&](Completion<BranchNumber> done) {
                                     engine_.Enlist(std::move(call), std::move(done));
                                   }),
        gtid);
    reply.branch = static_cast<std::int32_t>(branch);
  });
}

// Into its own transaction an application may enlist any session. Into another's a participant may
// enlist its own, for what it may serve: it was told the gtid by whoever called it.
void CoordinatorHandler::AllowEnlist(EnlistCall& call) {
  const access::Rights& rights = edge_.rights();
  if (rights.roles.Has(access::Role::kApplication) && edge_.MayEnd(engine_, call.gtid)) return;
  if (!rights.roles.Has(access::Role::kParticipant)) return edge_.NeedBegun(engine_, call.gtid);
  edge_.NeedAllowed(access::Reason::kName, rights.MayServeResource(call.resource), call.gtid);
  call.session_of = edge_.only();
}

void CoordinatorHandler::try_branch(wire::TryReply& reply, const wire::TryRequest& request) {
  edge_.Serve(access::Of("coordinator", "try_branch"), [&] {
    TryCall call = Need(FromWire(request));
    edge_.NeedBegun(engine_, call.gtid);
    Calls::Limits limits = kNothingDone;  // what was done is found by the same request key
    limits.kind = Calls::Kind::kParked;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    reply = ToWire(Need(calls_.Await<TryAnswer>(limits, [&](Completion<TryAnswer> done) {
      engine_.Try(std::move(call), std::move(done));
    })));
  });
}

void CoordinatorHandler::commit(wire::CommitReply& reply, const wire::CommitRequest& request) {
  edge_.Serve(access::Of("coordinator", "commit"), [&] {
    CommitCall call = Need(FromWire(request));
    edge_.NeedBegun(engine_, call.gtid);
    call.votes_of = edge_.only();
    const Gtid gtid = call.gtid;
    Calls::Limits limits = kMaybeDone;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    Result<CommitAnswer> answer = calls_.Await<CommitAnswer>(
        limits,
        [&](Completion<CommitAnswer> done) { engine_.Commit(std::move(call), std::move(done)); });
    // Ended already, perhaps by the first attempt of this very call: a repetition hears the same
    // ending.
    if (NotRunningHere(answer)) answer = CommitAnswer{Need(inquiry_.AskOutcome(gtid)), false, {}};
    reply = ToWire(edge_.NeedAllowed(access::Reason::kSession, std::move(answer), gtid));
  });
}

void CoordinatorHandler::commit_one_phase(wire::OnePhaseReply& reply,
                                          const wire::OnePhaseRequest& request) {
  edge_.Serve(access::Of("coordinator", "commit_one_phase"), [&] {
    OnePhaseCall call = Need(FromWire(request));
    edge_.NeedBegun(engine_, call.gtid);
    call.branch_of = edge_.only();
    const Gtid gtid = call.gtid;
    Result<OnePhaseAnswer> answer =
        calls_.Await<OnePhaseAnswer>(kMaybeDone, [&](Completion<OnePhaseAnswer> done) {
          engine_.CommitOnePhase(std::move(call), std::move(done));
        });
    if (NotRunningHere(answer)) {
      answer = OnePhaseAnswer{false, Need(inquiry_.AskOutcome(gtid))};
    }
    reply = ToWire(edge_.NeedAllowed(access::Reason::kSession, std::move(answer), gtid));
  });
}

void CoordinatorHandler::abort(wire::Ending& reply, const wire::AbortRequest& request) {
  edge_.Serve(access::Of("coordinator", "abort"), [&] {
    AbortCall call = Need(FromWire(request));
    edge_.NeedBegun(engine_, call.gtid);
    call.rolled_back_by = edge_.only();
    const Gtid gtid = call.gtid;
    Result<Ending> ending = calls_.Await<Ending>(kMaybeDone, [&](Completion<Ending> done) {
      engine_.Abort(std::move(call), std::move(done));
    });
    if (NotRunningHere(ending)) ending = inquiry_.AskOutcome(gtid);
    reply = ToWire(Need(std::move(ending)));
  });
}

void CoordinatorHandler::define_saga(wire::DefineSagaReply& reply,
                                     const wire::DefineSagaRequest& request) {
  edge_.Serve(access::Of("coordinator", "define_saga"), [&] {
    const DefineSagaCall call = Need(FromWire(request));
    const auto define = [&] {
      return calls_.Await<Defined>(kNothingDone, [&](Completion<Defined> done) {
        engine_.DefineSaga(call, std::move(done));
      });
    };
    const std::string name = call.definition.name + "@" + std::to_string(call.definition.version);
    // The trail is of operators, and has an end. A program that stores what it stored before
    // changes nothing, at each of its starts; one that is refused must not push out what operators
    // did.
    Need(engine_.CheckDefine(call.definition));
    const auto stored = engine_.FindDefinition(call.definition.name, call.definition.version);
    const bool known = stored && (*stored)->definition == call.definition;
    const Defined defined =
        Need(known ? define()
                   : audit_.Do<Defined>({edge_.caller().text(), call.owner, "store saga", name, ""},
                                        define));
    reply.name = call.definition.name;
    reply.version = call.definition.version;
    reply.known = defined.known;
  });
}

void CoordinatorHandler::start_saga(wire::BeginReply& reply,
                                    const wire::StartSagaRequest& request) {
  edge_.Serve(access::Of("coordinator", "start_saga"), [&] {
    StartSagaCall call = Need(FromWire(request));
    const std::string trace_parent = call.trace_parent;
    call.identity = edge_.rights().identity;
    call.open_max = edge_.rights().quota.open_transactions.value_or(0);
    // Nobody knows its gtid yet: without a key, a start whose answer does not come cannot be asked
    // about.
    const bool repeatable = !call.request_key.empty();
    const Calls::Limits limits = repeatable ? kNothingDone : kMaybeDone;
    const Begun begun = Need(calls_.Await<Begun>(limits, [&](Completion<Begun> done) {
      engine_.StartSaga(std::move(call), std::move(done));
    }));
    NoteIfIgnored(edge_.observer(), begun.gtid, request, trace_parent);
    reply.gtid = begun.gtid.text();
    reply.epoch = static_cast<std::int64_t>(begun.epoch);
  });
}

void CoordinatorHandler::await_saga(wire::AwaitSagaReply& reply,
                                    const wire::AwaitSagaRequest& request) {
  edge_.Serve(access::Of("coordinator", "await_saga"), [&] {
    const AwaitSagaCall call = Need(FromWire(request));
    edge_.NeedBegun(engine_, call.gtid);
    Calls::Limits limits = kNothingDone;
    limits.kind = Calls::Kind::kParked;
    limits.limit += call.wait;
    Result<SagaEnd> end = calls_.Await<SagaEnd>(limits, [&](Completion<SagaEnd> done) {
      engine_.AwaitSaga(call.gtid, call.wait, std::move(done));
    });
    if (NotRunningHere(end)) end = inquiry_.AskSagaEnd(call.gtid);
    reply = ToWire(Need(std::move(end)));
  });
}

void CoordinatorHandler::outcome(wire::Ending& reply, const std::string& gtid_text) {
  edge_.Serve(access::Of("coordinator", "outcome"), [&] {
    const Gtid gtid = Need(GtidFromWire(gtid_text));
    edge_.NeedBegun(engine_, gtid);
    Result<Ending> ending = calls_.Await<Ending>(
        kMaybeDone, [&](Completion<Ending> done) { engine_.AskOutcome(gtid, std::move(done)); });
    if (NotRunningHere(ending)) ending = inquiry_.AskOutcome(gtid);
    reply = ToWire(Need(std::move(ending)));
  });
}

}  // namespace settle::coordinator
