#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <stdexcept>

namespace settle::testing {
namespace {

constexpr std::chrono::seconds kTenYears = std::chrono::hours(24 * 3650);

void Must(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("a test's certificate: ") + what);
}

void Extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  Must(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(const std::string& name, EVP_PKEY* key, const CertificateWish& wish) {
  static std::atomic<long> serial{1};
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.until.count());
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  return certificate;
}

// In one step, as a renewal should be: a reader never sees half a file.
template <typename Write>
void WriteFile(const std::string& path, mode_t mode, Write write) {
  const std::string draft = path + ".new";
  std::FILE* const file = std::fopen(draft.c_str(), "w");
  Must(file != nullptr && ::fchmod(::fileno(file), mode) == 0 && write(file) == 1, draft.c_str());
  std::fclose(file);
  Must(std::rename(draft.c_str(), path.c_str()) == 0, path.c_str());
}

void WriteCertificate(const std::string& path, X509* certificate) {
  WriteFile(path, 0644, [&](std::FILE* file) { return PEM_write_X509(file, certificate); });
}

}  // namespace

Authority::Authority(const TemporaryDirectory& directory, const std::string& name)
    : folder_(directory / ""), path_(directory / (name + ".pem")), key_(EVP_EC_gen("P-256")) {
  certificate_ = NewCertificate("authority " + name, key_, {.until = kTenYears});
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  Extend(certificate_, certificate_, NID_basic_constraints, "critical,CA:TRUE");
  Must(X509_sign(certificate_, key_, EVP_sha256()) > 0, "sign");
  WriteCertificate(path_, certificate_);
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

channel::TlsFiles Authority::Issue(const std::string& name, const CertificateWish& wish) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = NewCertificate(name, key, wish);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  if (!wish.alternatives.empty()) {
    Extend(certificate, certificate_, NID_subject_alt_name, wish.alternatives);
  }
  if (!wish.usage.empty()) Extend(certificate, certificate_, NID_ext_key_usage, wish.usage);
  Must(X509_sign(certificate, key_, EVP_sha256()) > 0, "sign");
  const channel::TlsFiles files{path_, folder_ + name + ".pem", folder_ + name + ".key"};
  WriteCertificate(files.certificate, certificate);
  WriteFile(files.key, 0600, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

}  // namespace settle::testing
