#include <libpq-fe.h>

#include <memory>
#include <stdexcept>

#include "checker/database.h"

namespace settle::testing {
namespace {

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

constexpr const char* kLockNotAvailable = "55P03";

class PostgresBank : public Database {
 public:
  explicit PostgresBank(std::string conninfo) : conninfo_(std::move(conninfo)) {}
  void Create() const { CreateBank(); }

  std::string Dsn() const override { return "postgresql:" + conninfo_; }
  Kind kind() const override { return Kind::kPostgres; }

  std::vector<Row> Query(const std::string& sql) const override {
    const Answer answer = Run(sql);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      throw std::runtime_error("\"" + sql + "\": " + PQresultErrorMessage(answer.get()));
    }
    std::vector<Row> rows(static_cast<std::size_t>(PQntuples(answer.get())));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (int column = 0; column < PQnfields(answer.get()); ++column) {
        rows[row].emplace_back(PQgetvalue(answer.get(), static_cast<int>(row), column));
      }
    }
    return rows;
  }

  std::vector<std::string> Prepared() const override {
    std::vector<std::string> names;
    const auto rows =
        Query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY gid");
    for (const Row& row : rows) names.push_back(row.front());
    return names;
  }

  bool Writable() const override {
    const Answer answer = Run("SELECT 1 FROM account FOR UPDATE NOWAIT");
    if (PQresultStatus(answer.get()) == PGRES_TUPLES_OK) return true;
    const char* state = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
    if (state != nullptr && std::string(state) == kLockNotAvailable) return false;
    throw std::runtime_error(PQresultErrorMessage(answer.get()));
  }

  void CommitByHand(const std::string& prepared) const override {
    Query("COMMIT PREPARED '" + prepared + "'");
  }
  void RollBackByHand(const std::string& prepared) const override {
    Query("ROLLBACK PREPARED '" + prepared + "'");
  }

 private:
  // On the connection that is there, or on a new one when the server was restarted meanwhile.
  Answer Run(const std::string& sql) const {
    if (connection_) {
      Answer answer(PQexec(connection_.get(), sql.c_str()), PQclear);
      const bool failed = PQresultStatus(answer.get()) == PGRES_FATAL_ERROR;
      const bool lost = failed && PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE) == nullptr;
      if (!lost && PQstatus(connection_.get()) == CONNECTION_OK) return answer;
    }
    connection_.reset(PQconnectdb(conninfo_.c_str()));
    PQsetNoticeProcessor(
        connection_.get(), [](void*, const char*) {}, nullptr);
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    return {PQexec(connection_.get(), sql.c_str()), PQclear};
  }

  const std::string conninfo_;
  mutable Connection connection_{nullptr, PQfinish};
};

}  // namespace

std::unique_ptr<Database> MakePostgresBank(PostgresCluster& cluster, const std::string& name) {
  cluster.CreateDatabase(name);
  auto bank = std::make_unique<PostgresBank>(cluster.Dsn(name));
  bank->Create();
  return bank;
}

std::unique_ptr<Database> OpenPostgresDatabase(const std::string& conninfo) {
  return std::make_unique<PostgresBank>(conninfo);
}

}  // namespace settle::testing
