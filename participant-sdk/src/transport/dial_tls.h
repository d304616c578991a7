// With whom a connection is to be encrypted, and as whom.
#pragma once

#include <memory>
#include <string>

#include "channel/tls_material.h"
#include "settle/tls.h"
#include "settle/vocabulary/status.h"
#include "transport/address.h"

namespace settle::sdk {

struct DialTls {
  std::shared_ptr<const channel::TlsMaterial> material{};  // null: plain
  // What the other side's certificate must name; empty: whoever has one of the authority's.
  std::string host{};
};

// Blocking: reads the files, once for each new connection. Nothing for a Unix socket, whose other
// end the kernel vouches for, nor where none are given. kInvalid names the file and what is wrong.
[[nodiscard]] Result<DialTls> TlsFor(const TlsOptions& options, const Address& address);

// Whether files are given that can be used now.
[[nodiscard]] Status CheckTls(const TlsOptions& options);

}  // namespace settle::sdk
