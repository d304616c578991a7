// A real PostgreSQL server in a directory of its own, reached through a Unix socket there.
//
//   settle::testing::PostgresCluster cluster;
//   cluster.CreateDatabase("bank");
//   cluster.Query("bank", "CREATE TABLE account (id int PRIMARY KEY, balance int)");
//   auto bank = settle::PostgresResource::Make({.name = "bank", .dsn = cluster.Dsn("bank")});
//   cluster.Kill();
//   cluster.Start();
//
// Every cluster has its own system identifier. Made as root it runs as the user "postgres" or
// "nobody". It is gone with the object, and also when the test's process is killed. Every function
// blocks until what it says is so, and throws std::runtime_error with the server's log when it
// cannot be. For one thread at a time, except Dsn and Query.
#pragma once

#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace settle::testing {

class PostgresCluster;

// There are no server programs.
struct PostgresNotInstalled : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The folder of initdb and postgres: `wanted`; if that is empty the one that pg_config names, or
// that of the newest release installed. Throws PostgresNotInstalled.
std::string FindPostgresBinaries(const std::string& wanted);

struct PostgresClusterOptions {
  // Over and above what a test cluster has anyway: max_prepared_transactions=64 and no TCP.
  // E.g. "fsync=off".
  std::vector<std::string> settings;
  // A streaming standby of this running cluster, of the same system identifier.
  const PostgresCluster* standby_of = nullptr;
  // Where the files of a fresh server are kept for the next cluster, which is made several times as
  // fast; clusters of one template have the same system identifier. Empty: initdb every time.
  std::string template_directory{};
  // Where its own directory is made.
  std::string parent_directory = TemporaryDirectory::DefaultParent();
  // As FindPostgresBinaries takes it.
  std::string binaries{};
  // Of the write-ahead log, a power of two. Small ones save room; a measurement wants PostgreSQL's
  // own 16.
  int wal_segment_megabytes = 1;
};

class PostgresCluster {
 public:
  enum class StopMode {
    kFast,       // rolls back and disconnects everybody, checkpoints
    kImmediate,  // as a crash: the next start recovers from the log
  };

  // Started and ready, with the databases that initdb makes ("postgres").
  explicit PostgresCluster(PostgresClusterOptions options = {});
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  // A libpq connection string: the superuser "postgres", no password.
  std::string Dsn(const std::string& database = "postgres") const;
  // The directory of the socket ("host"); the port is 5432.
  const std::string& socket_directory() const { return directory_.path(); }

  void CreateDatabase(const std::string& name);
  // Runs SQL on a connection of its own; the first column of the first row, or empty.
  std::string Query(const std::string& database, const std::string& sql) const;

  void Start();
  void Stop(StopMode mode = StopMode::kFast);
  void Restart(StopMode mode = StopMode::kFast);
  // SIGKILL to the server and every process of it, at once.
  void Kill();
  // A standby becomes a primary of the next timeline.
  void Promote();

  // For settings that differ from now on; they take effect at the next start.
  void SetSettings(std::vector<std::string> settings) { settings_ = std::move(settings); }

  // The server's first process, the parent of the others; -1 while it is stopped.
  pid_t process() const { return server_; }

  std::string log_path() const { return directory_ / "log"; }

 private:
  std::string DataDirectory() const { return directory_ / "data"; }
  void MakeData(const PostgresClusterOptions& options);
  void CopyTree(const std::string& from, const std::string& to);
  void StartWatcher();
  void StopWatcher();
  void Run(const std::string& program, std::vector<std::string> arguments);

  TemporaryDirectory directory_;
  const std::string binaries_;
  std::vector<std::string> settings_;
  std::optional<uid_t> user_;
  gid_t group_ = 0;
  pid_t server_ = -1;
  pid_t watcher_ = -1;
  int watcher_lifeline_ = -1;
};

}  // namespace settle::testing
