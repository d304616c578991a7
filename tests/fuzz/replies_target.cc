// Every reply that the SDK takes from what calls itself a coordinator or a peer.
#include "target.h"
#include "thrift_reader.h"
#include "transport/wire.h"

namespace settle::fuzz {
namespace {

using sdk::FromWire;

template <typename Reply>
void Take(std::string_view bytes) {
  Reply reply;
  if (!ReadWire(bytes, reply)) return;
  if (const auto taken = FromWire(reply); !taken) RequirePrintable(taken.error());
}

void TakeError(std::string_view bytes) {
  wire::ServiceError error;
  if (ReadWire(bytes, error)) RequirePrintable(FromWire(error));
}

void TakeCommands(std::string_view bytes) {
  wire::CommandBatch batch;
  if (!ReadWire(bytes, batch)) return;
  if (const auto taken = FromWire(batch, "k3m9qxw4c7ab"); !taken) RequirePrintable(taken.error());
}

// Their order is part of the seeds.
constexpr Reader kReaders[]{
    {"", &TakeError},  // of any method
    {"hello", &Take<wire::HelloReply>},
    {"begin_transaction", &Take<wire::BeginReply>},
    {"enlist", &Take<wire::EnlistReply>},
    {"try_branch", &Take<wire::TryReply>},
    {"abort", &Take<wire::Ending>},
    {"commit", &Take<wire::CommitReply>},
    {"commit_one_phase", &Take<wire::OnePhaseReply>},
    {"await_saga", &Take<wire::AwaitSagaReply>},
    {"attach", &Take<wire::AttachReply>},
    {"fetch", &TakeCommands},
    {"tell", &Take<wire::SiteAnswer>},
};

void Run(std::string_view bytes) { ReadOneOf(kReaders, bytes); }

}  // namespace

std::optional<char> ReplyOf(std::string_view method) { return PlaceOf(kReaders, method); }

const Target kReplies{"replies", "N05", 50'000, &Run};

}  // namespace settle::fuzz
