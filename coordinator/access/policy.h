// Who may do what: rules about callers, and what a caller may do by them. Nothing that no rule
// grants is allowed. Values without clocks, locks or files.
//
//   const Policy policy(rules);                       // access/rules_file.h reads them
//   const Rights rights = policy.Of(caller);
//   if (Status may = rights.MayCall(Of("admin", "resolve")); !may) ...
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "access/methods.h"
#include "access/roles.h"
#include "server/caller.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator::access {

// A resource's name stays in the log once it was attached.
inline constexpr std::uint64_t kNamesMost = 1000;

// How much one identity may have at a time, over all its connections. None: as much as the daemon's
// own limits allow, and kNamesMost names.
struct Quota {
  std::optional<std::uint64_t> open_transactions{};  // undecided ones; and as many sagas
  std::optional<std::uint64_t> sessions{};           // of participants
  std::optional<std::uint64_t> calls_per_second{};
  std::optional<std::uint64_t> connections{};
  std::optional<std::uint64_t> names{};  // of resources that it serves by a pattern

  friend bool operator==(const Quota&, const Quota&) = default;
};

// Whom a rule is about.
struct Who {
  enum class Kind {
    kCertificate,  // it has the name `text`
    kUser,         // a Unix socket's peer with the uid `id`
    kGroup,        // with the primary group `id`, or whose uid is a member
    kLocal,        // a plain connection from this machine, of which nothing is proved
  };
  Kind kind = Kind::kLocal;
  std::string text;  // as the rule says it: "cn:shop", "user:bank"
  std::uint32_t id = 0;
  std::set<uid_t> members{};  // of the group
};

struct Rule {
  Who who;
  Roles roles;
  std::vector<std::string> resources;     // that it may serve; '*' stands for any characters
  std::vector<std::string> participants;  // under whose names it may serve actions
  Quota quota;
};

// What one caller may do.
struct Rights {
  // What transactions, sessions and quotas are kept under: "cn:shop", "uid:1000". Empty: nothing
  // was proved.
  std::string identity;
  Roles roles;
  // No rules were given, and whoever gets this far is trusted: any transaction, session and name.
  bool unrestricted = false;
  std::vector<std::string> resources;
  std::vector<std::string> participants;
  Quota quota;

  // kDenied, in words for whoever calls.
  [[nodiscard]] Status MayCall(const Method& method) const;
  [[nodiscard]] Status MayServeResource(std::string_view name) const;
  [[nodiscard]] Status MayServeParticipant(std::string_view name) const;

  // A pattern lets it serve the resource, and no rule spells the name out.
  [[nodiscard]] bool ServesByPattern(std::string_view name) const;
};

// "local" where nothing is proved.
std::string NameOf(const std::string& identity);

class Policy {
 public:
  // Without rules: a plain connection may do everything (settled listens beyond this machine only
  // if it is told to); on a Unix socket `own` and root may, and nobody else; a certificate may
  // nothing, since any that the authority ever signed would be as good.
  static Policy WithoutRules(uid_t own);
  explicit Policy(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  // All rules that are about the caller add up: roles, names, and of each quota the largest. Of a
  // certificate's names that which the first rule is about is its identity, so that a rule at the
  // end gives more rights and no other identity.
  Rights Of(const server::Caller& caller) const;

 private:
  Policy() = default;
  Rights OfTrusted(const server::Caller& caller) const;

  std::optional<uid_t> trusted_;  // there are no rules
  std::vector<Rule> rules_;
};

}  // namespace settle::coordinator::access
