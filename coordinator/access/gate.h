// What every call passes: who calls, whether that is allowed, and how often.
//
//   Gate gate(Policy::WithoutRules(getuid()), WarnAbout(observer));
//   Visitor visitor(gate, caller);                         // one for each connection
//   if (Status may = visitor.Enter(Of("admin", "resolve")); !may) ...
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "access/call_rate.h"
#include "access/methods.h"
#include "access/policy.h"
#include "server/caller.h"
#include "server/complaints.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::access {

// Why a call was denied.
enum class Reason {
  kRole,         // the caller has no role for it
  kTransaction,  // somebody else began the transaction, or nobody did
  kName,         // a resource or participant that the caller may not serve
  kSession,      // a session of somebody else, or a branch of one
};
inline constexpr std::array<std::pair<Reason, const char*>, 4> kReasonNames{{
    {Reason::kRole, "role"},
    {Reason::kTransaction, "transaction"},
    {Reason::kName, "name"},
    {Reason::kSession, "session"},
}};

// Thread-safe.
class Gate {
 public:
  using Now = std::function<CallRate::Instant()>;

  // A line for people about what is denied, and the transaction that the call was about, if any.
  using Tell = std::function<void(const Gtid& about, const std::string& line)>;

  // `tell` gets at most one line a second.
  Gate(Policy policy, Tell tell, Now now = std::chrono::steady_clock::now);

  // From the next call on, of every connection.
  void Replace(Policy policy);

  // Since the gate was made.
  std::uint64_t denied(std::size_t service, Reason reason) const {  // service: of kServices
    return denied_[service][static_cast<std::size_t>(reason)];
  }
  std::uint64_t calls_over_quota() const { return calls_over_quota_; }
  std::uint64_t connections_over_quota() const { return connections_over_quota_; }

 private:
  friend class Visitor;

  // What one identity uses, over all its connections. Kept for good: only those to whom something
  // is granted have one, and a new connection must not bring new calls.
  struct Usage {
    CallRate calls;
    std::atomic<std::uint64_t> connections{0};  // that have a place

    bool TakePlace(std::uint64_t most);
  };
  Usage& UsageOf(const std::string& identity);
  std::shared_ptr<const Policy> policy() const;
  void Deny(const Method& method, Reason reason, const server::Caller& caller, const Error& error,
            const Gtid& about);

  const Now now_;
  const Tell tell_;
  server::Complaints complaints_;
  std::atomic<std::uint64_t> generation_{1};  // raised after the policy was replaced
  mutable std::mutex mutex_;
  std::shared_ptr<const Policy> policy_;
  std::map<std::string, Usage> usages_;
  std::array<std::array<std::atomic<std::uint64_t>, kReasonNames.size()>, kServices.size()>
      denied_{};
  std::atomic<std::uint64_t> calls_over_quota_{0};
  std::atomic<std::uint64_t> connections_over_quota_{0};
};

// The caller of one connection, used by its thread alone.
class Visitor {
 public:
  // The gate must outlive it. Blocks on nothing but the gate's mutex.
  Visitor(Gate& gate, server::Caller caller);
  ~Visitor();
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  // Whether the caller may make this call now: kDenied, counted and told to the log; kRetry: it
  // makes too many, or has too many connections. Without a quota this costs an atomic load and a
  // bit test.
  [[nodiscard]] Status Enter(const Method& method);

  // Counts and tells what is denied for a reason that is found later; returns `error`. `about`: the
  // transaction that the call names, if any.
  Error Deny(const Method& method, Reason reason, Error error, const Gtid& about = {});

  // As of the last Enter.
  const Rights& rights() const { return rights_; }
  const server::Caller& caller() const { return caller_; }
  // The identity to which sessions and branches must belong; none: to anybody.
  std::optional<std::string> only() const {
    if (rights_.unrestricted) return std::nullopt;
    return rights_.identity;
  }

 private:
  void Refresh(std::uint64_t generation);
  bool TakePlace();
  void Leave();

  Gate& gate_;
  const server::Caller caller_;
  std::uint64_t generation_ = 0;
  Rights rights_;
  Gate::Usage* usage_ = nullptr;  // none: nothing is granted
  bool has_place_ = false;        // among the connections of its identity
};

}  // namespace settle::coordinator::access
