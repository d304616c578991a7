#include "rpc/participant_handler.h"

#include <optional>
#include <utility>
#include <variant>

#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

using access::Of;

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

void AllowNames(const AskedOf& asked, const AttachCall& call) {
  const access::Rights& rights = asked.rights();
  for (const OfferedResource& resource : call.resources)
    asked.NeedAllowed(access::Reason::kName, rights.MayServeResource(resource.name));
  for (const std::string& participant : call.participants)
    asked.NeedAllowed(access::Reason::kName, rights.MayServeParticipant(participant));
}

}  // namespace

void ParticipantHandler::attach(Returns<wire::AttachReply> returns, Throws throws,
                                const wire::AttachRequest& request) {
  edge_.Serve(Of("participant", "attach"), returns, throws, [&](const auto& asked) {
    const std::int32_t version = Need(AgreeOnVersion(request.version_low, request.version_high));
    AttachCall call = Need(FromWire(request));
    AllowNames(asked, call);
    call.identity = asked.rights().identity;
    call.sessions_max = asked.rights().quota.sessions.value_or(0);
    call.names = NamesOf(asked.rights());
    engine_.Attach(std::move(call),
                   asked.template Await<Attached>(kRepeatable, [=](Result<Attached> result) {
                     const Attached attached = Need(std::move(result));
                     wire::AttachReply reply;
                     reply.version = version;
                     reply.session = attached.session;
                     reply.log_id = attached.log_id;
                     reply.epoch = static_cast<std::int64_t>(attached.epoch);
                     reply.session_timeout_ms = attached.session_timeout.count();
                     asked.Return(reply);
                   }));
  });
}

void ParticipantHandler::fetch(Returns<wire::CommandBatch> returns, Throws throws,
                               const wire::FetchRequest& request) {
  edge_.Serve(Of("participant", "fetch"), returns, throws, [&](const auto& asked) {
    FetchCall call = Need(FromWire(request));
    call.session_of = asked.only();
    Calls::Limits limits = kRepeatable;
    limits.kind = Calls::Kind::kParked;
    limits.limit += call.wait;
    engine_.Fetch(
        std::move(call),
        asked.template Await<CommandBatch>(limits, [=](Result<CommandBatch> batch) {
          asked.Return(ToWire(asked.NeedAllowed(access::Reason::kSession, std::move(batch))));
        }));
  });
}

void ParticipantHandler::report(ReturnsNothing returns, Throws throws,
                                const wire::ReportRequest& request) {
  edge_.Serve(Of("participant", "report"), returns, throws, [&](const auto& asked) {
    FullReport full = Need(FromWire(request));
    full.report.session_of = asked.only();
    // Also when it carries nothing but found branches: the engine knows whether the session is
    // still one.
    Completion<std::monostate> taken = asked.template Await<std::monostate>(
        kRepeatable, [this, asked, session = full.report.session, ends = full.report.ends,
                      found = std::move(full.found)](Result<std::monostate> result) mutable {
          asked.NeedAllowed(access::Reason::kSession, std::move(result));
          for (const EndReport& end : ends) {
            if (end.result.end == BranchEnd::kCommitted)
              inquiry_.Committed(end.key, end.result.detail, session);
          }
          // Commands to the resources' sessions may follow.
          std::erase_if(found, [&](const FoundBranch& branch) {
            return !engine_.Serves(session, branch.resource);
          });
          inquiry_.Found(found);
          asked.Return();
        });
    engine_.Report(std::move(full.report), std::move(taken));
  });
}

void ParticipantHandler::detach(ReturnsNothing returns, Throws throws,
                                const std::string& session_text) {
  edge_.Serve(Of("participant", "detach"), returns, throws, [&](const auto& asked) {
    SessionId session = Need(SessionFromWire(session_text));
    engine_.Detach(std::move(session),
                   asked.template Await<std::monostate>(
                       kRepeatable,
                       [=](Result<std::monostate> detached) {
                         asked.NeedAllowed(access::Reason::kSession, std::move(detached));
                         asked.Return();
                       }),
                   asked.only());
  });
}

}  // namespace settle::coordinator
