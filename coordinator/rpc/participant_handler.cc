#include "rpc/participant_handler.h"

#include <optional>
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

// Whoever may do everything may give names without end.
std::optional<AttachCall::NameLimit> NamesOf(const access::Rights& rights) {
  if (rights.unrestricted) return std::nullopt;
  return AttachCall::NameLimit{
      rights.quota.names.value_or(access::kNamesMost),
      [rights](std::string_view name) { return rights.ServesByPattern(name); }};
}

}  // namespace

ParticipantHandler::ParticipantHandler(Engine& engine, Inquiry& inquiry, Calls& calls,
                                       Observer& observer, std::shared_ptr<access::Visitor> visitor)
    : engine_(engine), inquiry_(inquiry), calls_(calls), edge_(observer, std::move(visitor)) {}

void ParticipantHandler::attach(wire::AttachReply& reply, const wire::AttachRequest& request) {
  edge_.Serve(access::Of("participant", "attach"), [&] {
    reply.version = Need(AgreeOnVersion(request.version_low, request.version_high));
    AttachCall call = Need(FromWire(request));
    AllowNames(call);
    call.identity = edge_.rights().identity;
    call.sessions_max = edge_.rights().quota.sessions.value_or(0);
    call.names = NamesOf(edge_.rights());
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

void ParticipantHandler::AllowNames(const AttachCall& call) {
  const access::Rights& rights = edge_.rights();
  for (const OfferedResource& resource : call.resources)
    edge_.NeedAllowed(access::Reason::kName, rights.MayServeResource(resource.name));
  for (const std::string& participant : call.participants)
    edge_.NeedAllowed(access::Reason::kName, rights.MayServeParticipant(participant));
}

void ParticipantHandler::fetch(wire::CommandBatch& reply, const wire::FetchRequest& request) {
  edge_.Serve(access::Of("participant", "fetch"), [&] {
    FetchCall call = Need(FromWire(request));
    call.session_of = edge_.only();
    Calls::Limits limits = kRepeatable;
    limits.kind = Calls::Kind::kParked;
    limits.limit += call.wait;
    reply = ToWire(
        edge_.NeedAllowed(access::Reason::kSession,
                          calls_.Await<CommandBatch>(limits, [&](Completion<CommandBatch> done) {
                            engine_.Fetch(std::move(call), std::move(done));
                          })));
  });
}

void ParticipantHandler::report(const wire::ReportRequest& request) {
  edge_.Serve(access::Of("participant", "report"), [&] {
    FullReport full = Need(FromWire(request));
    full.report.session_of = edge_.only();
    const std::vector<EndReport> ends = full.report.ends;
    const SessionId session = full.report.session;
    // Also when it carries nothing but found branches: the engine knows whether the session is
    // still one.
    edge_.NeedAllowed(
        access::Reason::kSession,
        calls_.Await<std::monostate>(kRepeatable, [&](Completion<std::monostate> done) {
          engine_.Report(std::move(full.report), std::move(done));
        }));
    for (const EndReport& end : ends) {
      if (end.result.end == BranchEnd::kCommitted)
        inquiry_.Committed(end.key, end.result.detail, session);
    }
    for (const FoundBranch& found : full.found) {
      // A command to the resource's sessions may follow.
      if (engine_.Serves(session, found.resource))
        inquiry_.Found(found.resource, found.database_name, found.evidence);
    }
  });
}

void ParticipantHandler::detach(const std::string& session_text) {
  edge_.Serve(access::Of("participant", "detach"), [&] {
    SessionId session = Need(SessionFromWire(session_text));
    edge_.NeedAllowed(
        access::Reason::kSession,
        calls_.Await<std::monostate>(kRepeatable, [&](Completion<std::monostate> done) {
          engine_.Detach(std::move(session), std::move(done), edge_.only());
        }));
  });
}

}  // namespace settle::coordinator
