// SQLite alone, as a log: what group commit of the same records costs without anything around it.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace settle::bench {

// One table of blobs in WAL mode with synchronous=FULL. Used by one thread; throws
// std::runtime_error with SQLite's words.
class BareSqlite {
 public:
  // Makes a file in the directory. `records` are written together.
  BareSqlite(const std::string& directory, std::vector<std::string> records);

  // One transaction with so many times all records: a row for each. Blocking until it is on disk.
  void Write(int batch);

 private:
  void Check(int code) const;

  const std::vector<std::string> records_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> insert_;
};

}  // namespace settle::bench
