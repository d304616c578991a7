#include "rpc/peer_handler.h"

#include <utility>

#include "rpc/wire.h"

namespace settle::coordinator {
namespace {

using access::Of;

// Every call can be repeated: a site's answer is what it holds. Whoever leads a round asks again.
constexpr Calls::Limits kRepeatable{.limit = std::chrono::milliseconds(10'000),
                                    .if_given_up = ErrorCode::kRetry};

}  // namespace

void PeerHandler::tell(Returns<wire::SiteAnswer> returns, Throws throws,
                       const wire::PeerRequest& request) {
  edge_.Serve(Of("peer", "tell"), returns, throws, [&](const auto& asked) {
    PeerCall call = Need(FromWire(request));
    const Gtid gtid = call.gtid;
    const auto answers = [asked](Result<SiteAnswer> answer) {
      asked.Return(ToWire(Need(std::move(answer))));
    };
    engine_.Peer(
        std::move(call),
        asked.template Await<SiteAnswer>(kRepeatable, [=, this](Result<SiteAnswer> answer) {
          if (answer || answer.error().code != ErrorCode::kNotFound)
            return answers(std::move(answer));
          asked.template AwaitBlocking<SiteAnswer>(
              kRepeatable, [&inquiry = inquiry_, gtid] { return inquiry.AskWitness(gtid); },
              answers);
        }));
  });
}

}  // namespace settle::coordinator
