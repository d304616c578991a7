#include "channel/certificate.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

namespace settle::channel {
namespace {

void Add(std::vector<std::string>& names, const char* kind, const ASN1_STRING* value) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, value);
  if (size < 0) return;
  const std::string text(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  if (plain && !text.empty()) names.push_back(kind + text);
}

std::int64_t Seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

}  // namespace

std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    Add(names, "cn:", X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  }
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> others(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (const auto& [type, kind] : {std::pair(GEN_DNS, "dns:"), std::pair(GEN_URI, "uri:")}) {
    for (int i = 0; others != nullptr && i < sk_GENERAL_NAME_num(others.get()); ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(others.get(), i);
      if (name->type == type) Add(names, kind, name->d.ia5);
    }
  }
  return names;
}

Validity ValidityOf(const X509* certificate) {
  return {Seconds(X509_get0_notBefore(certificate)), Seconds(X509_get0_notAfter(certificate))};
}

std::string MomentText(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  std::array<char, 64> text{};
  if (::gmtime_r(&time, &parts) == nullptr) return "a time beyond the calendar";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

}  // namespace settle::channel
