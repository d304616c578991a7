#include "postgres/evidence.h"

#include <charconv>

namespace settle::postgres {

const char* const kEndedByApplication = "the branch's transaction was ended by the application";

namespace {

const char* const kRoleChanged =
    "the branch acts as another role than its connection's; RESET ROLE before commit";

std::uint32_t ParseTimeline(const std::string& hex) {
  std::uint32_t timeline = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), timeline, 16);
  return timeline;
}

}  // namespace

// Kept short: the server parses it for each branch, and each function costs it about a microsecond.
Statement EvidenceStatement(const Connection& connection, TakeXid take) {
  // Fails (22012) unless it is so. Not by operators, which the application's search_path can hide.
  const std::string same_role = "pg_catalog.int4div(1, pg_catalog.nameeq(current_user, " +
                                connection.Literal(connection.facts().role) + ")::pg_catalog.int4)";
  const std::string timeline = connection.facts().timeline.empty() ? kTimeline : "NULL";
  if (take == TakeXid::kAssign) {
    return {"SELECT pg_catalog.pg_current_xact_id(), " + same_role + ", " + timeline};
  }
  // A transaction with one snapshot may have written to a foreign table that is younger than that.
  return {"SELECT pg_catalog.pg_current_xact_id_if_assigned(), " + same_role + ", " + timeline +
          ", pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) "
          "'read committed' OR EXISTS (SELECT FROM pg_catalog.pg_foreign_table)"};
}

Statement XidStatement() { return {"SELECT pg_catalog.pg_current_xact_id_if_assigned()"}; }

EvidenceReply ReadEvidence(const Connection& connection, const Reply& reply) {
  EvidenceReply out;
  const std::string& known = connection.facts().timeline;
  out.evidence.database = connection.facts().identity;
  out.evidence.timeline = ParseTimeline(known.empty() ? reply.value(2) : known);
  if (!reply.null(0)) out.evidence.local_transaction = reply.value(0);
  out.may_have_written_elsewhere =
      reply.null(0) && PQnfields(reply.raw()) > 3 && reply.value(3) == "t";
  return out;
}

// The view gives the lower half of an xid8. What is prepared and the snapshot's end, which may be
// the older of the two, are closer to each other than half of what a half can count.
Statement EvidenceOfPreparedStatement(const std::string& name) {
  return {
      "SELECT (later - later % 4294967296 + low + CASE "
      "WHEN low - later % 4294967296 > 2147483648 THEN -4294967296 "
      "WHEN later % 4294967296 - low > 2147483648 THEN 4294967296 ELSE 0 END)::text, " +
          std::string(kTimeline) +
          " FROM (SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
          "::text::bigint AS later, transaction::text::bigint AS low "
          "FROM pg_catalog.pg_prepared_xacts "
          "WHERE gid = $1 AND database = current_database()) AS one "
          "WHERE NOT pg_catalog.pg_is_in_recovery()",
      {name}};
}

Evidence ReadEvidenceOfPrepared(const Connection& connection, const Reply& reply) {
  return {connection.facts().identity, ParseTimeline(reply.value(1)), reply.value(0)};
}

// A relation that the transaction's snapshot does not show is younger, and may be foreign as well.
Statement ForeignWrites() {
  return {
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l "
      "LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation "
      "WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' "
      "AND l.mode = 'RowExclusiveLock' AND (c.relkind = 'f' OR c.relkind IS NULL))"};
}

Statement VirtualTransaction() {
  return {
      "SELECT virtualxid FROM pg_catalog.pg_locks WHERE locktype = 'virtualxid' "
      "AND pid = pg_catalog.pg_backend_pid() AND mode = 'ExclusiveLock'"};
}

std::string ExplainEvidence(const Reply& reply) {
  return reply.sqlstate() == "22012" ? kRoleChanged : reply.words();
}

namespace {

Verdict Judge(const Evidence& evidence, const Reply& reply) {
  const std::string status = reply.null(0) ? "" : reply.value(0);
  const std::string it = "transaction " + evidence.local_transaction;
  if (status == "committed") return {Proof::kCommitted, it + " committed"};
  if (status == "aborted") return {Proof::kAborted, it + " was rolled back"};
  if (status == "in progress") return {Proof::kInProgress, it + " is still in progress"};
  return {Proof::kNone, it + " is too old: PostgreSQL has forgotten its end"};
}

tl::unexpected<Error> CannotSay(std::string why) {
  return Fail(ErrorCode::kUnavailable, std::move(why));
}

}  // namespace

Result<Verdict> AskForProof(Connection& connection, const Evidence& evidence,
                            Clock::time_point deadline) {
  if (evidence.local_transaction.empty()) {
    return Verdict{Proof::kNone, "no evidence was recorded with the vote"};
  }
  if (evidence.database != connection.facts().identity) {
    return CannotSay("this is another database (" + connection.facts().identity +
                     "), the branch is in " + Escaped(evidence.database));
  }
  const std::string timeline =
      "SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN " + std::string(kTimeline) + " END";
  const Reply server = connection.Run({timeline}, deadline);
  if (!server.ok()) return CannotSay(server.words());
  if (server.null(0)) return CannotSay("the server is a standby; the primary has to answer");
  if (const std::uint32_t now = ParseTimeline(server.value(0)); now != evidence.timeline) {
    return Verdict{Proof::kNone, "a fail-over took place (timeline " +
                                     std::to_string(evidence.timeline) + " then, " +
                                     std::to_string(now) +
                                     " now): the new primary may never have heard of the branch"};
  }
  const Reply status = connection.Run(
      {"SELECT pg_catalog.pg_xact_status($1::xid8)", {evidence.local_transaction}}, deadline);
  if (status.ok()) return Judge(evidence, status);
  // 22023: that number was not given out yet.
  if (status.sqlstate() == "22023") {
    return Verdict{Proof::kNone, "the database was set back to a time before transaction " +
                                     evidence.local_transaction + " (" + status.words() + ")"};
  }
  if (status.sqlstate().starts_with("22")) {
    return Verdict{Proof::kNone, "the evidence cannot be read: " + status.words()};
  }
  return CannotSay(status.words());
}

FinishResult Prove(Connection& connection, const Evidence& evidence, Clock::time_point deadline) {
  Result<Verdict> verdict = AskForProof(connection, evidence, deadline);
  if (!verdict) return {BranchEnd::kRetry, std::move(verdict).error().message};
  switch (verdict->proof) {
    case Proof::kCommitted: return {BranchEnd::kCommitted, std::move(verdict->detail)};
    case Proof::kAborted: return {BranchEnd::kAborted, std::move(verdict->detail)};
    case Proof::kInProgress: return {BranchEnd::kRetry, std::move(verdict->detail)};
    case Proof::kNone: break;
  }
  return {BranchEnd::kHazard, std::move(verdict->detail)};
}

}  // namespace settle::postgres
