#include "bank_file.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/child_process.h"

namespace settle::testing {

BranchKey Key(std::uint64_t sequence, BranchNumber number) {
  return {Gtid::Make("k3m9qxw4c7ab", 1, sequence, 0x9f3c2a51), number};
}

PlainConnection::PlainConnection(const std::string& path, int busy_timeout_ms) {
  if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) {
    throw std::runtime_error("cannot open " + path);
  }
  sqlite3_busy_timeout(db_, busy_timeout_ms);
}

PlainConnection::~PlainConnection() { sqlite3_close(db_); }

std::string PlainConnection::Run(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? "" : sqlite3_errmsg(db_);
}

std::string PlainConnection::Query(const std::string& sql) {
  std::string text;
  const auto add = [](void* out, int columns, char** values, char**) {
    auto& line = *static_cast<std::string*>(out);
    if (!line.empty()) line += ' ';
    for (int i = 0; i < columns; ++i) {
      line += std::string(i > 0 ? "|" : "") + (values[i] == nullptr ? "NULL" : values[i]);
    }
    return 0;
  };
  if (sqlite3_exec(db_, sql.c_str(), add, &text, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sql + ": " + sqlite3_errmsg(db_));
  }
  return text;
}

BankFile::BankFile() : directory_(std::make_unique<TemporaryDirectory>()) {
  path_ = *directory_ / "bank.db";
  MakeAccounts();
}

BankFile::BankFile(std::string path) : path_(std::move(path)) { MakeAccounts(); }

void BankFile::MakeAccounts() const {
  const std::string error = Run(
      "CREATE TABLE account"
      " (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));"
      "INSERT INTO account VALUES (1, 100), (2, 100)");
  if (!error.empty()) throw std::runtime_error(error);
}

std::shared_ptr<SqliteResource> BankFile::Resource(std::chrono::milliseconds busy_timeout,
                                                   const std::string& name) const {
  SqliteOptions options;
  options.name = name;
  options.path = path_;
  options.busy_timeout = busy_timeout;
  return SqliteResource::Make(options);
}

std::shared_ptr<SqliteBranch> OpenAndRun(SqliteResource& resource, const BranchKey& key,
                                         const std::vector<std::string>& statements) {
  auto branch = resource.Open(key);
  if (!branch) throw std::runtime_error(Describe(branch.error()));
  for (const std::string& statement : statements) {
    if (auto rows = (*branch)->Execute(statement); !rows) {
      throw std::runtime_error(statement + ": " + Describe(rows.error()));
    }
  }
  return *branch;
}

namespace {

Launch WorkerIn(const TemporaryDirectory& directory, const std::vector<std::string>& arguments,
                const std::string& failpoint) {
  const char* programs = std::getenv("SETTLE_BIN");
  if (programs == nullptr) {
    throw std::runtime_error("SETTLE_BIN is not set: run by ctest, or set it");
  }
  Launch launch;
  launch.output_path = directory / "output";
  launch.arguments = {"env", "SETTLE_FAILPOINT=" + failpoint,
                      "SETTLE_FAILPOINT_FIRED=" + (directory / "fired"),
                      std::string(programs) + "/settle_sqlite_worker"};
  launch.arguments.insert(launch.arguments.end(), arguments.begin(), arguments.end());
  return launch;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

WorkerEnd RunWorker(const std::vector<std::string>& arguments, const std::string& failpoint) {
  const TemporaryDirectory directory;
  const int status = AwaitProcess(StartProcess(WorkerIn(directory, arguments, failpoint)));
  WorkerEnd end;
  end.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  end.failpoint_fired = std::filesystem::exists(directory / "fired");
  end.output = Contents(directory / "output");
  return end;
}

RunningWorker::RunningWorker(const std::vector<std::string>& arguments)
    : process_(StartProcess(WorkerIn(directory_, arguments, {}))) {}

RunningWorker::~RunningWorker() {
  Kill();
  AwaitProcess(process_);
}

void RunningWorker::AwaitOutput(const std::string& beginning) const {
  while (!Contents(directory_ / "output").starts_with(beginning)) {
    if (HasEnded(process_)) throw std::runtime_error("ended: " + Contents(directory_ / "output"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void RunningWorker::Kill() const {
  ::kill(process_, SIGKILL);
  while (!HasEnded(process_)) std::this_thread::yield();
}

}  // namespace settle::testing
