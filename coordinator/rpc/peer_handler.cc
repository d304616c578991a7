#include "rpc/peer_handler.h"

#include <utility>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

// Every call can be repeated: a site's answer is what it holds. Whoever leads a round asks again.
constexpr Calls::Limits kRepeatable{.limit = std::chrono::milliseconds(10'000),
                                    .if_given_up = ErrorCode::kRetry};

}  // namespace

PeerHandler::PeerHandler(Engine& engine, Inquiry& inquiry, Calls& calls, Observer& observer,
                         std::shared_ptr<access::Visitor> visitor)
    : engine_(engine), inquiry_(inquiry), calls_(calls), edge_(observer, std::move(visitor)) {}

void PeerHandler::tell(wire::SiteAnswer& reply, const wire::PeerRequest& request) {
  edge_.Serve(access::Of("peer", "tell"), [&] {
    PeerCall call = Need(FromWire(request));
    const Gtid gtid = call.gtid;
    Result<SiteAnswer> answer = calls_.Await<SiteAnswer>(
        kRepeatable,
        [&](Completion<SiteAnswer> done) { engine_.Peer(std::move(call), std::move(done)); });
    if (!answer && answer.error().code == ErrorCode::kNotFound) answer = inquiry_.AskWitness(gtid);
    reply = ToWire(Need(std::move(answer)));
  });
}

}  // namespace settle::coordinator
