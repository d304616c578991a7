#include "postgres/ledger.h"

#include <utility>

#include "postgres/tables.h"
#include "quorum/record_columns.h"

namespace settle::postgres {
namespace {

using quorum::kRecordColumns;
using quorum::RecordColumns;

// The server would spend most of its time on planning these, which are the same for every record:
// each connection plans them once. It is one that runs nothing of the application's.
constexpr bool kKept = true;

// $1 is the branch's name in what follows.
const std::string kPrepared =
    "EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts "
    "WHERE gid = $1 AND database = current_database())";

// The record's state as everybody is to see it.
const std::string kState =
    "CASE WHEN state = 'initial' AND " + kPrepared + " THEN 'waiting' ELSE state END";

using Parameters = std::vector<std::optional<std::string>>;

Parameters PartsOf(const Gtid& gtid) {
  return {std::string(gtid.log_id()), std::to_string(gtid.epoch()),
          std::to_string(gtid.sequence())};
}

// $1 to $4.
Parameters Named(const BranchKey& key) {
  Parameters parameters = PartsOf(key.gtid);
  parameters.insert(parameters.begin(), key.DatabaseName());
  return parameters;
}

void Append(Parameters& parameters, const RecordColumns& columns) {
  parameters.insert(parameters.end(), columns.begin(), columns.end());
}

std::string EachColumn(const std::function<std::string(const std::string& column, int i)>& sql,
                       const std::string& between) {
  std::string all;
  for (int i = 0; i < static_cast<int>(kRecordColumns.size()); ++i) {
    all += (i == 0 ? "" : between) + sql(kRecordColumns[static_cast<std::size_t>(i)], i);
  }
  return all;
}

std::string Numbered(int number) { return "$" + std::to_string(number); }

// The gtid's parts are parameters from this number on.
std::string Pruned(int first) {
  return "EXISTS (SELECT FROM settle_barrier_mark WHERE log_id = " + Numbered(first) +
         " AND (epoch, sequence) >= (" + Numbered(first + 1) + ", " + Numbered(first + 2) + "))";
}

Statement FindStatement(const BranchKey& key) {
  // One statement, so that all of it is of one moment.
  return {"SELECT pg_catalog.pg_is_in_recovery(), " + kPrepared + ", " + Pruned(2) +
              ", branch IS NOT NULL, " + kState + ", " +
              EachColumn([](const std::string& column, int) { return column; }, ", ") +
              " FROM (VALUES (1)) AS one LEFT JOIN settle_three_phase ON branch = $1",
          Named(key), kKept};
}

Statement InsertStatement(const BranchKey& key, const RecordColumns& columns) {
  Statement insert{"INSERT INTO settle_three_phase (branch, log_id, epoch, sequence, " +
                       EachColumn([](const std::string& column, int) { return column; }, ", ") +
                       ") VALUES ($1, $2, $3, $4, " +
                       EachColumn([](const std::string&, int i) { return Numbered(5 + i); }, ", ") +
                       ") ON CONFLICT (branch) DO NOTHING",
                   Named(key), kKept};
  Append(insert.parameters, columns);
  return insert;
}

// What is compared is what Find gave.
Statement ReplaceStatement(const BranchKey& key, const RecordColumns& before,
                           const RecordColumns& after) {
  const auto set = [](const std::string& column, int i) {
    return column + " = " + Numbered(2 + i);
  };
  const auto is = [](const std::string& column, int i) {
    const int number = 2 + static_cast<int>(kRecordColumns.size()) + i;
    return (i == 0 ? "(" + kState + ")" : column) + " = " + Numbered(number);
  };
  Statement replace{"UPDATE settle_three_phase SET " + EachColumn(set, ", ") +
                        " WHERE branch = $1 AND " + EachColumn(is, " AND "),
                    {key.DatabaseName()},
                    kKept};
  Append(replace.parameters, after);
  Append(replace.parameters, before);
  return replace;
}

// A row of any form, until peers have moved it on.
Statement ConfirmStatement(const BranchKey& key) {
  return {"UPDATE settle_three_phase SET state = 'waiting' WHERE branch = $1 AND state = 'initial'",
          {key.DatabaseName()},
          kKept};
}

Statement AbandonStatement(const BranchKey& key) {
  return {
      "UPDATE settle_three_phase SET state = 'aborted' "
      "WHERE branch = $1 AND state NOT IN ('committed', 'aborted')",
      {key.DatabaseName()},
      kKept};
}

// With the records of branches that were never prepared: should one be on its way to it still, it
// finds its record gone and votes no. What is neither final nor that stays: somebody has to end it.
Statement RemoveStatement(const EndedThrough& mark) {
  return {
      "DELETE FROM settle_three_phase WHERE log_id = $1 AND (epoch, sequence) <= ($2, $3) "
      "AND (state IN ('committed', 'aborted') OR state = 'initial' AND NOT EXISTS "
      "(SELECT FROM pg_catalog.pg_prepared_xacts "
      "WHERE gid = branch AND database = current_database()))",
      {mark.log_id, std::to_string(mark.epoch), std::to_string(mark.sequence)},
      kKept};
}

Error Failure(const Reply& reply, const Connection& connection) {
  if (reply.lost()) {
    return {ErrorCode::kAskOutcome,
            "whether the site's record was written is not known: " + reply.words(),
            "find the record again"};
  }
  Error error = Explain(reply, connection, kSiteTables);
  // A statement is all that there is to repeat.
  if (error.code == ErrorCode::kRetryTransaction) error.code = ErrorCode::kRetry;
  // Read only, as a standby is, which refuses already to begin.
  if (reply.sqlstate() == "25006" || reply.sqlstate() == "0A000") {
    error.code = ErrorCode::kUnavailable;
  }
  return error;
}

Error Expired(const BranchKey& key) {
  return {ErrorCode::kExpired,
          "transaction " + key.gtid.text() + " ended, and its sites' records were removed",
          {}};
}

Result<std::optional<SiteRecord>> ReadRecord(const Reply& reply, const BranchKey& key) {
  const auto is = [&](int column) { return reply.value(column) == "t"; };
  const bool found = is(3);
  if (!found && is(2)) return Fail(Expired(key));
  if (!found && is(1)) {
    return Fail(ErrorCode::kNotFound,
                "branch " + key.DatabaseName() +
                    " is prepared, and has no record in settle_three_phase: it was no site, or "
                    "somebody removed the row",
                "its peers may know how the transaction ended");
  }
  if (!found) return std::nullopt;
  RecordColumns columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i] = reply.value(i == 0 ? 4 : static_cast<int>(5 + i));
  }
  Result<SiteRecord> record = quorum::FromColumns(columns);
  if (!record) return Fail(std::move(record).error());
  return *std::move(record);
}

// In front of a transaction's own statements. What the session's default isolation is does not
// matter to what follows, which looks at every row as it is.
std::vector<Statement> BeginStatements(SiteLedger::Durability durability) {
  const bool lazy = durability == SiteLedger::Durability::kLazy;
  return {{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"},
          lazy ? Statement{"SET LOCAL synchronous_commit = off"} : ForceCommit()};
}

// Nothing of a transaction counts unless its COMMIT says so.
Status Committed(const Connection& connection, const Reply& last) {
  if (!last.ok()) return Fail(Failure(last, connection));
  if (last.tag() != "COMMIT") {
    return Fail(ErrorCode::kInternal, "COMMIT was answered by " + OneLine(last.tag()));
  }
  if (!connection.replication_cancelled()) return {};
  return Fail(
      ErrorCode::kAskOutcome,
      "the wait for the synchronous standbys was cancelled: a fail-over may lose the site's "
      "record",
      "find the record again");
}

}  // namespace

template <typename Value>
Result<Value> Ledger::OnConnection(const std::function<Result<Value>(Connection&)>& act) {
  Result<Value> result = Fail(ErrorCode::kUnavailable, "");
  for (const Freshness freshness : {Freshness::kAny, Freshness::kNew}) {
    Result<Lease> lease = database_.Take(Purpose::kSettle, freshness);
    if (!lease) return Fail(std::move(lease).error());
    if (Status same = database_.CheckIdentity(**lease); !same) return Fail(std::move(same).error());
    result = act(**lease);
    // Perhaps of a plan that the server cannot use any more, because the tables are others.
    if (!result) (*lease)->touched = (*lease)->plans_in_doubt = true;
    // Repeating a Put that was lost does no harm: it compares.
    if (!(*lease)->broken()) return result;
  }
  return result;
}

Result<std::optional<SiteRecord>> Ledger::Find(const BranchKey& key) {
  using Found = std::optional<SiteRecord>;
  if (Status fit = quorum::CheckStorable(key); !fit) return Fail(std::move(fit).error());
  return OnConnection<Found>([&](Connection& connection) -> Result<Found> {
    const Reply reply = connection.Run(FindStatement(key), database_.ReplyDeadline());
    if (reply.lost()) return Fail(ErrorCode::kUnavailable, reply.words());
    if (!reply.ok()) return Fail(Failure(reply, connection));
    if (reply.value(0) == "t") {
      return Fail(ErrorCode::kUnavailable, "the server is a standby; the primary has to answer");
    }
    return ReadRecord(reply, key);
  });
}

Result<bool> Ledger::Put(const BranchKey& key, const std::optional<SiteRecord>& before,
                         const SiteRecord& after, Durability durability) {
  if (Status fit = quorum::CheckStorable(key); !fit) return Fail(std::move(fit).error());
  const Result<RecordColumns> columns = quorum::ToColumns(after);
  if (!columns) return Fail(columns.error());
  if (!before) {
    return OnConnection<bool>(
        [&](Connection& connection) { return Insert(connection, key, *columns, durability); });
  }
  const Result<RecordColumns> found = quorum::ToColumns(*before);
  if (!found) return Fail(found.error());
  return OnConnection<bool>([&](Connection& connection) {
    return Change(connection, {ReplaceStatement(key, *found, *columns)}, durability);
  });
}

Result<bool> Ledger::Begin(const BranchKey& key, const Roster& sites, const Evidence& evidence) {
  return Put(key, std::nullopt, {{}, sites, evidence}, Durability::kLazy);
}

// The mark is looked at after the insert, by a statement of its own that sees what is committed by
// then. If a record was there before it is still there, or its removal and with it the mark are
// seen; if none was, none can come any more, and what is put here is the truth.
Result<bool> Ledger::Insert(Connection& connection, const BranchKey& key,
                            const RecordColumns& columns, Durability durability) {
  std::vector<Statement> statements = BeginStatements(durability);
  statements.push_back(InsertStatement(key, columns));
  statements.push_back({"SELECT " + Pruned(1), PartsOf(key.gtid), kKept});
  connection.Send(statements);
  const std::vector<Reply> replies = connection.Await(database_.ReplyDeadline());
  if (!replies.back().ok()) return Fail(Failure(replies.back(), connection));
  const bool inserted = replies[replies.size() - 2].affected() == 1;
  const bool pruned = replies.back().value(0) == "t";
  if (inserted && pruned) return Fail(Expired(key));  // the connection's next user rolls back
  if (!inserted) return false;
  const Reply last = connection.Run({"COMMIT"}, database_.ReplyDeadline());
  if (Status committed = Committed(connection, last); !committed) {
    return Fail(std::move(committed).error());
  }
  return true;
}

Result<bool> Ledger::Change(Connection& connection, const std::vector<Statement>& changes,
                            Durability durability) {
  std::vector<Statement> statements = BeginStatements(durability);
  statements.insert(statements.end(), changes.begin(), changes.end());
  statements.push_back({"COMMIT"});
  connection.Send(statements);
  const std::vector<Reply> replies = connection.Await(database_.ReplyDeadline());
  if (Status committed = Committed(connection, replies.back()); !committed) {
    return Fail(std::move(committed).error());
  }
  return replies[replies.size() - 2].affected() > 0;
}

Result<SiteState> Ledger::Confirm(const BranchKey& key) {
  const Result<bool> waiting = OnConnection<bool>([&](Connection& connection) {
    return Change(connection, {ConfirmStatement(key)}, Durability::kLazy);
  });
  if (!waiting) return Fail(waiting.error());
  if (*waiting) return SiteState::kWaiting;
  const Result<std::optional<SiteRecord>> found = Find(key);
  if (!found) return Fail(found.error());
  // Find refuses a prepared branch without a record.
  return (*found)->at.state;
}

void Ledger::Abandon(const BranchKey& key) {
  static_cast<void>(OnConnection<bool>([&](Connection& connection) {
    return Change(connection, {AbandonStatement(key)}, Durability::kLazy);
  }));
}

Status Ledger::Prune(const EndedThrough& mark) {
  if (!IsLogId(mark.log_id)) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(mark.log_id) + "\" is not the id of a log");
  }
  const Result<bool> pruned = OnConnection<bool>([&](Connection& connection) {
    return Change(connection, {RaiseMark(mark), RemoveStatement(mark)}, Durability::kForce);
  });
  if (!pruned) return Fail(pruned.error());
  return {};
}

}  // namespace settle::postgres
