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

// What an action of a saga or a reservation did, in a bank that is a service's own.
struct EffectRow {
  std::int64_t id = 0;  // in the order in which they took effect
  std::string gtid;
  std::int64_t step = 0;
  std::string op;  // "action", "compensate", "try", "confirm", "cancel"
  std::int64_t amount = 0;
};

// A bank: account(id, balance) and transfer(gtid, amount), one row for each transfer that took
// effect, so that a transfer's two halves can be compared by gtid; and effect(id, gtid, step, op,
// amount), where nothing keeps an effect from being there twice. Blocking; throws
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
  std::vector<EffectRow> Effects() const;
  std::int64_t Total() const;

 protected:
  void CreateBank() const;
};

// In a database of its own in a running cluster.
std::unique_ptr<Database> MakePostgresBank(PostgresCluster& cluster, const std::string& name);
// In a new file.
std::unique_ptr<Database> MakeSqliteBank(const std::string& path);
// Any database, as it is.
std::unique_ptr<Database> OpenPostgresDatabase(const std::string& conninfo);
std::unique_ptr<Database> OpenSqliteFile(const std::string& path);
// A bank that was made before, by its Dsn().
std::unique_ptr<Database> OpenBank(const std::string& dsn);

}  // namespace settle::testing
