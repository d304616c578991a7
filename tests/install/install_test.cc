// Settle as other projects see it: installed, moved, found, built against, run.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "end_to_end/process.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

// A compiler on a busy machine needs more than a healthy daemon does.
constexpr std::chrono::seconds kBuildPatience{150};

std::set<std::string> FilesUnder(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) files.insert(fs::relative(entry.path(), folder));
  }
  return files;
}

class Install : public ::testing::Test {
 protected:
  // Installed under one prefix and moved to another: nothing may depend on where it was.
  Install() {
    const Run installed = Execute({CMAKE, "--install", BUILD, "--prefix", first_});
    if (installed.code != 0) throw std::runtime_error("not installed: " + installed.said);
    fs::rename(first_, prefix_);
  }

  struct Run {
    int code = -1;  // of exit
    std::string said;
  };
  Run Execute(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    const std::string output = directory_ / ("said." + std::to_string(++runs_));
    Process process({.arguments = std::move(words),
                     .output_path = output,
                     .environment = std::move(environment)});
    const std::optional<Ended> ended = process.Wait(kBuildPatience);
    return {ended && ended->code ? *ended->code : -1, ReadFile(output)};
  }

  Run Configure(const std::string& source, const std::string& binary,
                std::vector<std::string> environment = {}) {
    return Execute({CMAKE, "-G", "Ninja", "-S", source, "-B", binary, "-D",
                    "CMAKE_PREFIX_PATH=" + prefix_, "-D", std::string("CMAKE_CXX_COMPILER=") + CXX,
                    "-D", std::string("CMAKE_CXX_COMPILER_LAUNCHER=") + CXX_LAUNCHER, "-D",
                    std::string("CMAKE_CXX_FLAGS=") + CXX_FLAGS},
                   std::move(environment));
  }
  void Build(const std::string& source, const std::string& binary) {
    const Run configured = Configure(source, binary);
    ASSERT_EQ(configured.code, 0) << configured.said;
    const Run built = Execute({CMAKE, "--build", binary, "-j", "2"});
    ASSERT_EQ(built.code, 0) << built.said;
  }
  // A project that only looks for Settle, as `find_package` is told to.
  Run Find(const std::string& arguments, std::vector<std::string> environment = {}) {
    const std::string source = directory_ / ("find." + std::to_string(++runs_));
    fs::create_directory(source);
    std::ofstream(source + "/CMakeLists.txt")
        << "cmake_minimum_required(VERSION 3.25)\nproject(find LANGUAGES CXX)\n"
        << "find_package(settle " << arguments << ")\nmessage(\"found=${settle_FOUND}\")\n"
        << "if(TARGET settle::postgres)\nmessage(\"with postgres\")\nendif()\n";
    return Configure(source, source + "/build", std::move(environment));
  }

  TemporaryDirectory directory_;
  const std::string first_ = directory_ / "first";
  const std::string prefix_ = directory_ / "prefix";
  int runs_ = 0;
};

TEST_F(Install, PutsThePublicHeadersThereAndNoOthers) {
  EXPECT_EQ(FilesUnder(prefix_ + "/include"), FilesUnder(SOURCE "/participant-sdk/include"));
}

TEST_F(Install, PutsProgramsContractAndDocumentsWhereDebianHasThem) {
  for (const char* file :
       {"bin/settled", "bin/settle", "lib/cmake/settle/settle-config.cmake",
        "share/settle/thrift/coordinator.thrift", "share/settle/thrift/participant.thrift",
        "share/settle/thrift/types.thrift", "share/doc/settle/README.md",
        "share/doc/settle/copyright", "share/doc/settle/docs/protocols.md",
        "share/doc/settle/docs/settle.schema.json",
        "share/doc/settle/examples/first_transaction/main.cc"}) {
    EXPECT_TRUE(fs::exists(prefix_ + "/" + file)) << file;
  }
  for (const std::string& library : FilesUnder(prefix_ + "/lib")) {
    for (const char* room : {"protocol", "log", "engine", "recovery", "admin", "rpc", "cli"}) {
      EXPECT_NE(library, "libsettle_" + std::string(room) + ".a") << "is the coordinator's own";
    }
  }
}

TEST_F(Install, NothingInThePackageKnowsWhereItWasBuiltOrInstalled) {
  int read = 0;
  for (const std::string& file : FilesUnder(prefix_ + "/lib/cmake")) {
    const std::string text = ReadFile(prefix_ + "/lib/cmake/" + file);
    EXPECT_THAT(text, AllOf(Not(HasSubstr(BUILD)), Not(HasSubstr(SOURCE)), Not(HasSubstr(first_)),
                            Not(HasSubstr("settle_flags"))))
        << file;
    ++read;
  }
  EXPECT_GE(read, 8);
}

TEST_F(Install, GoesBelowDestdirForThosePackagingIt) {
  const Run staged = Execute({CMAKE, "--install", BUILD, "--prefix", "/opt/settle"},
                             {"DESTDIR=" + (directory_ / "stage")});
  ASSERT_EQ(staged.code, 0) << staged.said;
  EXPECT_EQ(FilesUnder(directory_ / "stage/opt/settle"), FilesUnder(prefix_));
  EXPECT_FALSE(fs::exists("/opt/settle"));
}

// The README's program, from the installed examples, against the installed daemon.
TEST_F(Install, AProgramBuiltElsewhereMovesMoneyThroughTheInstalledDaemon) {
  Build(prefix_ + "/share/doc/settle/examples/first_transaction", directory_ / "build");
  for (const char* bank : {"a.db", "b.db"}) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((directory_ / bank).c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database,
                           "CREATE TABLE account (id INTEGER PRIMARY KEY, "
                           "balance INTEGER CHECK (balance >= 0)) STRICT;"
                           "INSERT INTO account VALUES (1, 15), (7, 15)",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
  }
  Process daemon({.arguments = {prefix_ + "/bin/settled", "--log", directory_ / "settle.db",
                                "--listen", "127.0.0.1:0", "--ready-file", directory_ / "ready"},
                  .output_path = directory_ / "settled.out"});
  ASSERT_TRUE(WaitUntil([&] { return ReadFile(directory_ / "ready").ends_with('\n'); }))
      << ReadFile(directory_ / "settled.out");
  std::string address = ReadFile(directory_ / "ready");
  address.pop_back();
  const std::vector<std::string> transfer{directory_ / "build/first_transaction", address,
                                          directory_ / "a.db", directory_ / "b.db"};
  const Run moved = Execute(transfer);
  EXPECT_EQ(moved.code, 0);
  EXPECT_EQ(moved.said, "committed\n");
  const Run refused = Execute(transfer);  // there is not enough left for a second one
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.said, StartsWith("aborted: "));

  const std::vector<std::string> settle{prefix_ + "/bin/settle", "--address", address};
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), settle.begin(), settle.end());
    return Execute(words);
  };
  EXPECT_EQ(ask({"in-doubt", "--check"}).code, 0);
  // Ends are written to the log without haste.
  EXPECT_TRUE(WaitUntil([&] {
    const std::string status = ask({"status", "--json"}).said;
    return ::testing::Value(status,
                            AllOf(HasSubstr("\"committed\": 1"), HasSubstr("\"aborted\": 1")));
  })) << ask({"list"}).said;
  const auto balances = [&](const char* bank) {
    std::string found;
    sqlite3* database = nullptr;
    sqlite3_open((directory_ / bank).c_str(), &database);
    sqlite3_exec(
        database, "SELECT balance FROM account ORDER BY id",
        [](void* into, int, char** values, char**) {
          *static_cast<std::string*>(into) += std::string(values[0]) + " ";
          return 0;
        },
        &found, nullptr);
    sqlite3_close(database);
    return found;
  };
  EXPECT_EQ(balances("a.db"), "5 15 ");
  EXPECT_EQ(balances("b.db"), "15 25 ");
}

TEST_F(Install, EveryHeaderCompilesByItselfAndEveryLibraryLinks) {
  Build(SOURCE "/tests/install/consumer", directory_ / "build");
  const Run run = Execute({directory_ / "build/consumer"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.said, "postgres: unavailable\nsqlite: invalid\nsdk: unavailable\n");
}

TEST_F(Install, IsFoundByTheVersionsItIsCompatibleWith) {
  EXPECT_THAT(Find("0.1 REQUIRED").said, HasSubstr("found=1"));
  EXPECT_THAT(Find("0.2").said, HasSubstr("found=0"));
  EXPECT_THAT(Find("1.0").said, HasSubstr("found=0"));
}

TEST_F(Install, SaysWhichPackageIsMissing) {
  const Run nothing = Find("0.1 REQUIRED", {"PKG_CONFIG_LIBDIR=/nowhere"});
  EXPECT_NE(nothing.code, 0);
  EXPECT_THAT(nothing.said, HasSubstr("libssl-dev"));

  // A machine with OpenSSL alone, one with libevent as well, and one with Thrift too.
  fs::create_directory(directory_ / "pc");
  for (const char* part : {"/openssl.pc", "/libssl.pc", "/libcrypto.pc"})
    fs::copy(std::string(OPENSSL_PC_FOLDER) + part, (directory_ / "pc") + part);
  const std::vector<std::string> only_those{"PKG_CONFIG_LIBDIR=" + (directory_ / "pc")};
  EXPECT_THAT(Find("0.1 REQUIRED", only_those).said, HasSubstr("libevent-dev"));
  fs::copy(LIBEVENT_PC_FOLDER "/libevent_core.pc", directory_ / "pc/libevent_core.pc");
  EXPECT_THAT(Find("0.1 REQUIRED", only_those).said, HasSubstr("libthrift-dev"));
  fs::copy(THRIFT_PC_FOLDER "/thrift.pc", directory_ / "pc/thrift.pc");
  const Run postgres = Find("0.1 REQUIRED COMPONENTS postgres", only_those);
  EXPECT_NE(postgres.code, 0);
  EXPECT_THAT(postgres.said, AllOf(HasSubstr("libpq-dev"), Not(HasSubstr("libsqlite3-dev"))));
  const Run sdk = Find("0.1 REQUIRED COMPONENTS sdk OPTIONAL_COMPONENTS postgres", only_those);
  EXPECT_EQ(sdk.code, 0) << sdk.said;
  EXPECT_THAT(sdk.said, AllOf(HasSubstr("found=1"), Not(HasSubstr("with postgres"))));
  EXPECT_THAT(Find("0.1 COMPONENTS mysql").said,
              AllOf(HasSubstr("found=0"), HasSubstr("no component \"mysql\"")));
}

}  // namespace
}  // namespace settle::testing
