// The daemon with TLS and a Unix socket, and all who speak to it: the SDK, the command, Python.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"
#include "settled_process.h"
#include "support/certificates.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Program(const char* name) {
  const char* programs = std::getenv("SETTLE_BIN");
  return std::string(programs != nullptr ? programs : ".") + "/" + name;
}

class TlsDaemon : public ::testing::Test {
 protected:
  // A Unix socket and an address of TCP that all machines reach.
  std::vector<std::string> Options(const channel::TlsFiles& files) const {
    return {"--log",
            directory_ / "settle.db",
            "--listen",
            socket_,
            "--listen",
            "0.0.0.0:0",
            "--ready-file",
            directory_ / "ready",
            "--tls-ca",
            files.ca,
            "--tls-certificate",
            files.certificate,
            "--tls-key",
            files.key,
            "--access",
            rules_};
  }
  struct Ran {
    int exit = -1;
    std::string said;
  };
  Ran Run(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    const std::string output = directory_ / ("run-" + std::to_string(++runs_));
    const int status = AwaitProcess(StartProcess({.arguments = std::move(words),
                                                  .output_path = output,
                                                  .environment = std::move(environment)}));
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(output)};
  }
  Ran Settle(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    words.insert(words.begin(), Program("settle"));
    return Run(std::move(words), std::move(environment));
  }
  std::string Refusal(std::vector<std::string> options) {
    Settled settled(directory_, std::move(options));
    EXPECT_EQ(settled.ExitCode(), 64) << settled.Said();
    EXPECT_FALSE(Exists(directory_ / "settle.db"));
    return settled.Said();
  }
  std::string Query(const std::string& file, const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_open((directory_ / file).c_str(), &database);
    std::string found;
    sqlite3_exec(
        database, sql.c_str(),
        [](void* into, int, char** values, char**) {
          *static_cast<std::string*>(into) += values[0];
          return 0;
        },
        &found, nullptr);
    sqlite3_close(database);
    return found;
  }

  const TemporaryDirectory directory_;
  const Authority authority_{directory_};
  const channel::TlsFiles files_ = authority_.Issue("coordinator");
  const channel::TlsFiles shop_ = authority_.Issue("shop");
  // Whoever connects here may do everything; what rules hold back is tested elsewhere.
  std::string Rules() const {
    std::ofstream(directory_ / "rules.json")
        << R"({"rules": [{"who": "cn:shop", "roles": ["application", "participant", "admin"],)"
        << R"( "resources": ["bank"]}, {"who": "uid:)" << ::getuid()
        << R"(", "roles": ["admin"]}]})";
    ::chmod((directory_ / "rules.json").c_str(), 0600);
    return directory_ / "rules.json";
  }

  const std::string rules_ = Rules();
  const std::string socket_ = "unix:" + (directory_ / "settled.sock");
  int runs_ = 0;
};

TEST_F(TlsDaemon, ListensBeyondThisMachineWithoutAnExplicitWordAndSaysWhere) {
  Settled settled(directory_, Options(files_));
  const std::string tcp = "0.0.0.0:" + std::to_string(settled.AwaitPort());
  EXPECT_TRUE(settled.AwaitSaid("ready on " + socket_ + ", " + tcp + " (TLS), log "));
  EXPECT_EQ(ReadFile(directory_ / "ready"), socket_ + "\n" + tcp + "\n");
  EXPECT_THAT(settled.Said(), Not(HasSubstr("without encryption")));
  settled.Signal(SIGTERM);
  EXPECT_EQ(settled.ExitCode(), 0);
  EXPECT_FALSE(Exists(directory_ / "settled.sock"));
}

TEST_F(TlsDaemon, TheSdkCommitsATransactionOverIt) {
  Settled settled(directory_, Options(files_));
  const std::string address = "localhost:" + std::to_string(settled.AwaitPort());
  Query("bank.db", "CREATE TABLE account (id INTEGER NOT NULL PRIMARY KEY, balance)");
  auto bank = SqliteResource::Make({.name = "bank", .path = directory_ / "bank.db"});
  auto coordinator = Coordinator::Connect(
      {.addresses = {address},
       .tls = {.ca = shop_.ca, .certificate = shop_.certificate, .key = shop_.key},
       .application = "shop",
       .resources = {bank}});
  ASSERT_TRUE(coordinator) << Describe(coordinator.error());
  auto transaction = (*coordinator)->Begin();
  ASSERT_TRUE(transaction) << Describe(transaction.error());
  auto branch = transaction->Enlist(*bank);
  ASSERT_TRUE(branch) << Describe(branch.error());
  ASSERT_TRUE((*branch)->Execute("INSERT INTO account VALUES (1, 17)"));
  EXPECT_TRUE(transaction->Commit().committed());
  coordinator->reset();
  EXPECT_EQ(Query("bank.db", "SELECT balance FROM account"), "17");
}

TEST_F(TlsDaemon, TheCommandReachesItByOptionsByVariablesAndByTheSocket) {
  Settled settled(directory_, Options(files_));
  const std::string port = std::to_string(settled.AwaitPort());
  const std::string address = "localhost:" + port;
  const std::vector<std::string> variables{"SETTLE_TLS_CA=" + shop_.ca,
                                           "SETTLE_TLS_CERTIFICATE=" + shop_.certificate,
                                           "SETTLE_TLS_KEY=" + shop_.key};
  Ran ran = Settle({"--address", address, "--tls-ca", shop_.ca, "--tls-certificate",
                    shop_.certificate, "--tls-key", shop_.key, "status"});
  EXPECT_EQ(ran.exit, 0) << ran.said;
  ran = Settle({"status", "--address", address}, variables);
  EXPECT_EQ(ran.exit, 0) << ran.said;
  ran = Settle({"status", "--address", socket_});
  EXPECT_EQ(ran.exit, 0) << ran.said;

  ran = Settle({"status", "--address", address});
  EXPECT_EQ(ran.exit, 4);
  EXPECT_THAT(ran.said, HasSubstr("--tls-ca"));
  EXPECT_TRUE(settled.AwaitSaid("it speaks plain text, and TLS is spoken here"));
  ran = Settle({"status", "--address", "127.0.0.2:" + port}, variables);
  EXPECT_EQ(ran.exit, 4);
  EXPECT_THAT(ran.said, HasSubstr("is not for \"127.0.0.2\", which was dialled"));
  ran = Settle({"status", "--address", "127.0.0.2:" + port, "--tls-server-name", "localhost"},
               variables);
  EXPECT_EQ(ran.exit, 0) << ran.said;
  ran = Settle({"status", "--address", address, "--tls-ca", directory_ / "nowhere.pem"}, variables);
  EXPECT_EQ(ran.exit, 2);
  EXPECT_THAT(ran.said, HasSubstr("nowhere.pem\" cannot be read"));
}

TEST_F(TlsDaemon, ASignalHasItsCertificateReadAgain) {
  Settled settled(directory_, Options(authority_.Issue("coordinator", {.until = -1min})));
  const std::string address = "localhost:" + std::to_string(settled.AwaitPort());
  EXPECT_TRUE(settled.AwaitSaid("HAS EXPIRED"));
  const std::vector<std::string> status{"status",          "--address", address,
                                        "--tls-ca",        shop_.ca,    "--tls-certificate",
                                        shop_.certificate, "--tls-key", shop_.key};
  Ran ran = Settle(status);
  EXPECT_EQ(ran.exit, 4);
  EXPECT_THAT(ran.said, HasSubstr("its certificate cn:coordinator has expired"));
  EXPECT_EQ(Settle({"status", "--address", socket_}).exit, 0) << "the socket needs none";

  authority_.Issue("coordinator");
  settled.Signal(SIGHUP);
  EXPECT_TRUE(settled.AwaitSaid("new connections use the certificate cn:coordinator"));
  ran = Settle(status);
  EXPECT_EQ(ran.exit, 0) << ran.said;
  std::ofstream(files_.certificate) << "half of a";
  settled.Signal(SIGHUP);
  EXPECT_TRUE(settled.AwaitSaid("the former certificates stay in use"));
  EXPECT_EQ(Settle(status).exit, 0);
}

TEST_F(TlsDaemon, RefusesFilesThatItCannotUseBeforeTheLogIsTouched) {
  channel::TlsFiles files = files_;
  files.ca = directory_ / "nowhere.pem";
  EXPECT_THAT(Refusal(Options(files)), HasSubstr("nowhere.pem\" cannot be read"));
  files = files_;
  files.key = shop_.key;
  EXPECT_THAT(Refusal(Options(files)), HasSubstr("does not belong to the certificate in"));
  ::chmod(files_.key.c_str(), 0644);
  EXPECT_THAT(Refusal(Options(files_)), HasSubstr("can be used by other users of this machine"));
}

TEST_F(TlsDaemon, WithoutItEveryAddressIsHeldToThisMachine) {
  EXPECT_THAT(Refusal({"--log", directory_ / "settle.db", "--listen", socket_, "--listen",
                       "127.0.0.1:0", "--listen", "0.0.0.0:0"}),
              AllOf(HasSubstr("--listen 0.0.0.0:0 can be reached"), HasSubstr("--tls-certificate"),
                    HasSubstr("--insecure")));
}

TEST_F(TlsDaemon, PythonsThriftIsServedOverIt) {
  Settled settled(directory_, Options(files_));
  const std::string script = R"(
import ssl, sys
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.transport.TSSLSocket import TSSLSocket
from thrift.transport.TTransport import TFramedTransport
from settle_wire.coordinator import CoordinatorService
from settle_wire.coordinator.ttypes import HelloRequest
port, ca, certificate, key = sys.argv[1:]
frames = TFramedTransport(TSSLSocket("localhost", int(port), cert_reqs=ssl.CERT_REQUIRED,
                                     ca_certs=ca, certfile=certificate, keyfile=key))
frames.open()
client = CoordinatorService.Client(TMultiplexedProtocol(TBinaryProtocol(frames), "coordinator"))
print("log", client.hello(HelloRequest(1, 1, "python")).log_id)
)";
  const Ran ran = Run({PYTHON, "-W", "ignore", "-c", script, std::to_string(settled.AwaitPort()),
                       shop_.ca, shop_.certificate, shop_.key},
                      {"PYTHONPATH=" PYTHON_PATH, "PYTHONDONTWRITEBYTECODE=1"});
  EXPECT_EQ(ran.exit, 0) << ran.said;
  EXPECT_THAT(ran.said, HasSubstr("log "));
}

// The blocks of docs/security.md that begin with this line, one after the other.
std::string Blocks(const std::string& fence) {
  std::ifstream page(std::string(std::getenv("SETTLE_SOURCE")) + "/docs/security.md");
  std::string text;
  std::string block;  // the line that began it; empty: between blocks
  for (std::string line; std::getline(page, line);) {
    const bool is_fence = line.starts_with("```");
    if (block == fence && !is_fence) text += line + "\n";
    if (is_fence) block = block.empty() ? line : "";
  }
  return text;
}

TEST_F(TlsDaemon, TheCertificatesThatTheManualMakesAreThoseThatServe) {
  const std::string made = directory_ / "made";
  std::filesystem::create_directory(made);
  const std::string commands = Blocks("```sh");
  ASSERT_THAT(commands, HasSubstr("openssl req -x509"));
  Ran ran = Run({"sh", "-e", "-c", "cd '" + made + "'\n" + commands});
  ASSERT_EQ(ran.exit, 0) << ran.said;
  Settled settled(directory_, Options({made + "/ca.pem", made + "/coordinator.pem",
                                       made + "/coordinator.key"}));
  const std::string port = std::to_string(settled.AwaitPort());
  const std::string shown =
      "settle --address localhost:7420 --tls-ca ca.pem --tls-certificate shop.pem --tls-key "
      "shop.key status";
  ASSERT_THAT(Blocks("```"), HasSubstr(shown + "\n"));
  std::string command = shown;
  command.replace(command.find("7420"), 4, port);
  ran = Run({"sh", "-e", "-c", "cd '" + made + "'\n" + command},
            {"PATH=" + Program("") + ":" + std::getenv("PATH")});
  EXPECT_EQ(ran.exit, 0) << ran.said;
}

}  // namespace
}  // namespace settle::testing
