// The tests' own eyes on a bank's database, past every line of Settle: what is really in it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {

enum class Kind { kPostgres, kSqlite };

inline constexpr int kAccounts = 10;
inline constexpr std::int64_t kOpeningBalance = 1'000;  // of each account

using Row = std::vector<std::string>;

// A bank: account(id, balance) and transfer(gtid, amount), one row for each transfer that took
// effect, so that a transfer's two halves can be compared by gtid. Blocking; throws
// std::runtime_error.
class Database {
 public:
  virtual ~Database() = default;

  // As the programs under test are told it: "postgresql:<libpq connection string>",
  // "sqlite:<path>".
  virtual std::string Dsn() const = 0;
  virtual Kind kind() const = 0;

  virtual std::vector<Row> Query(const std::string& sql) const = 0;

  // The names of all prepared branches, ours and others'.
  virtual std::vector<std::string> Prepared() const = 0;

  // Whether somebody else can write every account now; waits for locks for a fraction of a second.
  virtual bool Writable() const = 0;

  // As an operator with a database shell would, behind Settle's back.
  virtual void CommitByHand(const std::string& prepared) const = 0;
  virtual void RollBackByHand(const std::string& prepared) const = 0;

  std::string Value(const std::string& sql) const;        // the first of the first row
  std::map<std::string, std::int64_t> Transfers() const;  // gtid -> amount
  std::int64_t Total() const;

 protected:
  void CreateBank() const;
};

// A server of the test's own, made quickly: all of them have one system identifier.
std::unique_ptr<PostgresCluster> MakeCluster();
// In a database of its own in a running cluster.
std::unique_ptr<Database> MakePostgresBank(PostgresCluster& cluster, const std::string& name);
// In a new file.
std::unique_ptr<Database> MakeSqliteBank(const std::string& path);
// Any SQLite file, as it is.
std::unique_ptr<Database> OpenSqliteFile(const std::string& path);

}  // namespace settle::testing
