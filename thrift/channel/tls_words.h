// What went wrong in TLS, in words for people: whose certificate, why, what to do.
#pragma once

#include <cstdint>
#include <string>

#include "channel/tls_material.h"

namespace settle::channel {

// Why a certificate of the peer's was not believed.
struct Disbelief {
  long error = 0;       // X509_V_ERR_...; 0: none was noted
  std::string whose{};  // its first name
  Validity validity{};
};

// `error` is OpenSSL's, of a handshake or of a later call: a peer that speaks TLS 1.3 may refuse
// our certificate only then. `dialled` is the host that the peer's certificate should name.
std::string TlsWords(unsigned long error, const Disbelief& disbelief, const TlsMaterial& own,
                     const std::string& dialled);

}  // namespace settle::channel
