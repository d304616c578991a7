#include "peer/peer_links.h"

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TMultiplexedProtocol.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "settle/vocabulary/gtid.h"
#include "transport/framed_wire.h"
#include "transport/wire.h"

namespace settle::sdk {
namespace {

using apache::thrift::TApplicationException;
using apache::thrift::protocol::TMultiplexedProtocol;

constexpr AnswerLimits kAnswerLimits{
    .frame_bytes_max = 64 * 1024, .string_bytes_max = 16 * 1024, .container_items_max = 10'000};
// Less than a peer leaves an idle connection open (PeerServerSettings).
constexpr std::chrono::seconds kIdleKept{30};

tl::unexpected<Error> Silent(const std::string& address, const char* why) {
  return Fail(ErrorCode::kUnavailable,
              "the peer at " + address + " did not answer: " + OneLine(why, 300));
}

std::string Joined(const std::vector<std::string>& names) {
  if (names.empty()) return "a certificate without a name";
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + Escaped(name);
  return text;
}

}  // namespace

struct PeerLinks::Connection : FramedWire {
  explicit Connection(const Interrupter* interrupter)
      : FramedWire(kAnswerLimits, interrupter),
        peer(std::make_shared<TMultiplexedProtocol>(protocol, "peer")) {}

  wire::PeerServiceClient peer;
  Instant used;
};

Status CheckPeerNames(const std::vector<std::string>& names,
                      const std::vector<std::string>& allowed,
                      const std::vector<std::string>& own) {
  const std::vector<std::string>& peers = allowed.empty() ? own : allowed;
  if (std::find_first_of(names.begin(), names.end(), peers.begin(), peers.end()) != names.end()) {
    return {};
  }
  return Fail(ErrorCode::kDenied,
              Joined(names) + " is not among the names of peers, " + Joined(peers),
              "name it in PeerOptions::names (agent: --peer-names), or give all sites one name in "
              "their certificates");
}

PeerLinks::PeerLinks(const Interrupter* interrupter, PeerTls tls)
    : interrupter_(interrupter), tls_(std::move(tls)) {}
PeerLinks::~PeerLinks() = default;

Result<SiteAnswer> PeerLinks::Tell(const std::string& address, const PeerCall& call, Instant by) {
  const Result<Address> parsed = ParseAddress(address);
  if (!parsed) return Fail(parsed.error());
  for (;;) {
    std::unique_ptr<Connection> connection = TakeIdle(address);
    const bool was_idle = connection != nullptr;
    if (!was_idle) connection = std::make_unique<Connection>(interrupter_);
    connection->socket->set_deadline(by);
    try {
      if (!was_idle) {
        if (Status peer = Connect(*connection, address, *parsed); !peer) return Fail(peer.error());
      }
      wire::SiteAnswer reply;
      connection->peer.tell(reply, ToWire(call));
      Result<SiteAnswer> answer = FromWire(reply);
      if (answer) Keep(address, std::move(connection));
      return answer;
    } catch (const wire::ServiceError& error) {
      Keep(address, std::move(connection));
      return Fail(FromWire(error));
    } catch (const TApplicationException& error) {
      return Fail(ErrorCode::kVersion,
                  "what answers at " + address +
                      " is no peer of this release: " + OneLine(error.what(), 300));
    } catch (const std::exception& error) {
      // The process behind an idle connection may have gone, and another one listen there since.
      if (!was_idle || std::chrono::steady_clock::now() >= by) return Silent(address, error.what());
    }
  }
}

// Addresses of peers come from the coordinator and from other peers, so that who answers there is
// known by what its certificate names, and not by where it was dialled.
Status PeerLinks::Connect(Connection& connection, const std::string& address, const Address& to) {
  Result<DialTls> tls = TlsFor(tls_.files, to);
  if (!tls) return Fail(ErrorCode::kUnavailable, Describe(tls.error()));
  const bool coordinator = std::find(tls_.coordinators.begin(), tls_.coordinators.end(), address) !=
                           tls_.coordinators.end();
  if (!coordinator) tls->host.clear();
  connection.socket->Connect(to, *tls);
  if (tls->material == nullptr || coordinator) return {};
  Status peer = CheckPeerNames(connection.socket->peer_names(), tls_.names, tls->material->names());
  if (peer) return {};
  return Fail(peer.error().code, "what answers at " + address + ": " + peer.error().message,
              peer.error().advice);
}

std::unique_ptr<PeerLinks::Connection> PeerLinks::TakeIdle(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  const Instant oldest = std::chrono::steady_clock::now() - kIdleKept;
  for (auto of = idle_.begin(); of != idle_.end();) {
    std::erase_if(of->second, [&](const auto& each) { return each->used < oldest; });
    of = of->second.empty() ? idle_.erase(of) : std::next(of);
  }
  const auto found = idle_.find(address);
  if (found == idle_.end()) return nullptr;
  std::unique_ptr<Connection> connection = std::move(found->second.back());
  found->second.pop_back();
  if (found->second.empty()) idle_.erase(found);
  return connection;
}

void PeerLinks::Keep(const std::string& address, std::unique_ptr<Connection> connection) {
  connection->used = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  idle_[address].push_back(std::move(connection));
}

}  // namespace settle::sdk
