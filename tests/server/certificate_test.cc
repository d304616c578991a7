#include "channel/certificate.h"

#include <gmock/gmock.h>
#include <malloc.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace settle::channel {
namespace {

using ::testing::ElementsAre;

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

// With these common names and alternative names, as they are, in this order.
Certificate Make(const std::vector<std::string>& common_names,
                 const std::vector<std::pair<int, std::string>>& others) {
  Certificate made(X509_new(), X509_free);
  for (const std::string& name : common_names) {
    X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, V_ASN1_UTF8STRING,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
  }
  GENERAL_NAMES* const names = GENERAL_NAMES_new();
  for (const auto& [type, name] : others) {
    ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
    GENERAL_NAME* const one = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(one, type, text);
    sk_GENERAL_NAME_push(names, one);
  }
  X509_add1_ext_i2d(made.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(names);
  return made;
}

TEST(NamesOfACertificate, AreItsCommonNamesThenItsHostsThenItsUris) {
  const Certificate certificate = Make(
      {"shop"}, {{GEN_URI, "spiffe://example/shop"}, {GEN_EMAIL, "a@example"}, {GEN_DNS, "a"}});
  EXPECT_THAT(NamesOf(certificate.get()),
              ElementsAre("cn:shop", "dns:a", "uri:spiffe://example/shop"));
}

TEST(NamesOfACertificate, LeaveOutWhatCouldBeReadAsAnotherName) {
  const Certificate certificate =
      Make({"shop\nadmin", std::string("shop\0admin", 10), "\x1b[2J", "", "plain"},
           {{GEN_DNS, "bank\r"}, {GEN_DNS, ""}, {GEN_DNS, "bank.example"}});
  EXPECT_THAT(NamesOf(certificate.get()), ElementsAre("cn:plain", "dns:bank.example"));
}

// Each connection is asked for them.
TEST(NamesOfACertificate, CostNoMemoryThatStays) {
  const Certificate certificate = Make({"", "shop"}, {{GEN_DNS, ""}, {GEN_DNS, "bank\n"}});
  NamesOf(certificate.get());
  const std::size_t before = ::mallinfo2().uordblks;
  for (int i = 0; i < 10'000; ++i) NamesOf(certificate.get());
  EXPECT_LT(::mallinfo2().uordblks, before + 100'000);
}

}  // namespace
}  // namespace settle::channel
