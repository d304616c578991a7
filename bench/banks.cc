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
  return {.settings = {fmt::format("max_connections={}", 6 * clients_most + 50),
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

void CheckBalance(const testing::PostgresCluster& cluster, const char* bank, std::int64_t wanted) {
  const std::string sum = cluster.Query(kDatabase, "SELECT sum(balance) FROM account");
  if (sum == std::to_string(wanted)) return;
  throw std::runtime_error(fmt::format(
      "bank {} holds {} and should hold {}: what was acknowledged and what the database says do "
      "not agree",
      bank, sum, wanted));
}

}  // namespace

Transfers::Transfers(int client, int clients)
    : client_(client),
      clients_(clients),
      random_(static_cast<unsigned>(client + 1)),
      turn_(0, kAccounts / clients - 1) {}

std::string Transfers::Account() { return std::to_string(turn_(random_) * clients_ + client_); }

Transfer Transfers::Next() { return {Account(), Account()}; }

Banks::Banks(const std::string& directory, const std::string& binaries, int clients_most)
    : a_(ClusterOptions(directory, binaries, clients_most)),
      b_(ClusterOptions(directory, binaries, clients_most)),
      dsn_a_(a_.Dsn(kDatabase)),
      dsn_b_(b_.Dsn(kDatabase)) {
  Fill(a_);
  Fill(b_);
}

void Banks::Checkpoint() {
  a_.Query("postgres", "CHECKPOINT");
  b_.Query("postgres", "CHECKPOINT");
}

void Banks::AwaitNothingPrepared(const testing::PostgresCluster& cluster, const Stop& stop) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const std::string left = cluster.Query(kDatabase, "SELECT count(*) FROM pg_prepared_xacts");
    if (left == "0") return;
    if (stop) throw Interrupted{};
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(left + " prepared transactions are left over");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Banks::Check(std::uint64_t transfers, const Stop& stop) {
  AwaitNothingPrepared(a_, stop);
  AwaitNothingPrepared(b_, stop);
  transfers_ += transfers;
  const auto moved = static_cast<std::int64_t>(transfers_);
  CheckBalance(a_, "A", kAccounts * kBalance - moved);
  CheckBalance(b_, "B", kAccounts * kBalance + moved);
}

}  // namespace settle::bench
