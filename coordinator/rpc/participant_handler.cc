#include "rpc/participant_handler.h"

#include <utility>
#include <variant>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

// Every call of a participant can be repeated: attach makes another session, the rest have the
// effect of one.
constexpr Calls::Limits kRepeatable{.limit = std::chrono::milliseconds(60'000),
                                    .if_given_up = ErrorCode::kRetry};

}  // namespace

ParticipantHandler::ParticipantHandler(Engine& engine, Inquiry& inquiry, Calls& calls,
                                       Observer& observer, server::Caller caller)
    : engine_(engine),
      inquiry_(inquiry),
      calls_(calls),
      observer_(observer),
      caller_(std::move(caller)) {}

void ParticipantHandler::attach(wire::AttachReply& reply, const wire::AttachRequest& request) {
  AtTheEdge(observer_, "attach", [&] {
    reply.version = Need(AgreeOnVersion(request.version_low, request.version_high));
    AttachCall call = Need(FromWire(request));
    const Attached attached =
        Need(calls_.Await<Attached>(kRepeatable, [&](Completion<Attached> done) {
          engine_.Attach(std::move(call), std::move(done));
        }));
    reply.session = attached.session;
    reply.log_id = attached.log_id;
    reply.epoch = static_cast<std::int64_t>(attached.epoch);
    reply.session_timeout_ms = attached.session_timeout.count();
  });
}

void ParticipantHandler::fetch(wire::CommandBatch& reply, const wire::FetchRequest& request) {
  AtTheEdge(observer_, "fetch", [&] {
    FetchCall call = Need(FromWire(request));
    Calls::Limits limits = kRepeatable;
    limits.kind = Calls::Kind::kParked;
    limits.limit += call.wait;
    reply = ToWire(Need(calls_.Await<CommandBatch>(limits, [&](Completion<CommandBatch> done) {
      engine_.Fetch(std::move(call), std::move(done));
    })));
  });
}

void ParticipantHandler::report(const wire::ReportRequest& request) {
  AtTheEdge(observer_, "report", [&] {
    FullReport full = Need(FromWire(request));
    const std::vector<EndReport> ends = full.report.ends;
    // Also when it carries nothing but found branches: the engine knows whether the session is
    // still one.
    Need(calls_.Await<std::monostate>(kRepeatable, [&](Completion<std::monostate> done) {
      engine_.Report(std::move(full.report), std::move(done));
    }));
    for (const EndReport& end : ends) {
      if (end.result.end == BranchEnd::kCommitted) inquiry_.Committed(end.key, end.result.detail);
    }
    for (const FoundBranch& found : full.found) inquiry_.Found(found.resource, found.database_name);
  });
}

void ParticipantHandler::detach(const std::string& session_text) {
  AtTheEdge(observer_, "detach", [&] {
    SessionId session = Need(SessionFromWire(session_text));
    Need(calls_.Await<std::monostate>(kRepeatable, [&](Completion<std::monostate> done) {
      engine_.Detach(std::move(session), std::move(done));
    }));
  });
}

}  // namespace settle::coordinator
