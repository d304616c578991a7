#include "sqlite/finish.h"

#include <charconv>
#include <optional>

#include "settle/vocabulary/failpoint.h"
#include "sqlite/store.h"

namespace settle::sqlite {
namespace {

FinishResult Retry(const Error& error) { return {BranchEnd::kRetry, Describe(error)}; }

FinishResult StaysPrepared(const std::string& why) {
  return {BranchEnd::kRetry,
          why +
              "; the branch stays prepared in the file and keeps other writers out. Make the "
              "tables what they were when it was prepared, or resolve it by hand"};
}

// A crash before the commit is durable leaves the row, which still decides; after it, the note.
FinishResult CommitNote(Connection& connection, const std::string& name, BranchEnd end) {
  if (Status noted = AddNote(connection, name, end); !noted) return Retry(noted.error());
  SETTLE_FAILPOINT("sqlite.inside_finish");
  SETTLE_FAILPOINT_TEARS("sqlite.finish_commit", connection.wal_path());
  if (Status committed = connection.Commit(); !committed) return Retry(committed.error());
  SETTLE_FAILPOINT("sqlite.after_finish");
  return {end, {}};
}

FinishResult Finish(Connection& connection, const std::string& name, const StagedBranch& staged,
                    Decision decision) {
  if (decision == Decision::kCommit) {
    Status applied = CheckDefinitions(connection, staged);
    if (applied) applied = Apply(connection, staged.changes);
    if (!applied) return StaysPrepared(Describe(applied.error()));
  }
  return EndStaged(connection, name, decision);
}

// The last note of the file when the evidence was taken.
std::optional<std::int64_t> PositionIn(const Evidence& evidence) {
  const std::string& text = evidence.local_transaction;
  std::int64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return position;
}

}  // namespace

Result<std::string> WhyNoProof(Connection& connection, const Evidence& evidence) {
  const std::optional<std::int64_t> position = PositionIn(evidence);
  if (!position) return std::string("the evidence does not say which notes the file had");
  const Result<NoteRange> notes = ReadNoteRange(connection);
  if (!notes) return Fail(notes.error());
  if (notes->last < *position) {
    return std::string(
        "the file has lost notes that it had: it was restored from an older copy, or edited");
  }
  if (notes->last > *position && notes->first > *position + 1) {
    return std::string("the file's notes of that time have been pruned");
  }
  return std::string();
}

namespace {

FinishResult AnotherDatabase(const std::string& identity, const Evidence& evidence) {
  return {BranchEnd::kRetry, "this is another database file: the branch was in " +
                                 evidence.database + ", this is " + identity +
                                 "; bring the file back, or resolve the branch by hand"};
}

FinishResult CommitOfUnknown(Connection& connection, const std::string& identity,
                             const Evidence& evidence) {
  if (!evidence.database.empty() && evidence.database != identity) {
    return AnotherDatabase(identity, evidence);
  }
  const Result<std::string> gap = WhyNoProof(connection, evidence);
  if (!gap) return Retry(gap.error());
  const std::string why = gap->empty() ? "the row was removed by hand, or never written" : *gap;
  return {BranchEnd::kHazard,
          "the file has neither a prepared row nor a note of this branch: " + why};
}

FinishResult FinishOpen(Connection& connection, const std::string& identity, const BranchKey& key,
                        Decision decision, const Evidence& evidence) {
  const std::string name = key.DatabaseName();
  const Result<std::optional<StagedBranch>> staged = FindStaged(connection, name);
  if (!staged && staged.error().code != ErrorCode::kCorrupt) return Retry(staged.error());
  if (!staged) {
    if (decision == Decision::kCommit) return StaysPrepared(Describe(staged.error()));
    return Finish(connection, name, {name, {}, 0, {}, {}},
                  decision);  // an abort needs only the name
  }
  if (staged->has_value()) return Finish(connection, name, **staged, decision);
  Result<std::optional<FinishResult>> noted = EndByNote(connection, name);
  if (!noted) return Retry(noted.error());
  if (noted->has_value()) return **std::move(noted);
  if (decision == Decision::kCommit) return CommitOfUnknown(connection, identity, evidence);
  // Written down so that a prepare that is late is refused, also in another process.
  return CommitNote(connection, name, BranchEnd::kAborted);
}

FinishResult ProveOpen(Connection& connection, const std::string& identity, const BranchKey& key,
                       const Evidence& evidence) {
  const std::string name = key.DatabaseName();
  Result<std::optional<FinishResult>> noted = EndByNote(connection, name);
  if (!noted) return Retry(noted.error());
  if (noted->has_value()) return **std::move(noted);
  if (evidence.database != identity) return AnotherDatabase(identity, evidence);
  const Result<std::optional<std::string>> staged = FindStagedName(connection);
  if (!staged) return Retry(staged.error());
  if (*staged == name) {
    return {BranchEnd::kRetry, "the branch is prepared: finish it by its decision"};
  }
  const Result<std::string> gap = WhyNoProof(connection, evidence);
  if (!gap) return Retry(gap.error());
  if (!gap->empty()) return {BranchEnd::kHazard, "there is no note of this branch, and " + *gap};
  // A commit that failed on an I/O error may still be in the write-ahead log, unseen, and come back
  // after a crash. This one takes its place there.
  return CommitNote(connection, name, BranchEnd::kAborted);
}

}  // namespace

Status CheckDefinitions(Connection& connection, const StagedBranch& staged) {
  if (staged.recorded_ops != staged.changes.ops) {
    return Fail(ErrorCode::kCorrupt,
                "the staged row counts " + std::to_string(staged.recorded_ops) +
                    " changes and holds " + std::to_string(staged.changes.ops));
  }
  const Result<std::string> schema_version = connection.Ask("PRAGMA schema_version");
  if (!schema_version) return Fail(schema_version.error());
  if (*schema_version == staged.schema_version) return {};
  // VACUUM, ANALYZE and new tables change the version too.
  const Result<std::string> definitions = HashDefinitions(connection, staged.changes.tables);
  if (!definitions) return Fail(definitions.error());
  if (*definitions == staged.definitions) return {};
  std::string tables;
  for (const std::string& table : staged.changes.tables) {
    tables += (tables.empty() ? "" : ", ") + table;
  }
  return Fail(ErrorCode::kRefused, "the definition of a table that the branch changed (" + tables +
                                       ") is not what it was when the branch was prepared");
}

FinishResult EndStaged(Connection& connection, const std::string& name, Decision decision) {
  if (SETTLE_FAILPOINT_FAILS("sqlite.before_finish")) return {BranchEnd::kRetry, "no room"};
  if (Status removed = Unstage(connection, name); !removed) return Retry(removed.error());
  const bool commit = decision == Decision::kCommit;
  return CommitNote(connection, name, commit ? BranchEnd::kCommitted : BranchEnd::kAborted);
}

Result<std::optional<FinishResult>> EndByNote(Connection& connection, const std::string& name) {
  const Result<std::optional<BranchEnd>> note = FindNote(connection, name);
  if (!note) return Fail(note.error());
  if (!note->has_value()) return std::nullopt;
  return FinishResult{**note, "the file has a note of it"};
}

FinishResult FinishStaged(Connection& connection, const std::string& identity, const BranchKey& key,
                          Decision decision, const Evidence& evidence) {
  FinishResult result = FinishOpen(connection, identity, key, decision, evidence);
  connection.Rollback();
  return result;
}

FinishResult ProveOnePhase(Connection& connection, const std::string& identity,
                           const BranchKey& key, const Evidence& evidence) {
  FinishResult result = ProveOpen(connection, identity, key, evidence);
  connection.Rollback();
  return result;
}

}  // namespace settle::sqlite
