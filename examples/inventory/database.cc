#include "database.h"

#include <libpq-fe.h>
#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace inventory {
namespace {

std::string QuerySqlite(const std::string& path, const std::string& sql) {
  sqlite3* opened = nullptr;
  const int made = sqlite3_open(path.c_str(), &opened);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, sqlite3_close);
  if (made != SQLITE_OK) throw std::runtime_error(path + ": " + sqlite3_errstr(made));
  sqlite3_busy_timeout(opened, 10'000);
  std::string first;
  const auto on_row = [](void* out, int, char** values, char**) {
    *static_cast<std::string*>(out) = values[0] == nullptr ? "" : values[0];
    return 0;
  };
  if (sqlite3_exec(opened, sql.c_str(), on_row, &first, nullptr) != SQLITE_OK) {
    throw std::runtime_error(path + ": " + sqlite3_errmsg(opened));
  }
  return first;
}

std::string QueryPostgres(const std::string& dsn, const std::string& sql) {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(dsn.c_str()), PQfinish);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), sql.c_str()),
                                                              PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(PQerrorMessage(connection.get()));
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace

std::string Database::Query(const std::string& sql) const {
  return sqlite.empty() ? QueryPostgres(dsn, sql) : QuerySqlite(sqlite, sql);
}

}  // namespace inventory
