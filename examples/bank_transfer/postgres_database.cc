#include <libpq-fe.h>

#include "database.h"

namespace bank_transfer {
namespace {

class PostgresDatabase : public Database {
 public:
  explicit PostgresDatabase(PGconn* connection) : connection_(connection) {}
  ~PostgresDatabase() override { PQfinish(connection_); }
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  settle::Result<Rows> Run(const std::string& sql) override {
    PGresult* result = PQexec(connection_, sql.c_str());
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

settle::Result<std::unique_ptr<Database>> OpenPostgres(const std::string& conninfo) {
  auto* connection = PQconnectdb(conninfo.c_str());
  auto database = std::make_unique<PostgresDatabase>(connection);
  if (PQstatus(connection) != CONNECTION_OK) {
    return settle::Fail(settle::ErrorCode::kUnavailable, PQerrorMessage(connection));
  }
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  return database;
}

}  // namespace bank_transfer
