#include "sdk/postgres/world.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "support/child_process.h"
#include "support/temporary_directory.h"

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

std::shared_ptr<PostgresBranch> World::HoldEnds() {
  Query(
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END'; "
      "CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION wait()");
  auto holder = Resource()->Open(NextKey());
  if (!holder) throw std::runtime_error(Describe(holder.error()));
  auto held = (*holder)->Execute("SELECT pg_advisory_xact_lock(7)");
  if (!held) throw std::runtime_error(Describe(held.error()));
  return *holder;
}

void World::MakeMeetingPlace(const std::string& database, const std::string& when) const {
  cluster.Query(
      database,
      "CREATE TABLE meeting (x int); "
      // Who has seen the other says so, and stays until the other has said so or is gone.
      "CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM set_config('application_name', 'meeting', false); "
      "FOR i IN 1..3000 LOOP PERFORM pg_stat_clear_snapshot(); "
      "IF (SELECT count(*) FROM pg_stat_activity "
      "WHERE application_name IN ('meeting', 'met')) = 2 THEN "
      "PERFORM set_config('application_name', 'met', false); END IF; "
      "IF current_setting('application_name') = 'met' AND NOT EXISTS (SELECT "
      "FROM pg_stat_activity WHERE application_name = 'meeting') THEN RETURN NULL; END IF; "
      "PERFORM pg_sleep(0.01); END LOOP; RAISE 'alone'; END $$; "
      "CREATE CONSTRAINT TRIGGER meet AFTER INSERT ON meeting " +
          when + " FOR EACH ROW EXECUTE FUNCTION meet()");
}

Evidence World::DieAt(const std::string& failpoint, const std::string& mode) const {
  const TemporaryDirectory directory;
  const auto bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  Launch launch{
      .arguments = {bin / "postgres_one_branch", cluster.Dsn("bank"), key.DatabaseName(), mode},
      .output_path = directory / "output",
      .user = std::nullopt};
  launch.environment = {"SETTLE_FAILPOINT=" + failpoint,
                        "SETTLE_FAILPOINT_FIRED=" + directory / "fired"};
  const int status = AwaitProcess(StartProcess(launch));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_TRUE(std::filesystem::exists(directory / "fired"));
  Evidence evidence;
  std::ifstream output(directory / "output");
  output >> evidence.database >> evidence.timeline >> evidence.local_transaction;
  return evidence;
}

}  // namespace settle::testing
