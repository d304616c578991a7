#include "transport/dial_tls.h"

#include <utility>

namespace settle::sdk {
namespace {

Result<std::shared_ptr<const channel::TlsMaterial>> Read(const TlsOptions& options) {
  if (options.ca.empty() || options.certificate.empty() || options.key.empty()) {
    return Fail(ErrorCode::kInvalid,
                "for TLS some of the authority's file, the certificate and its key are missing",
                "give all three (TlsOptions; --tls-ca, --tls-certificate, --tls-key), or none of "
                "them");
  }
  return channel::TlsMaterial::Read({options.ca, options.certificate, options.key},
                                    channel::TlsMaterial::Side::kDials);
}

}  // namespace

Result<DialTls> TlsFor(const TlsOptions& options, const Address& address) {
  if (address.is_unix() || !options.given()) return DialTls{};
  auto material = Read(options);
  if (!material) return Fail(std::move(material).error());
  return DialTls{*std::move(material),
                 options.server_name.empty() ? address.host : options.server_name};
}

Status CheckTls(const TlsOptions& options) {
  if (!options.given()) return {};
  const auto material = Read(options);
  return material ? Status() : Fail(material.error());
}

}  // namespace settle::sdk
