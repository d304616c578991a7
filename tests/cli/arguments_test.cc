#include "cli/arguments.h"

#include <gmock/gmock.h>

namespace settle::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Result<CommandLine> Parse(std::vector<std::string> words) { return ParseCommandLine(words, {}); }

std::string WhyNot(std::vector<std::string> words) {
  const Result<CommandLine> line = Parse(std::move(words));
  if (line) return "it was accepted";
  EXPECT_EQ(line.error().code, ErrorCode::kInvalid);
  return line.error().message;
}

TEST(CommandLine, HasDefaults) {
  const auto line = Parse({"status"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->verb, &kStatus);
  EXPECT_EQ(line->address.text(), "127.0.0.1:7420");
  EXPECT_FALSE(line->timeout);
  EXPECT_FALSE(line->json);
}

TEST(CommandLine, CommonOptionsMayStandBeforeAndAfterTheVerb) {
  for (const auto& words : {std::vector<std::string>{"--address", "h:1", "--json", "show", "x"},
                            std::vector<std::string>{"show", "--json", "x", "--address=h:1"}}) {
    const auto line = Parse(words);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->verb, &kShow);
    EXPECT_EQ(line->address.text(), "h:1");
    EXPECT_TRUE(line->json);
    EXPECT_THAT(line->given.operands, ElementsAre("x"));
  }
}

TEST(CommandLine, TheFilesOfTlsMayStandAnywhereAndReplaceTheDefaultOfEach) {
  const Defaults defaults{.tls = {"e/ca.pem", "e/me.pem", "e/me.key", ""}};
  EXPECT_EQ(ParseCommandLine({"status"}, defaults)->tls.key, "e/me.key");
  const auto line = ParseCommandLine(
      {"--tls-ca", "a.pem", "--address", "unix:/run/s.sock", "status", "--tls-server-name=c"},
      defaults);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->verb, &kStatus);
  EXPECT_EQ(line->tls.ca, "a.pem");
  EXPECT_EQ(line->tls.certificate, "e/me.pem");
  EXPECT_EQ(line->tls.server_name, "c");
  EXPECT_EQ(line->address.path, "/run/s.sock");
  EXPECT_EQ(line->reached_by,
            " --address 'unix:/run/s.sock' --tls-ca 'a.pem' --tls-server-name 'c'");
}

TEST(CommandLine, HowItIsReachedAgainIsFitForAShell) {
  const auto line = Parse({"status", "--address", "unix:/run/my socks/$(id).sock", "--tls-ca",
                           "ann's ca.pem", "--tls-certificate", "c", "--tls-key", "k"});
  ASSERT_TRUE(line) << Describe(line.error());
  EXPECT_EQ(line->reached_by,
            " --address 'unix:/run/my socks/$(id).sock' --tls-ca 'ann'\\''s ca.pem' "
            "--tls-certificate 'c' --tls-key 'k'");
}

TEST(CommandLine, AVerbMayHaveTwoWords) {
  EXPECT_EQ(Parse({"participants"})->verb, &kParticipants);
  const auto line = Parse({"participants", "accept", "bank", "id", "--reason", "moved"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->verb, &kAccept);
  EXPECT_THAT(line->given.operands, ElementsAre("bank", "id"));
  EXPECT_EQ(line->given.Option("reason"), "moved");
}

TEST(CommandLine, A03_NothingIsGuessed) {
  EXPECT_THAT(WhyNot({}), HasSubstr("no verb"));
  EXPECT_THAT(WhyNot({"lis"}), HasSubstr("no verb \"lis\""));
  EXPECT_THAT(WhyNot({""}), HasSubstr("no verb \"\""));
  EXPECT_THAT(WhyNot({"status", "--jso"}), HasSubstr("--jso"));
  EXPECT_THAT(WhyNot({"-x"}), HasSubstr("-x"));
  EXPECT_THAT(WhyNot({"status", "extra"}), HasSubstr("one word too many"));
  EXPECT_THAT(WhyNot({"participants", "acept", "a", "b"}), HasSubstr("\"acept\""));
  EXPECT_THAT(WhyNot({"show"}), HasSubstr("GTID is missing"));
  EXPECT_THAT(WhyNot({"resolve", "a", "abort"}), HasSubstr("--reason TEXT is missing"));
  EXPECT_THAT(WhyNot({"status", "--reason", "x"}), HasSubstr("--reason"));
  EXPECT_THAT(WhyNot({"status", "--address", "a:1", "--address", "b:1"}),
              HasSubstr("more than once"));
}

TEST(CommandLine, A03_WhatItQuotesIsPrintable) {
  EXPECT_THAT(WhyNot({"\x1b[2J"}), HasSubstr("\"\\x1b[2J\""));
  EXPECT_THAT(WhyNot({"status", "--\x1b[2J"}), HasSubstr("\\x1b[2J"));
  EXPECT_THAT(WhyNot({"status", "--timeout", "\n"}), HasSubstr("\"\\x0a\""));
}

TEST(CommandLine, AnEmptyOperandIsAnOperand) {
  EXPECT_THAT(Parse({"show", ""})->given.operands, ElementsAre(""));
}

TEST(CommandLine, HelpAndVersionNeedNoVerb) {
  EXPECT_TRUE(Parse({"--version"})->version);
  EXPECT_TRUE(Parse({"-h"})->help);
  EXPECT_TRUE(Parse({"resolve", "--help"})->help);  // nor what the verb needs
}

TEST(Address, IsHostAndPort) {
  EXPECT_EQ(ParseAddress("db.example:65535")->port, 65535);
  EXPECT_EQ(ParseAddress("[::1]:7420")->host, "::1");
  EXPECT_EQ(ParseAddress("[::1]:7420")->text(), "[::1]:7420");
  for (const char* wrong :
       {"", "host", "host:", ":7420", "host:0", "host:65536", "host:-1", "host:7420x", "host: 7420",
        "::1:7420", "[host]:1", "a b:1", "a\x1b:1", "/run/x:1"}) {
    EXPECT_FALSE(ParseAddress(wrong)) << wrong;
  }
}

TEST(Duration, HasAUnitAndABound) {
  EXPECT_EQ(*ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseDuration("5s"), milliseconds(5000));
  EXPECT_EQ(*ParseDuration("60m"), milliseconds(3'600'000));
  for (const char* wrong : {"", "5", "s", "0s", "-1s", "61m", "1.5s", "5 s", "5sec",
                            "99999999999999999999s", "9223372036854775807m"}) {
    EXPECT_FALSE(ParseDuration(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace settle::cli
