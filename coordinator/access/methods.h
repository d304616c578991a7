// The one table of what each call of the contract takes. A handler names its call by
// Of("service", "method"), which does not compile without an entry here.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "access/roles.h"

namespace settle::coordinator::access {

struct Method {
  std::string_view service;  // as it is called on the port
  std::string_view name;     // as thrift/*.thrift has it
  Roles any_of;              // one of them is enough
};

// What is asked beyond the role, for example whether the transaction is the caller's own, is said
// in docs/security.md and checked by the handlers (rpc/edge.h).
inline constexpr std::array kMethods = {
    Method{"coordinator", "hello", kEveryRole},
    Method{"coordinator", "begin_transaction", {Role::kApplication}},
    // A participant joins a transaction that another began, for a session of its own.
    Method{"coordinator", "enlist", {Role::kApplication, Role::kParticipant}},
    Method{"coordinator", "try_branch", {Role::kApplication}},
    Method{"coordinator", "commit", {Role::kApplication}},
    Method{"coordinator", "commit_one_phase", {Role::kApplication}},
    Method{"coordinator", "abort", {Role::kApplication}},
    Method{"coordinator", "define_saga", {Role::kApplication}},
    Method{"coordinator", "start_saga", {Role::kApplication}},
    Method{"coordinator", "await_saga", {Role::kApplication}},
    Method{"coordinator", "outcome", {Role::kApplication}},

    Method{"participant", "attach", {Role::kParticipant}},
    Method{"participant", "fetch", {Role::kParticipant}},
    Method{"participant", "report", {Role::kParticipant}},
    Method{"participant", "detach", {Role::kParticipant}},

    Method{"peer", "tell", {Role::kParticipant}},

    Method{"admin", "status", {Role::kOperatorRead}},
    Method{"admin", "list_transactions", {Role::kOperatorRead}},
    Method{"admin", "show", {Role::kOperatorRead}},
    Method{"admin", "look", {Role::kOperatorRead}},
    Method{"admin", "examine", {Role::kOperatorRead}},
    Method{"admin", "in_doubt", {Role::kOperatorRead}},
    Method{"admin", "participants", {Role::kOperatorRead}},
    Method{"admin", "definitions", {Role::kOperatorRead}},
    Method{"admin", "definition", {Role::kOperatorRead}},
    Method{"admin", "diagnose", {Role::kOperatorRead}},
    Method{"admin", "audit", {Role::kOperatorRead}},
    // A copy of the log has every application's words in it.
    Method{"admin", "backup_begin", {Role::kAdmin}},
    Method{"admin", "backup_progress", {Role::kAdmin}},
    Method{"admin", "backup_read", {Role::kAdmin}},
    Method{"admin", "backup_end", {Role::kAdmin}},
    Method{"admin", "resolve", {Role::kOperatorResolve}},
    Method{"admin", "send_again", {Role::kOperatorResolve}},
    Method{"admin", "act_on_step", {Role::kOperatorResolve}},
    Method{"admin", "forget", {Role::kOperatorResolve}},
    Method{"admin", "pause", {Role::kOperatorResolve}},
    Method{"admin", "resume", {Role::kOperatorResolve}},
    Method{"admin", "drain", {Role::kOperatorResolve}},
    Method{"admin", "accept_identity", {Role::kAdmin}},
};

// The services, in the order of the table.
inline constexpr std::array<std::string_view, 4> kServices{"coordinator", "participant", "peer",
                                                           "admin"};

consteval const Method& Of(std::string_view service, std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.service == service && method.name == name) return method;
  }
  throw "no such call in the table";  // where it is compiled: the table has no entry for it
}

}  // namespace settle::coordinator::access
