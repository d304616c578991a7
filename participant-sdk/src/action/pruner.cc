#include "action/pruner.h"

#include <tuple>
#include <utility>

#include "participant/caught.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPause{1};

bool IsNews(const EndedThrough& mark, const EndedThrough& known) {
  return mark.log_id != known.log_id ||
         std::tie(mark.epoch, mark.sequence) > std::tie(known.epoch, known.sequence);
}

}  // namespace

Pruner::Pruner(std::vector<std::shared_ptr<Barrier>> barriers,
               const std::map<std::string, SiteLedger*>& ledgers,
               std::function<void(const std::string&)> warn)
    : warn_(std::move(warn)), thread_(barriers.empty() && ledgers.empty() ? 0 : 1) {
  for (std::shared_ptr<Barrier>& barrier : barriers) {
    all_.push_back(
        {[barrier = std::move(barrier)](const EndedThrough& mark) { return barrier->Prune(mark); },
         "a barrier keeps rows that no call needs any more"});
  }
  for (const auto& [resource, ledger] : ledgers) {
    all_.push_back(
        {[ledger = ledger](const EndedThrough& mark) { return ledger->Prune(mark); },
         resource + " keeps records of three-phase commits that no site needs any more"});
  }
}

void Pruner::Prune(const EndedThrough& mark) {
  std::lock_guard lock(mutex_);
  if (all_.empty() || busy_ || !IsNews(mark, pruned_) || Clock::now() < next_) return;
  busy_ = true;
  next_ = Clock::now() + kPause;
  thread_.Post([this, mark] { Run(mark); });
}

void Pruner::Run(const EndedThrough& mark) {
  bool all = true;
  for (Pruned& one : all_) {
    const Status pruned =
        Caught([&] { return one.prune(mark); },
               [](const char* what) {
                 return Status(Fail(ErrorCode::kInternal, std::string("it threw: ") + what));
               });
    // Busy, or older transactions are still open: that passes by itself.
    const bool failed = !pruned && pruned.error().code != ErrorCode::kRetry;
    if (failed && !one.failed) {
      warn_(one.what + ": " + Describe(pruned.error()) + " (tried again)");
    }
    one.failed = failed;
    all = all && pruned;
  }
  std::lock_guard lock(mutex_);
  if (all) pruned_ = mark;
  busy_ = false;
}

void Pruner::Stop() { thread_.Stop(Clock::now()); }

}  // namespace settle::sdk
