#include "recovery/replay.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "recovery/contradiction.h"
#include "recovery/loss.h"
#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

struct Replay {
  struct Open {
    std::uint64_t position = 0;
    std::uint64_t decided = 0;  // position of its decision
    RestoredTransaction transaction;
  };
  std::unordered_map<Gtid, Open> open;
  std::vector<ResourceRecord> resources;
  struct OpenSaga {
    std::uint64_t position = 0;
    RestoredSaga saga;
  };
  std::unordered_map<Gtid, OpenSaga> sagas;
  std::vector<SagaStart> ended_starts;
  std::vector<DefinitionRecord> definitions;
  std::vector<PauseRecord> pauses;

  Open& At(const Gtid& gtid, std::uint64_t position) {
    Open& entry = open[gtid];
    if (entry.position == 0) entry.position = position;
    return entry;
  }

  // The first decision is believed.
  template <typename Decided>
  void Decide(std::uint64_t position, Decided record) {
    Open& entry = At(record.gtid, position);
    if (entry.decided == 0) {
      entry.decided = position;
      entry.transaction.decision = std::move(record);
    } else if (entry.transaction.contradiction.empty()) {
      entry.transaction.contradiction = "the record at position " + std::to_string(position) +
                                        " decides what was decided at position " +
                                        std::to_string(entry.decided);
    }
  }

  void Visit(std::uint64_t position, CommitRecord record) { Decide(position, std::move(record)); }
  void Visit(std::uint64_t position, OnePhaseRecord record) {
    if (SETTLE_PLANTED_BUG(kOnePhaseRecordNotReplayed)) return;
    Decide(position, std::move(record));
  }
  void Visit(std::uint64_t position, QuorumAbortRecord record) {
    Decide(position, std::move(record));
  }
  void Visit(std::uint64_t position, PreCommitRecord record) {
    RestoredTransaction& transaction = At(record.gtid, position).transaction;
    if (transaction.pre_commit && transaction.contradiction.empty()) {
      transaction.contradiction = "the record at position " + std::to_string(position) +
                                  " pre-commits what was pre-committed before";
    }
    if (!transaction.pre_commit) transaction.pre_commit = std::move(record);
  }
  void Visit(std::uint64_t position, LastResourceRecord record) {
    RestoredTransaction& transaction = At(record.gtid, position).transaction;
    if (transaction.last_resource && transaction.contradiction.empty()) {
      transaction.contradiction = "the record at position " + std::to_string(position) +
                                  " leaves to a last resource what was left to one before";
    }
    if (!transaction.last_resource) transaction.last_resource = std::move(record);
  }
  void Visit(std::uint64_t position, BallotRecord record) {
    At(record.gtid, position).transaction.ballot = std::move(record);
  }
  void Visit(std::uint64_t position, HeuristicRecord record) {
    if (SETTLE_PLANTED_BUG(kHeuristicsNotReplayed)) return;
    At(record.gtid, position).transaction.heuristics.push_back(std::move(record));
  }
  void Visit(std::uint64_t position, RegisteredRecord record) {
    if (SETTLE_PLANTED_BUG(kRegisteredNotReplayed)) return;
    At(record.gtid, position).transaction.registered.push_back(std::move(record));
  }
  void Visit(std::uint64_t position, HeuristicIntentRecord record) {
    if (SETTLE_PLANTED_BUG(kIntentNotReplayed)) return;
    At(record.gtid, position).transaction.intents.push_back(std::move(record));
  }
  void Visit(std::uint64_t position, ForgetRecord record) {
    if (const auto saga = sagas.find(record.gtid); saga != sagas.end()) {
      saga->second.saga.later.emplace_back(std::move(record));
      return;
    }
    RestoredTransaction& transaction = At(record.gtid, position).transaction;
    const bool kept = !transaction.heuristics.empty() || !transaction.intents.empty();
    if (!kept && transaction.contradiction.empty()) {
      transaction.contradiction = "the record at position " + std::to_string(position) +
                                  " forgets what no record before it says is damaged";
    }
    transaction.forgotten = std::move(record);
  }
  void Visit(std::uint64_t, const EndRecord& record) {
    if (const auto& saga = record.summary.saga; saga && !saga->request_key.empty()) {
      ended_starts.push_back({record.summary.gtid, record.summary.origin.identity,
                              saga->request_key, saga->name, saga->version, saga->fingerprint});
    }
    open.erase(record.summary.gtid);
    sagas.erase(record.summary.gtid);
  }
  void Visit(std::uint64_t, ResourceRecord record) { resources.push_back(std::move(record)); }
  void Visit(std::uint64_t, DefinitionRecord record) { definitions.push_back(std::move(record)); }
  void Visit(std::uint64_t, PauseRecord record) { pauses.push_back(std::move(record)); }
  void Visit(std::uint64_t position, SagaBeginRecord record) {
    const auto [entry, is_new] = sagas.try_emplace(record.gtid, OpenSaga{position, {}});
    RestoredSaga& saga = entry->second.saga;
    if (!is_new) {
      saga.contradiction = "the record at position " + std::to_string(position) +
                           " begins what had begun at position " +
                           std::to_string(entry->second.position);
      return;
    }
    saga.begin = std::move(record);
  }
  template <typename OfSaga>
  void Visit(std::uint64_t position, OfSaga record) {
    const auto [entry, is_new] = sagas.try_emplace(record.gtid, OpenSaga{position, {}});
    RestoredSaga& saga = entry->second.saga;
    if (is_new) {
      saga.begin.gtid = record.gtid;
      saga.contradiction = "the record at position " + std::to_string(position) +
                           " is of a saga, and no record before says that it began";
    }
    saga.later.emplace_back(std::move(record));
  }
};

bool IsForced(const RestoredTransaction& transaction) {
  return !transaction.intents.empty() &&
         transaction.intents.front().intent.act != HeuristicAct::kVerdict;
}

// What came after an end. Damage can come after the end of an abort, which was never decided: a
// branch that somebody committed by hand is found late.
Result<std::string> ContradictionOfItsEnd(const DecisionLog& log,
                                          const RestoredTransaction& transaction) {
  const bool decided =
      !std::holds_alternative<std::monostate>(transaction.decision) || IsForced(transaction);
  const bool pre_committed = transaction.pre_commit.has_value();
  const bool delegated = transaction.last_resource.has_value();
  const bool registered = !transaction.registered.empty() || pre_committed || delegated;
  const std::string was = decided         ? "decided"
                          : pre_committed ? "pre-committed"
                          : delegated     ? "left to its last resource"
                          : registered    ? "registered"
                                          : "damaged";
  const auto ended = log.FindEnded(transaction.gtid());
  if (!ended && ended.error().code == ErrorCode::kExpired) {
    return decided || registered ? "it had ended, and was pruned, before it was " + was
                                 : std::string();
  }
  if (!ended) return Fail(ended.error());
  if (!*ended) return std::string();
  if (!decided && !registered && !(*ended)->ending.committed()) return std::string();
  return "it had ended as " + std::string(settle::ToString((*ended)->ending.outcome)) +
         " before it was " + was;
}

// Its records contradict themselves, and a person knew: only what contradicts that is wrong now.
void LeaveWhatAPersonDecided(RestoredTransaction& transaction) {
  const HeuristicIntentRecord intent = transaction.intents.front();
  if (!FindContradiction(intent).empty()) return;
  RestoredTransaction left;
  left.intents = std::move(transaction.intents);
  left.forgotten = std::move(transaction.forgotten);
  for (HeuristicRecord& heuristic : transaction.heuristics) {
    const bool its_own = std::ranges::any_of(
        intent.intent.branches, [&](const auto& one) { return one.number == heuristic.branch; });
    if (its_own) left.heuristics.push_back(std::move(heuristic));
  }
  transaction = std::move(left);
}

}  // namespace

Result<RestoredState> ReplayLog(DecisionLog& log) {
  Replay replay;
  const Status read = log.Replay([&](std::uint64_t position, Record record) {
    std::visit([&](auto&& one) { replay.Visit(position, std::forward<decltype(one)>(one)); },
               std::move(record));
  });
  if (!read) return Fail(read.error());
  std::vector<Replay::Open*> in_order;
  in_order.reserve(replay.open.size());
  for (auto& [gtid, entry] : replay.open) {
    const bool undecided = entry.decided == 0 && entry.transaction.pre_commit;
    if (SETTLE_PLANTED_BUG(kPreCommitNotRecorded) && undecided) continue;
    in_order.push_back(&entry);
  }
  std::ranges::sort(in_order, {}, &Replay::Open::position);
  RestoredState state;
  state.open.reserve(in_order.size());
  for (Replay::Open* const entry : in_order) {
    RestoredTransaction& transaction = entry->transaction;
    std::string& wrong = transaction.contradiction;
    if (wrong.empty()) wrong = FindContradiction(transaction, log.identity());
    if (wrong.empty()) {
      Result<std::string> of_its_end = ContradictionOfItsEnd(log, transaction);
      if (!of_its_end) return Fail(of_its_end.error());
      wrong = *std::move(of_its_end);
    }
    std::string lost = wrong.empty() ? FindLoss(transaction, log.identity()) : std::string();
    const bool quorum =
        transaction.pre_commit && std::holds_alternative<std::monostate>(transaction.decision);
    if (IsForced(transaction) && !(quorum && wrong.empty() && lost.empty())) {
      LeaveWhatAPersonDecided(transaction);
    } else {
      transaction.lost = std::move(lost);
    }
    state.open.push_back(std::move(transaction));
  }
  std::map<std::uint64_t, RestoredSaga> sagas_in_order;
  for (auto& [gtid, entry] : replay.sagas) sagas_in_order[entry.position] = std::move(entry.saga);
  for (auto& [position, saga] : sagas_in_order) {
    if (saga.contradiction.empty()) saga.contradiction = FindContradiction(saga, log.identity());
    if (saga.contradiction.empty()) saga.lost = FindLoss(saga, log.identity());
    state.sagas.push_back(std::move(saga));
  }
  state.resources = std::move(replay.resources);
  state.ended_starts = std::move(replay.ended_starts);
  state.definitions = std::move(replay.definitions);
  state.pauses = std::move(replay.pauses);
  return state;
}

}  // namespace settle::coordinator
