// What a certificate says of its holder.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace settle::channel {

// "cn:shop", then "dns:shop.example", then "uri:spiffe://example/shop": the subject's common names
// and the subject alternative names of these two kinds. A name with control characters in it is
// left out: it would be read as another one than it is.
std::vector<std::string> NamesOf(X509* certificate);

// Seconds since 1970-01-01 UTC.
struct Validity {
  std::int64_t from = 0;
  std::int64_t until = 0;
};
Validity ValidityOf(const X509* certificate);

// "2026-11-25 20:53:21 UTC".
std::string MomentText(std::int64_t seconds);

}  // namespace settle::channel
