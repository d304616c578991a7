#include "channel/tls_words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include <array>

#include "settle/vocabulary/gtid.h"

namespace settle::channel {
namespace {

std::string DisbeliefWords(const Disbelief& disbelief, const TlsMaterial& own,
                           const std::string& dialled) {
  const std::string its =
      "its certificate " + (disbelief.whose.empty() ? "without a name" : Escaped(disbelief.whose));
  switch (disbelief.error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return its + " has expired (it was valid until " + MomentText(disbelief.validity.until) +
             "): it must be renewed there";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return its + " is not valid before " + MomentText(disbelief.validity.from) +
             ": is a clock wrong, here or there?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return its + " is not for \"" + Escaped(dialled) +
             "\", which was dialled: give the name that it has as the server name, if that is who "
             "should answer there";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return its +
             " was not signed by an authority that is trusted here: is the CA file the right "
             "one?";
    case X509_V_ERR_INVALID_PURPOSE:
      return its + " was not made for this: it needs the extended key usage " +
             (own.side() == TlsMaterial::Side::kListens ? "clientAuth" : "serverAuth") +
             ", or none";
    default: return its + " cannot be believed: " + X509_verify_cert_error_string(disbelief.error);
  }
}

// What the peer said of us; empty: nothing that is known.
const char* AlertWords(int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "it demands a certificate, and none was shown";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "it refuses our certificate, because it has expired: renew it";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return "it refuses our certificate, because it does not trust who signed it: was it made by "
             "another authority than the one it knows?";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      return "it refuses our certificate: not yet valid, damaged, or not named as it should be";
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return "it refuses our certificate, because it was not made for this (extended key usage)";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED: return "it refuses our certificate";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return "it speaks no version of TLS that is spoken here (1.2 or 1.3)";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return "it found nothing in common with us, or no certificate of ours";
    default: return "";
  }
}

}  // namespace

std::string TlsWords(unsigned long error, const Disbelief& disbelief, const TlsMaterial& own,
                     const std::string& dialled) {
  if (disbelief.error != 0) return DisbeliefWords(disbelief, own, dialled);
  const int reason = ERR_GET_REASON(error);
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it showed no certificate, and one is required here";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return "it speaks plain text, and TLS is spoken here";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "it speaks no version of TLS that is spoken here (1.2 or 1.3)";
    case SSL_R_NO_SHARED_CIPHER: return "it knows no cipher that is spoken here";
    default: break;
  }
  if (const std::string alert = AlertWords(reason); !alert.empty()) {
    return alert + " (" + own.text() + ")";
  }
  std::array<char, 256> text{};
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

}  // namespace settle::channel
