// What operators ask of a shard.
#include <algorithm>
#include <set>
#include <utility>

#include "engine/shard.h"

namespace settle::coordinator {
namespace {

// The newest `most` of what it is offered, in memory for no more than that.
class Newest {
 public:
  explicit Newest(std::size_t most) : most_(most) {}

  void Offer(const Gtid& gtid) {
    if (heap_.size() == most_) {
      more_ = true;
      if (most_ == 0 || !Newer(&gtid, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), Newer);
      heap_.pop_back();
    }
    heap_.push_back(&gtid);
    std::push_heap(heap_.begin(), heap_.end(), Newer);
  }
  bool more() const { return more_; }
  std::vector<const Gtid*> Sorted() {
    std::sort_heap(heap_.begin(), heap_.end(), Newer);
    return std::move(heap_);
  }

 private:
  static bool Newer(const Gtid* a, const Gtid* b) { return *a > *b; }

  const std::size_t most_;
  std::vector<const Gtid*> heap_;  // the oldest first
  bool more_ = false;
};

CommandKind OutstandingOf(TwoPhase::State state) {
  if (state == TwoPhase::State::kOnePhase || state == TwoPhase::State::kLastResource)
    return CommandKind::kProve;
  return state == TwoPhase::State::kCommitting ? CommandKind::kCommit : CommandKind::kAbort;
}

// The sites whose answers a three-phase commit waits for; the witness is no resource.
std::vector<BranchNumber> SitesOut(const TwoPhase& machine) {
  if (machine.state() != TwoPhase::State::kQuorum) return {};
  std::vector<BranchNumber> sites = machine.quorum()->missing;
  std::erase(sites, BranchNumber{0});
  return sites;
}

void AddOutstanding(const Transaction& transaction, Hurried& hurried) {
  const TwoPhase& machine = transaction.machine;
  const std::vector<BranchNumber> sites = SitesOut(machine);
  for (const BranchNumber number : sites) {
    const std::string& resource = machine.FindBranch(number)->resource;
    ++hurried.sent[{resource, transaction.asked.value_or(CommandKind::kElect)}].count;
  }
  if (!sites.empty()) ++hurried.transactions;
  const std::vector<BranchNumber> unfinished = machine.Unfinished();
  if (unfinished.empty()) return;
  ++hurried.transactions;
  const CommandKind command = OutstandingOf(machine.state());
  const ActionOp call =
      command == CommandKind::kCommit ? ActionOp::kConfirm : ActionOp::kCancel;  // of a reservation
  for (const BranchNumber number : unfinished) {
    const TwoPhase::Branch& branch = *machine.FindBranch(number);
    Hurried::Branches& sent = branch.reservation ? hurried.called[{branch.resource, call}]
                                                 : hurried.sent[{branch.resource, command}];
    ++sent.count;
    if (sent.last_error.empty()) sent.last_error = branch.last_error;
  }
}

bool WaitsFor(const TwoPhase& machine, const std::string& resource) {
  std::vector<BranchNumber> unfinished = machine.Unfinished();
  if (unfinished.empty()) unfinished = SitesOut(machine);
  return std::any_of(unfinished.begin(), unfinished.end(), [&](BranchNumber number) {
    return resource.empty() || machine.FindBranch(number)->resource == resource;
  });
}

}  // namespace

TransactionSummary Shard::SummaryOf(const Transaction& transaction) const {
  return transaction.Summary(
      [this](const std::string& resource) { return sessions_.ServedSince(resource).has_value(); });
}

void Shard::Show(const Gtid& gtid, const Completion<TransactionSummary>& done) const {
  if (const auto found = running_.find(gtid); found != running_.end())
    return done(SummaryOf(*found->second));
  if (const auto* summary = FindNotRunning(gtid)) return done(*summary);
  if (const auto saga = sagas_.Show(gtid)) return done(*saga);
  done(Fail(ErrorCode::kNotFound, "transaction " + gtid.text() + " is not running here"));
}

OpenPage Shard::ListOpen(const OpenQuery& query) const {
  const auto in_range = [&](const Gtid& gtid) { return query.below.empty() || gtid < query.below; };
  Newest newest(query.most);
  for (const auto& [gtid, transaction] : running_) {
    const bool wanted = query.kind != OpenQuery::Kind::kInDoubt || transaction->IsInDoubt();
    if (wanted && in_range(gtid)) newest.Offer(gtid);
  }
  for (const auto& [gtid, ended] : ended_) {
    if (query.kind == OpenQuery::Kind::kNotWritten && in_range(gtid)) newest.Offer(gtid);
  }
  for (const auto& [gtid, summary] : quarantined_) {
    if (in_range(gtid)) newest.Offer(gtid);
  }
  sagas_.ForEach([&](const Sagas::Open& saga) {
    const bool wanted = saga.ended ? query.kind == OpenQuery::Kind::kNotWritten
                                   : query.kind != OpenQuery::Kind::kInDoubt || saga.in_doubt;
    if (wanted && in_range(saga.gtid)) newest.Offer(saga.gtid);
  });
  OpenPage page{{}, newest.more()};
  for (const Gtid* gtid : newest.Sorted()) {
    const auto running = running_.find(*gtid);
    if (running != running_.end()) {
      page.transactions.push_back(SummaryOf(*running->second));
    } else if (const auto* summary = FindNotRunning(*gtid)) {
      page.transactions.push_back(*summary);
    } else {
      page.transactions.push_back(*sagas_.Show(*gtid));
    }
    TransactionSummary& added = page.transactions.back();
    added.timeline.clear();
    if (!added.saga) continue;
    // A page of long results would be long.
    for (StepSummary& step : added.saga->steps) step.result.clear();
  }
  return page;
}

OpenCounts Shard::CountOpen() const {
  OpenCounts counts;
  counts.quarantined = quarantined_.size();
  for (const auto& [gtid, summary] : quarantined_) {
    ++counts.by_state[summary.state];
    counts.NoteInDoubt(summary.origin.began);
  }
  for (const auto& [gtid, transaction] : running_) {
    const TwoPhase& machine = transaction->machine;
    ++counts.by_state[ToString(machine.state())];
    if (transaction->IsInDoubt()) counts.NoteInDoubt(machine.origin().began);
    counts.damaged += machine.state() == TwoPhase::State::kDamaged ||
                              machine.state() == TwoPhase::State::kForgetting ||
                              !machine.intents().empty()
                          ? 1
                          : 0;
    std::set<std::string_view> waited_for;
    for (const TwoPhase::Branch& branch : machine.branches()) {
      if (IsOutstanding(branch.state)) waited_for.insert(branch.resource.str());
    }
    for (const BranchNumber site : SitesOut(machine))
      waited_for.insert(machine.FindBranch(site)->resource.str());
    for (const std::string_view resource : waited_for) ++counts.waiting[std::string(resource)];
  }
  sagas_.Count(counts);
  return counts;
}

void Shard::Hurry(const Gtid& gtid, const Completion<Hurried>& done) {
  Transaction* transaction = Find(gtid);
  if (transaction == nullptr && sagas_.Has(gtid)) {
    return sagas_.Retry(gtid, 0, done);
  }
  if (transaction == nullptr) {
    return done(Fail(ErrorCode::kNotFound, "transaction " + gtid.text() + " is not running here"));
  }
  Hurried hurried;
  AddOutstanding(*transaction, hurried);
  Handle(*transaction, event::RetryRequested{});
  done(std::move(hurried));
}

Hurried Shard::HurryAll(const std::string& resource) {
  std::vector<Gtid> gtids;  // handling an event may end a transaction and drop it
  for (const auto& [gtid, transaction] : running_) {
    if (WaitsFor(transaction->machine, resource)) gtids.push_back(gtid);
  }
  Hurried hurried;
  for (const Gtid& gtid : gtids) {
    Transaction& transaction = *Find(gtid);
    AddOutstanding(transaction, hurried);
    Handle(transaction, event::RetryRequested{});
  }
  sagas_.HurryAll(resource, hurried);
  return hurried;
}

}  // namespace settle::coordinator
