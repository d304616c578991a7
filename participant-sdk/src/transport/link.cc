#include "transport/link.h"

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TMultiplexedProtocol.h>

#include <algorithm>

#include "transport/framed_wire.h"
#include "transport/wire.h"
#include "wire/types_constants.h"

namespace settle::sdk {
namespace {

using apache::thrift::TApplicationException;
using apache::thrift::protocol::TMultiplexedProtocol;

constexpr AnswerLimits kAnswerLimits{.frame_bytes_max = 16 * 1024 * 1024,
                                     .string_bytes_max = 1024 * 1024,
                                     .container_items_max = 100'000};

}  // namespace

struct Link::Wires : FramedWire {
  explicit Wires(const Interrupter* interrupter)
      : FramedWire(kAnswerLimits, interrupter),
        coordinator(std::make_shared<TMultiplexedProtocol>(protocol, "coordinator")),
        participant(std::make_shared<TMultiplexedProtocol>(protocol, "participant")) {}

  wire::CoordinatorServiceClient coordinator;
  wire::ParticipantServiceClient participant;
};

Link::Link(std::string address, std::unique_ptr<Wires> wires)
    : address_(std::move(address)), wires_(std::move(wires)) {}

Link::~Link() = default;

Result<std::unique_ptr<Link>> Link::Open(const LinkSettings& settings,
                                         const Interrupter* interrupter, Instant deadline) {
  Error failure{ErrorCode::kUnavailable, "no coordinator can be reached:", {}};
  for (const std::string& address : settings.addresses) {
    Result<std::unique_ptr<Link>> link = OpenOne(address, settings, interrupter, deadline);
    if (link) return link;
    failure.message += " " + Escaped(address) + ": " + link.error().message + ";";
    // A coordinator that answered and refused says more than one that is not there.
    if (link.error().code != ErrorCode::kUnavailable) {
      failure.code = link.error().code;
      failure.advice = link.error().advice;
    }
    if (interrupter != nullptr && interrupter->interrupted()) break;
  }
  failure.message.pop_back();
  if (failure.advice.empty()) failure.advice = "check that settled runs and listens there";
  return Fail(std::move(failure));
}

Result<std::unique_ptr<Link>> Link::OpenOne(const std::string& address,
                                            const LinkSettings& settings,
                                            const Interrupter* interrupter, Instant deadline) {
  Result<Address> parsed = ParseAddress(address);
  if (!parsed) return Fail(parsed.error());
  const Result<DialTls> tls = TlsFor(settings.tls, *parsed);
  // Half of a renewal may be there; the next attempt reads the files again.
  if (!tls) return Fail(ErrorCode::kUnavailable, Describe(tls.error()));
  const Instant connect_by =
      std::min(deadline, std::chrono::steady_clock::now() + settings.connect_timeout);
  std::unique_ptr<Link> link(new Link(address, std::make_unique<Wires>(interrupter)));
  try {
    link->wires_->socket->set_deadline(connect_by);
    link->wires_->socket->Connect(*parsed, *tls);
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kUnavailable, OneLine(error.what(), 300));
  }
  const Instant hello_by =
      std::min(deadline, std::chrono::steady_clock::now() + settings.connect_timeout);
  if (Status greeted = link->SayHello(settings.application, hello_by); !greeted) {
    Error why = std::move(greeted).error();
    if (why.code == ErrorCode::kAskOutcome) why.code = ErrorCode::kUnavailable;
    if (why.code == ErrorCode::kUnavailable && tls->material == nullptr && !parsed->is_unix()) {
      why.message += " (does it speak TLS there, and are no certificates given here?)";
    }
    return Fail(std::move(why));
  }
  return link;
}

Status Link::SayHello(const std::string& application, Instant deadline) {
  return Guarded("hello", deadline, [&]() -> Status {
    wire::HelloRequest request;
    request.version_low = 1;
    request.version_high = wire::g_types_constants.PROTOCOL_VERSION;
    request.application = OneLine(application, 200);
    wire::HelloReply reply;
    wires_->coordinator.hello(reply, request);
    Result<Hello> hello = FromWire(reply);
    if (!hello) return Fail(hello.error());
    hello_ = *std::move(hello);
    return {};
  });
}

tl::unexpected<Error> Link::Break(ErrorCode code, const char* name, const char* why) {
  broken_ = true;
  return Fail(code, "the coordinator at " + address_ + " did not answer " + name + ": " +
                        OneLine(why, 300));
}

// The edge where Thrift's exceptions end.
template <typename Call>
auto Link::Guarded(const char* name, Instant deadline, Call&& call) -> decltype(call()) {
  if (broken_) return Fail(ErrorCode::kUnavailable, "the connection to " + address_ + " is broken");
  wires_->socket->set_deadline(deadline);
  try {
    auto result = call();
    if (!result) broken_ = true;  // it answered what we cannot read
    return result;
  } catch (const wire::ServiceError& error) {
    return Fail(FromWire(error));
  } catch (const TApplicationException& error) {
    const bool unknown = error.getType() == TApplicationException::UNKNOWN_METHOD ||
                         error.getType() == TApplicationException::PROTOCOL_ERROR;
    return Break(unknown ? ErrorCode::kVersion : ErrorCode::kAskOutcome, name, error.what());
  } catch (const std::exception& error) {
    return Break(ErrorCode::kAskOutcome, name, error.what());
  }
}

Result<Begun> Link::Begin(const BeginCall& call, Instant deadline) {
  return Guarded("begin", deadline, [&] {
    wire::BeginReply reply;
    wires_->coordinator.begin_transaction(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<BranchNumber> Link::Enlist(const EnlistCall& call, Instant deadline) {
  return Guarded("enlist", deadline, [&] {
    wire::EnlistReply reply;
    wires_->coordinator.enlist(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<CommitAnswer> Link::Commit(const CommitCall& call, Instant deadline) {
  return Guarded("commit", deadline, [&] {
    wire::CommitReply reply;
    wires_->coordinator.commit(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<OnePhaseAnswer> Link::CommitOnePhase(const OnePhaseCall& call, Instant deadline) {
  return Guarded("commit in one phase", deadline, [&] {
    wire::OnePhaseReply reply;
    wires_->coordinator.commit_one_phase(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<Ending> Link::Abort(const AbortCall& call, Instant deadline) {
  return Guarded("abort", deadline, [&] {
    wire::Ending reply;
    wires_->coordinator.abort(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<Ending> Link::AskOutcome(const Gtid& gtid, Instant deadline) {
  return Guarded("outcome", deadline, [&] {
    wire::Ending reply;
    wires_->coordinator.outcome(reply, gtid.text());
    return FromWire(reply);
  });
}

Result<TryReply> Link::Try(const TryCall& call, Instant deadline) {
  return Guarded("try", deadline, [&] {
    wire::TryReply reply;
    wires_->coordinator.try_branch(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<Begun> Link::StartSaga(const StartSagaCall& call, Instant deadline) {
  return Guarded("start of a saga", deadline, [&] {
    wire::BeginReply reply;
    wires_->coordinator.start_saga(reply, ToWire(call));
    return FromWire(reply);
  });
}

Status Link::DefineSaga(const DefineSagaCall& call, Instant deadline) {
  return Guarded("definition of a saga", deadline, [&]() -> Status {
    wire::DefineSagaReply reply;
    wires_->coordinator.define_saga(reply, ToWire(call));
    return {};
  });
}

Result<SagaEnding> Link::AwaitSaga(const AwaitSagaCall& call, Instant deadline) {
  return Guarded("waiting for a saga", deadline, [&] {
    wire::AwaitSagaReply reply;
    wires_->coordinator.await_saga(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<Attached> Link::Attach(const AttachCall& call, Instant deadline) {
  return Guarded("attach", deadline, [&]() -> Result<Attached> {
    wire::AttachReply reply;
    wires_->participant.attach(reply, ToWire(call));
    return FromWire(reply);
  });
}

Result<CommandBatch> Link::Fetch(const FetchCall& call, Instant deadline) {
  return Guarded("fetch", deadline, [&] {
    wire::CommandBatch reply;
    wires_->participant.fetch(reply, ToWire(call));
    return FromWire(reply, hello_.log_id);
  });
}

Status Link::Report(const ReportCall& call, Instant deadline) {
  return Guarded("report", deadline, [&]() -> Status {
    wires_->participant.report(ToWire(call));
    return {};
  });
}

Status Link::Detach(const SessionId& session, Instant deadline) {
  return Guarded("detach", deadline, [&]() -> Status {
    wires_->participant.detach(session);
    return {};
  });
}

}  // namespace settle::sdk
