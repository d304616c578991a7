#include "peer/peer_server.h"

#include <exception>
#include <string_view>
#include <utility>

#include "peer/peer_links.h"
#include "transport/wire.h"

namespace settle::sdk {
namespace {

using std::chrono_literals::operator""s;

// The edge between values and Thrift's exceptions.
class PeerHandler : public wire::PeerServiceIf {
 public:
  explicit PeerHandler(AnswerPeer answer) : answer_(std::move(answer)) {}

  void tell(wire::SiteAnswer& reply, const wire::PeerRequest& request) override {
    const Result<PeerCall> call = FromWire(request);
    if (!call) throw ToWire(call.error());
    const Result<SiteAnswer> answer = Answer(*call);
    if (!answer) throw ToWire(answer.error());
    reply = ToWire(*answer);
  }

 private:
  Result<SiteAnswer> Answer(const PeerCall& call) {
    try {
      return answer_(call);
    } catch (const std::exception& error) {
      return Fail(ErrorCode::kInternal, "the site failed to answer: " + OneLine(error.what(), 300));
    }
  }

  const AnswerPeer answer_;
};

server::Services Answering(AnswerPeer answer) {
  return [processor = std::make_shared<wire::PeerServiceProcessor>(
              std::make_shared<PeerHandler>(std::move(answer)))](std::string_view name) {
    return name == "peer" ? server::Service{.blocking = processor} : server::Service{};
  };
}

// Null: peers are plain.
Result<std::unique_ptr<channel::LiveTls>> OpenTls(const TlsOptions& tls,
                                                  const server::Complain& warn) {
  if (!tls.given()) return nullptr;
  return channel::LiveTls::Open({tls.ca, tls.certificate, tls.key}, {.inform = warn, .warn = warn});
}

Result<server::SocketAddress> WhereToListen(const PeerOptions& options, const TlsOptions& tls) {
  const Result<server::ListenAddress> parsed = server::ParseTcpAddress(options.listen);
  if (!parsed) return Fail(parsed.error());
  Result<server::SocketAddress> address = server::Resolve(*parsed);
  if (!address || address->loopback()) return address;
  if (!options.insecure && !tls.given()) {
    return Fail(
        ErrorCode::kInvalid,
        "the address for peers, " + address->text() +
            ", can be reached from other machines, and what peers say is neither encrypted "
            "nor authenticated: whoever reaches it can end transactions",
        "give certificates for TLS, listen for peers on 127.0.0.1, or ask for insecure peers "
        "where the network itself is trusted");
  }
  if (address->any() && options.advertise.empty()) {
    return Fail(ErrorCode::kInvalid,
                "the address for peers, " + address->text() +
                    ", stands for all of this machine and cannot be dialled by another",
                "say as well which address is to be advertised to peers");
  }
  return address;
}

}  // namespace

server::Settings PeerServerSettings() {
  return {.connections_max = 256,
          .frame = {.frame_bytes_max = 64 * 1024, .idle_timeout = 60s, .io_timeout = 10s},
          .buffered_bytes_max = 4 * 1024 * 1024,
          .string_bytes_max = 4 * 1024,
          .container_items_max = 10'000};
}

PeerServer::PeerServer(std::unique_ptr<channel::LiveTls> tls, std::vector<std::string> names,
                       AnswerPeer answer, server::Complain warn, const server::Settings& settings)
    : tls_(std::move(tls)),
      names_(std::move(names)),
      denials_(warn),
      server_(settings, loops_, pool_, Services(std::move(answer)), {}, warn) {
  loops_.Start();
}

// Who is no peer by its certificate is told so, whatever it says.
server::ServicesFor PeerServer::Services(AnswerPeer answer) {
  return [this, all = Answering(std::move(answer))](const server::Caller& caller, server::Loop&) {
    if (tls_ == nullptr) return all;
    const Status peer = CheckPeerNames(caller.names, names_, tls_->Current()->names());
    if (peer) return all;
    denials_.Say(caller.text() + " is denied: " + peer.error().message);
    return Answering([why = peer.error()](const PeerCall&) { return Fail(why); });
  };
}

PeerServer::~PeerServer() = default;

Result<std::unique_ptr<PeerServer>> PeerServer::Listen(const PeerOptions& options,
                                                       const TlsOptions& tls, AnswerPeer answer,
                                                       server::Complain warn,
                                                       const server::Settings& settings) {
  if (!options.advertise.empty()) {
    if (Status fits = CheckPeerAddress(options.advertise); !fits) return Fail(fits.error());
  }
  const Result<server::SocketAddress> address = WhereToListen(options, tls);
  if (!address) return Fail(address.error());
  Result<std::unique_ptr<channel::LiveTls>> live = OpenTls(tls, warn);
  if (!live) return Fail(std::move(live).error());
  std::unique_ptr<PeerServer> made(new PeerServer(
      *std::move(live), options.names, std::move(answer),
      [warn](const std::string& what) { warn("a peer: " + what); }, settings));
  if (Status started = made->server_.Start({*address}, made->tls_.get()); !started)
    return Fail(started.error());
  made->address_ = options.advertise.empty() ? made->server_.address() : options.advertise;
  if (!address->loopback() && !tls.given()) {
    warn("listening for peers on " + made->server_.address() +
         " without encryption or authentication: whoever reaches it can end transactions");
  }
  return made;
}

void PeerServer::Stop(std::chrono::milliseconds patience) { server_.Stop(patience); }

}  // namespace settle::sdk
