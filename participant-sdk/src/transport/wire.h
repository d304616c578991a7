// Wire <-> domain, all of it. A value that the contract does not know (an enum of a newer release,
// a missing or zero one, a number out of range) is refused by name and never read as some default.
#pragma once

#include "transport/messages.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"
#include "wire/PeerService.h"

namespace settle::sdk {

wire::BeginRequest ToWire(const BeginCall& call);
wire::EnlistRequest ToWire(const EnlistCall& call);
wire::TryRequest ToWire(const TryCall& call);
wire::CommitRequest ToWire(const CommitCall& call);
wire::OnePhaseRequest ToWire(const OnePhaseCall& call);
wire::AbortRequest ToWire(const AbortCall& call);
wire::StartSagaRequest ToWire(const StartSagaCall& call);
wire::DefineSagaRequest ToWire(const DefineSagaCall& call);
wire::AwaitSagaRequest ToWire(const AwaitSagaCall& call);
wire::AttachRequest ToWire(const AttachCall& call);
wire::FetchRequest ToWire(const FetchCall& call);
wire::ReportRequest ToWire(const ReportCall& call);
wire::PeerRequest ToWire(const PeerCall& call);
wire::SiteAnswer ToWire(const SiteAnswer& answer);
wire::ServiceError ToWire(const Error& error);

Error FromWire(const wire::ServiceError& error);
[[nodiscard]] Result<Hello> FromWire(const wire::HelloReply& reply);
[[nodiscard]] Result<Begun> FromWire(const wire::BeginReply& reply);
[[nodiscard]] Result<BranchNumber> FromWire(const wire::EnlistReply& reply);
[[nodiscard]] Result<TryReply> FromWire(const wire::TryReply& reply);
[[nodiscard]] Result<Ending> FromWire(const wire::Ending& ending);
[[nodiscard]] Result<CommitAnswer> FromWire(const wire::CommitReply& reply);
[[nodiscard]] Result<OnePhaseAnswer> FromWire(const wire::OnePhaseReply& reply);
[[nodiscard]] Result<SagaEnding> FromWire(const wire::AwaitSagaReply& reply);
[[nodiscard]] Result<Attached> FromWire(const wire::AttachReply& reply);
[[nodiscard]] Result<CommandBatch> FromWire(const wire::CommandBatch& batch,
                                            const std::string& log_id);
// From a peer. kInvalid says which field is wrong.
[[nodiscard]] Result<PeerCall> FromWire(const wire::PeerRequest& request);
[[nodiscard]] Result<SiteAnswer> FromWire(const wire::SiteAnswer& answer);

// Text from outside as one line of valid UTF-8 of at most `most` bytes.
std::string OneLine(std::string_view text, std::size_t most);

}  // namespace settle::sdk
