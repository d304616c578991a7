#include "cli/admin_client.h"

#include <fmt/format.h>
#include <thrift/TApplicationException.h>
#include <thrift/protocol/TMultiplexedProtocol.h>

#include <algorithm>

#include "cli/text.h"
#include "transport/dial_tls.h"
#include "transport/framed_wire.h"
#include "wire/AdminService.h"
#include "wire/CoordinatorService.h"

namespace settle::cli {
namespace {

using apache::thrift::TApplicationException;
using apache::thrift::protocol::TMultiplexedProtocol;
using apache::thrift::protocol::TProtocolException;
using apache::thrift::transport::TTransportException;

// A peer that is not a coordinator must not make this program take memory or time without bound.
constexpr sdk::AnswerLimits kAnswerLimits{
    .frame_bytes_max = 64 << 20,
    .string_bytes_max = 4 << 20,  // a definition is written out longer than it was given
    .container_items_max = 100'000};

Error FromService(const wire::ServiceError& error) {
  return {CodeOf(error.code), error.message, error.__isset.advice ? error.advice : std::string{}};
}

}  // namespace

struct AdminClient::Link : sdk::FramedWire {
  Link()
      : FramedWire(kAnswerLimits, nullptr),
        service(std::make_shared<TMultiplexedProtocol>(protocol, "admin")),
        coordinator(std::make_shared<TMultiplexedProtocol>(protocol, "coordinator")) {}

  void AllowAnew(std::chrono::milliseconds timeout) {
    socket->set_deadline(std::chrono::steady_clock::now() + timeout);
  }

  wire::AdminServiceClient service;
  wire::CoordinatorServiceClient coordinator;
};

AdminClient::AdminClient(Address address, std::chrono::milliseconds timeout, TlsOptions tls)
    : address_(std::move(address)), timeout_(timeout), tls_(std::move(tls)) {}

AdminClient::~AdminClient() = default;

Error AdminClient::Unreachable(const std::string& why) const {
  return {ErrorCode::kUnavailable,
          fmt::format("no coordinator can be reached at {}: {}", address_.text(), Printable(why)),
          "see that settled runs and listens there, or name its address with --address HOST:PORT "
          "or SETTLE_ADDRESS"};
}

// Something is there, and answers nothing that makes sense here.
Error AdminClient::Silent(const std::string& why) const {
  Error error = Unreachable(why);
  if (!tls_.given() && !address_.is_unix()) {
    error.advice += "; if it speaks TLS there, give --tls-ca, --tls-certificate and --tls-key";
  }
  return error;
}

Error AdminClient::ReplyLost(const std::string& why) const {
  return {
      ErrorCode::kAskOutcome,
      fmt::format(
          "the request was sent to {} and its reply lost ({}): it may or may not have been done",
          address_.text(), Printable(why)),
      "look at what is so now ('settle show GTID', 'settle participants') before asking again"};
}

Status AdminClient::Open() {
  if (link_) return {};
  const Result<sdk::DialTls> tls = sdk::TlsFor(tls_, address_);
  if (!tls) return Fail(tls.error());
  auto link = std::make_unique<Link>();
  link->AllowAnew(timeout_);
  try {
    link->socket->Connect(address_, *tls);
  } catch (const TTransportException& error) {
    return Fail(Unreachable(error.what()));
  }
  link_ = std::move(link);
  return {};
}

template <typename Method>
Status AdminClient::Call(Effect effect, Method method) {
  return CallLink(effect, [&](Link& link) { method(link.service); });
}

template <typename Method>
Status AdminClient::CallLink(Effect effect, Method method) {
  if (link_) link_->AllowAnew(timeout_);
  if (Status open = Open(); !open) return open;
  // From here on the request may have arrived, so a lost reply to one that changes something is not
  // a "no".
  const auto lost = [&](const std::string& why) {
    link_.reset();
    return Fail(effect == Effect::kChanges ? ReplyLost(why) : Silent(why));
  };
  try {
    method(*link_);
    return {};
  } catch (const wire::ServiceError& error) {
    return Fail(FromService(error));
  } catch (const TApplicationException& error) {
    link_.reset();
    return Fail(ErrorCode::kVersion,
                fmt::format("the program at {} does not offer this: {}", address_.text(),
                            Printable(error.what())),
                "use the settle command that came with that coordinator's release");
  } catch (const TTransportException& error) {
    return lost(error.what());
  } catch (const TProtocolException&) {
    return lost("what it answers is not Settle's protocol");
  }
}

Result<wire::StatusReply> AdminClient::ReadStatus() {
  wire::StatusReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.status(reply); }).map([&] {
    return reply;
  });
}

Result<wire::ListReply> AdminClient::List(const wire::ListRequest& request) {
  wire::ListReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.list_transactions(reply, request); })
      .map([&] { return reply; });
}

Result<wire::TransactionView> AdminClient::Show(const std::string& gtid) {
  wire::TransactionView reply;
  return Call(Effect::kReads, [&](auto& service) { service.show(reply, gtid); }).map([&] {
    return reply;
  });
}

Result<wire::LookReply> AdminClient::Look(const wire::LookRequest& request) {
  wire::LookReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.look(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::ExamineReply> AdminClient::Examine(const wire::ExamineRequest& request) {
  wire::ExamineReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.examine(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::InDoubtReply> AdminClient::InDoubt(const wire::PageRequest& request) {
  wire::InDoubtReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.in_doubt(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::ParticipantsReply> AdminClient::Participants(const wire::PageRequest& request) {
  wire::ParticipantsReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.participants(reply, request); })
      .map([&] { return reply; });
}

Result<wire::DiagnosisReply> AdminClient::Diagnose() {
  wire::DiagnosisReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.diagnose(reply); }).map([&] {
    return reply;
  });
}

Result<wire::SendAgainReply> AdminClient::SendAgain(const wire::SendAgainRequest& request) {
  wire::SendAgainReply reply;
  return Call(Effect::kChanges, [&](auto& service) { service.send_again(reply, request); })
      .map([&] { return reply; });
}

Result<wire::TransactionView> AdminClient::Resolve(const wire::ResolveRequest& request) {
  wire::TransactionView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.resolve(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::TransactionView> AdminClient::Forget(const wire::ForgetRequest& request) {
  wire::TransactionView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.forget(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::TransactionView> AdminClient::ActOnStep(const wire::ActOnStepRequest& request) {
  wire::TransactionView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.act_on_step(reply, request); })
      .map([&] { return reply; });
}

Result<wire::DefinitionsReply> AdminClient::Definitions(const wire::PageRequest& request) {
  wire::DefinitionsReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.definitions(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::DefinitionView> AdminClient::Definition(const std::string& name,
                                                     std::int32_t version) {
  wire::DefinitionView reply;
  return Call(Effect::kReads, [&](auto& service) { service.definition(reply, name, version); })
      .map([&] { return reply; });
}

Result<wire::DefineSagaReply> AdminClient::DefineSaga(const wire::DefineSagaRequest& request) {
  wire::DefineSagaReply reply;
  return CallLink(Effect::kChanges,
                  [&](Link& link) { link.coordinator.define_saga(reply, request); })
      .map([&] { return reply; });
}

Result<wire::BeginReply> AdminClient::StartSaga(const wire::StartSagaRequest& request) {
  wire::BeginReply reply;
  return CallLink(Effect::kChanges,
                  [&](Link& link) { link.coordinator.start_saga(reply, request); })
      .map([&] { return reply; });
}

Result<wire::AwaitSagaReply> AdminClient::AwaitSaga(const std::string& gtid,
                                                    std::chrono::milliseconds wait) {
  wire::AwaitSagaRequest request;
  request.gtid = gtid;
  request.wait_ms = std::clamp<std::int64_t>(wait.count(), 0, timeout_.count() / 2);
  wire::AwaitSagaReply reply;
  return CallLink(Effect::kReads, [&](Link& link) { link.coordinator.await_saga(reply, request); })
      .map([&] { return reply; });
}

Result<wire::PauseView> AdminClient::Pause(const wire::PauseRequest& request) {
  wire::PauseView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.pause(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::PauseView> AdminClient::Resume(const wire::PauseRequest& request) {
  wire::PauseView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.resume(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::PauseView> AdminClient::Drain(const wire::DrainRequest& request) {
  wire::PauseView reply;
  return Call(Effect::kChanges, [&](auto& service) { service.drain(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::AuditReply> AdminClient::ReadAudit(const wire::AuditRequest& request) {
  wire::AuditReply reply;
  return Call(Effect::kReads, [&](auto& service) { service.audit(reply, request); }).map([&] {
    return reply;
  });
}

Result<wire::BackupView> AdminClient::BeginBackup() {
  wire::BackupView reply;
  return Call(Effect::kReads, [&](auto& service) { service.backup_begin(reply); }).map([&] {
    return reply;
  });
}

Result<wire::BackupView> AdminClient::AwaitBackup() {
  wire::BackupView reply;
  return Call(Effect::kReads, [&](auto& service) { service.backup_progress(reply); }).map([&] {
    return reply;
  });
}

Result<std::string> AdminClient::ReadBackup(std::int64_t offset) {
  std::string bytes;
  return Call(Effect::kReads, [&](auto& service) { service.backup_read(bytes, offset); }).map([&] {
    return std::move(bytes);
  });
}

Status AdminClient::EndBackup() {
  return Call(Effect::kReads, [&](auto& service) { service.backup_end(); });
}

Status AdminClient::AcceptIdentity(const std::string& resource, const std::string& identity,
                                   const std::string& operator_name, const std::string& reason) {
  return Call(Effect::kChanges, [&](auto& service) {
    service.accept_identity(resource, identity, operator_name, reason);
  });
}

}  // namespace settle::cli
