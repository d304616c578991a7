// Where a process answers its peers in three-phase commits, and a site behind it that goes by the
// rule: what one connection tells it.
#include <map>
#include <mutex>

#include "exchange.h"
#include "peer/peer_server.h"
#include "quorum/site.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace std::chrono_literals;

// As fresh as its last Forget. Thread-safe.
class Sites {
 public:
  Result<SiteAnswer> Tell(const sdk::PeerCall& call) {
    const std::scoped_lock lock(mutex_);
    SiteAnswer& kept = kept_[call.key];
    const SiteAnswer before = kept;
    kept = quorum::After(before, call.message);
    Require(!IsFinal(before.state) || kept == before, "what is decided stays so");
    Require(kept.elected >= before.elected && kept.accepted >= before.accepted,
            "no ballot is taken back");
    return kept;
  }
  void Forget() {
    const std::scoped_lock lock(mutex_);
    kept_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<BranchKey, SiteAnswer> kept_;
};

void Run(std::string_view bytes) {
  static Sites sites;
  static const auto server = sdk::PeerServer::Listen(
      {.listen = "127.0.0.1:0"}, {}, [](const sdk::PeerCall& call) { return sites.Tell(call); },
      [](const std::string& complaint) { RequirePrintable(complaint); });
  Require(server.has_value(), "a port can be bound");
  sites.Forget();
  Exchange((*server)->address(), bytes, 5s);
}

}  // namespace

const Target kPeerPort{"peer-port", "N05_M11", 1000, &Run};

}  // namespace settle::fuzz
