#include "postgres/reply.h"

#include <cstdlib>
#include <string_view>

namespace settle::postgres {
namespace {

std::string Field(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? "" : text;
}

}  // namespace

Reply::Reply(PGresult* result, std::string loss)
    : result_(result, PQclear), loss_(std::move(loss)), lost_(result == nullptr) {
  // FATAL and PANIC end the backend; a failure without a SQLSTATE is libpq's own: the socket.
  if (result != nullptr && PQresultStatus(result) == PGRES_FATAL_ERROR) {
    const std::string severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    lost_ = severity != "ERROR";
  }
}

bool Reply::ok() const {
  return !lost_ && (status() == PGRES_COMMAND_OK || status() == PGRES_TUPLES_OK);
}

std::string Reply::tag() const {
  return result_ ? PQcmdStatus(result_.get()) : "";
}

std::string Reply::sqlstate() const {
  return result_ ? Field(result_.get(), PG_DIAG_SQLSTATE) : "";
}

std::string Reply::words() const {
  if (!result_) return OneLine(loss_);
  const std::string primary = Field(result_.get(), PG_DIAG_MESSAGE_PRIMARY);
  if (primary.empty()) return OneLine(PQresultErrorMessage(result_.get()));
  const std::string detail = Field(result_.get(), PG_DIAG_MESSAGE_DETAIL);
  return OneLine(Field(result_.get(), PG_DIAG_SEVERITY) + " " + sqlstate() + ": " + primary +
                 (detail.empty() ? "" : " (" + detail + ")"));
}

std::int64_t Reply::affected() const {
  const std::string made = tag();
  const bool wrote = made.starts_with("INSERT") || made.starts_with("UPDATE") ||
                     made.starts_with("DELETE") || made.starts_with("MERGE");
  return wrote ? std::strtoll(PQcmdTuples(result_.get()), nullptr, 10) : 0;
}

settle::Rows Reply::Rows() const {
  settle::Rows out;
  const int columns = PQnfields(result_.get());
  for (int c = 0; c < columns; ++c) out.columns.emplace_back(PQfname(result_.get(), c));
  out.rows.resize(static_cast<std::size_t>(row_count()));
  for (int r = 0; r < row_count(); ++r) {
    auto& row = out.rows[static_cast<std::size_t>(r)];
    for (int c = 0; c < columns; ++c) {
      row.emplace_back();
      if (PQgetisnull(result_.get(), r, c) != 0) continue;
      row.back().emplace(PQgetvalue(result_.get(), r, c),
                         static_cast<std::size_t>(PQgetlength(result_.get(), r, c)));
    }
  }
  out.affected = affected();
  return out;
}

bool IsPassing(const std::string& sqlstate) {
  const std::string_view kind = std::string_view(sqlstate).substr(0, 2);
  return kind == "40" ||  // serialization failure, deadlock
         kind == "53" ||  // out of memory, disk, connections; 53200 is "no prepared slot is free"
         kind == "08" || sqlstate == "55P03" ||     // lock not available
         sqlstate.starts_with("57P") || sqlstate == "57014" ||  // shutdown, cancelled, timed out
         sqlstate == "25P03" || sqlstate == "25P04";            // idle in transaction for too long
}

ErrorCode CodeFor(const Reply& reply) {
  const std::string sqlstate = reply.sqlstate();
  if (reply.lost() || IsPassing(sqlstate)) return ErrorCode::kRetryTransaction;
  if (sqlstate == "42501") return ErrorCode::kDenied;
  const std::string_view kind = std::string_view(sqlstate).substr(0, 2);
  if (kind == "42" || kind == "22" || kind == "0A") return ErrorCode::kInvalid;
  return kind == "XX" || kind == "58" ? ErrorCode::kInternal : ErrorCode::kRefused;
}

std::string OneLine(const std::string& text) {
  constexpr std::size_t kMost = 500;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    const bool space = static_cast<unsigned char>(c) <= ' ' || c == 127;
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace settle::postgres
