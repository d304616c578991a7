// Certificates and keys, read from their files and found usable.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "channel/certificate.h"
#include "settle/vocabulary/status.h"

namespace settle::channel {

struct TlsFiles {
  std::string ca{};           // PEM: the authorities whose certificates are believed
  std::string certificate{};  // PEM: our own, then those between it and its authority
  std::string key{};          // PEM: of our own certificate, without a pass phrase
  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// Immutable, shared by connections.
class TlsMaterial {
 public:
  enum class Side { kListens, kDials };

  // Blocking: reads the files. kInvalid names the file, what is wrong with it and what to do: one
  // is missing or no PEM, the key belongs to another certificate, has a pass phrase, or can be read
  // by other users. A certificate that is not valid at this moment is none of these: whoever it is
  // shown to refuses it, and says so.
  // TLS 1.2 at least. kListens: whoever dials must show a certificate. No session is resumed, so
  // that each connection is judged by the certificates of its own time.
  [[nodiscard]] static Result<std::shared_ptr<const TlsMaterial>> Read(const TlsFiles& files,
                                                                       Side side);
  ~TlsMaterial();
  TlsMaterial(const TlsMaterial&) = delete;
  TlsMaterial& operator=(const TlsMaterial&) = delete;

  SSL_CTX* context() const { return context_; }
  Side side() const { return side_; }
  // Of our own certificate.
  const std::vector<std::string>& names() const { return names_; }
  const Validity& validity() const { return validity_; }
  // "the certificate cn:shop of /etc/settle/tls/shop.pem, valid until 2027-01-01 00:00:00 UTC".
  std::string text() const;

 private:
  TlsMaterial(const TlsFiles& files, Side side, SSL_CTX* context)
      : files_(files), side_(side), context_(context) {}
  [[nodiscard]] Status UseAuthorities();
  [[nodiscard]] Status UseCertificate();
  [[nodiscard]] Status UseKey();

  const TlsFiles files_;
  const Side side_;
  SSL_CTX* const context_;
  std::vector<std::string> names_;
  Validity validity_;
};

}  // namespace settle::channel
