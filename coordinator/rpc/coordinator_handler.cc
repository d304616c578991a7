#include "rpc/coordinator_handler.h"

#include <algorithm>
#include <utility>

#include "engine/await.h"
#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

using access::Of;

// The engine answers every call; these bound the wait for it all the same.
constexpr std::chrono::milliseconds kAnswerLimit{60'000};
constexpr Calls::Limits kNothingDone{.limit = kAnswerLimit, .if_given_up = ErrorCode::kRetry};
constexpr Calls::Limits kMaybeDone{.limit = kAnswerLimit, .if_given_up = ErrorCode::kAskOutcome};

template <typename T>
bool NotRunningHere(const Result<T>& result) {
  return !result && result.error().code == ErrorCode::kNotFound;
}

// A trace that is none must not harm the work it was to be about.
void NoteIfIgnored(Observer& observer, const Gtid& gtid, std::size_t ignored_bytes) {
  if (ignored_bytes == 0) return;
  observer.Event(Observer::Level::kDebug, gtid,
                 "its trace_parent, of " + std::to_string(ignored_bytes) +
                     " bytes, is no W3C traceparent: ignored");
}

// Of a trace_parent that was given and not taken over.
template <typename Request, typename Call>
std::size_t IgnoredBytes(const Request& request, const Call& call) {
  return call.trace_parent.empty() ? request.trace_parent.size() : 0;
}

wire::BeginReply ToWire(const Begun& begun) {
  wire::BeginReply reply;
  reply.gtid = begun.gtid.text();
  reply.epoch = static_cast<std::int64_t>(begun.epoch);
  if (begun.own_branches != 0)
    reply.__set_own_branches(static_cast<std::int32_t>(begun.own_branches));
  return reply;
}

}  // namespace

// The log is read elsewhere: a loop waits for no disk.
template <typename Replies, typename Then>
void CoordinatorHandler::AskLog(const Asked<Replies>& asked, const Gtid& gtid, Then then) {
  asked.template AwaitBlocking<Ending>(
      kMaybeDone, [&inquiry = inquiry_, gtid] { return inquiry.AskOutcome(gtid); },
      std::move(then));
}

// What the engine completes with, or the log says, is the answer.
Completion<Ending> CoordinatorHandler::AwaitEnding(const Asked<Returns<wire::Ending>>& asked,
                                                   const Gtid& gtid) {
  const auto answers = [asked](Result<Ending> ending) {
    asked.Return(ToWire(Need(std::move(ending))));
  };
  return asked.Await<Ending>(kMaybeDone, [=, this](Result<Ending> ending) {
    if (NotRunningHere(ending)) return AskLog(asked, gtid, answers);
    answers(std::move(ending));
  });
}

void CoordinatorHandler::hello(Returns<wire::HelloReply> returns, Throws throws,
                               const wire::HelloRequest& request) {
  edge_.Serve(Of("coordinator", "hello"), returns, throws, [&](const auto& asked) {
    wire::HelloReply reply;
    Need(CheckText("application", request.application, 200));
    reply.version = Need(AgreeOnVersion(request.version_low, request.version_high));
    reply.log_id = engine_.log_identity().log_id;
    reply.epoch = static_cast<std::int64_t>(engine_.log_identity().epoch);
    reply.release = settings_.release;
    asked.Return(reply);
  });
}

void CoordinatorHandler::begin_transaction(Returns<wire::BeginReply> returns, Throws throws,
                                           const wire::BeginRequest& request) {
  edge_.Serve(Of("coordinator", "begin_transaction"), returns, throws, [&](const auto& asked) {
    BeginCall call = Need(FromWire(request));
    const std::size_t ignored = IgnoredBytes(request, call);
    call.identity = asked.rights().identity;
    call.undecided_max = asked.rights().quota.open_transactions.value_or(0);
    // Its other calls will most often come on the same connection, and be handed to no other
    // thread.
    call.shard = asked.loop();
    engine_.Begin(std::move(call),
                  asked.template Await<Begun>(kNothingDone, [=, this](auto result) {
                    const Begun begun = Need(std::move(result));
                    NoteIfIgnored(edge_.observer(), begun.gtid, ignored);
                    asked.Return(ToWire(begun));
                  }));
  });
}

void CoordinatorHandler::enlist(Returns<wire::EnlistReply> returns, Throws throws,
                                const wire::EnlistRequest& request) {
  edge_.Serve(Of("coordinator", "enlist"), returns, throws, [&](const auto& asked) {
    EnlistCall call = Need(FromWire(request));
    AllowEnlist(asked, call);
    const Gtid gtid = call.gtid;
    engine_.Enlist(std::move(call),
                   asked.template Await<BranchNumber>(kNothingDone, [=](auto branch) {
                     wire::EnlistReply reply;
                     reply.branch = static_cast<std::int32_t>(
                         asked.NeedAllowed(access::Reason::kSession, std::move(branch), gtid));
                     asked.Return(reply);
                   }));
  });
}

// Into its own transaction an application may enlist any session. Into another's a participant may
// enlist its own, for what it may serve: it was told the gtid by whoever called it.
void CoordinatorHandler::AllowEnlist(const AskedOf& asked, EnlistCall& call) {
  const access::Rights& rights = asked.rights();
  if (rights.roles.Has(access::Role::kApplication) && asked.MayEnd(engine_, call.gtid)) return;
  if (!rights.roles.Has(access::Role::kParticipant)) return asked.NeedBegun(engine_, call.gtid);
  asked.NeedAllowed(access::Reason::kName, rights.MayServeResource(call.resource), call.gtid);
  call.session_of = asked.only();
}

void CoordinatorHandler::try_branch(Returns<wire::TryReply> returns, Throws throws,
                                    const wire::TryRequest& request) {
  edge_.Serve(Of("coordinator", "try_branch"), returns, throws, [&](const auto& asked) {
    TryCall call = Need(FromWire(request));
    asked.NeedBegun(engine_, call.gtid);
    Calls::Limits limits = kNothingDone;  // what was done is found by the same request key
    limits.kind = Calls::Kind::kParked;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    engine_.Try(std::move(call), asked.template Await<TryAnswer>(limits, [=](auto answer) {
      asked.Return(ToWire(Need(std::move(answer))));
    }));
  });
}

void CoordinatorHandler::commit(Returns<wire::CommitReply> returns, Throws throws,
                                const wire::CommitRequest& request) {
  edge_.Serve(Of("coordinator", "commit"), returns, throws, [&](const auto& asked) {
    CommitCall call = Need(FromWire(request));
    asked.NeedBegun(engine_, call.gtid);
    call.votes_of = asked.only();
    const Gtid gtid = call.gtid;
    Calls::Limits limits = kMaybeDone;
    limits.limit += std::max(call.wait_at_most, settings_.commit_wait);
    // Ended already, perhaps by the first attempt of this very call: a repetition hears the same
    // ending.
    const auto ended = [=](Result<Ending> ending) {
      asked.Return(ToWire(CommitAnswer{Need(std::move(ending)), false, {}}));
    };
    engine_.Commit(std::move(call), asked.template Await<CommitAnswer>(limits, [=,
                                                                                this](auto answer) {
      if (NotRunningHere(answer)) return AskLog(asked, gtid, ended);
      asked.Return(ToWire(asked.NeedAllowed(access::Reason::kSession, std::move(answer), gtid)));
    }));
  });
}

void CoordinatorHandler::commit_one_phase(Returns<wire::OnePhaseReply> returns, Throws throws,
                                          const wire::OnePhaseRequest& request) {
  edge_.Serve(Of("coordinator", "commit_one_phase"), returns, throws, [&](const auto& asked) {
    OnePhaseCall call = Need(FromWire(request));
    asked.NeedBegun(engine_, call.gtid);
    call.branch_of = asked.only();
    const Gtid gtid = call.gtid;
    const auto ended = [=](Result<Ending> ending) {
      asked.Return(ToWire(OnePhaseAnswer{false, Need(std::move(ending))}));
    };
    engine_.CommitOnePhase(
        std::move(call), asked.template Await<OnePhaseAnswer>(kMaybeDone, [=, this](auto answer) {
          if (NotRunningHere(answer)) return AskLog(asked, gtid, ended);
          asked.Return(
              ToWire(asked.NeedAllowed(access::Reason::kSession, std::move(answer), gtid)));
        }));
  });
}

void CoordinatorHandler::abort(Returns<wire::Ending> returns, Throws throws,
                               const wire::AbortRequest& request) {
  edge_.Serve(Of("coordinator", "abort"), returns, throws, [&](const auto& asked) {
    AbortCall call = Need(FromWire(request));
    asked.NeedBegun(engine_, call.gtid);
    call.rolled_back_by = asked.only();
    const Gtid gtid = call.gtid;
    engine_.Abort(std::move(call), AwaitEnding(asked, gtid));
  });
}

void CoordinatorHandler::define_saga(Returns<wire::DefineSagaReply> returns, Throws throws,
                                     const wire::DefineSagaRequest& request) {
  edge_.Serve(Of("coordinator", "define_saga"), returns, throws, [&](const auto& asked) {
    const DefineSagaCall call = Need(FromWire(request));
    const auto defined = [=](Result<Defined> result) {
      wire::DefineSagaReply reply;
      reply.known = Need(std::move(result)).known;
      reply.name = call.definition.name;
      reply.version = call.definition.version;
      asked.Return(reply);
    };
    // The trail is of operators, and has an end. A program that stores what it stored before
    // changes nothing, at each of its starts; one that is refused must not push out what operators
    // did.
    Need(engine_.CheckDefine(call.definition));
    const auto stored = engine_.FindDefinition(call.definition.name, call.definition.version);
    const bool known = stored && (*stored)->definition == call.definition;
    if (known) {
      engine_.DefineSaga(call, asked.template Await<Defined>(kNothingDone, defined));
      return;
    }
    const std::string name = call.definition.name + "@" + std::to_string(call.definition.version);
    const Audit::Action action{asked.caller().text(), call.owner, "store saga", name, ""};
    asked.template AwaitBlocking<Defined>(
        kNothingDone,
        [&engine = engine_, &audit = audit_, call, action] {
          return audit.Do<Defined>(action, [&] {
            return Await<Defined>(
                [&](Completion<Defined> done) { engine.DefineSaga(call, std::move(done)); });
          });
        },
        defined);
  });
}

void CoordinatorHandler::start_saga(Returns<wire::BeginReply> returns, Throws throws,
                                    const wire::StartSagaRequest& request) {
  edge_.Serve(Of("coordinator", "start_saga"), returns, throws, [&](const auto& asked) {
    StartSagaCall call = Need(FromWire(request));
    const std::size_t ignored = IgnoredBytes(request, call);
    call.identity = asked.rights().identity;
    call.open_max = asked.rights().quota.open_transactions.value_or(0);
    // Nobody knows its gtid yet: without a key, a start whose answer does not come cannot be asked
    // about.
    const bool repeatable = !call.request_key.empty();
    const Calls::Limits limits = repeatable ? kNothingDone : kMaybeDone;
    engine_.StartSaga(std::move(call), asked.template Await<Begun>(limits, [=, this](auto result) {
      const Begun begun = Need(std::move(result));
      NoteIfIgnored(edge_.observer(), begun.gtid, ignored);
      asked.Return(ToWire(begun));
    }));
  });
}

void CoordinatorHandler::await_saga(Returns<wire::AwaitSagaReply> returns, Throws throws,
                                    const wire::AwaitSagaRequest& request) {
  edge_.Serve(Of("coordinator", "await_saga"), returns, throws, [&](const auto& asked) {
    const AwaitSagaCall call = Need(FromWire(request));
    asked.NeedBegun(engine_, call.gtid);
    Calls::Limits limits = kNothingDone;
    limits.kind = Calls::Kind::kParked;
    limits.limit += call.wait;
    const auto answers = [=](Result<SagaEnd> end) { asked.Return(ToWire(Need(std::move(end)))); };
    engine_.AwaitSaga(
        call.gtid, call.wait, asked.template Await<SagaEnd>(limits, [=, this](auto end) {
          if (!NotRunningHere(end)) return answers(std::move(end));
          asked.template AwaitBlocking<SagaEnd>(
              kNothingDone,
              [&inquiry = inquiry_, gtid = call.gtid] { return inquiry.AskSagaEnd(gtid); },
              answers);
        }));
  });
}

void CoordinatorHandler::outcome(Returns<wire::Ending> returns, Throws throws,
                                 const std::string& gtid_text) {
  edge_.Serve(Of("coordinator", "outcome"), returns, throws, [&](const auto& asked) {
    const Gtid gtid = Need(GtidFromWire(gtid_text));
    asked.NeedBegun(engine_, gtid);
    engine_.AskOutcome(gtid, AwaitEnding(asked, gtid));
  });
}

}  // namespace settle::coordinator
