#include "sqlite/inspect.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "sqlite/finish.h"
#include "sqlite/store.h"

namespace settle::sqlite {
namespace {

Status ReadPrepared(Connection& connection, const std::string& name, LiveBranch& live) {
  Statement find(connection,
                 "SELECT cast((julianday(prepared_at) - 2440587.5) * 86400000 AS INTEGER)"
                 " FROM settle_prepared"
                 " WHERE branch = ?1 OR substr(branch, 1, length(?1) + 1) = ?1 || ':'");
  find.Bind(1, std::string_view(name));
  const Result<bool> row = find.Step();
  if (!row) return Fail(row.error());
  live.prepared = *row;
  if (*row) live.prepared_at = find.Int(0) * 1'000;
  return {};
}

// While its row is there the guards keep every writer out of the whole file; the tables are those
// that it changes itself.
void ReadHeld(Connection& connection, const std::string& name, LiveBranch& live) {
  live.locks = 1;
  const Result<std::optional<StagedBranch>> staged = FindStaged(connection, name);
  if (!staged) {
    live.unseen = Describe(staged.error());
  } else if (staged->has_value()) {
    const auto& tables = (*staged)->changes.tables;
    const std::size_t most = std::min(tables.size(), LiveBranch::kRelationsMost);
    live.relations.assign(tables.begin(), tables.begin() + static_cast<std::ptrdiff_t>(most));
  }
}

Status ReadProof(Connection& connection, const std::string& identity, const std::string& name,
                 const Evidence& evidence, LiveBranch& live) {
  const Result<std::optional<BranchEnd>> note = FindNote(connection, name);
  if (!note) return Fail(note.error());
  if (note->has_value()) {
    live.proof = **note == BranchEnd::kCommitted ? Proof::kCommitted : Proof::kAborted;
    live.proof_detail = std::string("the file has a note that it ") +
                        (live.proof == Proof::kCommitted ? "committed" : "was rolled back");
    return {};
  }
  if (live.prepared) {
    live.proof = Proof::kInProgress;
    live.proof_detail = "the file holds its prepared row";
    return {};
  }
  if (evidence.database.empty()) {
    live.proof_detail = "no evidence was recorded with the vote";
    return {};
  }
  if (evidence.database != identity) {
    return Fail(ErrorCode::kUnavailable, "this is another database file (" + identity +
                                             "), the branch is in " + Escaped(evidence.database));
  }
  const Result<std::string> gap = WhyNoProof(connection, evidence);
  if (!gap) return Fail(gap.error());
  live.proof_detail = "the file has neither a prepared row nor a note of it";
  if (!gap->empty()) live.proof_detail += ": " + *gap;
  return {};
}

}  // namespace

Result<LiveBranch> Inspect(Connection& connection, const std::string& identity,
                           const BranchKey& key, const Evidence& evidence) {
  const std::string name = key.DatabaseName();
  LiveBranch live;
  if (Status read = ReadPrepared(connection, name, live); !read) return Fail(read.error());
  if (live.prepared) ReadHeld(connection, name, live);
  // Last: a branch that is being finished at this moment is not taken for one that is gone.
  if (Status read = ReadProof(connection, identity, name, evidence, live); !read)
    return Fail(read.error());
  return live;
}

}  // namespace settle::sqlite
