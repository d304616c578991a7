#include "bench/banks.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace settle::bench {
namespace {

constexpr int kAccounts = 10'240;  // in each bank
constexpr std::int64_t kBalance = 1'000'000;
constexpr std::chrono::seconds kPatience{30};
constexpr const char* kDatabase = "bank";

testing::PostgresClusterOptions ClusterOptions(const std::string& directory,
                                               const std::string& binaries, int clients_most) {
  // Durability is PostgreSQL's own: fsync, full_page_writes and synchronous_commit are on.
  return {.settings = {fmt::format("max_connections={}", 9 * clients_most + 50),
                       fmt::format("max_prepared_transactions={}", 4 * clients_most + 50),
                       "shared_buffers=128MB",
                       // Checkpoints come between the measurements.
                       "checkpoint_timeout=1h", "max_wal_size=8GB"},
          .parent_directory = directory,
          .binaries = binaries,
          .wal_segment_megabytes = 16};
}

void Fill(testing::PostgresCluster& cluster) {
  cluster.CreateDatabase(kDatabase);
  cluster.Query(kDatabase, "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)");
  cluster.Query(kDatabase, fmt::format("INSERT INTO account SELECT id, {} FROM "
                                       "generate_series(0, {}) AS id",
                                       kBalance, kAccounts - 1));
  cluster.Query(kDatabase, "VACUUM ANALYZE account");
}

// Until the query's answer is this one.
void Await(const testing::PostgresCluster& cluster, const char* query, const char* wanted,
           const char* what_is_left, const Stop& stop) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const std::string found = cluster.Query(kDatabase, query);
    if (found == wanted) return;
    if (stop) throw Interrupted{};
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(found + what_is_left);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void CheckBalance(const testing::PostgresCluster& cluster, int bank, std::int64_t wanted) {
  const std::string sum = cluster.Query(kDatabase, "SELECT sum(balance) FROM account");
  if (sum == std::to_string(wanted)) return;
  throw std::runtime_error(fmt::format(
      "bank {} holds {} and should hold {}: what was acknowledged and what the database says do "
      "not agree",
      BankLetter(bank), sum, wanted));
}

}  // namespace

Transfers::Transfers(int client, int clients)
    : client_(client),
      clients_(clients),
      random_(static_cast<unsigned>(client + 1)),
      turn_(0, kAccounts / clients - 1) {}

std::string Transfers::Account() { return std::to_string(turn_(random_) * clients_ + client_); }

Transfer Transfers::Next() { return {Account(), Account()}; }

Banks::Banks(const std::string& directory, const std::string& binaries, int clients_most, int count)
    : coins_(static_cast<std::size_t>(count), kAccounts * kBalance) {
  for (int bank = 0; bank < count; ++bank) {
    testing::PostgresCluster& cluster =
        clusters_.emplace_back(ClusterOptions(directory, binaries, clients_most));
    Fill(cluster);
    dsns_.push_back(cluster.Dsn(kDatabase));
  }
}

std::vector<pid_t> Banks::servers() const {
  std::vector<pid_t> servers;
  for (const testing::PostgresCluster& cluster : clusters_) servers.push_back(cluster.process());
  return servers;
}

void Banks::Checkpoint() {
  for (testing::PostgresCluster& cluster : clusters_) cluster.Query("postgres", "CHECKPOINT");
}

void Banks::Check(std::uint64_t transfers, const Stop& stop, int branches) {
  const auto moved = static_cast<std::int64_t>(transfers);
  for (int bank = 0; bank < branches; ++bank) {
    coins_.at(static_cast<std::size_t>(bank)) += bank == 0 ? -moved : moved;
  }
  for (int bank = 0; bank < count(); ++bank) {
    const auto index = static_cast<std::size_t>(bank);
    Await(clusters_[index], "SELECT count(*) FROM pg_prepared_xacts", "0",
          " prepared transactions are left over", stop);
    CheckBalance(clusters_[index], bank, coins_[index]);
  }
}

void Banks::LetLazyWritesRest() {
  for (testing::PostgresCluster& cluster : clusters_) {
    cluster.Query("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'");
    cluster.Query("postgres", "SELECT pg_reload_conf()");
  }
}

std::vector<std::uint64_t> Banks::ForcedWrites(const Stop& stop) const {
  std::vector<std::uint64_t> forced;
  for (const testing::PostgresCluster& cluster : clusters_) {
    const std::string known =
        cluster.Query(kDatabase,
                      "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attname = 'wal_sync' "
                      "AND attrelid = to_regclass('pg_catalog.pg_stat_wal')");
    if (known != "1") return {};
    Await(cluster,
          "SELECT count(*) FROM pg_catalog.pg_stat_activity "
          "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
          "0", " sessions are still connected", stop);
    forced.push_back(
        std::stoull(cluster.Query(kDatabase, "SELECT wal_sync FROM pg_catalog.pg_stat_wal")));
  }
  return forced;
}

}  // namespace settle::bench
