// Where the daemon listens, and what that takes: nothing unprotected beyond this machine unless its
// operator spelled that out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/live_tls.h"
#include "engine/ports.h"
#include "server/listen_address.h"
#include "settled/options.h"

namespace settle::coordinator {

// Where calls are served. kInvalid: an address of TCP can be reached from other machines, and there
// is neither TLS nor --insecure; kUnavailable: a host has no address. Warns of what is unprotected.
[[nodiscard]] Result<std::vector<server::SocketAddress>> WhereToListen(const Options& options,
                                                                       Observer& observer);

// The same for metrics, which never have TLS. None: nobody asked for them.
[[nodiscard]] Result<std::optional<server::SocketAddress>> WhereToServeHttp(const Options& options,
                                                                            Observer& observer);

// Null: TCP is plain. Errors as channel::LiveTls::Open.
[[nodiscard]] Result<std::unique_ptr<channel::LiveTls>> OpenTls(const Options& options,
                                                                Observer& observer);

// All of them can be reached from this machine alone.
bool OnThisMachine(const std::vector<server::SocketAddress>& addresses);
std::vector<std::string> TextsOf(const std::vector<server::SocketAddress>& addresses);

// "10.0.0.7:7420 (TLS), unix:/run/settle/settled.sock".
std::string ListeningText(const std::vector<std::string>& addresses, bool tls);

}  // namespace settle::coordinator
