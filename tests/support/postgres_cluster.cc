#include "support/postgres_cluster.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "support/child_process.h"
#include "support/wait_until.h"

namespace settle::testing {
namespace {

constexpr auto kServerPatience = 60s;

std::vector<std::string> InstalledBinaries() {
  std::vector<std::string> found;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen("pg_config --bindir 2>/dev/null", "r"),
                                                   ::pclose);
  char line[512] = {};
  if (pipe && std::fgets(line, sizeof line, pipe.get()) != nullptr) {
    found.emplace_back(line, std::string_view(line).find_last_not_of('\n') + 1);
  }
  const auto preferred = static_cast<std::ptrdiff_t>(found.size());
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    found.push_back(version.path() / "bin");
  }
  std::sort(found.begin() + preferred, found.end(), std::greater<>());
  return found;
}

}  // namespace

std::string FindPostgresBinaries(const std::string& wanted) {
  const auto candidates = wanted.empty() ? InstalledBinaries() : std::vector<std::string>{wanted};
  for (const std::string& candidate : candidates) {
    if (::access((candidate + "/initdb").c_str(), X_OK) == 0) return candidate;
  }
  throw PostgresNotInstalled("no PostgreSQL server programs " +
                             (wanted.empty() ? "are installed" : "are in " + wanted) +
                             ": install the package 'postgresql'");
}

PostgresCluster::PostgresCluster(PostgresClusterOptions options)
    : directory_(options.parent_directory),
      binaries_(FindPostgresBinaries(options.binaries)),
      settings_(options.settings) {
  if (::geteuid() == 0) {
    const passwd* account = ::getpwnam("postgres");
    if (account == nullptr) account = ::getpwnam("nobody");
    if (account == nullptr) throw std::runtime_error("PostgreSQL does not run as root");
    user_ = account->pw_uid;
    group_ = account->pw_gid;
    directory_.GiveTo(*user_, group_);
  }
  StartWatcher();
  try {
    MakeData(options);
    Start();
  } catch (...) {
    StopWatcher();
    throw;
  }
}

PostgresCluster::~PostgresCluster() {
  try {
    Stop(StopMode::kImmediate);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "stopping a test's PostgreSQL: %s\n", e.what());
  }
  StopWatcher();
}

void PostgresCluster::MakeData(const PostgresClusterOptions& options) {
  if (options.standby_of != nullptr) {
    Run("pg_basebackup", {"-D", DataDirectory(), "-d", options.standby_of->Dsn(),
                          "--checkpoint=fast", "--no-sync", "--write-recovery-conf"});
    return;
  }
  const std::string& kept = options.template_directory;
  if (!kept.empty() && std::filesystem::exists(kept)) return CopyTree(kept, DataDirectory());
  Run("initdb",
      {"-D", DataDirectory(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale",
       "--no-sync", "--wal-segsize=" + std::to_string(options.wal_segment_megabytes)});
  if (kept.empty()) return;
  // Others may make it at the same time: the first one's rename stays.
  const std::string mine = kept + "." + std::to_string(::getpid());
  CopyTree(DataDirectory(), mine);
  std::error_code others_was_first;
  std::filesystem::rename(mine, kept, others_was_first);
  if (others_was_first) std::filesystem::remove_all(mine);
}

// With its owners and modes, which the server insists on.
void PostgresCluster::CopyTree(const std::string& from, const std::string& to) {
  RunProcess({.arguments = {"cp", "-a", from, to},
              .output_path = directory_ / "cp.out",
              .user = std::nullopt});
}

// A process that outlives the test's when that is killed: ends the server, removes the directory.
void PostgresCluster::StartWatcher() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for PostgreSQL's watcher");
  watcher_lifeline_ = ends[1];
  watcher_ = StartProcess(
      {.arguments = {"/bin/sh", "-c",
                     "trap '' INT TERM HUP; cat >/dev/null; "
                     "server=$(head -n 1 \"$0/data/postmaster.pid\") && kill -QUIT $server && "
                     "while kill -0 $server; do sleep 0.05; done; rm -rf \"$0\"",
                     directory_.path()},
       .output_path = "",
       .user = std::nullopt,
       .input = ends[0]});
  ::close(ends[0]);
}

void PostgresCluster::StopWatcher() {
  if (watcher_ < 0) return;
  ::kill(watcher_, SIGKILL);
  AwaitProcess(watcher_);
  ::close(watcher_lifeline_);
  watcher_ = -1;
}

void PostgresCluster::Run(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), binaries_ + "/" + program);
  const std::string output = directory_ / (program + ".out");
  RunProcess(
      {.arguments = std::move(arguments), .output_path = output, .user = user_, .group = group_});
}

void PostgresCluster::Start() {
  if (server_ > 0) throw std::runtime_error("this PostgreSQL is running already");
  std::vector<std::string> arguments{binaries_ + "/postgres", "-D", DataDirectory(), "-k",
                                     directory_.path()};
  std::vector<std::string> settings{"listen_addresses=", "max_prepared_transactions=64",
                                    "shared_buffers=16MB"};
  settings.insert(settings.end(), settings_.begin(), settings_.end());
  for (std::string& setting : settings) {
    arguments.emplace_back("-c");
    arguments.push_back(std::move(setting));
  }
  server_ = StartProcess({.arguments = std::move(arguments),
                          .output_path = log_path(),
                          .user = user_,
                          .group = group_});
  bool died = false;
  const auto answers = [&] {
    died = HasEnded(server_);
    return died || PQping(Dsn().c_str()) == PQPING_OK;
  };
  const bool ready = WaitUntil(answers, kServerPatience);
  if (ready && !died) return;
  ::kill(server_, SIGKILL);
  AwaitProcess(server_);
  server_ = -1;
  throw std::runtime_error("a test's PostgreSQL did not start:\n" + TailOf(log_path()));
}

void PostgresCluster::Stop(StopMode mode) {
  if (server_ < 0) return;
  ::kill(server_, mode == StopMode::kFast ? SIGINT : SIGQUIT);
  if (!WaitUntil([&] { return HasEnded(server_); }, kServerPatience)) {
    Kill();
    throw std::runtime_error("a test's PostgreSQL did not stop:\n" + TailOf(log_path()));
  }
  AwaitProcess(server_);
  server_ = -1;
}

void PostgresCluster::Restart(StopMode mode) {
  Stop(mode);
  Start();
}

void PostgresCluster::Kill() {
  if (server_ < 0) return;
  ::kill(server_, SIGSTOP);  // so that it starts no further process meanwhile
  const std::vector<pid_t> processes = DescendantsOf(server_);
  for (const pid_t process : processes) ::kill(process, SIGKILL);
  ::kill(server_, SIGKILL);
  AwaitProcess(server_);
  server_ = -1;
  const auto gone = [&] { return std::all_of(processes.begin(), processes.end(), HasEnded); };
  if (!WaitUntil(gone, kServerPatience)) {
    throw std::runtime_error("processes of a killed PostgreSQL would not end");
  }
  // Its process ids are free for others now; the next start must not take one for a running server.
  std::filesystem::remove(DataDirectory() + "/postmaster.pid");
}

void PostgresCluster::Promote() { Run("pg_ctl", {"promote", "-w", "-D", DataDirectory()}); }

std::string PostgresCluster::Dsn(const std::string& database) const {
  return "host=" + directory_.path() + " port=5432 user=postgres dbname=" + database;
}

void PostgresCluster::CreateDatabase(const std::string& name) {
  Query("postgres", "CREATE DATABASE \"" + name + "\"");
}

std::string PostgresCluster::Query(const std::string& database, const std::string& sql) const {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(Dsn(database).c_str()),
                                                              PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()),
                                                              PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error("\"" + sql + "\": " + PQresultErrorMessage(result.get()));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace settle::testing
