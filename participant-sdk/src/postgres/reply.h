// What the server answered to one statement.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "settle/rows.h"
#include "settle/vocabulary/status.h"

namespace settle::postgres {

class Reply {
 public:
  // A null result: the connection was lost, `loss` says how.
  explicit Reply(PGresult* result, std::string loss = {});

  // The server has carried it out.
  bool ok() const;
  // Nobody knows whether the server has carried it out.
  bool lost() const { return lost_; }
  // An error of the server, which has undone the statement. Neither ok nor lost.
  bool failed() const { return !ok() && !lost_; }

  // The command tag, e.g. "PREPARE TRANSACTION": what the server really did, which is not always
  // what it was asked for (PREPARE TRANSACTION in a failed transaction answers "ROLLBACK").
  std::string tag() const;
  ExecStatusType status() const { return PQresultStatus(result_.get()); }
  std::string sqlstate() const;  // empty without an error of the server
  std::string words() const;     // one line: "ERROR 23505: duplicate key ..."

  bool null(int column) const { return PQgetisnull(result_.get(), 0, column) != 0; }
  std::string value(int column) const { return PQgetvalue(result_.get(), 0, column); }
  std::string value(int row, int column) const { return PQgetvalue(result_.get(), row, column); }
  int row_count() const { return PQntuples(result_.get()); }
  // Rows inserted, updated, deleted or merged; 0 for everything else.
  std::int64_t affected() const;
  settle::Rows Rows() const;
  const PGresult* raw() const { return result_.get(); }

 private:
  std::unique_ptr<PGresult, void (*)(PGresult*)> result_;
  std::string loss_;
  bool lost_ = false;
};

// The same work in a new transaction may succeed.
bool IsPassing(const std::string& sqlstate);

// For the caller of Execute.
ErrorCode CodeFor(const Reply& reply);

// One line of printable text, cut at a sane length.
std::string OneLine(const std::string& text);

}  // namespace settle::postgres
