// The fields of each record in the order of their bytes, for writing and for reading.
#pragma once

#include <type_traits>

#include "log/record_archive.h"
#include "protocol/records.h"

namespace settle::coordinator::codec {

// `V` is a struct for a Reader and a const struct for a Writer.
template <typename V, typename T>
concept Is = std::is_same_v<std::remove_const_t<V>, T>;

template <typename Archive, Is<Evidence> V>
void Fields(Archive& archive, V& evidence) {
  archive.Field("evidence.database", evidence.database);
  archive.Field("evidence.timeline", evidence.timeline);
  archive.Field("evidence.local_transaction", evidence.local_transaction);
}

template <typename Archive, Is<Origin> V>
void Fields(Archive& archive, V& origin) {
  archive.Field("origin.owner", origin.owner);
  archive.Field("origin.comment", origin.comment);
  archive.Field("origin.began", origin.began);
  if (archive.version() < 6) return;
  archive.Field("origin.identity", origin.identity);
  archive.Field("origin.trace_parent", origin.trace_parent);
}

template <typename Archive, Is<DecidedBranch> V>
void Fields(Archive& archive, V& branch) {
  archive.Field("branch.number", branch.number);
  archive.Field("branch.resource", branch.resource);
  archive.Field("branch.vote", branch.vote);
  Fields(archive, branch.evidence);
}

template <typename Archive, Is<Ending> V>
void Fields(Archive& archive, V& ending) {
  archive.Field("ending.outcome", ending.outcome);
  archive.Field("ending.cause", ending.cause);
  archive.Field("ending.reason", ending.reason);
  archive.Field("ending.retryable", ending.retryable);
}

template <typename Archive, Is<BranchSummary> V>
void Fields(Archive& archive, V& branch) {
  archive.Field("branch.number", branch.number);
  archive.Field("branch.resource", branch.resource);
  archive.Field("branch.identity", branch.identity);
  archive.Field("branch.process", branch.process);
  archive.Field("branch.state", branch.state);
  archive.Field("branch.vote", branch.vote);
  Fields(archive, branch.evidence);
  archive.Field("branch.attempts", branch.attempts);
  archive.Field("branch.last_error", branch.last_error);
}

template <typename Archive, Is<TimelineEntry> V>
void Fields(Archive& archive, V& entry) {
  archive.Field("timeline.at", entry.at);
  archive.Field("timeline.what", entry.what);
}

template <typename Archive, Is<std::string> V>
void Fields(Archive& archive, V& text) {
  archive.Field("text in a list", text);
}

template <typename Archive, Is<BranchNumber> V>
void Fields(Archive& archive, V& number) {
  archive.Field("number in a list", number);
}

template <typename Archive, Is<Ballot> V>
void Fields(Archive& archive, V& ballot) {
  archive.Field("ballot.round", ballot.round);
  archive.Field("ballot.leader", ballot.leader);
}

template <typename Archive, Is<DecidedBy> V>
void Fields(Archive& archive, V& by) {
  Fields(archive, by.ballot);
  archive.Field("by.quorum", by.quorum);
}

template <typename Archive, Is<CommitRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("decided", record.decided);
  archive.Field("branches", record.branches);
  if (archive.version() >= 5) Fields(archive, record.by);
}

template <typename Archive, Is<OnePhaseRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("delegated", record.delegated);
  Fields(archive, record.branch);
}

template <typename Archive, Is<LastResourceRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("delegated", record.delegated);
  archive.Field("last", record.last);
  archive.Field("branches", record.branches);
}

template <typename Archive, Is<HeuristicRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  archive.Field("branch", record.branch);
  archive.Field("end", record.end);
  archive.Field("detail", record.detail);
  archive.Field("learned", record.learned);
}

template <typename Archive, Is<ResourceRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("resource", record.resource);
  archive.Field("identity", record.identity);
  archive.Field("accepted_by", record.accepted_by);
  archive.Field("reason", record.reason);
  archive.Field("at", record.at);
}

template <typename Archive, Is<PauseRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("scope", record.scope);
  archive.Field("name", record.name);
  archive.Field("paused", record.paused);
  archive.Field("operator_name", record.operator_name);
  archive.Field("reason", record.reason);
  archive.Field("at", record.at);
}

template <typename Archive, Is<ForgetRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.ending);
  archive.Field("operator_name", record.operator_name);
  archive.Field("reason", record.reason);
  archive.Field("at", record.at);
}

template <typename Archive, Is<RegisteredRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("branch", record.branch);
  archive.Field("participant", record.participant);
  archive.Field("action", record.action);
  archive.Field("input", record.input);
  archive.Field("at", record.at);
}

// ---- Three-phase commit.

template <typename Archive, Is<Site> V>
void Fields(Archive& archive, V& site) {
  archive.Field("site.number", site.number);
  archive.Field("site.resource", site.resource);
  archive.Field("site.addresses", site.addresses);
}

template <typename Archive, Is<SiteAnswer> V>
void Fields(Archive& archive, V& answer) {
  archive.Field("answer.state", answer.state);
  Fields(archive, answer.elected);
  Fields(archive, answer.accepted);
  Fields(archive, answer.decided);
}

// `V` is an optional struct.
template <typename Archive, typename V>
void OptionalFields(Archive& archive, const char* name, V& value) {
  bool has = value.has_value();
  archive.Field(name, has);
  if (!has) return;
  if constexpr (!std::is_const_v<V>) value.emplace();
  Fields(archive, *value);
}

template <typename Archive, Is<SiteSummary> V>
void Fields(Archive& archive, V& summary) {
  Fields(archive, summary.site);
  OptionalFields(archive, "site.answered", summary.last);
}

template <typename Archive, Is<QuorumSummary> V>
void Fields(Archive& archive, V& quorum) {
  archive.Field("quorum.sites", quorum.sites);
  archive.Field("quorum.needed", quorum.needed);
  Fields(archive, quorum.by);
  archive.Field("quorum.missing", quorum.missing);
}

template <typename Archive, Is<PreCommitRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("at", record.at);
  archive.Field("branches", record.branches);
  archive.Field("sites", record.sites);
}

template <typename Archive, Is<BallotRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.at);
}

template <typename Archive, Is<QuorumAbortRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  archive.Field("decided", record.decided);
  Fields(archive, record.by);
  archive.Field("reason", record.reason);
}

// ---- What persons decide.

template <typename Archive, Is<HeuristicIntent> V>
void Fields(Archive& archive, V& intent) {
  archive.Field("intent.act", intent.act);
  archive.Field("intent.to", intent.to);
  archive.Field("intent.branches", intent.branches);
  archive.Field("intent.database_name", intent.database_name);
  archive.Field("intent.operator_name", intent.operator_name);
  archive.Field("intent.reason", intent.reason);
  archive.Field("intent.at", intent.at);
}

template <typename Archive, Is<HeuristicIntentRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  Fields(archive, record.intent);
}

// ---- Sagas.

template <typename Archive, Is<saga::StepDefinition> V>
void Fields(Archive& archive, V& step) {
  archive.Field("step.name", step.name);
  archive.Field("step.participant", step.participant);
  archive.Field("step.action", step.action);
  archive.Field("step.input", step.input);
  archive.Field("step.after", step.after);
  archive.Field("step.kind", step.kind);
  archive.Field("step.retry.attempts_max", step.retry.attempts_max);
  archive.Field("step.retry.first_ms", step.retry.first_ms);
  archive.Field("step.retry.maximum_ms", step.retry.maximum_ms);
  archive.Field("step.retry.factor_percent", step.retry.factor_percent);
  if (archive.version() >= 4) archive.Field("step.retry.jitter_percent", step.retry.jitter_percent);
  archive.Field("step.timeout_ms", step.timeout_ms);
}

template <typename Archive, Is<saga::Definition> V>
void Fields(Archive& archive, V& definition) {
  archive.Field("definition.name", definition.name);
  archive.Field("definition.version", definition.version);
  archive.Field("definition.deadline_ms", definition.deadline_ms);
  archive.Field("definition.steps", definition.steps);
}

template <typename Archive, Is<DefinitionRecord> V>
void Fields(Archive& archive, V& record) {
  Fields(archive, record.definition);
  archive.Field("stored_by", record.stored_by);
  archive.Field("at", record.at);
}

template <typename Archive, Is<StepSummary> V>
void Fields(Archive& archive, V& step) {
  archive.Field("step.number", step.number);
  archive.Field("step.name", step.name);
  archive.Field("step.action", step.action);
  archive.Field("step.kind", step.kind);
  archive.Field("step.after", step.after);
  archive.Field("step.result", step.result);
  archive.Field("step.called", step.called);
  archive.Field("step.changed", step.changed);
}

template <typename Archive, Is<SagaSummary> V>
void Fields(Archive& archive, V& saga) {
  archive.Field("saga.name", saga.name);
  archive.Field("saga.version", saga.version);
  archive.Field("saga.request_key", saga.request_key);
  archive.Field("saga.definition_crc", saga.fingerprint.definition);
  archive.Field("saga.input_crc", saga.fingerprint.input);
  archive.Field("saga.steps", saga.steps);
}

template <typename Archive, Is<EndRecord> V>
void Fields(Archive& archive, V& record) {
  auto& summary = record.summary;
  archive.Field("gtid", summary.gtid);
  archive.Field("state", summary.state);
  Fields(archive, summary.ending);
  Fields(archive, summary.origin);
  archive.Field("ended", summary.ended);
  archive.Field("branches", summary.branches);
  archive.Field("timeline", summary.timeline);
  if (archive.version() < 4) return;
  if (archive.version() == 4) {
    if constexpr (!std::is_const_v<V>) summary.saga.emplace();
    Fields(archive, *summary.saga);
    return;
  }
  OptionalFields(archive, "quorum", summary.quorum);
  if (archive.version() < 6) return;
  OptionalFields(archive, "saga", summary.saga);
  archive.Field("heuristics", summary.heuristics);
}

template <typename Archive, Is<SagaBeginRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.origin);
  archive.Field("request_key", record.request_key);
  Fields(archive, record.definition);
  archive.Field("input", record.input);
}

template <typename Archive, Is<SagaStepRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  archive.Field("step", record.step);
  archive.Field("op", record.op);
  archive.Field("result", record.result);
}

template <typename Archive, Is<SagaAbortingRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.ending);
  archive.Field("decided", record.decided);
  archive.Field("compensate", record.compensate);
}

template <typename Archive, Is<SagaActRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  archive.Field("step", record.step);
  archive.Field("act", record.act);
  archive.Field("input", record.input);
  archive.Field("by", record.by);
  archive.Field("reason", record.reason);
  archive.Field("at", record.at);
}

template <typename Archive, Is<SagaEndRecord> V>
void Fields(Archive& archive, V& record) {
  archive.Field("gtid", record.gtid);
  Fields(archive, record.ending);
  archive.Field("ended", record.ended);
}

}  // namespace settle::coordinator::codec
