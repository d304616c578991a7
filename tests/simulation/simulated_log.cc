#include "simulation/simulated_log.h"

#include <algorithm>
#include <utility>

#include "protocol/describe.h"

namespace settle::simulation {
namespace {

constexpr microseconds kLazyDelay{50'000};  // as coordinator/log/group_commit.h

}  // namespace

bool Disk::MayCommit(const Gtid& gtid) const {
  return decided.contains(gtid) || IsForcedTo(Decision::kCommit, gtid);
}

bool Disk::MayAbort(const Gtid& gtid) const {
  return quorum_aborted.contains(gtid) || IsForcedTo(Decision::kAbort, gtid);
}

bool Disk::IsForcedTo(Decision to, const Gtid& gtid) const {
  const auto forced_one = by_person.find(gtid);
  return forced_one != by_person.end() && forced_one->second.to == to;
}

void Disk::Write(Record record) {
  if (const auto* end = std::get_if<EndRecord>(&record))
    ended.emplace(end->summary.gtid, records.size());
  records.push_back(std::move(record));
}

void Disk::Sync() {
  for (; synced < records.size(); ++synced) TakeSynced(records[synced]);
}

void Disk::TakeSynced(const Record& record) {
  if (const auto* commit = std::get_if<CommitRecord>(&record)) {
    decided.insert(commit->gtid);
    std::set<BranchNumber>& of_it = committed[commit->gtid];
    for (const DecidedBranch& branch : commit->branches)
      if (branch.vote == Vote::kCommit) of_it.insert(branch.number);
  }
  if (const auto* tried = std::get_if<PreCommitRecord>(&record)) pre_committed.insert(tried->gtid);
  if (const auto* joined = std::get_if<BallotRecord>(&record)) ballots[joined->gtid] = joined->at;
  if (const auto* aborted = std::get_if<QuorumAbortRecord>(&record))
    quorum_aborted.insert(aborted->gtid);
  if (const auto* lone = std::get_if<OnePhaseRecord>(&record)) delegated.insert(lone->gtid);
  if (const auto* repaired = std::get_if<ForgetRecord>(&record)) forgotten.insert(repaired->gtid);
  const auto* intent = std::get_if<HeuristicIntentRecord>(&record);
  if (intent != nullptr && intent->intent.act == HeuristicAct::kForce)
    by_person.emplace(intent->gtid, ForcedDecision{intent->intent.to, epoch});
  if (const auto* harm = std::get_if<HeuristicRecord>(&record))
    damaged[harm->gtid].push_back(harm->branch);
  if (const auto* one = std::get_if<RegisteredRecord>(&record))
    registered[one->gtid].insert(one->branch);
  if (const auto* begin = std::get_if<SagaBeginRecord>(&record)) sagas[begin->gtid].begun = true;
  if (const auto* aborting = std::get_if<SagaAbortingRecord>(&record))
    sagas[aborting->gtid].aborting = true;
  if (const auto* end = std::get_if<SagaEndRecord>(&record))
    sagas[end->gtid].ended = end->ending.outcome;
  if (const auto* act = std::get_if<SagaActRecord>(&record)) {
    SagaFacts& facts = sagas[act->gtid];
    ++facts.acts;
    if (act->act == SagaAct::kSkip) facts.skipped.insert(act->step);
  }
}

void Disk::CutTo(std::size_t size) {
  std::erase_if(ended, [size](const auto& one) { return one.second >= size; });
  records.resize(size);
  Sync();
}

std::size_t Disk::Prune(std::size_t keep) {
  if (synced != records.size() || ended.size() <= keep) return 0;
  std::size_t excess = ended.size() - keep;
  const std::size_t before = pruned.size();
  for (std::size_t i = 0; i < records.size() && excess != 0; ++i) {
    const auto* end = std::get_if<EndRecord>(&records[i]);
    if (end == nullptr || (may_prune && !may_prune(end->summary.gtid))) continue;
    // Damage that was found after the end of an abort is kept until a person has forgotten it.
    if (damaged.contains(end->summary.gtid) && !forgotten.contains(end->summary.gtid)) continue;
    pruned.insert(end->summary.gtid);
    --excess;
  }
  // What stays keeps its order, as it does in the shipped log, which reads by ordinal.
  std::erase_if(records, [this](const Record& record) { return pruned.contains(GtidOf(record)); });
  ended.clear();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const auto* end = std::get_if<EndRecord>(&records[i])) ended.emplace(end->summary.gtid, i);
  }
  synced = records.size();
  return pruned.size() - before;
}

Disk Disk::CopyBefore(Epoch before) const {
  const auto start = std::find_if(starts.begin(), starts.end(),
                                  [&](const auto& one) { return one.first == before; });
  Disk copy;
  copy.log_id = log_id;
  copy.epoch = before - 1;
  for (std::size_t i = 0; start != starts.end() && i < start->second; ++i) copy.Write(records[i]);
  copy.Sync();
  return copy;
}

SimulatedLog::SimulatedLog(World& world, Disk& disk, Later later)
    : world_(world), disk_(disk), later_(std::move(later)) {
  identity_ = {disk_.log_id, ++disk_.epoch};
  disk_.starts.emplace_back(disk_.epoch, disk_.records.size());
}

SimulatedLog::~SimulatedLog() = default;

Status SimulatedLog::Replay(const std::function<void(std::uint64_t, Record)>& visit) {
  for (std::size_t i = 0; i < disk_.records.size(); ++i) visit(i + 1, disk_.records[i]);
  return {};
}

void SimulatedLog::Append(Record record, Durability durability, AppendDone done) {
  if (disk_.watch) disk_.watch(record);
  const bool forced = durability == Durability::kForce;
  const bool full = disk_.full && !world_.healed;
  if (full) world_.Count(Fault::kDiskFull);
  const bool refused =
      full || (forced && world_.Strikes(world_.roughness.disk_full, Fault::kDiskFull));
  const bool aloud = world_.script != nullptr || world_.telling();
  const std::string what = aloud ? Describe(record) : "";
  queue_.push_back({std::move(record), durability, std::move(done), refused});
  if (flushing_.empty() && forced) StartFlush();
  if (!forced && queue_.size() == 1) WaitLazily();
  if (refused) return world_.Say("log: no space for: ", what);
  world_.Effect("coordinator", "appends ", what);
}

void SimulatedLog::WaitLazily() {
  later_(kLazyDelay, [this] {
    if (flushing_.empty() && !queue_.empty()) StartFlush();
  });
}

void SimulatedLog::StartFlush() {
  flushing_ = std::exchange(queue_, {});
  const microseconds most = world_.healed ? microseconds(2'000) : world_.roughness.flush_max;
  later_(microseconds(100) + world_.UpTo(most), [this] { FinishFlush(); });
}

void SimulatedLog::FinishFlush() {
  const bool failed = world_.Strikes(world_.roughness.log_failure, Fault::kLogFailed);
  if (failed) disk_.CutTo(disk_.synced + world_.Pick(disk_.records.size() - disk_.synced + 1));
  std::vector<Pending> flushed = std::exchange(flushing_, {});
  const std::size_t written = failed ? world_.Pick(flushed.size() + 1) : flushed.size();
  bool forced = false;
  for (std::size_t i = 0; i < written; ++i) {
    if (flushed[i].refused) continue;
    disk_.Write(flushed[i].record);
    if (flushed[i].durability != Durability::kForce) continue;
    forced = true;
    ++disk_.forced[GtidOf(flushed[i].record)];
  }
  if (forced) disk_.Sync();
  if (world_.roughness.keep_ended && !failed) {
    for (std::size_t gone = disk_.Prune(*world_.roughness.keep_ended); gone != 0; --gone)
      world_.Count(Fault::kRecordsPruned);
  }
  if (world_.script != nullptr || world_.telling()) {
    std::string what;
    for (const Pending& one : flushed) {
      if (!one.refused) what += (what.empty() ? "" : "; ") + Describe(one.record);
    }
    if (!what.empty())
      world_.Effect("coordinator",
                    failed   ? "fails to make durable "
                    : forced ? "has made durable "
                             : "has written ",
                    what);
  }
  const bool next_forced = std::any_of(queue_.begin(), queue_.end(), [](const Pending& one) {
    return one.durability == Durability::kForce;
  });
  if (!failed && !queue_.empty()) next_forced ? StartFlush() : WaitLazily();
  for (const Pending& one : flushed) {
    if (one.refused && !failed) {
      one.done(AppendResult::kRefused, "no space left on the simulated disk");
      continue;
    }
    one.done(failed ? AppendResult::kUnknown : AppendResult::kDurable,
             failed ? "input/output error" : "");
  }
}

// Of what was written and not synced any number of the first may be there, and only if all of it
// is, anything of the group that was being flushed. Gives how much survives.
std::size_t SimulatedLog::LoseByChance() const {
  const std::size_t written = disk_.records.size() - disk_.synced;
  const std::size_t kept = world_.Pick(written + 1);
  if (written - kept + queue_.size() != 0) world_.Count(Fault::kLazyRecordsLost);
  if (flushing_.empty()) return kept;
  const bool tears = kept == written && world_.Happens(world_.roughness.torn_group);
  const std::size_t survived = tears ? 1 + world_.Pick(flushing_.size()) : 0;
  world_.Count(survived == 0                  ? Fault::kGroupLost
               : survived == flushing_.size() ? Fault::kGroupSurvived
                                              : Fault::kGroupTorn);
  return kept + survived;
}

void SimulatedLog::Crash(std::optional<std::size_t> survived) {
  if (!survived) survived = LoseByChance();
  const std::size_t written = std::min(*survived, disk_.records.size() - disk_.synced);
  disk_.CutTo(disk_.synced + written);
  for (std::size_t i = 0; i < *survived - written; ++i) {
    if (!flushing_[i].refused) disk_.Write(flushing_[i].record);
  }
  disk_.Sync();
}

Result<std::optional<TransactionSummary>> SimulatedLog::FindEnded(const Gtid& gtid) const {
  if (disk_.pruned.contains(gtid))
    return Fail(ErrorCode::kExpired, gtid.text() + " ended here, and its record was pruned");
  const auto found = disk_.ended.find(gtid);
  if (found == disk_.ended.end()) return std::optional<TransactionSummary>();
  return std::get<EndRecord>(disk_.records[found->second]).summary;
}

LogTotals SimulatedLog::totals() const {
  LogTotals totals;
  for (const auto& [gtid, position] : disk_.ended) {
    const Ending& ending = std::get<EndRecord>(disk_.records[position]).summary.ending;
    if (ending.committed()) {
      ++totals.committed;
    } else {
      ++(ending.aborted() ? totals.aborted : totals.heuristic);
    }
  }
  return totals;
}

}  // namespace settle::simulation
