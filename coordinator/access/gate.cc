#include "access/gate.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::access {
namespace {

std::size_t IndexOf(std::string_view service) {
  return static_cast<std::size_t>(std::find(kServices.begin(), kServices.end(), service) -
                                  kServices.begin());
}

Error OverQuota(const Rights& rights, std::uint64_t most, const std::string& of_what) {
  return {ErrorCode::kRetry,
          NameOf(rights.identity) + " has its " + std::to_string(most) + " " + of_what +
              ", and nothing was done",
          "try again later, or raise the quota in the file of --access"};
}

}  // namespace

Gate::Gate(Policy policy, Tell tell, Now now)
    : now_(std::move(now)),
      tell_(std::move(tell)),
      complaints_([this](const std::string& line) { tell_({}, line); }),
      policy_(std::make_shared<const Policy>(std::move(policy))) {}

void Gate::Replace(Policy policy) {
  auto fresh = std::make_shared<const Policy>(std::move(policy));
  const std::scoped_lock lock(mutex_);
  policy_ = std::move(fresh);
  ++generation_;
}

std::shared_ptr<const Policy> Gate::policy() const {
  const std::scoped_lock lock(mutex_);
  return policy_;
}

Gate::Usage& Gate::UsageOf(const std::string& identity) {
  const std::scoped_lock lock(mutex_);
  return usages_[identity];
}

void Gate::Deny(const Method& method, Reason reason, const server::Caller& caller,
                const Error& error, const Gtid& about) {
  ++denied_[IndexOf(method.service)][static_cast<std::size_t>(reason)];
  complaints_.Say("denied " + std::string(method.service) + "." + std::string(method.name) +
                      " to " + Escaped(caller.text()) + ": " + error.message,
                  [&](const std::string& line) { tell_(about, line); });
}

Visitor::Visitor(Gate& gate, server::Caller caller) : gate_(gate), caller_(std::move(caller)) {
  Refresh(gate_.generation_);
}

bool Gate::Usage::TakePlace(std::uint64_t most) {
  std::uint64_t taken = connections;
  while (taken < most) {
    if (connections.compare_exchange_weak(taken, taken + 1)) return true;
  }
  return false;
}

Visitor::~Visitor() { Leave(); }

void Visitor::Leave() {
  if (has_place_) --usage_->connections;
  has_place_ = false;
  usage_ = nullptr;
}

bool Visitor::TakePlace() {
  constexpr auto kNoLimit = std::numeric_limits<std::uint64_t>::max();
  return has_place_ = usage_->TakePlace(rights_.quota.connections.value_or(kNoLimit));
}

// `generation` was read before the policy: if that is replaced meanwhile, the next call looks
// again. A connection that is one too many takes no place from others when they look, and of those
// that were there so many go on as a lower quota has room for.
void Visitor::Refresh(std::uint64_t generation) {
  const bool first = generation_ == 0;
  generation_ = generation;
  Leave();
  const std::string before = std::exchange(rights_, gate_.policy()->Of(caller_)).identity;
  if (!first && rights_.identity != before) {
    gate_.complaints_.Say("by the new rules " + NameOf(before) + " (" + Escaped(caller_.text()) +
                          ") is " + NameOf(rights_.identity) +
                          " from now on, and what it began as " + NameOf(before) +
                          " is not its own: put the rule about " + NameOf(before) + " first");
  }
  if (rights_.roles.empty()) return;
  usage_ = &gate_.UsageOf(rights_.identity);
  if (!TakePlace()) ++gate_.connections_over_quota_;
}

Status Visitor::Enter(const Method& method) {
  const std::uint64_t generation = gate_.generation_.load(std::memory_order_acquire);
  if (generation != generation_) Refresh(generation);
  if (Status may = rights_.MayCall(method); !may)
    return Fail(Deny(method, Reason::kRole, may.error()));
  // Another may have gone since.
  if (!has_place_ && !TakePlace())
    return Fail(OverQuota(rights_, *rights_.quota.connections, "connections"));
  const auto& rate = rights_.quota.calls_per_second;
  if (rate && !usage_->calls.Take(gate_.now_(), *rate)) {
    ++gate_.calls_over_quota_;
    return Fail(OverQuota(rights_, *rate, "calls of this second"));
  }
  return {};
}

Error Visitor::Deny(const Method& method, Reason reason, Error error, const Gtid& about) {
  gate_.Deny(method, reason, caller_, error, about);
  return error;
}

}  // namespace settle::coordinator::access
