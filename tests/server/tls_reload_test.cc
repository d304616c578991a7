// The files of certificates: what is refused, what is warned of, and how they are renewed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/child_process.h"
#include "support/wait_until.h"
#include "tls_peer.h"

namespace settle::testing {
namespace {

using namespace std::chrono_literals;
using channel::LiveTls;
using channel::TlsFiles;
using channel::TlsMaterial;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Refusal(const TlsFiles& files) {
  const auto read = TlsMaterial::Read(files, TlsMaterial::Side::kListens);
  if (read) return "was accepted";
  EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
  return Describe(read.error());
}

class TlsMaterialFiles : public ::testing::Test {
 protected:
  std::string Written(const std::string& text) {
    std::ofstream(directory_ / "written") << text;
    ::chmod((directory_ / "written").c_str(), 0600);
    return directory_ / "written";
  }
  TemporaryDirectory directory_;
  Authority authority_{directory_};
  TlsFiles files_ = authority_.Issue("coordinator");
};

TEST_F(TlsMaterialFiles, ThatAreInOrderAreRead) {
  const auto read = TlsMaterial::Read(files_, TlsMaterial::Side::kListens);
  ASSERT_TRUE(read) << Describe(read.error());
  EXPECT_THAT((*read)->names(), ::testing::ElementsAre("cn:coordinator", "dns:localhost"));
  EXPECT_THAT((*read)->text(), HasSubstr("the certificate cn:coordinator of " + files_.certificate +
                                         ", valid until 20"));
}

TEST_F(TlsMaterialFiles, ThatAreMissingAreNamed) {
  for (std::string TlsFiles::*file : {&TlsFiles::ca, &TlsFiles::certificate, &TlsFiles::key}) {
    TlsFiles files = files_;
    files.*file = directory_ / "nowhere.pem";
    EXPECT_THAT(Refusal(files), HasSubstr("nowhere.pem\" cannot be read: No such file"));
    files.*file = directory_.path();
    EXPECT_THAT(Refusal(files), HasSubstr("is no ordinary file"));
  }
}

TEST_F(TlsMaterialFiles, ThatAreNoPemAreNamed) {
  for (std::string TlsFiles::*file : {&TlsFiles::ca, &TlsFiles::certificate, &TlsFiles::key}) {
    TlsFiles files = files_;
    for (const std::string& text :
         {std::string(), std::string("no PEM at all"),
          std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
          std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}) {
      files.*file = Written(text);
      EXPECT_THAT(Refusal(files), HasSubstr("written\" holds no ")) << text;
    }
  }
}

TEST_F(TlsMaterialFiles, AKeyOfAnotherCertificateIsRefused) {
  files_.key = authority_.Issue("another").key;
  EXPECT_THAT(Refusal(files_), HasSubstr("does not belong to the certificate in"));
}

TEST_F(TlsMaterialFiles, AKeyThatOthersCanReadIsRefused) {
  for (const mode_t mode : {0604, 0644, 0666, 0620}) {
    ::chmod(files_.key.c_str(), mode);
    EXPECT_THAT(Refusal(files_), HasSubstr("can be used by other users of this machine"));
  }
  ::chmod(files_.key.c_str(), 0400);
  EXPECT_EQ(Refusal(files_), "was accepted");
}

TEST_F(TlsMaterialFiles, AKeyWithAPassPhraseIsRefusedAndNobodyIsAsked) {
  RunProcess({.arguments = {"openssl", "pkey", "-in", files_.key, "-aes256", "-passout",
                            "pass:secret", "-out", directory_ / "locked.key"},
              .output_path = directory_ / "openssl.out"});
  files_.key = directory_ / "locked.key";
  EXPECT_THAT(Refusal(files_), HasSubstr("has a pass phrase"));
}

TEST(TlsReload, ARenewedCertificateIsUsedForNewConnectionsAndTheOldOnesGoOn) {
  TlsServed served({}, {.until = 30 * 24h});
  TlsPeer early(served.served.address(), served.authority.Issue("early"));
  ASSERT_EQ(early.Handshake(), "");
  EXPECT_THAT(early.channel().peer_names(), ::testing::Contains("dns:localhost"));

  served.authority.Issue("coordinator", {.alternatives = "DNS:renewed,IP:127.0.0.1"});
  EXPECT_TRUE(WaitUntil([&] {
    TlsPeer later(served.served.address(), served.authority.Issue("later"));
    return later.Handshake().empty() && later.channel().peer_names().back() == "dns:renewed";
  }));
  EXPECT_TRUE(served.informed.AwaitOneWith("new connections use the certificate cn:coordinator"));

  ASSERT_EQ(
      early.Send(Frame(CallHeader("coordinator:outcome") + Field(kString, 1) + Text("g") + kStop)),
      "");
  EXPECT_TRUE(WaitUntil([&] { return served.served.handler->calls == 1; }));
}

TEST(TlsReload, FilesThatCannotBeUsedAreWarnedOfOnceAndTheFormerOnesStayInUse) {
  TlsServed served;
  std::filesystem::copy_file(served.authority.Issue("another").key, served.files.key,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(served.ServesOthers());
    return !served.warned.lines().empty();
  }));
  EXPECT_THAT(served.warned.lines().front(), HasSubstr("the former certificates stay in use"));
  EXPECT_THAT(served.warned.lines().front(), HasSubstr("does not belong to the certificate"));
  // The same files a second later are no news.
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(served.ServesOthers());
  EXPECT_THAT(served.warned.lines(), SizeIs(1));

  served.authority.Issue("coordinator", {.alternatives = "DNS:healed,IP:127.0.0.1"});
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(served.ServesOthers());
    return !served.informed.lines().empty();
  }));
}

TEST(TlsReload, ACertificateThatExpiredWhileItWasInUseIsReplacedWithoutARestart) {
  TlsServed served({}, {.until = -1min});
  const auto dial = [&] {
    return TlsPeer(served.served.address(), served.authority.Issue("shop")).Handshake();
  };
  EXPECT_THAT(dial(), HasSubstr("its certificate cn:coordinator has expired"));
  served.authority.Issue("coordinator");
  EXPECT_TRUE(WaitUntil([&] { return dial().empty(); }));
}

std::vector<std::string> WarningsOf(const CertificateWish& wish) {
  TlsServed served({}, wish);
  served.tls->LookAgain();
  served.tls->LookAgain();  // once a day is enough
  EXPECT_THAT(served.informed.lines(), IsEmpty()) << "nothing was renewed";
  return served.warned.lines();
}

TEST(TlsReload, ACertificateNearItsEndIsWarnedOfOnceADay) {
  EXPECT_THAT(WarningsOf({.until = 15 * 24h}), IsEmpty());
  const auto near = WarningsOf({.until = 13 * 24h});
  ASSERT_THAT(near, SizeIs(1));
  EXPECT_THAT(near.front(), HasSubstr("is near its end"));
  const auto over = WarningsOf({.until = -1min});
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_THAT(over.front(), HasSubstr("HAS EXPIRED: every peer refuses it"));
  const auto early = WarningsOf({.from = 1h});
  ASSERT_THAT(early, SizeIs(1));
  EXPECT_THAT(early.front(), HasSubstr("is not valid before"));
}

}  // namespace
}  // namespace settle::testing
