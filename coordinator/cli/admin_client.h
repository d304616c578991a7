// The coordinator's AdminService, and what of its CoordinatorService people use, over one
// connection, with expected failures as values.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "cli/arguments.h"
#include "settle/vocabulary/status.h"
#include "wire/admin_types.h"
#include "wire/coordinator_types.h"

namespace settle::cli {

// Connects at the first call. Each call, the first with its connecting, blocks for the time-out at
// most, whatever the peer does: one that answers a byte at a time gets no more. Used by one thread.
// kUnavailable names the address, kInvalid a file of `tls`; kAskOutcome says that a request that
// changes something was sent and its reply lost.
class AdminClient {
 public:
  AdminClient(Address address, std::chrono::milliseconds timeout, TlsOptions tls = {});
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  [[nodiscard]] Result<wire::StatusReply> ReadStatus();
  [[nodiscard]] Result<wire::ListReply> List(const wire::ListRequest& request);
  [[nodiscard]] Result<wire::TransactionView> Show(const std::string& gtid);
  [[nodiscard]] Result<wire::LookReply> Look(const wire::LookRequest& request);
  [[nodiscard]] Result<wire::ExamineReply> Examine(const wire::ExamineRequest& request);
  [[nodiscard]] Result<wire::InDoubtReply> InDoubt(const wire::PageRequest& request);
  [[nodiscard]] Result<wire::ParticipantsReply> Participants(const wire::PageRequest& request);
  [[nodiscard]] Result<wire::DiagnosisReply> Diagnose();
  [[nodiscard]] Result<wire::SendAgainReply> SendAgain(const wire::SendAgainRequest& request);
  [[nodiscard]] Result<wire::TransactionView> Resolve(const wire::ResolveRequest& request);
  [[nodiscard]] Result<wire::TransactionView> Forget(const wire::ForgetRequest& request);
  [[nodiscard]] Result<wire::TransactionView> ActOnStep(const wire::ActOnStepRequest& request);
  [[nodiscard]] Result<wire::DefinitionsReply> Definitions(const wire::PageRequest& request);
  [[nodiscard]] Result<wire::DefinitionView> Definition(const std::string& name,
                                                        std::int32_t version);
  [[nodiscard]] Result<wire::DefineSagaReply> DefineSaga(const wire::DefineSagaRequest& request);
  [[nodiscard]] Result<wire::BeginReply> StartSaga(const wire::StartSagaRequest& request);
  // Waits at most for half of the time-out.
  [[nodiscard]] Result<wire::AwaitSagaReply> AwaitSaga(const std::string& gtid,
                                                       std::chrono::milliseconds wait);
  [[nodiscard]] Result<wire::PauseView> Pause(const wire::PauseRequest& request);
  [[nodiscard]] Result<wire::PauseView> Resume(const wire::PauseRequest& request);
  [[nodiscard]] Result<wire::PauseView> Drain(const wire::DrainRequest& request);
  [[nodiscard]] Result<wire::AuditReply> ReadAudit(const wire::AuditRequest& request);
  // A backup belongs to the connection: when that is lost, it is gone (kRefused from the next
  // call).
  [[nodiscard]] Result<wire::BackupView> BeginBackup();
  [[nodiscard]] Result<wire::BackupView> AwaitBackup();
  [[nodiscard]] Result<std::string> ReadBackup(std::int64_t offset);
  [[nodiscard]] Status EndBackup();
  [[nodiscard]] Status AcceptIdentity(const std::string& resource, const std::string& identity,
                                      const std::string& operator_name, const std::string& reason);

 private:
  struct Link;
  enum class Effect { kReads, kChanges };

  template <typename Method>
  Status Call(Effect effect, Method method);
  template <typename Method>
  Status CallLink(Effect effect, Method method);
  Status Open();
  Error Unreachable(const std::string& why) const;
  Error Silent(const std::string& why) const;
  Error ReplyLost(const std::string& why) const;

  const Address address_;
  const std::chrono::milliseconds timeout_;
  const TlsOptions tls_;
  std::unique_ptr<Link> link_;
};

}  // namespace settle::cli
