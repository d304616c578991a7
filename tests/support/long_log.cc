#include "support/long_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <stdexcept>
#include <utility>

namespace settle::testing {

using namespace coordinator;

namespace {

constexpr WallTime kNow = 1'700'000'000'000'000;
const Evidence kEvidence{"postgresql:7301234567890123456:16384", 1, "48291734"};

void AppendAndWait(DecisionLog& log, Record record) {
  std::promise<AppendResult> told;
  log.Append(std::move(record), Durability::kForce,
             [&](AppendResult result, const std::string&) { told.set_value(result); });
  if (told.get_future().get() != AppendResult::kDurable) throw std::runtime_error("not durable");
}

}  // namespace

CommitRecord DecisionOfTransfer(const Gtid& gtid) {
  const Origin origin{"transfer-service", fmt::format("order {}", gtid.sequence()), kNow};
  return {gtid,
          origin,
          kNow + 900,
          {{1, "bank-a", Vote::kCommit, kEvidence}, {2, "bank-b", Vote::kCommit, kEvidence}}};
}

EndRecord EndOfTransfer(const Gtid& gtid) {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "done";
  summary.ending = {Outcome::kCommitted, AbortCause::kNone, "", false};
  summary.origin = DecisionOfTransfer(gtid).origin;
  summary.ended = kNow + 2'000;
  for (const BranchNumber number : {1U, 2U}) {
    summary.branches.push_back({number, number == 1 ? "bank-a" : "bank-b", kEvidence.database,
                                "transfer-service@host-17:4242", "committed", "commit", kEvidence,
                                0, ""});
  }
  summary.timeline = {{kNow, "begun by transfer-service"},
                      {kNow + 500, "commit asked for, with 2 votes"},
                      {kNow + 900, "decided to commit; the decision is durable"},
                      {kNow + 1'800, "branch 1: committed"},
                      {kNow + 1'900, "branch 2: committed"},
                      {kNow + 2'000, "committed"}};
  return {summary};
}

Gtid GtidOfTransfer(const DecisionLog& log, std::uint64_t sequence) {
  return Gtid::Make(log.identity().log_id, log.identity().epoch, sequence, 0x9f3c2a51);
}

double FillLog(DecisionLog& log, std::uint64_t first, std::uint64_t count) {
  using Clock = std::chrono::steady_clock;
  constexpr std::uint64_t kInFlight = 512;
  double slowest = 0;
  const std::uint64_t last = first + count - 1;
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
    const Clock::time_point begin = Clock::now();
    for (const std::uint64_t until = std::min(last, sequence + kInFlight - 1); sequence < until;
         ++sequence) {
      const Gtid gtid = GtidOfTransfer(log, sequence);
      log.Append(DecisionOfTransfer(gtid), Durability::kLazy, {});
      log.Append(EndOfTransfer(gtid), Durability::kLazy, {});
    }
    const Gtid gtid = GtidOfTransfer(log, sequence);
    log.Append(DecisionOfTransfer(gtid), Durability::kLazy, {});
    AppendAndWait(log, EndOfTransfer(gtid));
    slowest = std::max(slowest, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return slowest;
}

}  // namespace settle::testing
