#include "server/caller.h"

namespace settle::server {

std::string Caller::text() const {
  switch (proof) {
    case Proof::kNone: return address;
    case Proof::kUnixPeer:
      return "uid " + std::to_string(uid) + " (pid " + std::to_string(pid) + ")";
    case Proof::kCertificate:
      return (names.empty() ? "a certificate without a name" : names.front()) + " from " + address;
  }
  return address;
}

}  // namespace settle::server
