#include "settled/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "settled/option_values.h"
#include "support/temporary_directory.h"

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Invocation> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "settled");
  return ParseInvocation(static_cast<int>(words.size()), words.data());
}

Options Parsed(std::vector<const char*> words) {
  words.insert(words.begin(), {"--log", "l.db"});
  const Result<Invocation> invocation = Parse(std::move(words));
  if (!invocation) throw std::runtime_error(Describe(invocation.error()));
  return invocation->options.value();
}

std::string Refusal(std::vector<const char*> words) {
  words.insert(words.begin(), {"--log", "l.db"});
  const Result<Invocation> invocation = Parse(std::move(words));
  if (invocation) return "was accepted";
  EXPECT_EQ(invocation.error().code, ErrorCode::kInvalid);
  return Describe(invocation.error());
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { std::ofstream(path_) << text; }
  const char* path() const { return path_.c_str(); }

 private:
  settle::testing::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "settled.conf";
};

TEST(Options, OnlyTheLogIsRequiredAndTheRestIsSafe) {
  const Options options = Parsed({});
  EXPECT_EQ(options.log_path, "l.db");
  EXPECT_THAT(options.listen, ElementsAre(server::ListenAddress{"127.0.0.1", 7420}));
  EXPECT_FALSE(options.tls);
  EXPECT_FALSE(options.insecure);
  EXPECT_EQ(options.keep_ended, 1'000'000u);
  EXPECT_EQ(options.engine.vote_timeout, Settings().vote_timeout);
  EXPECT_EQ(options.server.frame.frame_bytes_max, 16u * 1024 * 1024);
}

TEST(Options, SeveralAddressesMayBeListenedOn) {
  const Options options =
      Parsed({"--listen", "10.0.0.7:7420", "--listen=unix:/run/settle/settled.sock"});
  EXPECT_THAT(options.listen,
              ElementsAre(server::ListenAddress{"10.0.0.7", 7420},
                          server::ListenAddress{.path = "/run/settle/settled.sock"}));
  EXPECT_THAT(Refusal({"--listen", "127.0.0.1:1", "--listen", "unix:here"}),
              AllOf(HasSubstr("--listen"), HasSubstr("unix:/PATH")));
  EXPECT_THAT(Refusal({"--http-listen", "unix:/run/settle/http.sock"}), HasSubstr("HOST:PORT"));
}

TEST(Options, TheFileMayHaveSeveralAddressesAndThoseOfTheCommandLineReplaceThem) {
  const ConfigFile file("listen = 10.0.0.7:1\nlisten = 10.0.0.8:2\n");
  EXPECT_THAT(
      Parsed({"--config", file.path()}).listen,
      ElementsAre(server::ListenAddress{"10.0.0.7", 1}, server::ListenAddress{"10.0.0.8", 2}));
  EXPECT_THAT(Parsed({"--config", file.path(), "--listen", "127.0.0.1:3"}).listen,
              ElementsAre(server::ListenAddress{"127.0.0.1", 3}));
}

TEST(Options, TheFilesOfTlsAreGivenTogetherOrNotAtAll) {
  const Options options = Parsed({"--tls-certificate", "c.pem", "--tls-key", "c.key", "--tls-ca",
                                  "ca.pem", "--access", "rules.json"});
  EXPECT_EQ(options.tls, (channel::TlsFiles{"ca.pem", "c.pem", "c.key"}));
  EXPECT_THAT(Refusal({"--tls-certificate", "c.pem", "--tls-key", "c.key"}),
              HasSubstr("some are missing"));
  EXPECT_THAT(Refusal({"--tls-ca", "ca.pem"}), HasSubstr("some are missing"));
}

TEST(Options, AMissingLogIsNamed) {
  const Result<Invocation> invocation = Parse({});
  ASSERT_FALSE(invocation);
  EXPECT_THAT(Describe(invocation.error()), HasSubstr("--log is missing"));
}

TEST(Options, EveryValueArrivesWhereItBelongs) {
  const Options options = Parsed({"--listen",
                                  "[::1]:0",
                                  "--ready-file=/tmp/r",
                                  "--shards",
                                  "3",
                                  "--max-open-transactions",
                                  "7",
                                  "--max-undecided-per-owner",
                                  "6",
                                  "--max-sagas-per-owner",
                                  "5",
                                  "--max-branches",
                                  "8",
                                  "--max-sessions",
                                  "9",
                                  "--max-connections",
                                  "10",
                                  "--keep-ended",
                                  "11",
                                  "--losses-settled",
                                  "1700000000",
                                  "--max-frame-bytes",
                                  "65536",
                                  "--transaction-timeout",
                                  "1m",
                                  "--max-transaction-timeout",
                                  "2h",
                                  "--vote-timeout",
                                  "1500ms",
                                  "--session-timeout",
                                  "3s",
                                  "--retry-first",
                                  "50ms",
                                  "--retry-max",
                                  "2s",
                                  "--commit-wait",
                                  "4s",
                                  "--drain-timeout",
                                  "0s",
                                  "--idle-timeout",
                                  "1h",
                                  "--io-timeout",
                                  "5s",
                                  "--log-level",
                                  "debug",
                                  "--log-format",
                                  "json",
                                  "--insecure"});
  EXPECT_THAT(options.listen, ElementsAre(server::ListenAddress{"::1", 0}));
  EXPECT_EQ(options.ready_file, "/tmp/r");
  EXPECT_TRUE(options.insecure);
  EXPECT_EQ(options.engine.shards, 3u);
  EXPECT_EQ(options.engine.open_transactions_max, 7u);
  EXPECT_EQ(options.engine.undecided_per_owner_max, 6u);
  EXPECT_EQ(options.engine.sagas_per_owner_max, 5u);
  EXPECT_EQ(options.keep_ended, 11u);
  EXPECT_EQ(options.engine.losses_settled, 1'700'000'000u);
  EXPECT_EQ(options.engine.branches_max, 8u);
  EXPECT_EQ(options.engine.sessions_max, 9u);
  EXPECT_EQ(options.server.connections_max, 10u);
  EXPECT_EQ(options.server.frame.frame_bytes_max, 65536u);
  EXPECT_EQ(options.engine.transaction_timeout, 1min);
  EXPECT_EQ(options.engine.transaction_timeout_max, 2h);
  EXPECT_EQ(options.engine.vote_timeout, 1500ms);
  EXPECT_EQ(options.engine.session_timeout, 3s);
  EXPECT_EQ(options.engine.retry_first, 50ms);
  EXPECT_EQ(options.engine.retry_max, 2s);
  EXPECT_EQ(options.engine.commit_wait, 4s);
  EXPECT_EQ(options.drain_timeout, 0s);
  EXPECT_EQ(options.server.frame.idle_timeout, 1h);
  EXPECT_EQ(options.server.frame.io_timeout, 5s);
  EXPECT_EQ(options.log.level, Observer::Level::kDebug);
  EXPECT_EQ(options.log.format, LogFormat::kJson);
}

TEST(Options, AWrongValueIsRefusedWithItsOptionAndItsRange) {
  EXPECT_THAT(Refusal({"--vote-timeout", "10x"}),
              AllOf(HasSubstr("--vote-timeout"), HasSubstr("100ms to 1h")));
  EXPECT_THAT(Refusal({"--vote-timeout", "99ms"}), HasSubstr("100ms to 1h"));
  EXPECT_THAT(Refusal({"--vote-timeout", "61m"}), HasSubstr("100ms to 1h"));
  EXPECT_THAT(Refusal({"--shards", "0"}), AllOf(HasSubstr("--shards"), HasSubstr("1 to 64")));
  EXPECT_THAT(Refusal({"--max-branches", "-5"}), HasSubstr("1 to 1000"));
  EXPECT_THAT(Refusal({"--listen", "here"}), AllOf(HasSubstr("--listen"), HasSubstr("HOST:PORT")));
  EXPECT_THAT(Refusal({"--log-level", "loud"}),
              AllOf(HasSubstr("--log-level"), HasSubstr("debug|info|warning|error")));
  EXPECT_THAT(Refusal({"--ready-file", ""}), HasSubstr("ready-file"));
}

TEST(Options, UnknownAbbreviatedRepeatedAndStrayWordsAreRefused) {
  EXPECT_THAT(Refusal({"--vote-tiemout", "10s"}), HasSubstr("vote-tiemout"));
  EXPECT_THAT(Refusal({"--vote", "10s"}), HasSubstr("vote"));
  EXPECT_THAT(Refusal({"--shards", "1", "--shards", "2"}), HasSubstr("shards"));
  EXPECT_NE(Refusal({"stray"}), "was accepted");
  EXPECT_NE(Refusal({"-x"}), "was accepted");
  EXPECT_NE(Refusal({"--shards"}), "was accepted");
}

TEST(Options, A03_HostileWordsAreEscapedInTheRefusal) {
  const std::string refusal = Refusal({"--shards", "\x1b[2J\n"});
  EXPECT_EQ(refusal.find('\x1b'), std::string::npos);
  EXPECT_EQ(refusal.find('\n'), std::string::npos);
  EXPECT_EQ(Refusal({"--\x1b[2J"}).find('\x1b'), std::string::npos);
}

TEST(Options, ValuesThatContradictEachOtherAreRefused) {
  EXPECT_THAT(Refusal({"--retry-first", "1m", "--retry-max", "1s"}), HasSubstr("--retry-first"));
  EXPECT_THAT(Refusal({"--transaction-timeout", "2h", "--max-transaction-timeout", "1h"}),
              HasSubstr("--transaction-timeout"));
}

TEST(Options, TlsWithoutRulesIsRefused) {
  const std::vector<const char*> tls{"--tls-certificate", "c.pem", "--tls-key", "k.pem",
                                     "--tls-ca",          "a.pem"};
  EXPECT_THAT(Refusal(tls), HasSubstr("--tls-certificate without --access: every certificate"));
  std::vector<const char*> with_rules = tls;
  with_rules.insert(with_rules.end(), {"--access", "a.json"});
  EXPECT_EQ(Parsed(with_rules).access_file, "a.json");
  EXPECT_EQ(Parsed({}).access_file, "");
}

TEST(Options, AConfigFileHoldsTheSameOptionsAndTheCommandLineWins) {
  const ConfigFile config(
      "# the shop's coordinator\nlog = /var/lib/shop.db\nvote-timeout = 3s\nshards=4\ninsecure = "
      "yes\n");
  const Result<Invocation> invocation = Parse({"--config", config.path(), "--shards", "2"});
  ASSERT_TRUE(invocation) << Describe(invocation.error());
  const Options& options = *invocation->options;
  EXPECT_EQ(options.log_path, "/var/lib/shop.db");
  EXPECT_EQ(options.engine.vote_timeout, 3s);
  EXPECT_EQ(options.engine.shards, 2u);
  EXPECT_TRUE(options.insecure);
}

TEST(Options, AConfigFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(Refusal({"--config", "/nonexistent/settled.conf"}),
              AllOf(HasSubstr("/nonexistent/settled.conf"), HasSubstr("No such file")));
  EXPECT_THAT(Refusal({"--config", "/"}), HasSubstr("cannot read /: Is a directory"));
}

TEST(Options, WhatIsWrongInAConfigFileIsNamedWithItsLine) {
  const auto refused = [](const std::string& text) {
    const ConfigFile config(text);
    const std::string refusal = Refusal({"--config", config.path()});
    EXPECT_THAT(refusal, HasSubstr(config.path()));
    return refusal;
  };
  EXPECT_THAT(refused("# blue\n\ncolour = blue\n"),
              AllOf(HasSubstr(" line 3: "), HasSubstr("colour"), HasSubstr("name = value")));
  EXPECT_THAT(refused("shards = 2\nvote-timeout = soon\n"),
              AllOf(HasSubstr(" line 2: vote-timeout: "), HasSubstr("100ms to 1h")));
  EXPECT_THAT(refused("shards = 2\n\nshards = 3\n"),
              AllOf(HasSubstr(" line 3: "), HasSubstr("shards is given in line 1 already")));
  EXPECT_THAT(refused("insecure = perhaps\n"), HasSubstr(" line 1: "));
  EXPECT_THAT(refused("shards\n"), AllOf(HasSubstr(" line 1: "), HasSubstr("shards")));
  EXPECT_THAT(refused("\n  [limits]\nshards = 2\n"),
              AllOf(HasSubstr(" line 2: "), HasSubstr("no sections")));
  EXPECT_THAT(refused("--shards = 2\n"), HasSubstr("without dashes"));
  EXPECT_THAT(refused("config = other\n"), HasSubstr("config"));
  EXPECT_THAT(refused("help = yes\n"), HasSubstr("help"));
  EXPECT_THAT(refused("log =\n"), HasSubstr("log: the path is empty"));
}

TEST(Options, AWrongLineOfTheFileIsRefusedAlsoWhereTheCommandLineWins) {
  const ConfigFile config("shards = none\n");
  EXPECT_THAT(Refusal({"--config", config.path(), "--shards", "2"}), HasSubstr(" line 1: shards"));
}

TEST(Options, A03_AHostileConfigFileIsEscapedInTheRefusal) {
  std::string bytes = "vote\x1b[2J = 1\n";
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const std::string& text :
       std::vector<std::string>{bytes, "shards = \x1b[2J\n", std::string(100'000, '=')}) {
    const ConfigFile config(text);
    const std::string refusal = Refusal({"--config", config.path()});
    EXPECT_THAT(refusal, HasSubstr(" line 1: "));
    EXPECT_EQ(refusal.find('\x1b'), std::string::npos);
  }
}

TEST(Options, HelpNamesEveryOptionWithRangeAndEveryExitCode) {
  const Result<Invocation> help = Parse({"--help"});
  ASSERT_TRUE(help);
  EXPECT_FALSE(help->options);
  for (const char* words :
       {"--log PATH", "--listen", "--vote-timeout DURATION", "100ms to 1h; default 10s",
        "--max-frame-bytes", "65536 to 67108864", "--insecure", "--config", "SIGTERM", "  64  ",
        "  65  ", "  66  ", "  69  ", "  70  ", "  71  ", "  73  "}) {
    EXPECT_THAT(help->text, HasSubstr(words));
  }
}

TEST(Options, EveryLineOfHelpFitsATerminalOf110Columns) {
  std::istringstream help(Parse({"--help"})->text);
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 110u) << line;
}

TEST(Options, VersionIsTheRelease) {
  EXPECT_EQ(Parse({"--version"})->text, std::string("settled ") + Release() + "\n");
}

TEST(OptionValues, DurationsAreWholeNumbersWithAUnit) {
  const Range<std::chrono::milliseconds> any{0ms, 24h};
  EXPECT_EQ(*ParseDuration("500ms", any), 500ms);
  EXPECT_EQ(*ParseDuration("10s", any), 10s);
  EXPECT_EQ(*ParseDuration("5m", any), 5min);
  EXPECT_EQ(*ParseDuration("24h", any), 24h);
  for (const char* text : {"", "10", "s", "10 s", "1.5s", "-1s", "+1s", "10S", "1d", "25h",
                           "99999999999999999999s", "9223372036854775807h", "10s "}) {
    EXPECT_FALSE(ParseDuration(text, any)) << text;
  }
}

TEST(OptionValues, DurationsAreShownInTheLargestExactUnit) {
  EXPECT_EQ(ToText(0ms), "0s");
  EXPECT_EQ(ToText(1500ms), "1500ms");
  EXPECT_EQ(ToText(90s), "90s");
  EXPECT_EQ(ToText(120s), "2m");
  EXPECT_EQ(ToText(48h), "48h");
}

}  // namespace
}  // namespace settle::coordinator
