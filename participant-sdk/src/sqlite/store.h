// Settle's own tables in a file: who it is, the prepared branch, how branches ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "settle/vocabulary/branch.h"
#include "sqlite/changes.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

// kInvalid if the file is the decision log of a coordinator. Reads, as any reader does.
[[nodiscard]] Status RefuseDecisionLog(Connection& connection, const std::string& path);

// Of the tables in the file; 0: there are none.
[[nodiscard]] Result<std::int64_t> SchemaVersion(Connection& connection);
// That this program makes and needs.
std::int64_t LatestVersion();
// What Migrate runs in a file without tables, as a script.
std::string InstallSql();
// Brings the tables to this program's version; gives the one that they had. kVersion if they are
// of a newer one.
[[nodiscard]] Result<std::int64_t> Migrate(Connection& connection);

// The id that was made with the tables.
[[nodiscard]] Result<std::string> ReadFileId(Connection& connection);

struct StagedBranch {
  std::string name;  // as it is staged
  Changes changes;
  std::int64_t recorded_ops = 0;
  std::string schema_version;
  std::string definitions;  // the hash of how the changed tables are defined in that version
};

// The name of the branch that is in doubt in this file, if any.
[[nodiscard]] Result<std::optional<std::string>> FindStagedName(Connection& connection);
// By a branch's own name, also where it is prepared in the name of a last resource.
[[nodiscard]] Result<std::optional<StagedBranch>> FindStaged(Connection& connection,
                                                             const std::string& name);
[[nodiscard]] Status Stage(Connection& connection, const StagedBranch& staged);
[[nodiscard]] Status Unstage(Connection& connection, const std::string& name);

// How branches ended. Notes are numbered; the newest kNotesKept are kept.
inline constexpr std::int64_t kNotesKept = 100'000;
struct NoteRange {
  std::int64_t first = 0;  // both 0: there is none
  std::int64_t last = 0;
};
[[nodiscard]] Result<NoteRange> ReadNoteRange(Connection& connection);
[[nodiscard]] Result<std::optional<BranchEnd>> FindNote(Connection& connection,
                                                        const std::string& name);
[[nodiscard]] Status AddNote(Connection& connection, const std::string& name, BranchEnd end);

}  // namespace settle::sqlite
