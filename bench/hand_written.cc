#include "bench/hand_written.h"

#include <stdexcept>
#include <utility>

namespace settle::bench {

HandWritten::Session::Session(const std::string& dsn)
    : connection_(PQconnectdb(dsn.c_str()), PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
}

void HandWritten::Session::Send(const std::string& sql, const std::string* parameter) {
  const char* const values[] = {parameter == nullptr ? nullptr : parameter->c_str()};
  const int sent = parameter == nullptr
                       ? PQsendQuery(connection_.get(), sql.c_str())
                       : PQsendQueryParams(connection_.get(), sql.c_str(), 1, nullptr, values,
                                           nullptr, nullptr, 0);
  if (sent == 0) throw std::runtime_error(PQerrorMessage(connection_.get()));
}

void HandWritten::Session::Await(const char* tag) {
  using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;
  const Result result(PQgetResult(connection_.get()), PQclear);
  const bool done = PQresultStatus(result.get()) == PGRES_COMMAND_OK;
  if (!done || std::string(PQcmdStatus(result.get())) != tag) {
    const char* const answer =
        done ? PQcmdStatus(result.get()) : PQerrorMessage(connection_.get());
    throw std::runtime_error("hand-written two-phase commit: " + std::string(tag) +
                             " was answered by " + answer);
  }
  while (PGresult* rest = PQgetResult(connection_.get())) PQclear(rest);
}

HandWritten::HandWritten(const Banks& banks, std::string name)
    : a_(banks.dsn_a()), b_(banks.dsn_b()), name_(std::move(name)) {}

std::string HandWritten::NextGid() { return "'" + name_ + "-" + std::to_string(++count_) + "'"; }

void HandWritten::MoveOneAfterAnother(const Transfer& transfer) {
  const std::string gid = NextGid();
  const auto run = [](Session& session, const std::string& sql, const char* tag,
                      const std::string* parameter = nullptr) {
    session.Send(sql, parameter);
    session.Await(tag);
  };
  run(a_, "BEGIN", "BEGIN");
  run(a_, kDebit, "UPDATE 1", &transfer.from);
  run(b_, "BEGIN", "BEGIN");
  run(b_, kCredit, "UPDATE 1", &transfer.to);
  run(a_, "PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  run(b_, "PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  run(a_, "COMMIT PREPARED " + gid, "COMMIT PREPARED");
  run(b_, "COMMIT PREPARED " + gid, "COMMIT PREPARED");
}

void HandWritten::BothAtOnce(const std::string& sql, const char* tag) {
  a_.Send(sql);
  b_.Send(sql);
  a_.Await(tag);
  b_.Await(tag);
}

void HandWritten::MoveBothAtOnce(const Transfer& transfer) {
  const std::string gid = NextGid();
  BothAtOnce("BEGIN", "BEGIN");
  a_.Send(kDebit, &transfer.from);
  b_.Send(kCredit, &transfer.to);
  a_.Await("UPDATE 1");
  b_.Await("UPDATE 1");
  BothAtOnce("PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  BothAtOnce("COMMIT PREPARED " + gid, "COMMIT PREPARED");
}

}  // namespace settle::bench
