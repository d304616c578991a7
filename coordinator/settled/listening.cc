#include "settled/listening.h"

#include <algorithm>
#include <utility>

namespace settle::coordinator {
namespace {

// `harm` is what whoever reaches the address can do, `cure` what else could be done.
Result<server::SocketAddress> Unprotected(const std::string& option,
                                          const server::SocketAddress& address, bool insecure,
                                          const std::string& harm, const std::string& cure,
                                          Observer& observer) {
  if (address.loopback()) return address;
  if (!insecure) {
    return Fail(ErrorCode::kInvalid,
                option + " " + address.text() +
                    " can be reached from other machines, and calls are neither encrypted nor "
                    "authenticated",
                cure + ", or add --insecure where the network itself is trusted");
  }
  observer.Event(Observer::Level::kWarning, {},
                 "listening on " + address.text() +
                     " without encryption or authentication: whoever reaches it can " + harm);
  return address;
}

}  // namespace

Result<std::vector<server::SocketAddress>> WhereToListen(const Options& options,
                                                         Observer& observer) {
  std::vector<server::SocketAddress> all;
  for (const server::ListenAddress& wanted : options.listen) {
    Result<server::SocketAddress> address = server::Resolve(wanted);
    if (!address) return Fail(std::move(address).error());
    if (!options.tls) {
      address = Unprotected("--listen", *address, options.insecure, "end transactions",
                            "give it certificates (--tls-certificate, --tls-key, --tls-ca), listen "
                            "on 127.0.0.1 or a Unix socket",
                            observer);
      if (!address) return Fail(std::move(address).error());
    }
    all.push_back(*address);
  }
  return all;
}

Result<std::optional<server::SocketAddress>> WhereToServeHttp(const Options& options,
                                                              Observer& observer) {
  if (!options.http_listen) return std::nullopt;
  Result<server::SocketAddress> address = server::Resolve(*options.http_listen);
  if (!address) return Fail(std::move(address).error());
  return Unprotected("--http-listen", *address, options.insecure, "read the metrics",
                     "listen on 127.0.0.1", observer);
}

Result<std::unique_ptr<channel::LiveTls>> OpenTls(const Options& options, Observer& observer) {
  if (!options.tls) return nullptr;
  const auto tell = [&observer](Observer::Level level) {
    return [&observer, level](const std::string& line) { observer.Event(level, {}, line); };
  };
  return channel::LiveTls::Open(*options.tls, {.inform = tell(Observer::Level::kInfo),
                                               .warn = tell(Observer::Level::kWarning)});
}

bool OnThisMachine(const std::vector<server::SocketAddress>& addresses) {
  return std::all_of(addresses.begin(), addresses.end(),
                     [](const server::SocketAddress& address) { return address.loopback(); });
}

std::vector<std::string> TextsOf(const std::vector<server::SocketAddress>& addresses) {
  std::vector<std::string> texts;
  for (const server::SocketAddress& address : addresses) texts.push_back(address.text());
  return texts;
}

std::string ListeningText(const std::vector<std::string>& addresses, bool tls) {
  std::string text;
  for (const std::string& address : addresses) {
    text += (text.empty() ? "" : ", ") + address;
    if (tls && !address.starts_with("unix:")) text += " (TLS)";
  }
  return text;
}

}  // namespace settle::coordinator
