#include "bench/settle_program.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "bench/or_throw.h"

namespace settle::bench {

double CommitOrThrow(GlobalTransaction& transaction, Wait wait) {
  const auto committing = std::chrono::steady_clock::now();
  const Ending ending = transaction.Commit({.wait = wait});
  if (ending.outcome == Outcome::kCommitted) return MicrosecondsSince(committing);
  throw std::runtime_error(std::string("a transfer ended as ") + ToString(ending.outcome) + ": " +
                           ending.reason);
}

SettleProgram::SettleProgram(const Banks& banks, const Daemon& daemon, int clients, Way way,
                             const Progress& progress)
    : way_(way) {
  for (int bank = 0; bank < banks.count(); ++bank) {
    // With wait = decision a client goes on while its last branch is still being committed, so each
    // may have a second connection. With few clients the SDK's default: as many are kept open, and
    // commands need some beyond those of the clients.
    banks_.push_back(PostgresResource::Make(
        {.name = std::string("bank-") + BankLetter(bank),
         .dsn = banks.dsn(bank),
         .connections_max = std::max(PostgresOptions().connections_max, 2 * clients),
         .three_phase = way == Way::kThreePhase}));
  }
  if (way == Way::kServicePrepares) service_ = Connect(daemon, banks_, progress);
  caller_ = Connect(daemon, service_ ? std::vector<Bank>{} : banks_, progress);
}

std::unique_ptr<Coordinator> SettleProgram::Connect(const Daemon& daemon,
                                                    const std::vector<Bank>& banks,
                                                    const Progress& progress) const {
  CoordinatorOptions options;
  options.addresses = {daemon.address()};
  options.application = "settle-bench";
  options.resources.assign(banks.begin(), banks.end());
  options.warn = progress;
  if (way_ == Way::kThreePhase) options.peers.listen = "127.0.0.1:0";
  return OrThrow(Coordinator::Connect(std::move(options)));
}

GlobalTransaction SettleProgram::BeginEmpty() {
  return OrThrow(caller_->Begin({.timeout = std::chrono::hours(1)}));
}

void SettleProgram::Work(GlobalTransaction& transaction, const Transfer& transfer, int branches) {
  std::vector<std::shared_ptr<PostgresBranch>> all;
  for (int bank = 0; bank < branches; ++bank) {
    all.push_back(OrThrow(transaction.Enlist(*banks_.at(static_cast<std::size_t>(bank)))));
  }
  for (const auto& branch : all) {
    const bool first = branch == all.front();
    const char* const sql = first ? kDebit : kCredit;
    const std::string& account = first ? transfer.from : transfer.to;
    if (way_ == Way::kQueued) {
      OrThrow(branch->Queue(sql, {account}, 1));
    } else {
      OrThrow(branch->Execute(sql, {account}));
    }
  }
}

double SettleProgram::Move(const Transfer& transfer, int branches, Wait wait,
                           UseLastResource last_resource) {
  const Protocol protocol = way_ == Way::kThreePhase ? Protocol::kThreePhase : Protocol::kTwoPhase;
  auto transaction =
      OrThrow(caller_->Begin({.protocol = protocol, .last_resource = last_resource}));
  if (service_) {
    auto joined = OrThrow(service_->Join(transaction.context()));
    Work(joined, transfer, branches);
    if (const Status left = joined.Leave(); !left) {
      throw std::runtime_error(Describe(left.error()));
    }
  } else {
    Work(transaction, transfer, branches);
  }
  return CommitOrThrow(transaction, wait);
}

}  // namespace settle::bench
