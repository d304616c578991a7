#include "peer/peer_links.h"

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TMultiplexedProtocol.h>

#include <exception>
#include <utility>

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

}  // namespace

struct PeerLinks::Connection : FramedWire {
  explicit Connection(const Interrupter* interrupter)
      : FramedWire(kAnswerLimits, interrupter),
        peer(std::make_shared<TMultiplexedProtocol>(protocol, "peer")) {}

  wire::PeerServiceClient peer;
  Instant used;
};

PeerLinks::PeerLinks(const Interrupter* interrupter) : interrupter_(interrupter) {}
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
      if (!was_idle) connection->socket->Connect(parsed->host, parsed->port);
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
