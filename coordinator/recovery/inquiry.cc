#include "recovery/inquiry.h"

#include "engine/await.h"
#include "engine/witness.h"
#include "protocol/two_phase.h"
#include "recovery/loss.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

// A stray that no scan found for this long, although somebody was there to scan, was resolved by
// somebody. Participants scan twice a minute.
constexpr std::chrono::minutes kStrayKept{5};
// Strays listed at the most; a database full of somebody else's must not fill our memory.
constexpr std::size_t kStraysMax = 10'000;

// Found branches being looked up at once; more are left to the next scan.
constexpr std::size_t kSettlingMax = 10'000;

const BranchSummary* FindBranch(const TransactionSummary& summary, BranchNumber number) {
  for (const BranchSummary& branch : summary.branches) {
    if (branch.number == number) return &branch;
  }
  return nullptr;
}

std::map<std::string, std::string> ResultsOf(const TransactionSummary& summary) {
  std::map<std::string, std::string> results;
  if (!summary.saga || !summary.ending.committed()) return results;
  for (const StepSummary& step : summary.saga->steps) {
    if (!step.result.empty()) results.emplace(step.name, step.result);
  }
  return results;
}

// Of a gtid: its branches, where any is prepared, say more.
Ending LeftToALastResource() {
  return {Outcome::kUnknown, AbortCause::kNone,
          "the log has no record of it, and it was begun with leave for a last resource, whose "
          "database may have committed it: see there whether its work is done; what is prepared of "
          "it waits for that database and is settled with it",
          false};
}

Ending PresumedAbort() {
  return {Outcome::kAborted, AbortCause::kPresumed,
          "the log has no commit record of it: it was never decided, so it is aborted", true};
}

}  // namespace

Inquiry::Inquiry(Engine& engine, DecisionLog& log, Clock& clock, Observer& observer,
                 Executor off_shard)
    : engine_(engine),
      log_(log),
      clock_(clock),
      observer_(observer),
      off_shard_(std::move(off_shard)) {}

Status Inquiry::CheckOurs(const Gtid& gtid) const {
  const LogIdentity& log = log_.identity();
  if (gtid.log_id() != log.log_id) {
    return Fail(ErrorCode::kWrongLog,
                "transaction " + gtid.text() + " belongs to log " + std::string(gtid.log_id()) +
                    "; this coordinator has log " + log.log_id,
                "ask the coordinator that owns that log");
  }
  const bool never = gtid.sequence() == 0 || gtid.epoch() > log.epoch ||
                     (gtid.epoch() == log.epoch && gtid.sequence() > engine_.last_sequence());
  if (never) {
    return Fail(ErrorCode::kNotFound,
                "transaction " + gtid.text() + " was never begun here: this log is in epoch " +
                    std::to_string(log.epoch),
                "check the gtid; if it is right, this log was restored from an older copy");
  }
  return {};
}

// Of a transaction that is known not to be running: what the log says, or else the presumption.
Result<Inquiry::Verdict> Inquiry::ReadVerdict(const BranchKey& key) const {
  if (Status ours = CheckOurs(key.gtid); !ours) return Fail(ours.error());
  Result<std::optional<TransactionSummary>> ended = std::nullopt;
  if (!SETTLE_PLANTED_BUG(kPresumedAbortWithoutAskingTheLog)) ended = log_.FindEnded(key.gtid);
  const bool expired = !ended && ended.error().code == ErrorCode::kExpired;
  if (SETTLE_PLANTED_BUG(kExpiredTakenForAborted) && expired) ended = std::nullopt;
  if (!ended) return Fail(ended.error());
  if (*ended) {
    const BranchSummary* branch = FindBranch(**ended, key.number);
    const bool aborted = (*ended)->ending.cause != AbortCause::kNone;
    const DecidedBy by = (*ended)->quorum ? (*ended)->quorum->by : DecidedBy{};
    const std::string& trace_parent = (*ended)->origin.trace_parent;
    if (branch == nullptr) {
      return Verdict{(*ended)->ending, {}, false, ResultsOf(**ended), aborted, {},
                     trace_parent,     {}, true};
    }
    // Also one whose process was lost before its vote, and which had prepared unheard.
    const bool undamaged = branch->state == ToString(TwoPhase::BranchState::kAborting) ||
                           branch->state == ToString(TwoPhase::BranchState::kAborted);
    return Verdict{(*ended)->ending,
                   branch->evidence,
                   branch->vote == settle::ToString(Vote::kCommit),
                   {},
                   aborted && undamaged,
                   by,
                   trace_parent,
                   branch->resource,
                   true};
  }
  const LogIdentity& log = log_.identity();
  if (log.HasLost(key.gtid)) return Verdict{LostEnding(log, key.gtid), {}, false};
  if (key.gtid.allows_last_resource() &&
      !SETTLE_PLANTED_BUG(kAbortPresumedOfWhatALastResourceDecides)) {
    Verdict verdict{LeftToALastResource(), {}, false};
    verdict.by_gtid_alone = true;
    return verdict;
  }
  return Verdict{PresumedAbort(), {}, false};
}

Result<Ending> Inquiry::AskOutcome(const Gtid& gtid) {
  return Await<Ending>([&](Completion<Ending> done) { AskOutcome(gtid, std::move(done)); });
}

Result<SagaEnd> Inquiry::AskSagaEnd(const Gtid& gtid) {
  const Result<Ending> running =
      Await<Ending>([&](Completion<Ending> done) { engine_.AskOutcome(gtid, std::move(done)); });
  // Else whoever waits would hear at once, again and again, that it has not ended.
  if (running && running->outcome == Outcome::kUndecided) {
    return Fail(ErrorCode::kRefused,
                gtid.text() + " is not a saga: it ends when its application commits or aborts it",
                "ask for its outcome instead of waiting for it");
  }
  if (running) return SagaEnd{*running, {}};
  if (running.error().code != ErrorCode::kNotFound) return Fail(running.error());
  Result<Verdict> verdict = ReadVerdict({gtid, 0});
  if (!verdict) return Fail(verdict.error());
  return SagaEnd{verdict->ending, std::move(verdict->results)};
}

Result<SiteAnswer> Inquiry::AskWitness(const Gtid& gtid) const {
  if (Status ours = CheckOurs(gtid); !ours) return Fail(ours.error());
  const Result<std::optional<TransactionSummary>> ended = log_.FindEnded(gtid);
  if (!ended) return Fail(ended.error());
  if (*ended) return FinalAnswer(**ended);
  if (const LogIdentity& log = log_.identity(); log.HasLost(gtid)) {
    return Fail(ErrorCode::kRefused,
                "the witness cannot answer for transaction " + gtid.text() + ": " +
                    LostEnding(log, gtid).reason,
                "its other sites decide it, if a majority of them can be reached");
  }
  return SiteAnswer{SiteState::kAborted, kFirstBallot, {}, {}};  // presumed, as any other
}

void Inquiry::AskOutcome(const Gtid& gtid, Completion<Ending> done) {
  if (Status ours = CheckOurs(gtid); !ours) return done(Fail(ours.error()));
  engine_.AskOutcome(gtid, [this, gtid, done = std::move(done)](Result<Ending> running) {
    if (running || running.error().code != ErrorCode::kNotFound) return done(std::move(running));
    off_shard_([this, gtid, done] {
      Result<Verdict> verdict = ReadVerdict({gtid, 0});
      if (!verdict) return done(Fail(verdict.error()));
      done(verdict->ending);
    });
  });
}

void Inquiry::Found(const std::string& resource, const std::string& database_name,
                    const Evidence& evidence) {
  Result<BranchKey> key = BranchKey::ParseDatabaseName(database_name);
  if (!key) return LeaveAlone(resource, database_name, "its name is not one that Settle gives");
  if (Status ours = CheckOurs(key->gtid); !ours) {
    return LeaveAlone(resource, database_name, ours.error().message);
  }
  // A running transaction answers for its branches itself.
  const std::optional<LastResource> last = LastResourceIn(database_name);
  engine_.FoundPrepared(
      *key, resource, evidence, last,
      [this, resource, key = *key, database_name, evidence](const Result<std::monostate>& running) {
        const bool gone = !running && running.error().code == ErrorCode::kNotFound;
        if (!gone && !SETTLE_PLANTED_BUG(kRecoveryAbortsWhatIsActive)) return;
        OffShard([this, resource, key, database_name, evidence] {
          Settle(resource, key, database_name, evidence);
        });
      });
}

void Inquiry::Found(const std::vector<FoundBranch>& found) {
  if (found.empty()) return;
  // Spread, so that reports that come in turn do not each begin at the same one every time.
  const std::uint64_t spread = reports_++ * 0x9E3779B97F4A7C15u;
  const std::size_t first = (spread >> 32) % found.size();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const FoundBranch& one = found[(first + i) % found.size()];
    Found(one.resource, one.database_name, one.evidence);
  }
}

// More than a bounded number at once are left to the next scan or report.
void Inquiry::OffShard(std::function<void()> task) {
  if (settling_ >= kSettlingMax) return;
  ++settling_;
  off_shard_([this, task = std::move(task)] {
    task();
    --settling_;
  });
}

void Inquiry::Committed(const BranchKey& key, const std::string& detail,
                        const std::optional<SessionId>& session) {
  if (!CheckOurs(key.gtid)) return;
  engine_.AskOutcome(key.gtid, [this, session, key, detail](const Result<Ending>& running) {
    if (running || running.error().code != ErrorCode::kNotFound) return;
    OffShard([this, session, key, detail] {
      const Result<Verdict> verdict = ReadVerdict(key);
      if (!verdict || !verdict->ending.aborted()) return;
      const bool known = session && !verdict->resource.empty();
      if (known && !engine_.Serves(*session, verdict->resource)) return;
      engine_.RecordDamage(
          {key.gtid, key.number, BranchEnd::kCommitted,
           "branch " + std::to_string(key.number) + ": its transaction was aborted (" +
               settle::ToString(verdict->ending.cause) + "), and it was committed: " + detail,
           0});
    });
  });
}

void Inquiry::Settle(const std::string& resource, const BranchKey& key,
                     const std::string& database_name, const Evidence& evidence) {
  Result<Verdict> verdict = ReadVerdict(key);
  const std::optional<LastResource> last = LastResourceIn(database_name);
  // Its name says who decides: no record, or one that was lost, says nothing of that.
  if (last && verdict && !verdict->recorded &&
      !SETTLE_PLANTED_BUG(kAbortPresumedOfWhatALastResourceDecides)) {
    observer_.Event(Observer::Level::kInfo, About(key.gtid),
                    "a scan of " + resource + " found branch " + std::to_string(key.number) +
                        " prepared in the name of branch " + std::to_string(last->branch) + " in " +
                        last->resource + ", which is asked what became of it");
    return engine_.AskLastResource(key, resource, evidence, *last);
  }
  // It was prepared in nobody's name: the log decides.
  if (verdict && verdict->by_gtid_alone) verdict->ending = PresumedAbort();
  if (!verdict) {
    const bool expired = verdict.error().code == ErrorCode::kExpired;
    return LeaveAlone(resource, database_name,
                      verdict.error().message +
                          (expired ? "; if it was committed, this database is older than that; if "
                                     "it was aborted, this branch was out of reach for longer than "
                                     "that is remembered: see whether the work is in the databases "
                                     "of the other branches, then commit or roll back this one by "
                                     "hand"
                                   : ""));
  }
  // Its transaction was forgotten with the damage of others while nobody knew of this branch (a
  // presumed abort keeps no list of them), or knew no damage of it: so it is no part of what was
  // repaired, and is still to be aborted.
  if (verdict->still_to_be_aborted) verdict->ending = PresumedAbort();
  const bool unknown = verdict->evidence == Evidence{};
  Command command{CommandKind::kAbort, key, resource, 1, 0, unknown ? evidence : verdict->evidence};
  command.ballot = verdict->by.ballot;
  command.quorum = verdict->by.quorum;
  command.trace_parent = verdict->trace_parent;
  // Of those in the name of a last resource a record may not know, if an earlier one was lost; that
  // resource committed.
  if (verdict->ending.committed() && !verdict->voted_commit && !last) {
    return LeaveAlone(resource, database_name,
                      "its transaction committed without it: the decision has no "
                      "commit vote of branch " +
                          std::to_string(key.number));
  }
  switch (verdict->ending.outcome) {
    case Outcome::kCommitted: command.kind = CommandKind::kCommit; break;
    case Outcome::kAborted: command.kind = CommandKind::kAbort; break;
    case Outcome::kUnknown:
      if (!verdict->ending.reason.empty()) {
        return LeaveAlone(resource, database_name, verdict->ending.reason);
      }
      [[fallthrough]];
    case Outcome::kUndecided:
    case Outcome::kExpired:
    case Outcome::kMixed:
    case Outcome::kHazard:
    case Outcome::kHeuristicRollback:
    case Outcome::kHeuristicCommit:
      return LeaveAlone(
          resource, database_name,
          std::string("its transaction ended as ") + settle::ToString(verdict->ending.outcome));
  }
  observer_.Event(
      Observer::Level::kInfo, {key.gtid, verdict->trace_parent},
      "a scan of " + resource + " found branch " + std::to_string(key.number) +
          " prepared; told to " +
          (command.kind == CommandKind::kCommit
               ? "commit"
               : "abort (" + std::string(settle::ToString(verdict->ending.cause)) + ")"));
  engine_.SendStray(std::move(command));
}

void Inquiry::LeaveAlone(const std::string& resource, const std::string& database_name,
                         std::string why) {
  const WallTime now = clock_.WallNow();
  const std::lock_guard lock(mutex_);
  const auto known = strays_.find({resource, database_name});
  if (known != strays_.end() && !IsForgotten(known->second)) {
    known->second.stray.last_seen = now;
    known->second.stray.why = std::move(why);
    known->second.seen = clock_.Now();
    return;
  }
  if (strays_.size() >= kStraysMax && clock_.Now() - swept_ > kStrayKept) {
    swept_ = clock_.Now();
    std::erase_if(strays_, [this](const auto& entry) { return IsForgotten(entry.second); });
  }
  if (strays_.size() >= kStraysMax) return;
  const Result<BranchKey> key = BranchKey::ParseDatabaseName(database_name);
  observer_.Event(
      Observer::Level::kWarning, key ? About(key->gtid) : About(),
      "prepared branch " + Escaped(database_name) + " in " + resource + " is left alone: " + why);
  strays_[{resource, database_name}] = {{resource, database_name, std::move(why), now, now},
                                        clock_.Now()};
}

bool Inquiry::IsForgotten(const Sighting& sighting) const {
  const Instant now = clock_.Now();
  if (now - sighting.seen <= kStrayKept) return false;
  const std::optional<Instant> served = engine_.ServedSince(sighting.stray.resource);
  return served && now - *served > kStrayKept;
}

void Inquiry::LetGo(const std::string& resource, const std::string& database_name) {
  const std::lock_guard lock(mutex_);
  strays_.erase({resource, database_name});
}

std::vector<Stray> Inquiry::Strays() const {
  const std::lock_guard lock(mutex_);
  std::vector<Stray> strays;
  for (const auto& [where, sighting] : strays_) {
    if (!IsForgotten(sighting)) strays.push_back(sighting.stray);
  }
  return strays;
}

}  // namespace settle::coordinator
