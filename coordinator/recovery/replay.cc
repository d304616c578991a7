#include "recovery/replay.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "vocabulary/planted_bug.h"

namespace settle::coordinator {
namespace {

struct Replay {
  struct Open {
    std::uint64_t position = 0;
    RestoredTransaction transaction;
  };
  std::unordered_map<Gtid, Open> open;
  std::vector<ResourceRecord> resources;
  std::string wrong;  // what cannot be true of the log; empty while all is well

  Open& At(const Gtid& gtid, std::uint64_t position) {
    Open& entry = open[gtid];
    if (entry.position == 0) entry.position = position;
    return entry;
  }

  void Visit(std::uint64_t position, CommitRecord record) {
    At(record.gtid, position).transaction.decision = std::move(record);
  }
  void Visit(std::uint64_t position, OnePhaseRecord record) {
    if (SETTLE_PLANTED_BUG(kOnePhaseRecordNotReplayed)) return;
    At(record.gtid, position).transaction.decision = std::move(record);
  }
  void Visit(std::uint64_t position, HeuristicRecord record) {
    if (SETTLE_PLANTED_BUG(kHeuristicsNotReplayed)) return;
    At(record.gtid, position).transaction.heuristics.push_back(std::move(record));
  }
  void Visit(std::uint64_t position, ForgetRecord record) {
    RestoredTransaction& transaction = At(record.gtid, position).transaction;
    if (transaction.heuristics.empty() && wrong.empty()) {
      wrong = "the record at position " + std::to_string(position) + " forgets " +
              record.gtid.text() + ", which no record before it says is damaged";
    }
    transaction.forgotten = std::move(record);
  }
  void Visit(std::uint64_t, const EndRecord& record) { open.erase(record.summary.gtid); }
  void Visit(std::uint64_t, ResourceRecord record) { resources.push_back(std::move(record)); }
};

}  // namespace

Result<RestoredState> ReplayLog(DecisionLog& log) {
  Replay replay;
  const Status read = log.Replay([&](std::uint64_t position, Record record) {
    std::visit([&](auto&& one) { replay.Visit(position, std::forward<decltype(one)>(one)); },
               std::move(record));
  });
  if (!read) return Fail(read.error());
  if (!replay.wrong.empty()) {
    return Fail(ErrorCode::kCorrupt, replay.wrong,
                "nothing may be presumed from this log: keep it, and restore a backup");
  }
  std::map<std::uint64_t, RestoredTransaction> in_order;
  for (auto& [gtid, entry] : replay.open) in_order[entry.position] = std::move(entry.transaction);
  RestoredState state;
  for (auto& [position, transaction] : in_order) state.open.push_back(std::move(transaction));
  state.resources = std::move(replay.resources);
  return state;
}

}  // namespace settle::coordinator
