// Every request of the wire contract, decoded and taken for a call of the coordinator or of a peer.
#include "rpc/wire.h"
#include "target.h"
#include "thrift_reader.h"
#include "transport/wire.h"

namespace settle::fuzz {
namespace {

using coordinator::FromWire;

template <typename T>
void RequireWords(const Result<T>& result) {
  if (!result) RequirePrintable(result.error());
}

template <typename Request>
void Take(std::string_view bytes) {
  Request request;
  if (ReadWire(bytes, request)) RequireWords(FromWire(request));
}

template <typename Request>
void TakePage(std::string_view bytes) {
  Request request;
  if (!ReadWire(bytes, request)) return;
  RequireWords(FromWire(request));
  RequireWords(coordinator::DefinitionsFromWire(request));
}

template <typename Request>
void TakeAsPeer(std::string_view bytes) {
  Request request;
  if (!ReadWire(bytes, request)) return;
  RequireWords(FromWire(request));
  RequireWords(sdk::FromWire(request));
}

void TakeHello(std::string_view bytes) {
  wire::HelloRequest request;
  if (!ReadWire(bytes, request)) return;
  RequireWords(coordinator::CheckText("application", request.application, 200));
  RequireWords(coordinator::AgreeOnVersion(request.version_low, request.version_high));
}

// Their order is part of the seeds.
constexpr Reader kReaders[]{
    {"hello", &TakeHello},
    {"begin_transaction", &Take<wire::BeginRequest>},
    {"enlist", &Take<wire::EnlistRequest>},
    {"try_branch", &Take<wire::TryRequest>},
    {"commit", &Take<wire::CommitRequest>},
    {"commit_one_phase", &Take<wire::OnePhaseRequest>},
    {"abort", &Take<wire::AbortRequest>},
    {"start_saga", &Take<wire::StartSagaRequest>},
    {"define_saga", &Take<wire::DefineSagaRequest>},
    {"await_saga", &Take<wire::AwaitSagaRequest>},
    {"attach", &Take<wire::AttachRequest>},
    {"fetch", &Take<wire::FetchRequest>},
    {"report", &Take<wire::ReportRequest>},
    {"tell", &TakeAsPeer<wire::PeerRequest>},
    {"list_transactions", &Take<wire::ListRequest>},
    {"definitions", &TakePage<wire::PageRequest>},
    {"send_again", &Take<wire::SendAgainRequest>},
    {"resolve", &Take<wire::ResolveRequest>},
    {"act_on_step", &Take<wire::ActOnStepRequest>},
    {"forget", &Take<wire::ForgetRequest>},
    {"pause", &Take<wire::PauseRequest>},
    {"drain", &Take<wire::DrainRequest>},
    {"look", &Take<wire::LookRequest>},
    {"examine", &Take<wire::ExamineRequest>},
    {"audit", &Take<wire::AuditRequest>},
};

void Run(std::string_view bytes) { ReadOneOf(kReaders, bytes); }

}  // namespace

std::optional<char> RequestOf(std::string_view method) { return PlaceOf(kReaders, method); }

const Target kRequests{"requests", "N04_N05", 50'000, &Run};

}  // namespace settle::fuzz
