// Who waits for the end of a transaction, and what they are told.
#include <algorithm>
#include <utility>

#include "engine/shard.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {

std::uint64_t Shard::AddWaiter(Transaction& transaction, bool at_decision,
                               std::chrono::milliseconds wait,
                               std::function<void(Result<EndingNews>)> tell) {
  const std::uint64_t id = next_waiter_++;
  transaction.waiters.push_back({id, at_decision, std::move(tell)});
  const auto at_most =
      std::clamp(wait, std::chrono::milliseconds(0), settings_.transaction_timeout_max);
  timers_.Arm({transaction.machine.gtid(), TimerKind::kWaiter, id}, clock_.Now() + at_most);
  return id;
}

void Shard::RemoveWaiter(Transaction& transaction, std::uint64_t id) {
  timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, id});
  std::erase_if(transaction.waiters, [id](const EndingWaiter& waiter) { return waiter.id == id; });
}

// The caller waited as long as it wanted to; the transaction goes on without it.
void Shard::WaitIsOver(Transaction& transaction, std::uint64_t id) {
  const auto waiter = std::find_if(transaction.waiters.begin(), transaction.waiters.end(),
                                   [id](const EndingWaiter& one) { return one.id == id; });
  if (waiter == transaction.waiters.end()) return;
  const auto tell = std::move(waiter->tell);
  transaction.waiters.erase(waiter);
  tell(EndingNews{transaction.machine.ending(), false, transaction.machine.NotApplied()});
}

void Shard::TellDecided(Transaction& transaction, const effect::ReplyDecided& reply) {
  const std::vector<BranchNumber> unfinished = transaction.machine.NotApplied();
  const EndingNews news{reply.ending, reply.finish_here, unfinished};
  std::vector<EndingWaiter> told;
  std::erase_if(transaction.waiters, [&](EndingWaiter& waiter) {
    if (!reply.finish_here && !waiter.at_decision) return false;
    told.push_back(std::move(waiter));
    return true;
  });
  if (!told.empty()) SETTLE_FAILPOINT("engine.before_told");
  for (const EndingWaiter& waiter : told) {
    timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, waiter.id});
    waiter.tell(news);
  }
}

void Shard::TellEnded(Transaction& transaction, const Ending& ending) {
  if (transaction.ended == 0) {
    transaction.ended = clock_.WallNow();
    transaction.Note(transaction.ended, std::string(settle::ToString(ending.outcome)) +
                                            (ending.reason.empty() ? "" : ": " + ending.reason));
  }
  if (!transaction.waiters.empty()) SETTLE_FAILPOINT("engine.before_told");
  for (const EndingWaiter& waiter : std::exchange(transaction.waiters, {})) {
    timers_.Cancel({transaction.machine.gtid(), TimerKind::kWaiter, waiter.id});
    waiter.tell(EndingNews{ending, false, transaction.machine.NotApplied()});
  }
  TellOnePhase(transaction, {false, ending});
  RefuseTries(transaction, ending);
}

void Shard::TellOnePhase(Transaction& transaction, const OnePhaseAnswer& answer) {
  if (!transaction.other_waiters) return;
  for (const auto& done : std::exchange(transaction.other_waiters->one_phase, {})) done(answer);
}

}  // namespace settle::coordinator
