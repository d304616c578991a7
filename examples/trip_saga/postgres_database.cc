#include <libpq-fe.h>

#include "database.h"

namespace trip_saga {
namespace {

class PostgresDatabase : public Database {
 public:
  explicit PostgresDatabase(PGconn* connection) : connection_(connection) {}
  ~PostgresDatabase() override { PQfinish(connection_); }
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  settle::Result<Rows> Run(const std::string& sql,
                           const std::vector<std::string>& parameters) override {
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    PGresult* result = values.empty()
                           ? PQexec(connection_, sql.c_str())
                           : PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()),
                                          nullptr, values.data(), nullptr, nullptr, 0);
    const ExecStatusType status = PQresultStatus(result);
    Rows rows;
    for (int row = 0; row < PQntuples(result); ++row) {
      rows.emplace_back();
      for (int column = 0; column < PQnfields(result); ++column) {
        rows.back().emplace_back(PQgetvalue(result, row, column));
      }
    }
    PQclear(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return rows;
    return settle::Fail(settle::ErrorCode::kUnavailable,
                        std::string("PostgreSQL says: ") + PQerrorMessage(connection_));
  }

 private:
  PGconn* const connection_;
};

}  // namespace

settle::Result<std::unique_ptr<Database>> OpenPostgres(const std::string& dsn) {
  PGconn* const connection = PQconnectdb(dsn.c_str());
  auto database = std::make_unique<PostgresDatabase>(connection);
  if (PQstatus(connection) != CONNECTION_OK) {
    return settle::Fail(settle::ErrorCode::kUnavailable, PQerrorMessage(connection));
  }
  const auto quiet = [](void*, const char*) {};
  PQsetNoticeProcessor(connection, quiet, nullptr);
  return database;
}

}  // namespace trip_saga
