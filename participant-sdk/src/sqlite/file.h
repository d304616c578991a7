// One SQLite file in this process: what its connections have in common.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "settle/sqlite_resource.h"
#include "sqlite/connection.h"
#include "sqlite/tables.h"
#include "sqlite/writer_queue.h"

namespace settle::sqlite {

class File;
class Work;

// Gives a connection back to its file.
struct GiveBack {
  File* file;
  void operator()(Connection* connection) const;
};
using Borrowed = std::unique_ptr<Connection, GiveBack>;

// The file that the path leads to. kInvalid: there is none.
[[nodiscard]] Result<struct stat> Look(const std::string& path);

// A file that is not ours is closed as it was found: closing the last connection would write what a
// crashed program left in the -wal file to the database.
void LeaveWal(Connection& connection, const std::string& path);

// Thread-safe.
class File {
 public:
  explicit File(SqliteOptions options);

  const SqliteOptions& options() const { return options_; }
  // True in a process that was forked from the one that made this: SQLite's connections do not
  // survive that.
  bool is_forked() const;

  // Opens the file the first time and makes Settle's tables; later only checks that it is still the
  // same file.
  [[nodiscard]] Status Ready();
  // "sqlite:<id>:<inode>"; once Ready.
  const std::string& identity() const { return identity_; }
  // On a connection that is kept, for a look at a time.
  template <typename Look>
  auto Read(Look look) -> decltype(look(std::declval<Connection&>())) {
    if (Status ready = Ready(); !ready) return Fail(std::move(ready).error());
    const std::lock_guard lock(mutex_);
    return look(*keeper_);
  }

  // A connection to the very file that Ready saw.
  [[nodiscard]] Result<std::unique_ptr<Connection>> Connect(Triggers triggers = Triggers::kRun);
  // The same, but one that was given back if there is one: opening a file and compiling what is run
  // on it costs more than a small branch. Must not outlive this.
  [[nodiscard]] Result<Borrowed> Borrow(Triggers triggers);
  // kRefused if the path now leads to another file, or nowhere.
  [[nodiscard]] Status CheckInPlace() const;
  // kRefused if what is in the file is another database than Ready saw, e.g. restored over it.
  [[nodiscard]] Status CheckContents(Connection& connection) const;

  // In the caller's write transaction, which is committed and begun anew if guards were missing.
  [[nodiscard]] Result<std::shared_ptr<const TableRules>> GuardAndReadRules(Connection& connection);

  // Of these tables in the version of the schema that `rules` were read in, which is that of the
  // caller's write transaction.
  [[nodiscard]] Result<std::string> DefinitionsOf(Connection& connection, const TableRules& rules,
                                                  const std::vector<std::string>& tables);

  WriterQueue& writers() { return writers_; }
  // The branch of this process that has the write lock.
  std::shared_ptr<Work> live() const;
  void SetLive(const std::shared_ptr<Work>& work);

 private:
  friend struct GiveBack;

  [[nodiscard]] Status OpenFirst();
  void TakeBack(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection>& SpareOf(Triggers triggers) {
    return triggers == Triggers::kRun ? worker_ : finisher_;
  }

  const SqliteOptions options_;
  const pid_t process_;
  WriterQueue writers_;

  // Of what follows. identity_, inode_ and device_ are read without it: once ready they stay.
  mutable std::mutex mutex_;
  std::unique_ptr<Connection> keeper_;  // keeps the WAL from being deleted at every branch's end
  // Given back. One of each is enough: SQLite has one writer.
  std::unique_ptr<Connection> worker_;
  std::unique_ptr<Connection> finisher_;
  std::string identity_;
  ino_t inode_ = 0;
  dev_t device_ = 0;
  std::shared_ptr<const TableRules> rules_;
  // In the version of rules_: hashes of definitions, by the tables.
  std::map<std::vector<std::string>, std::string> definitions_;
  std::weak_ptr<Work> live_;
};

}  // namespace settle::sqlite
