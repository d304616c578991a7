#include "postgres/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace settle::postgres {
namespace {

// How long poll() may wait: -1 for ever, 0 when the deadline has passed.
int PollTimeout(Clock::time_point deadline) {
  if (deadline == kForever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

// False when the deadline passed.
bool AwaitSocket(int socket, short events, Clock::time_point deadline) {
  pollfd watched{socket, events, 0};
  for (;;) {
    const int ready = ::poll(&watched, 1, PollTimeout(deadline));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) return true;  // let libpq find out
  }
}

struct ParsedDsn {
  bool valid = false;
  std::vector<std::string> secrets;
};

ParsedDsn Parse(const std::string& dsn) {
  ParsedDsn parsed;
  PQconninfoOption* options = PQconninfoParse(dsn.c_str(), nullptr);
  for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o) {
    const bool secret =
        std::strcmp(o->keyword, "password") == 0 || std::strcmp(o->keyword, "sslpassword") == 0;
    if (secret && o->val != nullptr && *o->val != '\0') parsed.secrets.emplace_back(o->val);
  }
  parsed.valid = options != nullptr;
  PQconninfoFree(options);
  return parsed;
}

std::string Without(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

// PQconnectPoll until connected or the deadline.
bool AwaitConnected(PGconn* pg, Clock::time_point deadline) {
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(pg) != CONNECTION_BAD) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!AwaitSocket(PQsocket(pg), events, deadline)) return false;
    next = PQconnectPoll(pg);
    if (next == PGRES_POLLING_OK) return true;
    if (next == PGRES_POLLING_FAILED) return false;
  }
  return false;
}

}  // namespace

Status CheckSendable(const std::string& sql,
                     const std::vector<std::optional<std::string>>& parameters) {
  const auto holds_nul = [](const std::optional<std::string>& text) {
    return text.has_value() && text->find('\0') != std::string::npos;
  };
  if (!sql.empty() && !holds_nul(sql) && std::ranges::none_of(parameters, holds_nul)) return {};
  return Fail(ErrorCode::kInvalid, "the statement is empty, or it or a parameter holds a NUL byte",
              "send binary data as '\\x...' in hexadecimal");
}

Connection::Connection(PGconn* pg) : pg_(pg, PQfinish), process_(::getpid()) { TakeBackNotices(); }

Connection::~Connection() {
  if (InForkedChild()) {
    PGconn* pg = pg_.release();
    if (PQsocket(pg) >= 0) ::close(PQsocket(pg));
  }
  if (socket_ >= 0) ::close(socket_);
}

Result<std::unique_ptr<Connection>> Connection::Open(const ServerOptions& options) {
  const ParsedDsn dsn = Parse(options.dsn);
  if (!dsn.valid) {
    // libpq's own words quote the text that it could not read, which may be a password.
    return Fail(ErrorCode::kInvalid, "the dsn of " + options.who + " is not a connection string",
                "write it as \"host=... dbname=... user=...\" or postgresql://user@host/database");
  }
  const auto deadline = Clock::now() + options.connect_timeout;
  const char* keywords[] = {"dbname", "fallback_application_name", nullptr};
  const char* values[] = {options.dsn.c_str(), options.application.c_str(), nullptr};
  std::unique_ptr<Connection> connection(
      new Connection(PQconnectStartParams(keywords, values, /*expand_dbname=*/1)));
  PGconn* pg = connection->raw();
  Status made;
  if (pg == nullptr || !AwaitConnected(pg, deadline)) {
    const bool silent = pg != nullptr && PQstatus(pg) != CONNECTION_BAD;
    made = Fail(ErrorCode::kUnavailable,
                silent ? "no connection within the connect_timeout" : PQerrorMessage(pg));
  } else {
    made = connection->SetUp(deadline);
  }
  if (made) return connection;
  Error error = std::move(made).error();
  error.message =
      options.who + " cannot be reached: " + Without(OneLine(error.message), dsn.secrets);
  error.advice = "check that the server runs, and the dsn's host, dbname, user and password";
  return Fail(std::move(error));
}

Status Connection::SetUp(Clock::time_point deadline) {
  socket_ = ::fcntl(PQsocket(raw()), F_DUPFD_CLOEXEC, 0);
  if (socket_ < 0) return Fail(ErrorCode::kUnavailable, "no file descriptor is free");
  if (PQserverVersion(raw()) < 130'000) {
    return Fail(ErrorCode::kUnavailable, "the server is older than PostgreSQL 13");
  }
  const Statement facts{
      "SELECT s.system_identifier::text, d.oid::text, current_user::text, pg_backend_pid()::text, "
      "(extract(epoch FROM a.backend_start) * 1000000)::bigint::text, "
      "current_setting('default_transaction_isolation'), "
      "CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN " +
      std::string(kTimeline) +
      " END "
      "FROM pg_control_system() s, pg_database d, pg_stat_get_activity(pg_backend_pid()) a "
      "WHERE d.datname = current_database()"};
  std::vector<Statement> statements{facts};
  if (watches_client()) statements.push_back({kWatchClient});
  Send(statements, Sync::kEach);
  const std::vector<Reply> replies = Await(deadline);
  if (!replies.back().ok()) return Fail(ErrorCode::kUnavailable, replies.back().words());
  const Reply& row = replies.front();
  if (!row.ok() || row.row_count() != 1) return Fail(ErrorCode::kUnavailable, row.words());
  facts_ = {.identity = "postgresql:" + row.value(0) + ":" + row.value(1),
            .role = row.value(2),
            .backend_pid = row.value(3),
            .backend_start = row.value(4),
            .isolation = row.value(5),
            .timeline = row.value(6)};
  return {};
}

void Connection::OnNotice(void* self, const PGresult* notice) {
  // The server's function that gave up waiting; its message is translated, its name is not.
  const char* function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
  if (function != nullptr && std::strcmp(function, "SyncRepWaitForLSN") == 0) {
    static_cast<Connection*>(self)->replication_cancelled_ = true;
  }
}

void Connection::TakeBackNotices() {
  if (raw() == nullptr) return;
  PQsetNoticeReceiver(raw(), &Connection::OnNotice, this);
  PQsetnonblocking(raw(), 0);
}

bool Connection::Send(const std::vector<Statement>& statements, Sync sync) {
  replication_cancelled_ = false;
  if (broken() || PQenterPipelineMode(raw()) == 0) return false;
  sent_.clear();
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (!SendOne(statements[i])) return false;
    if (sync == Sync::kAtEnd && i + 1 < statements.size()) continue;
    if (PQpipelineSync(raw()) == 0) return false;
    ++pending_;
  }
  return true;
}

bool Connection::SendOne(const Statement& statement) {
  std::vector<const char*> values;
  for (const auto& parameter : statement.parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  if (statement.keep_plan) return SendKept(statement, values);
  sent_.emplace_back();
  return PQsendQueryParams(raw(), statement.sql.c_str(), static_cast<int>(values.size()), nullptr,
                           values.data(), nullptr, nullptr, 0) != 0;
}

bool Connection::SendKept(const Statement& statement, const std::vector<const char*>& values) {
  const auto [plan, is_new] =
      plans_.try_emplace(statement.sql, "settle_" + std::to_string(++plans_made_));
  const char* name = plan->second.c_str();
  if (is_new) {
    sent_.push_back(statement.sql);
    if (PQsendPrepare(raw(), name, statement.sql.c_str(), 0, nullptr) == 0) return false;
  }
  sent_.emplace_back();
  return PQsendQueryPrepared(raw(), name, static_cast<int>(values.size()), values.data(), nullptr,
                             nullptr, 0) != 0;
}

void Connection::ForgetPlans() {
  plans_.clear();
  plans_in_doubt = false;
}

bool Connection::AwaitInput(Clock::time_point deadline) {
  while (PQisBusy(raw()) != 0 && PQsocket(raw()) >= 0) {
    const int unsent = PQflush(raw());
    const short events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0));
    if (!AwaitSocket(PQsocket(raw()), events, deadline)) return false;
    if (PQconsumeInput(raw()) == 0) return true;  // PQgetResult tells what is wrong
  }
  return true;
}

std::optional<Reply> Connection::NextReply(Clock::time_point deadline) {
  if (!AwaitInput(deadline)) {
    Sever();
    return Reply(nullptr, "the server did not answer in time");
  }
  PGresult* result = PQgetResult(raw());
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
    // A pipeline cannot leave this mode.
    PQclear(result);
    Sever();
    return Reply(nullptr, "COPY needs the connection itself");
  }
  if (result != nullptr) return Reply(result);
  if (PQstatus(raw()) == CONNECTION_BAD) return Reply(nullptr, PQerrorMessage(raw()));
  return std::nullopt;  // between two statements
}

std::vector<Reply> Connection::Await(Clock::time_point deadline) {
  return AwaitAll([deadline](std::size_t) { return deadline; });
}

std::vector<Reply> Connection::AwaitWork(std::size_t unbounded, Clock::duration rest) {
  std::optional<Clock::time_point> deadline;
  return AwaitAll([&](std::size_t done) {
    if (done < unbounded) return kForever;
    if (!deadline) deadline = Clock::now() + rest;
    return *deadline;
  });
}

std::vector<Reply> Connection::AwaitAll(
    const std::function<Clock::time_point(std::size_t)>& deadline) {
  std::vector<Reply> replies;
  if (pending_ == 0) {
    replies.emplace_back(nullptr, PQerrorMessage(raw()));
    broken_ = true;
  }
  while (pending_ > 0) {
    std::optional<Reply> reply = NextReply(deadline(replies.size()));
    if (!reply) continue;
    if (reply->status() == PGRES_PIPELINE_SYNC) {
      --pending_;
      continue;
    }
    std::string planned;
    if (!sent_.empty()) {
      planned = std::move(sent_.front());
      sent_.pop_front();
    }
    if (!planned.empty() && !reply->ok()) plans_.erase(planned);
    if (reply->status() == PGRES_PIPELINE_ABORTED) continue;
    if (!planned.empty() && reply->ok()) continue;
    broken_ = reply->lost();
    replies.push_back(*std::move(reply));
    if (broken_) break;
  }
  if (!broken_) PQexitPipelineMode(raw());
  pending_ = 0;
  return replies;
}

Reply Connection::Run(const Statement& statement, Clock::time_point deadline) {
  Send({statement});
  std::vector<Reply> replies = Await(deadline);
  return std::move(replies.back());
}

void Connection::Sever() { ::shutdown(socket_, SHUT_RDWR); }

bool Connection::LooksDead() const {
  pollfd watched{socket_, POLLIN, 0};
  return broken() || ::poll(&watched, 1, 0) != 0;
}

bool Connection::InForkedChild() const { return process_ != ::getpid(); }

std::string Connection::Literal(const std::string& text) const {
  char* escaped = PQescapeLiteral(pg_.get(), text.data(), text.size());
  const std::string literal = escaped == nullptr ? "" : escaped;
  PQfreemem(escaped);
  return literal;
}

}  // namespace settle::postgres
