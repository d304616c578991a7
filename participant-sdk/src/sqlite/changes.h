// A branch's changes as a value: SQLite's changeset.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "settle/vocabulary/status.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

struct Changes {
  std::string changeset;  // empty: nothing was changed
  std::int64_t ops = 0;   // rows inserted, updated or deleted
  std::vector<std::string> tables;
};

// Records what is done on a connection from now on, except by Settle itself. Destroy it before the
// connection.
class Recorder {
 public:
  explicit Recorder(Connection& connection);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  [[nodiscard]] Result<Changes> Take();

 private:
  sqlite3_session* session_ = nullptr;
};

// SQLite's reader trusts its input: give it only what a Recorder gave, or what has the right
// checksum.
[[nodiscard]] Result<Changes> ReadChanges(std::string changeset);

// Applies all of it or fails, in the caller's transaction, which must then be rolled back. Triggers
// and foreign key actions do not run: what they did is part of the changes.
[[nodiscard]] Status Apply(Connection& connection, const Changes& changes);

// What `apply` does must be exactly what was recorded.
[[nodiscard]] Status Compare(Connection& connection, const Changes& changes,
                             const std::function<Status()>& apply);
// Applies it, compares, and takes it back.
[[nodiscard]] Status Rehearse(Connection& connection, const Changes& changes);

// FNV-1a, 16 hexadecimal digits: it finds accidents; nobody forges what it is used for.
std::string Hash(std::string_view bytes);

// A hash of how these tables and their indexes are defined now.
[[nodiscard]] Result<std::string> HashDefinitions(Connection& connection,
                                                  const std::vector<std::string>& tables);

}  // namespace settle::sqlite
