#include "cli/json.h"

namespace settle::cli {
namespace {

void PutTime(Json& json, const std::string& name, std::int64_t at_us) {
  json[name] = at_us == 0 ? Json(nullptr) : Json(Rfc3339(at_us));
  json[name + "_us"] = at_us == 0 ? Json(nullptr) : Json(at_us);
}

Json ToJson(const wire::Evidence& evidence) {
  return {{"database", evidence.database},
          {"timeline", evidence.timeline},
          {"local_transaction", evidence.local_transaction}};
}

Json ToJson(const wire::BranchView& branch) {
  return {{"branch", branch.branch},
          {"resource", branch.resource},
          {"identity", branch.identity},
          {"process", branch.process},
          {"state", branch.state},
          {"vote", branch.vote},
          {"evidence", ToJson(branch.evidence)},
          {"attempts", branch.attempts},
          {"last_error", branch.last_error}};
}

Json ToJson(const wire::TimelineEntry& entry) {
  Json json;
  PutTime(json, "at", entry.at_us);
  json["what"] = entry.what;
  return json;
}

Json ToJson(const wire::SessionView& session) {
  Json json{{"session", session.session}, {"process", session.process}};
  PutTime(json, "attached", session.attached_us);
  json["idle_ms"] = session.idle_ms;
  json["peer_address"] = session.peer_address;
  return json;
}

// Results are JSON text, as the steps gave it: a program may want it as it is.
Json ToJson(const wire::StepView& step) {
  Json json{{"step", step.step},
            {"name", step.name},
            {"action", step.action},
            {"kind", step.kind},
            {"after", step.after}};
  PutTime(json, "called", step.called_us);
  PutTime(json, "changed", step.changed_us);
  json["result"] = step.__isset.result ? Json(step.result) : Json(nullptr);
  return json;
}

Json ToJson(const wire::HeuristicView& heuristic) {
  Json json{{"act", heuristic.act},
            {"to", heuristic.to},
            {"operator", heuristic.operator_name},
            {"reason", heuristic.reason}};
  PutTime(json, "at", heuristic.at_us);
  json["branches"] = heuristic.branches;
  json["database_name"] = heuristic.database_name;
  return json;
}

Json ToJson(const wire::SiteView& site) {
  return {{"site", site.number}, {"resource", site.resource}, {"addresses", site.addresses},
          {"state", site.state}, {"elected", site.elected},   {"accepted", site.accepted}};
}

template <typename T>
Json List(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(ToJson(value));
  return list;
}

}  // namespace

Json ToJson(const wire::Ending& ending) {
  return {{"outcome", Word(ending.outcome)},
          {"cause", Word(ending.cause)},
          {"reason", ending.reason},
          {"retryable", ending.retryable}};
}

Json ToJson(const wire::DefinitionView& definition) {
  Json json{{"name", definition.name},
            {"version", definition.version},
            {"steps", definition.steps},
            {"stored_by", definition.stored_by}};
  PutTime(json, "stored", definition.stored_us);
  if (definition.__isset.document) json["document"] = definition.document;
  return json;
}

namespace {

// Of a coordinator that says it.
void PutControl(const wire::StatusReply& status, Json& json) {
  if (!status.__isset.pauses) return;
  json["in_doubt"] = status.in_doubt;
  PutTime(json, "oldest_in_doubt", status.oldest_in_doubt_us);
  json["undecided"] = status.undecided;
  json["waiting"] = cli::ToJson(status.waiting);
  json["pauses"] = cli::ToJson(status.pauses);
  json["audit"] = {{"rows", status.audit_rows},
                   {"pruned_rows", status.audit_pruned},
                   {"damage", status.audit_damage}};
}

}  // namespace

Json ToJson(const wire::StatusReply& status) {
  Json json{{"log_id", status.log_id}, {"epoch", status.epoch}, {"release", status.release}};
  PutTime(json, "started", status.started_us);
  json["open"] = ToJson(status.open);
  json["committed"] = status.committed;
  json["aborted"] = status.aborted;
  json["heuristics"] = status.heuristics;
  json["forgotten"] = status.forgotten;
  json["sessions"] = status.sessions;
  json["sagas"] = status.sagas;
  json["ended_through"] = {{"epoch", status.ended_epoch}, {"sequence", status.ended_sequence}};
  json["oldest_unended"] = status.oldest_unended;
  if (status.__isset.log_records) json["log_records"] = status.log_records;
  if (status.__isset.log_records_forced) json["log_records_forced"] = status.log_records_forced;
  if (status.__isset.log_flushes) json["log_flushes"] = status.log_flushes;
  if (status.__isset.commands_sent) json["commands_sent"] = status.commands_sent;
  if (status.__isset.reports_taken) json["reports_taken"] = status.reports_taken;
  PutControl(status, json);
  json["lost"] = Json::array();
  for (const wire::LostEpochsView& lost : status.lost) {
    Json one{{"first_epoch", lost.first}, {"last_epoch", lost.last}, {"settled", lost.settled}};
    PutTime(one, "taken", lost.taken_us);
    json["lost"].push_back(std::move(one));
  }
  return json;
}

Json ToJson(const wire::TransactionView& transaction) {
  Json json{{"gtid", transaction.gtid},   {"protocol", ProtocolOf(transaction)},
            {"state", transaction.state}, {"ending", ToJson(transaction.ending)},
            {"owner", transaction.owner}, {"comment", transaction.comment}};
  json["identity"] = transaction.__isset.identity ? Json(transaction.identity) : Json(nullptr);
  json["trace_parent"] =
      transaction.__isset.trace_parent ? Json(transaction.trace_parent) : Json(nullptr);
  PutTime(json, "began", transaction.began_us);
  PutTime(json, "ended", transaction.ended_us);
  json["branches"] = List(transaction.branches);
  json["timeline"] = List(transaction.timeline);
  json["waiting_for"] = transaction.waiting_for;
  json["advice"] = transaction.advice;
  if (transaction.__isset.saga) {
    const wire::SagaView& saga = transaction.saga;
    json["saga"] = {{"name", saga.name},
                    {"version", saga.version},
                    {"request_key", saga.request_key},
                    {"steps", List(saga.steps)}};
  }
  if (transaction.__isset.quorum) {
    const wire::QuorumView& quorum = transaction.quorum;
    json["quorum"] = {{"sites", List(quorum.sites)}, {"needed", quorum.needed},
                      {"ballot", quorum.ballot},     {"leader", quorum.leader},
                      {"quorum", quorum.quorum},     {"missing", quorum.missing}};
  }
  json["heuristic"] = List(transaction.heuristic);
  if (transaction.__isset.would) json["would"] = transaction.would;
  return json;
}

Json ToJson(const wire::StrayView& stray) {
  Json json{
      {"resource", stray.resource}, {"database_name", stray.database_name}, {"why", stray.why}};
  PutTime(json, "first_seen", stray.first_seen_us);
  PutTime(json, "last_seen", stray.last_seen_us);
  return json;
}

Json ToJson(const wire::ParticipantView& participant) {
  return {{"resource", participant.resource},
          {"pause", participant.__isset.pause ? ToJson(participant.pause) : Json(nullptr)},
          {"identity", participant.identity},
          {"sessions", List(participant.sessions)},
          {"waiting", participant.waiting},
          {"refused_identity", participant.refused_identity},
          {"action_sessions", List(participant.action_sessions)}};
}

Json ToJson(const wire::SentAgain& sent) {
  return {{"resource", sent.resource},
          {"command", sent.command},
          {"branches", sent.branches},
          {"sessions", List(sent.sessions)},
          {"last_error", sent.last_error}};
}

Json ToJson(const wire::PauseView& pause) {
  Json json{{"scope", pause.scope},
            {"name", pause.name},
            {"operator", pause.operator_name},
            {"reason", pause.reason}};
  PutTime(json, "since", pause.since_us);
  return json;
}

Json ToJson(const wire::AuditEntry& entry) {
  Json json{{"number", entry.number}};
  PutTime(json, "asked", entry.asked_us);
  json["operator"] = entry.operator_name;
  json["caller"] = entry.caller;
  json["action"] = entry.action;
  json["target"] = entry.target;
  json["reason"] = entry.reason;
  PutTime(json, "answered", entry.answered_us);
  json["result"] = entry.result;
  return json;
}

Json ToJson(const std::map<std::string, std::int64_t>& counts) {
  Json json = Json::object();
  for (const auto& [name, count] : counts) json[name] = count;
  return json;
}

Json ToJson(const Error& error) {
  return {{"error",
           {{"code", ToString(error.code)}, {"message", error.message}, {"advice", error.advice}}}};
}

std::string Dump(const Json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

std::string DumpLine(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

}  // namespace settle::cli
