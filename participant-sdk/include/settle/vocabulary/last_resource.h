// The logging last resource (docs/protocols.md): of a transaction's branches one, the last, is
// committed instead of prepared, and its own COMMIT is the decision. All others are prepared before
// under names that say which branch of which database that is, so that whoever finds one of them
// prepared, after any crash and without any record, knows whom to ask.
//
//   settle:k3m9qxw4c7ab.2.1842.9f3c2a51-last:2:1:bank-a:1:701:postgresql:7301234567890123456:16384
//          gtid                              |  | resource | |  identity of its database
//                      this branch's number -   |          |  - its transaction there (xid8)
//                       the last one's number --            --- the timeline
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"

namespace settle {

// The branch that decides, by what its database can be asked for proof with.
struct LastResource {
  BranchNumber branch = 0;
  std::string resource;
  Evidence evidence;  // complete: of the database, and of the branch's transaction in it

  friend bool operator==(const LastResource&, const LastResource&) = default;
};

// PostgreSQL takes no longer name.
inline constexpr std::size_t kPreparedNameMax = 199;

// The name of `branch` prepared in the name of `last`. kRefused: what it must say does not fit into
// a name, so the transaction has to be committed without a last resource.
[[nodiscard]] Result<std::string> NameInNameOf(const BranchKey& branch, const LastResource& last);

// Whom a prepared branch of that name waits for; nothing: its coordinator's log decides.
// BranchKey::ParseDatabaseName reads the branch itself out of both kinds of names.
std::optional<LastResource> LastResourceIn(std::string_view database_name);

}  // namespace settle
