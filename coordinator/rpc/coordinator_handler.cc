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
                                       Calls& calls, Observer& observer, server::Caller caller)
    : settings_(std::move(settings)),
      engine_(engine),
      inquiry_(inquiry),
      calls_(calls),
      observer_(observer),
      caller_(std::move(caller)) {}

void CoordinatorHandler::hello(wire::HelloReply& reply, const wire::HelloRequest& request) {
  AtTheEdge(observer_, "hello", [&] {
    Need(CheckText("application", request.application, 200));
    reply.version = Need(AgreeOnVersion(request.version_low, request.version_high));
    reply.log_id = engine_.log_identity().log_id;
    reply.epoch = static_cast<std::int64_t>(engine_.log_identity().epoch);
    reply.release = settings_.release;
  });
}

void CoordinatorHandler::begin_transaction(wire::BeginReply& reply,
                                           const wire::BeginRequest& request) {
  AtTheEdge(observer_, "begin_transaction", [&] {
    BeginCall call = Need(FromWire(request));
    const std::string trace_parent = call.trace_parent;
    const Begun begun = Need(calls_.Await<Begun>(kNothingDone, [&](Completion<Begun> done) {
      engine_.Begin(std::move(call), std::move(done));
    }));
    NoteIfIgnored(observer_, begun.gtid, request, trace_parent);
    reply.gtid = begun.gtid.text();
    reply.epoch = static_cast<std::int64_t>(begun.epoch);
  });
}

void CoordinatorHandler::enlist(wire::EnlistReply& reply, const wire::EnlistRequest& request) {
  AtTheEdge(observer_, "enlist", [&] {
    EnlistCall call = Need(FromWire(request));
    const BranchNumber branch =
        Need(calls_.Await<BranchNumber>(kNothingDone, [&](Completion<BranchNumber> done) {
          engine_.Enlist(std::move(call), std::move(done));
        }));
    reply.branch = static_cast<std::int32_t>(branch);
  });
}

void CoordinatorHandler::try_branch(wire::TryReply& reply, const wire::TryRequest& request) {
  AtTheEdge(observer_, "try_branch", [&] {
    TryCall call = Need(FromWire(request));
    Calls::Limits limits = kNothingDone;  // what was done is found by the same request key
    limits.kind = Calls::Kind::kParked;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    reply = ToWire(Need(calls_.Await<TryAnswer>(limits, [&](Completion<TryAnswer> done) {
      engine_.Try(std::move(call), std::move(done));
    })));
  });
}

void CoordinatorHandler::commit(wire::CommitReply& reply, const wire::CommitRequest& request) {
  AtTheEdge(observer_, "commit", [&] {
    CommitCall call = Need(FromWire(request));
    const Gtid gtid = call.gtid;
    Calls::Limits limits = kMaybeDone;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    Result<CommitAnswer> answer = calls_.Await<CommitAnswer>(
        limits,
        [&](Completion<CommitAnswer> done) { engine_.Commit(std::move(call), std::move(done)); });
    // Ended already, perhaps by the first attempt of this very call: a repetition hears the same
    // ending.
    if (NotRunningHere(answer)) answer = CommitAnswer{Need(inquiry_.AskOutcome(gtid)), false, {}};
    reply = ToWire(Need(std::move(answer)));
  });
}

void CoordinatorHandler::commit_one_phase(wire::OnePhaseReply& reply,
                                          const wire::OnePhaseRequest& request) {
  AtTheEdge(observer_, "commit_one_phase", [&] {
    OnePhaseCall call = Need(FromWire(request));
    const Gtid gtid = call.gtid;
    Result<OnePhaseAnswer> answer =
        calls_.Await<OnePhaseAnswer>(kMaybeDone, [&](Completion<OnePhaseAnswer> done) {
          engine_.CommitOnePhase(std::move(call), std::move(done));
        });
    if (NotRunningHere(answer)) {
      answer = OnePhaseAnswer{false, Need(inquiry_.AskOutcome(gtid))};
    }
    reply = ToWire(Need(std::move(answer)));
  });
}

void CoordinatorHandler::abort(wire::Ending& reply, const wire::AbortRequest& request) {
  AtTheEdge(observer_, "abort", [&] {
    AbortCall call = Need(FromWire(request));
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
  AtTheEdge(observer_, "define_saga", [&] {
    const DefineSagaCall call = Need(FromWire(request));
    const Defined defined = Need(calls_.Await<Defined>(kNothingDone, [&](Completion<Defined> done) {
      engine_.DefineSaga(call, std::move(done));
    }));
    reply.name = call.definition.name;
    reply.version = call.definition.version;
    reply.known = defined.known;
  });
}

void CoordinatorHandler::start_saga(wire::BeginReply& reply,
                                    const wire::StartSagaRequest& request) {
  AtTheEdge(observer_, "start_saga", [&] {
    StartSagaCall call = Need(FromWire(request));
    const std::string trace_parent = call.trace_parent;
    // Nobody knows its gtid yet: without a key, a start whose answer does not come cannot be asked
    // about.
    const bool repeatable = !call.request_key.empty();
    const Calls::Limits limits = repeatable ? kNothingDone : kMaybeDone;
    const Begun begun = Need(calls_.Await<Begun>(limits, [&](Completion<Begun> done) {
      engine_.StartSaga(std::move(call), std::move(done));
    }));
    NoteIfIgnored(observer_, begun.gtid, request, trace_parent);
    reply.gtid = begun.gtid.text();
    reply.epoch = static_cast<std::int64_t>(begun.epoch);
  });
}

void CoordinatorHandler::await_saga(wire::AwaitSagaReply& reply,
                                    const wire::AwaitSagaRequest& request) {
  AtTheEdge(observer_, "await_saga", [&] {
    const AwaitSagaCall call = Need(FromWire(request));
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
  AtTheEdge(observer_, "outcome", [&] {
    const Gtid gtid = Need(GtidFromWire(gtid_text));
    Result<Ending> ending = calls_.Await<Ending>(
        kMaybeDone, [&](Completion<Ending> done) { engine_.AskOutcome(gtid, std::move(done)); });
    if (NotRunningHere(ending)) ending = inquiry_.AskOutcome(gtid);
    reply = ToWire(Need(std::move(ending)));
  });
}

}  // namespace settle::coordinator
