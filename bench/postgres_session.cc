#include "bench/postgres_session.h"

#include <stdexcept>

namespace settle::bench {

PostgresSession::PostgresSession(const std::string& dsn)
    : connection_(PQconnectdb(dsn.c_str()), PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
}

void PostgresSession::Send(const std::string& sql, const std::string* parameter) {
  const char* const values[] = {parameter == nullptr ? nullptr : parameter->c_str()};
  const int sent = parameter == nullptr ? PQsendQuery(connection_.get(), sql.c_str())
                                        : PQsendQueryParams(connection_.get(), sql.c_str(), 1,
                                                            nullptr, values, nullptr, nullptr, 0);
  if (sent == 0) throw std::runtime_error(PQerrorMessage(connection_.get()));
}

void PostgresSession::Await(const char* tag) {
  using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;
  const Result result(PQgetResult(connection_.get()), PQclear);
  const bool done = PQresultStatus(result.get()) == PGRES_COMMAND_OK;
  if (!done || std::string(PQcmdStatus(result.get())) != tag) {
    const char* const answer = done ? PQcmdStatus(result.get()) : PQerrorMessage(connection_.get());
    throw std::runtime_error("by hand: " + std::string(tag) + " was answered by " + answer);
  }
  while (PGresult* rest = PQgetResult(connection_.get())) PQclear(rest);
}

}  // namespace settle::bench
