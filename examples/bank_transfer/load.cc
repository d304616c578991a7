#include "load.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace bank_transfer {
namespace {

using Clock = std::chrono::steady_clock;
using settle::Ending;
using settle::ErrorCode;
using settle::Outcome;
using settle::Result;
using std::chrono::milliseconds;

// Whether the same work may succeed when it is done again from the start. It is safe for every code
// here, because Transfer fails with an error only if commit was not asked for.
bool MayPass(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetry:
    case ErrorCode::kRetryTransaction:
    case ErrorCode::kAskOutcome:
    case ErrorCode::kRefused:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnavailable:
    case ErrorCode::kExpired:
    case ErrorCode::kStaleEpoch: return true;
    case ErrorCode::kInvalid:
    case ErrorCode::kWrongLog:
    case ErrorCode::kVersion:
    case ErrorCode::kDenied:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal: return false;
  }
  return false;
}

// Pauses between attempts: longer each time, and never in step with another client's.
class BackOff {
 public:
  BackOff(std::mt19937& random, milliseconds patience)
      : random_(random), give_up_(Clock::now() + patience) {}

  // False, at once, when patience has run out.
  bool Pause() {
    if (Clock::now() >= give_up_) return false;
    std::this_thread::sleep_for(
        milliseconds(std::uniform_int_distribution<int>(1, most_ms_)(random_)));
    most_ms_ = std::min(2 * most_ms_, 500);
    return true;
  }

 private:
  std::mt19937& random_;
  const Clock::time_point give_up_;
  int most_ms_ = 10;
};

class Client {
 public:
  Client(settle::Coordinator& coordinator, const Bank& from, const Bank& to,
         const LoadOptions& options, Notes& notes, unsigned seed)
      : coordinator_(coordinator),
        from_(from),
        to_(to),
        options_(options),
        notes_(notes),
        random_(seed) {}

  // Takes transfers from `left` until there are none.
  LoadReport Run(std::atomic<int>& left, const std::atomic<bool>& stop) {
    while (report_.failure.empty() && !stop && left-- > 0) {
      const Order order = Draw();
      const Result<Told> told = MoveMoney(order);
      if (told) {
        Count(told->ending);
      } else {
        report_.failure = Describe(told.error());
      }
    }
    return report_;
  }

 private:
  Order Draw() {
    std::uniform_int_distribution<int> account(1, options_.accounts);
    std::uniform_int_distribution<int> amount(1, options_.amount_max);
    Order order{account(random_), account(random_), amount(random_), {}};
    order.comment = std::to_string(order.amount) + " from account " +
                    std::to_string(order.from_account) + " to account " +
                    std::to_string(order.to_account);
    return order;
  }

  // Until it has ended for good. What failed for a passing cause is done again, as another
  // transaction.
  Result<Told> MoveMoney(const Order& order) {
    BackOff back_off(random_, options_.patience);
    for (;;) {
      Result<Told> told = Once(order);
      if (told) {
        told->ending = UntilKnown(*told);
        if (auto written = notes_.Write(*told, order.amount); !written)
          return settle::Fail(written.error());
        if (!told->ending.aborted() || !told->ending.retryable) return told;
      } else if (!MayPass(told.error().code)) {
        return told;
      }
      if (!back_off.Pause()) return told;
      ++report_.retried;
    }
  }

  Result<Told> Once(const Order& order) {
    return std::visit(
        [&](const auto& from, const auto& to) { return Transfer(coordinator_, *from, *to, order); },
        from_.resource, to_.resource);
  }

  // An ending that is not known is asked for, never replaced by doing the work again.
  Ending UntilKnown(const Told& told) {
    Ending ending = told.ending;
    const auto is_known = [&] {
      return ending.outcome != Outcome::kUnknown && ending.outcome != Outcome::kUndecided;
    };
    if (is_known()) return ending;
    ++report_.asked;
    BackOff back_off(random_, options_.patience);
    while (!is_known() && back_off.Pause()) ending = coordinator_.AskOutcome(told.gtid);
    return ending;
  }

  void Count(const Ending& ending) {
    switch (ending.outcome) {
      case Outcome::kCommitted: ++report_.committed; return;
      case Outcome::kAborted: ++report_.aborted; return;
      case Outcome::kMixed:
      case Outcome::kHazard:
      case Outcome::kHeuristicRollback:
      case Outcome::kHeuristicCommit: ++report_.damaged; return;
      case Outcome::kUndecided:
      case Outcome::kUnknown:
      case Outcome::kExpired:
        report_.failure =
            std::string("how a transfer ended could not be learned: ") + ending.reason;
        return;
    }
  }

  settle::Coordinator& coordinator_;
  const Bank& from_;
  const Bank& to_;
  const LoadOptions& options_;
  Notes& notes_;
  std::mt19937 random_;
  LoadReport report_;
};

void Add(const LoadReport& one, LoadReport& all) {
  all.committed += one.committed;
  all.aborted += one.aborted;
  all.retried += one.retried;
  all.asked += one.asked;
  all.damaged += one.damaged;
  if (all.failure.empty()) all.failure = one.failure;
}

}  // namespace

LoadReport RunLoad(settle::Coordinator& coordinator, const Bank& from, const Bank& to,
                   const LoadOptions& options, Notes& notes, const std::atomic<bool>& stop) {
  std::atomic<int> left = options.transfers;
  std::mutex mutex;
  LoadReport all;
  std::vector<std::jthread> threads;
  for (int i = 0; i < options.clients; ++i) {
    threads.emplace_back([&, i] {
      Client client(coordinator, from, to, options, notes,
                    options.seed * 1'000'003u + static_cast<unsigned>(i));
      const LoadReport one = client.Run(left, stop);
      const std::lock_guard lock(mutex);
      Add(one, all);
    });
  }
  threads.clear();  // joins
  return all;
}

}  // namespace bank_transfer
