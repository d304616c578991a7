// Wire <-> domain, here and nowhere else. What comes from the wire is refused by name (kInvalid)
// when it is not what the contract allows: enum values that are zero or unknown, texts beyond their
// length, numbers out of range, names and gtids outside their grammar. A default never means
// anything.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "admin/doctor.h"
#include "admin/live.h"
#include "admin/resolve.h"
#include "admin/retry.h"
#include "admin/steps.h"
#include "admin/views.h"
#include "engine/engine.h"
#include "log/audit.h"
#include "recovery/inquiry.h"
#include "wire/admin_types.h"
#include "wire/coordinator_types.h"
#include "wire/participant_types.h"
#include "wire/peer_types.h"

namespace settle::coordinator {

// The version of the contract that both speak; kVersion names both ranges.
[[nodiscard]] Result<std::int32_t> AgreeOnVersion(std::int32_t low, std::int32_t high);

// Words of the caller: UTF-8, at most so many bytes. `what` names the field.
[[nodiscard]] Status CheckText(const char* what, const std::string& text, std::size_t bytes_max);

// A database's words, for people: one line of UTF-8, cut at 1000 bytes. Never a reason to refuse a
// report.
std::string OneLine(const std::string& text);

[[nodiscard]] Result<Gtid> GtidFromWire(const std::string& text);
[[nodiscard]] Result<SessionId> SessionFromWire(const std::string& text);
[[nodiscard]] Result<BeginCall> FromWire(const wire::BeginRequest& request);
[[nodiscard]] Result<Protocol> ProtocolFromWire(const wire::Protocol::type& protocol);
[[nodiscard]] Result<EnlistCall> FromWire(const wire::EnlistRequest& request);
[[nodiscard]] Result<TryCall> FromWire(const wire::TryRequest& request);
[[nodiscard]] Result<CommitCall> FromWire(const wire::CommitRequest& request);
[[nodiscard]] Result<OnePhaseCall> FromWire(const wire::OnePhaseRequest& request);
[[nodiscard]] Result<AbortCall> FromWire(const wire::AbortRequest& request);
[[nodiscard]] Result<StartSagaCall> FromWire(const wire::StartSagaRequest& request);
[[nodiscard]] Result<DefineSagaCall> FromWire(const wire::DefineSagaRequest& request);
struct AwaitSagaCall {
  Gtid gtid;
  std::chrono::milliseconds wait{0};
};
[[nodiscard]] Result<AwaitSagaCall> FromWire(const wire::AwaitSagaRequest& request);
[[nodiscard]] Result<std::vector<std::string>> ParticipantsFromWire(
    const std::vector<std::string>& participants);
[[nodiscard]] Result<SagaAnswer> FromWire(const wire::ActionAnswer& answer);
[[nodiscard]] Result<AttachCall> FromWire(const wire::AttachRequest& request);
[[nodiscard]] Result<SiteReport> FromWire(const wire::SiteReport& report);
AnswerReport FromWire(const wire::QuestionAnswer& answer);  // what is wrong is its error
[[nodiscard]] Result<FetchCall> FromWire(const wire::FetchRequest& request);
[[nodiscard]] Result<ResolveCall> FromWire(const wire::ResolveRequest& request);
struct ForgetRequested {
  ForgetCall call;
  bool dry_run = false;
};
[[nodiscard]] Result<ForgetRequested> FromWire(const wire::ForgetRequest& request);

// The time of the record is left to who keeps it.
[[nodiscard]] Result<ResourceRecord> IdentityFromWire(const std::string& resource,
                                                      const std::string& identity,
                                                      const std::string& operator_name,
                                                      const std::string& reason);

struct ListCall {
  Which which = Which::kAll;
  std::size_t most = 100;
  std::string cursor;
};
[[nodiscard]] Result<ListCall> FromWire(const wire::ListRequest& request);

struct PageCall {
  std::size_t most = 100;
  std::string cursor;
};
[[nodiscard]] Result<PageCall> FromWire(const wire::PageRequest& request);

struct SendAgainCall {
  Gtid gtid;             // empty: every transaction
  std::string resource;  // empty: any
  std::string step;      // of the saga; empty: all
  bool dry_run = false;
  std::string operator_name;
};
struct LookCall {
  Gtid gtid;
  std::optional<std::chrono::milliseconds> wait{};  // none: nobody is asked
};
[[nodiscard]] Result<LookCall> FromWire(const wire::LookRequest& request);

struct ExamineCall {
  std::string resource;  // empty: all
  std::chrono::milliseconds wait{0};
  std::size_t most = 100;
  std::string cursor;
};
[[nodiscard]] Result<ExamineCall> FromWire(const wire::ExamineRequest& request);

[[nodiscard]] Result<SendAgainCall> FromWire(const wire::SendAgainRequest& request);

// Of what is to be paused; its time is left to who keeps it.
[[nodiscard]] Result<PauseRecord> FromWire(const wire::PauseRequest& request);
[[nodiscard]] Result<PauseRecord> FromWire(const wire::DrainRequest& request);
// Who asks, and why.
[[nodiscard]] Status CheckWhoAndWhy(const std::string& operator_name, const std::string& reason);
[[nodiscard]] Result<AuditQuery> FromWire(const wire::AuditRequest& request);
[[nodiscard]] Result<StepActCall> FromWire(const wire::ActOnStepRequest& request);
[[nodiscard]] Result<DefinitionQuery> DefinitionsFromWire(const wire::PageRequest& request);

struct FullReport {
  ReportCall report;
  std::vector<FoundBranch> found;
};
[[nodiscard]] Result<FullReport> FromWire(const wire::ReportRequest& request);

// To the witness. kNotFound: it asks another site.
[[nodiscard]] Result<PeerCall> FromWire(const wire::PeerRequest& request);

wire::ServiceError ToWire(const Error& error);
wire::Ending ToWire(const Ending& ending);
wire::TryReply ToWire(const TryAnswer& answer);
wire::CommitReply ToWire(const CommitAnswer& answer);
wire::OnePhaseReply ToWire(const OnePhaseAnswer& answer);
wire::CommandBatch ToWire(const CommandBatch& batch);
// What a command of three-phase commit says beside.
void AddQuorum(const Command& command, wire::Command& reply);
wire::SiteAnswer ToWire(const SiteAnswer& answer);
wire::QuorumView ToWire(const QuorumSummary& quorum);
wire::ActionCall ToWire(const SagaCall& call);
wire::Question ToWire(const Question& question);
wire::LiveBranch ToWire(const LiveBranch& live);
wire::Examination ToWire(const Examination& examination);
wire::LiveView ToWire(const LiveRow& row);
wire::LookReply ToWire(const LookView& view);
wire::ExamineReply ToWire(const ExaminedPage& page);
wire::Evidence ToWire(const Evidence& evidence);
wire::AwaitSagaReply ToWire(const SagaEnd& end);
wire::TransactionView ToWire(const TransactionView& view);
wire::StrayView ToWire(const Stray& stray);
wire::SessionView ToWire(const SessionView& session);
wire::ParticipantView ToWire(const ParticipantRow& row);
wire::SendAgainReply ToWire(const RetriedView& view);
wire::DefinitionsReply ToWire(const DefinitionPage& page);
wire::DefinitionView ToWire(const DefinitionRecord& record);
wire::SagaView ToWire(const SagaSummary& saga);
wire::AuditEntry ToWire(const AuditEntry& entry);
wire::PauseView ToWire(const PauseRecord& pause);
// What there is of the control verbs and the audit trail in a status.
void AddControl(const StatusView& view, wire::StatusReply& reply);
wire::DiagnosisReply ToWire(const Diagnosis& diagnosis);
wire::StatusReply ToWire(const StatusView& view, const std::string& release);
wire::BackupView ToWire(const LogBackup::Progress& progress);

}  // namespace settle::coordinator
