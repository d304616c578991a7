// Two banks, or three, a daemon and applications: what most end-to-end tests happen in.
//
//   World world({Kind::kPostgres, Kind::kSqlite});
//   world.daemon().Start();
//   Application& shop = world.Start({});
//   ...
//   EXPECT_THAT(world.SettleAndCheck(), IsEmpty());
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "checker/checker.h"
#include "checker/database.h"
#include "end_to_end/application.h"
#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "support/json_output.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {

// The databases behind the resources "a", "b" and, where there is a third, "c".
struct Kinds {
  Kind a = Kind::kPostgres;
  Kind b = Kind::kPostgres;
  std::optional<Kind> c{};
};
std::string ToString(const Kinds& kinds);  // "PostgresSqlite"
std::ostream& operator<<(std::ostream& out, const Kinds& kinds);

inline constexpr Kinds kBothPostgres{Kind::kPostgres, Kind::kPostgres};
inline constexpr Kinds kBothSqlite{Kind::kSqlite, Kind::kSqlite};
inline constexpr Kinds kMixed{Kind::kPostgres, Kind::kSqlite};
inline constexpr Kinds kThreeBanks{Kind::kPostgres, Kind::kPostgres, Kind::kSqlite};

// What an application serves and where it is to come to harm.
struct Role {
  std::string banks = "ab";  // the names of its resources, one letter each
  std::string failpoint{};
  Fault fault = Fault::kDies;
  bool may_be_refused = false;
  std::chrono::milliseconds call_timeout = 15s;
  std::string coordinator{};  // reached by this address instead of the daemon's own
  // Its transactions are three-phase commits, and it is a site of them: listens for its peers here.
  std::string peers{};
  // Its transactions are committed by a last resource: the first PostgreSQL bank, else abort.
  bool last_resource = false;
  std::string tills{};   // the banks whose tills it serves
  std::string passes{};  // Failpoint::passes
};

class World {
 public:
  explicit World(Kinds kinds);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Daemon& daemon() { return daemon_; }
  Database& bank(char name) { return *banks_.at(name); }
  PostgresCluster& cluster() { return *cluster_; }  // where there is a PostgreSQL bank
  std::string operator/(const std::string& name) const { return directory_ / name; }
  // Where a resource's DSN leads from now on; for applications started later.
  void Redirect(char bank, std::string dsn) { dsns_[std::string(1, bank)] = std::move(dsn); }

  // A running application; lives as long as the world unless killed.
  Application& Start(const Role& role = {});

  // Starts the daemon with the banks' names already bound in its log and nothing left to write, so
  // that a failpoint counts the transactions' own passes alone.
  void StartDaemonToDieAt(const std::string& failpoint, Fault fault = Fault::kDies);

  // A shop that has moved an amount from bank a to bank b: commit was not asked for yet. Its gtid.
  std::string Move(Application& shop);
  // The same by two programs: the shop in bank a, the service in bank b, which has left.
  std::string MoveTogether(Application& shop, Application& service);
  // The same by three, of which the shop's amount is shared by the others.
  std::string MoveTogether(Application& shop, Application& service, Application& third);

  CliAnswer Cli(const std::vector<std::string>& words) { return CliAt(daemon_.address(), words); }
  CliAnswer CliAt(const std::string& address, const std::vector<std::string>& words);
  // What all of these printed, each answer once.
  const std::vector<JsonOutput>& json_outputs() const { return json_outputs_; }
  // The outcome that `settle show` tells, "expired" for a pruned one; empty when it does not.
  std::string OutcomeShown(const std::string& gtid);

  // Waits until nothing is in doubt any more, then checks every invariant, the coordinator's word
  // included. One sentence for each violation.
  std::vector<std::string> SettleAndCheck(std::chrono::milliseconds bound = kPatience);
  // What the programs said; printed when a test fails.
  std::string Said() const;

  // How many transfers are in the banks: as many as there are banks when it took effect in all.
  std::size_t HalvesOf(const std::string& gtid) const;
  std::size_t PreparedBranches() const;
  // What all applications wrote down, those that have ended included.
  Notes AllNotes() const;

 private:
  std::vector<BankFacts> Facts() const;

  const TemporaryDirectory directory_;
  std::unique_ptr<PostgresCluster> cluster_;
  std::map<char, std::unique_ptr<Database>> banks_;
  std::map<std::string, std::string> dsns_;
  Daemon daemon_;
  std::vector<std::unique_ptr<Application>> applications_;
  std::vector<JsonOutput> json_outputs_;
};

// The coordinator's word of a transaction that somebody noted must be what the bank holds.
void CheckWord(const BankFacts& bank, const std::string& gtid, const std::string& shown,
               std::vector<std::string>& violations);

}  // namespace settle::testing
