// How a program shows a coordinator who it is, and knows whom it speaks to (docs/security.md).
//
//   Coordinator::Connect({.addresses = {"coordinator.example:7420"},
//                         .tls = {.ca = "/etc/shop/tls/ca.pem",
//                                 .certificate = "/etc/shop/tls/shop.pem",
//                                 .key = "/etc/shop/tls/shop.key"}})
#pragma once

#include <string>

namespace settle {

// Paths of PEM files. All three or none: without them connections are plain. They are read for
// every new connection, so that one that comes after a renewal uses it. TLS 1.2 at least.
struct TlsOptions {
  // The authorities that may have signed the other side's certificate.
  std::string ca{};
  // This program's certificate, then those between it and its authority.
  std::string certificate{};
  // Its key: without a pass phrase, and refused when other users can read it.
  std::string key{};
  // What the coordinator's certificate must name among its subject alternative names, when it is
  // not the host that is dialled.
  std::string server_name{};

  bool given() const { return !ca.empty() || !certificate.empty() || !key.empty(); }
};

}  // namespace settle
