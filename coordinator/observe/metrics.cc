#include "observe/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "engine/await.h"
#include "engine/pauses.h"
#include "engine/shard.h"
#include "observe/families.h"

namespace settle::coordinator {
namespace {

constexpr std::chrono::milliseconds kShardPatience{2'000};
constexpr int kCountedOneOf = 50;  // parts of a shard's time
constexpr EndedBy kEveryWay[] = {EndedBy::kTwoPhase,     EndedBy::kThreePhase, EndedBy::kOnePhase,
                                 EndedBy::kLastResource, EndedBy::kTcc,        EndedBy::kSaga};
static_assert(std::size(kEveryWay) == kEndedBy);

const char* ToString(EndedBy by) {
  switch (by) {
    case EndedBy::kTwoPhase: return "two-phase";
    case EndedBy::kThreePhase: return "three-phase";
    case EndedBy::kOnePhase: return "one-phase";
    case EndedBy::kLastResource: return "last-resource";
    case EndedBy::kTcc: return "tcc";
    case EndedBy::kSaga: return "saga";
  }
  return "";
}

const char* ToString(Phase phase) {
  switch (phase) {
    case Phase::kWork: return "work";
    case Phase::kPrepare: return "prepare";
    case Phase::kLog: return "log";
    case Phase::kApply: return "apply";
  }
  return "";
}

double Number(std::uint64_t count) { return static_cast<double>(count); }

// Whatever has states from 0 up to kDone, which is none of an open transaction.
template <typename State>
void AddStates(std::map<std::string, std::size_t>& by_state) {
  for (int state = 0; state < static_cast<int>(State::kDone); ++state)
    by_state.try_emplace(ToString(static_cast<State>(state)), 0);
}

// Every state is there from the start, at 0: an expression over one that is missing says nothing.
void AddOpen(Families& families, OpenCounts open, WallTime now) {
  AddStates<TwoPhase::State>(open.by_state);
  AddStates<saga::Machine::State>(open.by_state);
  open.by_state.try_emplace("quarantined", 0);
  families.Gauge("settle_transactions_open", "Transactions that have not ended, by state.");
  for (const auto& [state, count] : open.by_state) families.Add(Number(count), {{"state", state}});
  families.Gauge("settle_transactions_in_doubt",
                 "Transactions that are decided and not carried out everywhere, or damaged.");
  families.Add(Number(open.in_doubt));
  families.Gauge("settle_transactions_in_doubt_oldest_age_seconds",
                 "Time since the oldest transaction in doubt began; 0 if there is none.");
  const WallTime began = open.oldest_in_doubt;
  families.Add(began == 0 || began > now ? 0 : static_cast<double>(now - began) / 1e6);
  families.Gauge("settle_transactions_damaged",
                 "Transactions that ended otherwise than decided and are not forgotten yet.");
  families.Add(Number(open.damaged));
  families.Gauge(
      "settle_transactions_quarantined",
      "Transactions that are left alone: their records in the log contradict themselves.");
  families.Add(Number(open.quarantined));
}

// Every pair that is usual is there from the start, at 0: a rate needs a value to rise from.
void AddEnded(Families& families, Measures measures) {
  for (const EndedBy by : kEveryWay) {
    for (const Outcome outcome : {Outcome::kCommitted, Outcome::kAborted})
      measures.ended.try_emplace({by, outcome}, 0);
  }
  families.Counter("settle_transactions_ended_total",
                   "Transactions that ended since the start, by protocol and outcome.");
  for (const auto& [what, count] : measures.ended) {
    families.Add(Number(count),
                 {{"protocol", ToString(what.first)}, {"outcome", settle::ToString(what.second)}});
  }
  families.Counter("settle_heuristics_total",
                   "Branches that ended otherwise than decided, or unprovably.");
  families.Add(Number(measures.heuristics));
  families.Histograms("settle_transaction_phase_seconds",
                      "Time that transactions spent in each part of their commit.");
  for (const Phase phase : {Phase::kWork, Phase::kPrepare, Phase::kLog, Phase::kApply}) {
    families.Add(measures.phases[static_cast<std::size_t>(phase)], {{"phase", ToString(phase)}});
  }
  families.Histograms(
      "settle_transaction_duration_seconds",
      "Time from begin to the end of every branch, of transactions that committed.");
  for (const EndedBy by : kEveryWay)
    families.Add(measures.durations[static_cast<std::size_t>(by)], {{"protocol", ToString(by)}});
}

void AddParticipants(Families& families, const std::vector<ParticipantView>& participants,
                     const Messages& messages) {
  std::set<SessionId> sessions;
  for (const ParticipantView& one : participants) {
    for (const SessionView& session : one.sessions) sessions.insert(session.session);
    for (const SessionView& session : one.action_sessions) sessions.insert(session.session);
  }
  families.Gauge("settle_sessions", "Sessions of participants that are attached.");
  families.Add(Number(sessions.size()));
  families.Counter("settle_commands_sent_total",
                   "Commands and calls to participants, one for each branch or step.");
  families.Add(Number(messages.commands));
  families.Counter("settle_reports_received_total",
                   "Votes, ends and answers from participants, one for each branch or step.");
  families.Add(Number(messages.reports));
}

// All of them from the start, at 0.
void AddAccess(Families& families, const access::Gate& gate, const QuotaRefusals& refusals) {
  families.Counter("settle_denied_calls_total",
                   "Calls that were not allowed to whoever made them, by service and reason.");
  for (std::size_t service = 0; service < access::kServices.size(); ++service) {
    for (const auto& [reason, name] : access::kReasonNames) {
      families.Add(Number(gate.denied(service, reason)),
                   {{"service", std::string(access::kServices[service])}, {"reason", name}});
    }
  }
  families.Counter("settle_quota_refusals_total",
                   "Calls refused for now, and connections, beyond what one identity may have.");
  families.Add(Number(gate.calls_over_quota()), {{"quota", "calls"}});
  families.Add(Number(gate.connections_over_quota()), {{"quota", "connections"}});
  families.Add(Number(refusals.transactions), {{"quota", "transactions"}});
  families.Add(Number(refusals.sagas), {{"quota", "sagas"}});
  families.Add(Number(refusals.sessions), {{"quota", "sessions"}});
  families.Add(Number(refusals.names), {{"quota", "names"}});
}

void AddShards(Families& families, const Engine& engine) {
  families.Gauge("settle_mailbox_depth", "Tasks that wait for a shard.");
  std::size_t number = 0;
  for (const auto& shard : engine.shards()) {
    families.Add(Number(shard->mailbox().size()), {{"shard", std::to_string(number++)}});
  }
}

void AddLog(Families& families, const DecisionLog& log, const std::string& path) {
  const LogWrites writes = log.writes();
  const LogGroups groups = log.groups();
  families.Counter("settle_log_records_total", "Records that became durable, by durability.");
  families.Add(Number(writes.forced), {{"durability", "forced"}});
  families.Add(Number(writes.records - writes.forced), {{"durability", "lazy"}});
  families.Counter("settle_log_flushes_total",
                   "Commits of the log's file, which wait for the disk.");
  families.Add(Number(writes.flushes));
  families.Histograms("settle_log_batch_records", "Records that became durable in one flush.");
  families.Add(groups.records);
  families.Histograms("settle_log_flush_seconds",
                      "Time to write one batch of records and flush it.");
  families.Add(groups.flush_seconds);
  families.Gauge("settle_log_size_bytes", "Size of the decision log's files.");
  for (const auto& [file, suffix] : {std::pair("log", ""), std::pair("wal", "-wal")}) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path + suffix, error);
    families.Add(error ? 0 : Number(size), {{"file", file}});
  }
  families.Gauge("settle_log_epoch", "Number of this opening of the log.");
  families.Add(Number(log.identity().epoch));
}

}  // namespace

Status CheckShards(const Engine& engine, std::chrono::milliseconds at_most) {
  // Shared with tasks that may still lie in a mailbox when nobody waits for them any more.
  struct Answers {
    std::mutex mutex;
    std::condition_variable arrived;
    std::set<std::size_t> missing;
  };
  const auto answers = std::make_shared<Answers>();
  for (std::size_t i = 0; i < engine.shards().size(); ++i) answers->missing.insert(i);
  for (std::size_t i = 0; i < engine.shards().size(); ++i) {
    engine.shards()[i]->mailbox().PostAlways([answers, i] {
      const std::lock_guard lock(answers->mutex);
      answers->missing.erase(i);
      answers->arrived.notify_one();
    });
  }
  std::unique_lock lock(answers->mutex);
  if (answers->arrived.wait_for(lock, at_most, [&] { return answers->missing.empty(); })) return {};
  return Fail(ErrorCode::kUnavailable, "shard " + std::to_string(*answers->missing.begin()) +
                                           " has not answered within " +
                                           std::to_string(at_most.count()) + "ms");
}

Status CheckReady(const Engine& engine, std::chrono::milliseconds at_most) {
  if (engine.draining())
    return Fail(ErrorCode::kUnavailable, "shutting down: no new transactions are begun");
  if (const auto paused = engine.pauses().OfEverythingNew()) {
    return Fail(ErrorCode::kUnavailable, "nothing new is begun: " + InWords(*paused),
                HowToResume(*paused));
  }
  return CheckShards(engine, at_most);
}

Result<OpenCounts> Metrics::CountOpen() const {
  const std::lock_guard lock(counting_);
  const Instant began = clock_.Now();
  if (counted_ && began < counted_until_) return *counted_;
  auto open = Await<OpenCounts>([&](auto done) { engine_.CountOpen(done); });
  if (!open) return open;
  const Instant now = clock_.Now();
  counted_until_ =
      now + std::min<Instant::duration>((now - began) * kCountedOneOf, kCountsKeptMost);
  counted_ = *open;
  return open;
}

Result<std::string> Metrics::Text() const {
  if (Status shards = CheckShards(engine_, kShardPatience); !shards) return Fail(shards.error());
  auto open = CountOpen();
  if (!open) return Fail(open.error());
  auto measures = Await<Measures>([&](auto done) { engine_.Measure(done); });
  if (!measures) return Fail(measures.error());
  const auto participants =
      Await<std::vector<ParticipantView>>([&](auto done) { engine_.Participants(done); });
  if (!participants) return Fail(participants.error());

  Families families;
  families.Gauge("settle_build_info", "Always 1; the release is a label.");
  families.Add(1, {{"version", about_.release}});
  families.Gauge("settle_draining",
                 "1 while nothing new is begun: the daemon stops, is drained or paused.");
  families.Add(engine_.draining() || engine_.pauses().OfEverythingNew() ? 1 : 0);
  const std::vector<PauseRecord> pauses = engine_.pauses().List();
  families.Gauge("settle_paused_participants", "Resources and participants that are paused.");
  families.Add(
      static_cast<double>(std::count_if(pauses.begin(), pauses.end(), [](const PauseRecord& pause) {
        return pause.scope == PauseScope::kParticipant;
      })));
  AddOpen(families, *std::move(open), clock_.WallNow());
  families.Gauge("settle_strays", "Prepared branches in databases that nobody here answers for.");
  families.Add(Number(about_.strays()));
  AddEnded(families, *std::move(measures));
  AddParticipants(families, *participants, engine_.messages());
  AddAccess(families, gate_, engine_.quota_refusals());
  AddShards(families, engine_);
  AddLog(families, log_, about_.log_path);
  AddProcess(families);
  return prometheus::TextSerializer().Serialize(families.all());
}

}  // namespace settle::coordinator
