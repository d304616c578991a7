#include "sqlite/file.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "settle/vocabulary/gtid.h"
#include "sqlite/changes.h"
#include "sqlite/store.h"

namespace settle::sqlite {
namespace {

SqliteOptions WithAbsolutePath(SqliteOptions options) {
  // The process may change its directory later. An empty path would name a temporary database.
  std::error_code ignored;
  if (!options.path.empty()) {
    options.path = std::filesystem::absolute(options.path, ignored).string();
  }
  return options;
}

Status CheckLibrary() {
  if (sqlite3_libversion_number() < 3037000) {
    return Fail(ErrorCode::kInvalid, std::string("SQLite ") + sqlite3_libversion() + " is too old",
                "link SQLite 3.37 or later");
  }
  if (sqlite3_threadsafe() == 0 || sqlite3_compileoption_used("ENABLE_SESSION") == 0 ||
      sqlite3_compileoption_used("ENABLE_PREUPDATE_HOOK") == 0) {
    return Fail(ErrorCode::kInvalid, "this SQLite library cannot prepare a branch",
                "link one that is thread-safe and was built with SQLITE_ENABLE_SESSION and "
                "SQLITE_ENABLE_PREUPDATE_HOOK");
  }
  return {};
}

// Before anything is written to it. A file in use is read like any other reader does.
Status CheckKind(Connection& connection, const SqliteOptions& options) {
  if (Status right = RefuseDecisionLog(connection, options.path); !right) return right;
  if (!options.existing_only) return {};
  const Result<std::string> ours = connection.Ask(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'settle_identity'");
  if (!ours) return Fail(ours.error());
  if (*ours != "0") return {};
  return Fail(ErrorCode::kInvalid,
              Escaped(options.path) +
                  " was never a resource: it has no table settle_identity, so "
                  "that nothing can be prepared in it; nothing was written to it",
              "give the file that the application serves under the name " + options.name);
}

}  // namespace

void LeaveWal(Connection& connection, const std::string& path) {
  struct stat wal {};
  const bool left = ::stat((path + "-wal").c_str(), &wal) == 0 && wal.st_size > 0;
  if (left) sqlite3_db_config(connection.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Result<struct stat> Look(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
    return Fail(ErrorCode::kInvalid, "there is no database file at " + Escaped(path),
                "make it with the application's tables first, or correct the path");
  }
  return found;
}

File::File(SqliteOptions options)
    : options_(WithAbsolutePath(std::move(options))), process_(::getpid()) {}

bool File::is_forked() const { return ::getpid() != process_; }

Status File::Ready() {
  if (is_forked()) {
    return Fail(ErrorCode::kRefused,
                "resource " + options_.name + " belongs to the parent of this process",
                "make the resource after fork");
  }
  const std::lock_guard lock(mutex_);
  return keeper_ == nullptr ? OpenFirst() : CheckInPlace();
}

Status File::OpenFirst() {
  if (Status named = CheckResourceName(options_.name); !named) return named;
  if (Status usable = CheckLibrary(); !usable) return usable;
  const Result<struct stat> seen = Look(options_.path);
  if (!seen) return Fail(seen.error());
  Result<std::unique_ptr<Connection>> opened = Connection::Open(options_);
  if (!opened) return Fail(opened.error());
  Connection& connection = **opened;
  if (Status right = CheckKind(connection, options_); !right) {
    LeaveWal(connection, options_.path);
    return right;
  }
  if (Status wal = connection.RequireWal(); !wal) return wal;
  if (sqlite3_db_readonly(connection.raw(), "main") != 0) {
    return Fail(ErrorCode::kUnavailable, options_.path + " is read-only",
                "the file and its directory must be writable by this process");
  }
  if (const auto migrated = Migrate(connection); !migrated) return Fail(migrated.error());
  const Result<std::string> id = ReadFileId(connection);
  if (!id) return Fail(id.error());
  inode_ = seen->st_ino;
  device_ = seen->st_dev;
  if (Status same = CheckInPlace(); !same) return same;
  identity_ = "sqlite:" + *id + ":" + std::to_string(inode_);
  keeper_ = *std::move(opened);
  return {};
}

Status File::CheckInPlace() const {
  struct stat now {};
  const bool there = ::stat(options_.path.c_str(), &now) == 0;
  if (there && now.st_ino == inode_ && now.st_dev == device_) return {};
  return Fail(ErrorCode::kRefused,
              options_.path + (there ? " was replaced by another file" : " was deleted or moved") +
                  " while this process was using it",
              "bring the file back, or stop the process and see what became of the file");
}

Status File::CheckContents(Connection& connection) const {
  const Result<std::string> id = ReadFileId(connection);
  // kInvalid: it has no such table.
  if (!id && id.error().code != ErrorCode::kInvalid) return Fail(id.error());
  if (id && identity_.starts_with("sqlite:" + *id + ":")) return {};
  return Fail(ErrorCode::kRefused,
              "the contents of " + options_.path + " were replaced while in use",
              "stop the process and see what became of the file");
}

Result<std::unique_ptr<Connection>> File::Connect(Triggers triggers) {
  if (Status ready = Ready(); !ready) return Fail(std::move(ready).error());
  Result<std::unique_ptr<Connection>> connection = Connection::Open(options_, triggers);
  if (!connection) return connection;
  // Looked at again, as the file may have been exchanged just before it was opened.
  if (Status same = CheckInPlace(); !same) return Fail(std::move(same).error());
  return connection;
}

Result<Borrowed> File::Borrow(Triggers triggers) {
  if (Status ready = Ready(); !ready) return Fail(std::move(ready).error());
  {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Connection>& spare = SpareOf(triggers);
    if (spare != nullptr) return Borrowed(spare.release(), GiveBack{this});
  }
  Result<std::unique_ptr<Connection>> made = Connect(triggers);
  if (!made) return Fail(std::move(made).error());
  return Borrowed(made->release(), GiveBack{this});
}

void File::TakeBack(std::unique_ptr<Connection> connection) {
  if (!connection->Renew(options_.busy_timeout)) return;
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Connection>& spare = SpareOf(connection->triggers());
  if (spare == nullptr) spare = std::move(connection);
}

void GiveBack::operator()(Connection* connection) const {
  file->TakeBack(std::unique_ptr<Connection>(connection));
}

Result<std::shared_ptr<const TableRules>> File::GuardAndReadRules(Connection& connection) {
  const Result<std::string> version = connection.Ask("PRAGMA schema_version");
  if (!version) return Fail(version.error());
  {
    const std::lock_guard lock(mutex_);
    if (rules_ != nullptr && rules_->schema_version == *version) return rules_;
  }
  Result<bool> added = AddMissingGuards(connection);
  if (!added) return Fail(std::move(added).error());
  if (*added) {
    if (Status committed = connection.Commit(); !committed) {
      return Fail(std::move(committed).error());
    }
    if (Status begun = connection.BeginImmediate(); !begun) return Fail(std::move(begun).error());
    return GuardAndReadRules(connection);  // somebody may have been in between
  }
  Result<TableRules> rules = ReadTableRules(connection);
  if (!rules) return Fail(std::move(rules).error());
  auto shared = std::make_shared<const TableRules>(*std::move(rules));
  const std::lock_guard lock(mutex_);
  rules_ = shared;
  definitions_.clear();
  return shared;
}

Result<std::string> File::DefinitionsOf(Connection& connection, const TableRules& rules,
                                        const std::vector<std::string>& tables) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = definitions_.find(tables);
    if (rules_.get() == &rules && found != definitions_.end()) return found->second;
  }
  Result<std::string> hash = HashDefinitions(connection, tables);
  constexpr std::size_t kMost = 256;  // of sets of tables; an application has few
  const std::lock_guard lock(mutex_);
  if (hash && rules_.get() == &rules && definitions_.size() < kMost) definitions_[tables] = *hash;
  return hash;
}

std::shared_ptr<Work> File::live() const {
  const std::lock_guard lock(mutex_);
  return live_.lock();
}

void File::SetLive(const std::shared_ptr<Work>& work) {
  const std::lock_guard lock(mutex_);
  live_ = work;
}

}  // namespace settle::sqlite
