#include "access/policy.h"

#include <algorithm>
#include <utility>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::access {
namespace {

// From this machine: 127.0.0.0/8 or [::1], as server::SocketAddress::text() writes them.
bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]:");
}

bool IsAbout(const Who& who, const server::Caller& caller) {
  using Proof = server::Caller::Proof;
  switch (who.kind) {
    case Who::Kind::kCertificate:
      return caller.proof == Proof::kCertificate &&
             std::find(caller.names.begin(), caller.names.end(), who.text) != caller.names.end();
    case Who::Kind::kUser: return caller.proof == Proof::kUnixPeer && caller.uid == who.id;
    case Who::Kind::kGroup:
      return caller.proof == Proof::kUnixPeer &&
             (caller.gid == who.id || who.members.contains(caller.uid));
    case Who::Kind::kLocal: return caller.proof == Proof::kNone && IsLoopback(caller.address);
  }
  return false;
}

// '*' stands for any characters, none included; every other stands for itself.
bool Matches(std::string_view pattern, std::string_view name) {
  // What does not fit lets the latest star stand for one more: each place is tried once for each
  // star, and never all together.
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_until = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_until = i;
    } else if (at < pattern.size() && pattern[at] == name[i]) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++star_until;
    } else {
      return false;
    }
  }
  return pattern.substr(at).find_first_not_of('*') == std::string_view::npos;
}

Status MayServe(const Rights& rights, const std::vector<std::string>& patterns, const char* what,
                const char* key, std::string_view name) {
  const bool named = std::any_of(patterns.begin(), patterns.end(),
                                 [&](const std::string& one) { return Matches(one, name); });
  if (named || rights.unrestricted) return {};
  return Fail(ErrorCode::kDenied,
              NameOf(rights.identity) + " may not serve the " + what + " \"" + Escaped(name) + "\"",
              std::string("name it under \"") + key + "\" in a rule of the file of --access");
}

void TakeLarger(std::optional<std::uint64_t>& sum, const std::optional<std::uint64_t>& other) {
  if (other && (!sum || *sum < *other)) sum = other;
}

void AddTo(Rights& rights, const Rule& rule) {
  rights.roles.Add(WithImplied(rule.roles));
  rights.resources.insert(rights.resources.end(), rule.resources.begin(), rule.resources.end());
  rights.participants.insert(rights.participants.end(), rule.participants.begin(),
                             rule.participants.end());
  TakeLarger(rights.quota.open_transactions, rule.quota.open_transactions);
  TakeLarger(rights.quota.sessions, rule.quota.sessions);
  TakeLarger(rights.quota.calls_per_second, rule.quota.calls_per_second);
  TakeLarger(rights.quota.connections, rule.quota.connections);
  TakeLarger(rights.quota.names, rule.quota.names);
}

std::string IdentityOf(const server::Caller& caller, const std::vector<Rule>& rules) {
  switch (caller.proof) {
    case server::Caller::Proof::kNone: return "";
    case server::Caller::Proof::kUnixPeer: return "uid:" + std::to_string(caller.uid);
    case server::Caller::Proof::kCertificate: break;
  }
  for (const Rule& rule : rules) {
    if (rule.who.kind == Who::Kind::kCertificate && IsAbout(rule.who, caller)) return rule.who.text;
  }
  return caller.names.empty() ? "a certificate without a name" : caller.names.front();
}

}  // namespace

std::string NameOf(const std::string& identity) {
  return identity.empty() ? "local" : Escaped(identity);
}

Status Rights::MayCall(const Method& method) const {
  if (roles.HasAnyOf(method.any_of)) return {};
  const std::string call = std::string(method.service) + "." + std::string(method.name);
  if (roles.empty()) {
    return Fail(ErrorCode::kDenied,
                NameOf(identity) + " may not call " + call + ": nothing is granted to it",
                "ask whoever runs the coordinator for a rule (settled --access)");
  }
  return Fail(ErrorCode::kDenied,
              NameOf(identity) + " may not call " + call + ": it has the roles " + roles.text() +
                  ", and that takes " +
                  (method.any_of == kEveryRole ? "any" : method.any_of.text()),
              "ask whoever runs the coordinator for the role (settled --access)");
}

Status Rights::MayServeResource(std::string_view name) const {
  return MayServe(*this, resources, "resource", "resources", name);
}

Status Rights::MayServeParticipant(std::string_view name) const {
  return MayServe(*this, participants, "participant", "participants", name);
}

bool Rights::ServesByPattern(std::string_view name) const {
  return std::find(resources.begin(), resources.end(), name) == resources.end() &&
         std::any_of(resources.begin(), resources.end(),
                     [&](const std::string& one) { return Matches(one, name); });
}

Policy Policy::WithoutRules(uid_t own) {
  Policy policy;
  policy.trusted_ = own;
  return policy;
}

Rights Policy::Of(const server::Caller& caller) const {
  if (trusted_) return OfTrusted(caller);
  Rights rights;
  rights.identity = IdentityOf(caller, rules_);
  for (const Rule& rule : rules_) {
    if (IsAbout(rule.who, caller)) AddTo(rights, rule);
  }
  return rights;
}

Rights Policy::OfTrusted(const server::Caller& caller) const {
  Rights rights;
  rights.identity = IdentityOf(caller, rules_);
  const bool trusted = [&] {
    switch (caller.proof) {
      case server::Caller::Proof::kNone: return true;
      case server::Caller::Proof::kUnixPeer: return caller.uid == *trusted_ || caller.uid == 0;
      case server::Caller::Proof::kCertificate: return false;
    }
    return false;
  }();
  if (trusted) rights.roles = kEveryRole;
  rights.unrestricted = trusted;
  return rights;
}

}  // namespace settle::coordinator::access
