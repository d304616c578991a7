#include "log/schema.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <type_traits>
#include <utility>

#include "log/failures.h"
#include "log/log_file.h"
#include "log/meta.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::coordinator {
namespace {

using sqlite::Connection;
using sqlite::Expected;
using sqlite::Failure;
using sqlite::Statement;
using sqlite::Transaction;

Result<int> AskNumber(Connection& connection, const std::string& path, const std::string& pragma) {
  const Expected<std::string> answer = connection.Ask("PRAGMA " + pragma);
  if (!answer) return Fail(ErrorOf(answer.error(), path, "read the " + pragma));
  int value = 0;
  ParseNumber(*answer, value);
  return value;
}

const char* NameOf(Tail tail) { return tail == Tail::kHere ? "here" : "in-wal"; }

Expected<void> Apply(Connection& connection, const Migration& migration) {
  Expected<Transaction> transaction = Transaction::Begin(connection);
  if (!transaction) return tl::unexpected<Failure>(std::move(transaction.error()));
  if (auto applied = connection.Run(std::string(migration.sql)); !applied) return applied;
  const std::string noted = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                        kApplicationId, migration.version);
  if (auto written = connection.Run(noted); !written) return written;
  SETTLE_FAILPOINT("log.migrate.inside");
  return transaction->Commit();
}

}  // namespace

Status CheckSchema(Connection& connection, const std::string& path,
                   std::span<const Migration> migrations) {
  const Result<int> version = AskNumber(connection, path, "user_version");
  if (!version) return Fail(version.error());
  if (*version < 1) {
    return Fail(ErrorCode::kCorrupt, path + " is damaged: its schema version is gone",
                "nothing may be presumed from a damaged log: keep it, and restore a backup");
  }
  const int known = migrations.back().version;
  if (*version > known) {
    return Fail(ErrorCode::kVersion,
                fmt::format("{} has schema version {}, but this program knows versions up to {}; "
                            "nothing was changed",
                            path, *version, known),
                "run the release that wrote it, or a newer one");
  }
  return {};
}

Status Migrate(Connection& connection, const std::string& path,
               std::span<const Migration> migrations) {
  const Result<int> version = AskNumber(connection, path, "user_version");
  if (!version) return Fail(version.error());
  for (const Migration& migration : migrations) {
    if (migration.version <= *version) continue;
    // Crash in here: the schema is as before this migration. After it: the migration and its
    // number.
    if (const auto applied = Apply(connection, migration); !applied) {
      const std::string doing = fmt::format("apply migration {}", migration.name);
      return Fail(ErrorOf(applied.error(), path, doing));
    }
    SETTLE_FAILPOINT("log.migrate.applied");
  }
  return {};
}

Result<LogFacts> ReadFacts(Connection& connection, const std::string& path) {
  if (Status known = CheckMetaNames(connection, path); !known) return Fail(known.error());
  LogFacts facts;
  Result<std::string> log_id = ReadMeta(connection, path, "log_id");
  if (!log_id) return Fail(log_id.error());
  const Result<std::string> epoch = ReadMeta(connection, path, "epoch");
  if (!epoch) return Fail(epoch.error());
  const Result<std::string> tail = ReadMeta(connection, path, "tail");
  if (!tail) return Fail(tail.error());
  const bool here = *tail == NameOf(Tail::kHere);
  if (!IsLogId(*log_id) || !ParseNumber(*epoch, facts.epoch) ||
      facts.epoch >= std::numeric_limits<std::int64_t>::max() ||
      (!here && *tail != NameOf(Tail::kInWal))) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}: the log's id, epoch or tail cannot be: \"{}\", \"{}\", \"{}\"",
                            path, Escaped(*log_id), Escaped(*epoch), Escaped(*tail)),
                "keep the file, and restore a backup");
  }
  facts.log_id = *std::move(log_id);
  facts.tail = here ? Tail::kHere : Tail::kInWal;
  return facts;
}

Expected<void> WriteFacts(Connection& connection, const LogFacts& facts) {
  if (auto written = WriteMeta(connection, "log_id", facts.log_id); !written) return written;
  if (auto written = WriteMeta(connection, "epoch", std::to_string(facts.epoch)); !written) {
    return written;
  }
  return WriteTail(connection, facts.tail);
}

Expected<void> WriteTail(Connection& connection, Tail tail) {
  return WriteMeta(connection, "tail", NameOf(tail));
}

Status ReadMetaNumber(Connection& connection, const std::string& path, std::string_view name,
                      std::uint64_t& number) {
  const Result<std::string> value = ReadMeta(connection, path, name);
  if (!value) return Fail(value.error());
  if (!ParseNumber(*value, number) ||
      number >= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("{}: the log's {} cannot be \"{}\"", path, name, Escaped(*value)),
                "keep the file, and restore a backup");
  }
  return {};
}

Expected<void> WriteMetaNumber(Connection& connection, std::string_view name,
                               std::uint64_t number) {
  return WriteMeta(connection, name, std::to_string(number));
}

namespace {

bool ParseSeal(std::string_view text, Seals::Key& key) {
  if (text.size() != 2 * key.size()) return false;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char* const from = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(from, from + 2, key[i], 16);
    if (error != std::errc{} || end != from + 2) return false;
  }
  return true;
}

}  // namespace

Result<std::map<Epoch, Seals::Key>> ReadSeals(Connection& connection, const std::string& path) {
  Expected<Statement> names = Statement::Prepare(
      connection, "SELECT name FROM meta WHERE name >= 'seal.' AND name < 'seal/'");
  if (!names) return Fail(ErrorOf(names.error(), path, "read the keys of gtids"));
  std::map<Epoch, Seals::Key> keys;
  for (;;) {
    const Expected<bool> row = names->Step();
    if (!row) return Fail(ErrorOf(row.error(), path, "read the keys of gtids"));
    if (!*row) return keys;
    const std::string name(names->Bytes(0));
    const Result<std::string> value = ReadMeta(connection, path, name);
    if (!value) return Fail(value.error());
    Epoch epoch = 0;
    Seals::Key key{};
    if (!ParseSeal(*value, key) ||
        !ParseNumber(std::string_view(name).substr(kSealPrefix.size()), epoch)) {
      return Fail(ErrorCode::kCorrupt,
                  fmt::format("{}: the log's {} is no key", path, Escaped(name)),
                  "keep the file, and restore a backup");
    }
    keys.emplace(epoch, key);
  }
}

Expected<void> WriteSeal(Connection& connection, Epoch epoch, const Seals::Key& key) {
  std::string text;
  for (const std::uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return WriteMeta(connection, fmt::format("{}{}", kSealPrefix, epoch), text);
}

namespace {

// Of `Pruned` or `const Pruned`, in one place for reading and for writing.
template <typename P>
auto RowsOf(P& pruned) {
  using Number = std::conditional_t<std::is_const_v<P>, const std::uint64_t, std::uint64_t>;
  return std::array<std::pair<const char*, Number*>, 5>{{
      {"first_position", &pruned.first_position},
      {"pruned", &pruned.transactions},
      {"pruned_committed", &pruned.totals.committed},
      {"pruned_aborted", &pruned.totals.aborted},
      {"pruned_heuristic", &pruned.totals.heuristic},
  }};
}

}  // namespace

Result<Pruned> ReadPruned(Connection& connection, const std::string& path) {
  Pruned pruned;
  for (const auto& [name, number] : RowsOf(pruned)) {
    if (Status read = ReadMetaNumber(connection, path, name, *number); !read)
      return Fail(read.error());
  }
  return pruned;
}

Expected<void> WritePruned(Connection& connection, const Pruned& pruned) {
  for (const auto& [name, number] : RowsOf(pruned)) {
    if (auto run = WriteMetaNumber(connection, name, *number); !run) return run;
  }
  return {};
}

}  // namespace settle::coordinator
