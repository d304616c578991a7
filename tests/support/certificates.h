// Authorities and certificates made for one test.
//
//   TemporaryDirectory directory;
//   Authority authority(directory);
//   const channel::TlsFiles shop = authority.Issue("shop");
//   const channel::TlsFiles late = authority.Issue("late", {.until = -1min});
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "channel/tls_material.h"
#include "support/temporary_directory.h"

namespace settle::testing {

struct CertificateWish {
  std::string alternatives = "DNS:localhost,IP:127.0.0.1";  // as openssl(1) writes them; "": none
  std::chrono::seconds from = -std::chrono::hours(1);       // from now on
  std::chrono::seconds until = std::chrono::hours(24 * 365);
  std::string usage{};  // extended, e.g. "clientAuth"; "": any
};

class Authority {
 public:
  // Its certificate is the file NAME.pem.
  explicit Authority(const TemporaryDirectory& directory, const std::string& name = "ca");
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // For the common name: the files NAME.pem and NAME.key (mode 0600), replaced whole if they exist.
  channel::TlsFiles Issue(const std::string& name, const CertificateWish& wish = {}) const;

  const std::string& path() const { return path_; }

 private:
  const std::string folder_;
  const std::string path_;
  EVP_PKEY* const key_;
  X509* certificate_ = nullptr;
};

}  // namespace settle::testing
