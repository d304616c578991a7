#include "sdk/postgres/world.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace settle::testing {

PostgresClusterOptions FromTemplate(std::vector<std::string> settings) {
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  PostgresClusterOptions options;
  options.settings = std::move(settings);
  options.template_directory = programs / "../fresh-postgres";
  return options;
}

World::World(PostgresClusterOptions options) : cluster(std::move(options)) {
  cluster.CreateDatabase("bank");
  Query("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))");
  Query("INSERT INTO account VALUES (1, 100), (2, 100)");
  bank = Resource();
  key = NextKey();
}

std::shared_ptr<PostgresResource> World::Resource(PostgresOptions options) const {
  if (options.name.empty()) options.name = "bank";
  if (options.dsn.empty()) options.dsn = cluster.Dsn("bank");
  return PostgresResource::Make(std::move(options));
}

BranchKey World::NextKey() { return {Gtid::Make("k3m9qxw4c7ab", 1, ++sequence_, 0x9f3c2a51), 1}; }

std::shared_ptr<PostgresBranch> World::Working(PostgresResource& resource, const BranchKey& its) {
  auto branch = resource.Open(its);
  if (!branch) throw std::runtime_error(Describe(branch.error()));
  auto rows = (*branch)->Execute("UPDATE account SET balance = balance - 10 WHERE id = 1");
  if (!rows) throw std::runtime_error(Describe(rows.error()));
  return *branch;
}

int World::Balance(int account) const {
  return std::stoi(Query("SELECT balance FROM account WHERE id = " + std::to_string(account)));
}

int World::PreparedCount() const {
  return std::stoi(Query("SELECT count(*) FROM pg_prepared_xacts"));
}

bool World::AwaitEvent(const std::string& event) const {
  const std::string sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = '" + event +
                          "' AND backend_type = 'client backend'";
  return WaitUntil([&] { return Query(sql) == "1"; });
}

void World::TerminateOpen() const {
  Query(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE xact_start IS NOT "
      "NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()");
}

int World::OpenCount() const {
  return std::stoi(
      Query("SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"));
}

}  // namespace settle::testing
