// What a site that leads a recovery round says to its peers and to the coordinator's witness.
//
//   PeerLinks links(&stop);
//   Result<SiteAnswer> answer = links.Tell("10.0.0.7:7421", call, FromNow(2s));
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "transport/interrupter.h"
#include "transport/link.h"
#include "transport/messages.h"

namespace settle::sdk {

struct PeerTls {
  TlsOptions files{};                       // not given: plain
  std::vector<std::string> names{};         // PeerOptions::names
  std::vector<std::string> coordinators{};  // their addresses: held to their host names instead
};

// Whether someone with these names is a peer of one whose own certificate has those, by
// PeerOptions::names. kDenied says who came and who may.
[[nodiscard]] Status CheckPeerNames(const std::vector<std::string>& names,
                                    const std::vector<std::string>& allowed,
                                    const std::vector<std::string>& own);

// Thread-safe.
class PeerLinks {
 public:
  // `interrupter` may be null; else it ends every wait, and it outlives this.
  explicit PeerLinks(const Interrupter* interrupter, PeerTls tls = {});
  ~PeerLinks();
  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;

  // Blocking until `by` at most, except that the system looks up a host's name without a deadline.
  // kInvalid: no address; kUnavailable: no answer came, whether it was heard is not known, and any
  // message may be repeated; kVersion: what answers there speaks something else; kDenied: it is no
  // peer by its certificate, and nothing was told to it; else the peer's own error.
  [[nodiscard]] Result<SiteAnswer> Tell(const std::string& address, const PeerCall& call,
                                        Instant by);

 private:
  struct Connection;

  [[nodiscard]] Status Connect(Connection& connection, const std::string& address,
                               const Address& to);

  std::unique_ptr<Connection> TakeIdle(const std::string& address);
  void Keep(const std::string& address, std::unique_ptr<Connection> connection);

  const Interrupter* const interrupter_;
  const PeerTls tls_;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::unique_ptr<Connection>>> idle_;  // by address
};

}  // namespace settle::sdk
