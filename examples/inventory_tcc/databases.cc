// Making the files, and auditing them, without Settle.
#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "settle/sqlite_barrier.h"
#include "shop.h"

namespace inventory_tcc {
namespace {

struct Close {
  void operator()(sqlite3* file) const { sqlite3_close_v2(file); }
};
using File = std::unique_ptr<sqlite3, Close>;

tl::unexpected<settle::Error> Failure(const std::string& path, sqlite3* file) {
  return settle::Fail(settle::ErrorCode::kUnavailable,
                      path + ": " + (file == nullptr ? "no memory" : sqlite3_errmsg(file)));
}

settle::Result<File> Open(const std::string& path, int flags) {
  sqlite3* file = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &file, flags, nullptr);
  File owned(file);
  if (opened != SQLITE_OK) return Failure(path, file);
  sqlite3_busy_timeout(file, 5'000);
  return owned;
}

settle::Status Make(const std::string& path, const std::string& sql) {
  auto file = Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!file) return settle::Fail(file.error());
  const int made = sqlite3_exec(file->get(), sql.c_str(), nullptr, nullptr, nullptr);
  return made == SQLITE_OK ? settle::Status() : settle::Status(Failure(path, file->get()));
}

// The numbers in the only row.
settle::Result<std::vector<int>> Numbers(const std::string& path, const std::string& sql) {
  auto file = Open(path, SQLITE_OPEN_READONLY);
  if (!file) return settle::Fail(file.error());
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(file->get(), sql.c_str(), -1, &statement, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owned(statement, &sqlite3_finalize);
  if (sqlite3_step(statement) != SQLITE_ROW) return Failure(path, file->get());
  std::vector<int> numbers;
  for (int i = 0; i < sqlite3_column_count(statement); ++i)
    numbers.push_back(sqlite3_column_int(statement, i));
  return numbers;
}

// Orders that are prepared to be paid. A file that never was a resource has no table of them.
settle::Result<int> CountPrepared(const std::string& path) {
  const auto known =
      Numbers(path, "SELECT count(*) FROM sqlite_master WHERE name = 'settle_prepared'");
  if (!known) return settle::Fail(known.error());
  if ((*known)[0] == 0) return 0;
  const auto prepared = Numbers(path, "SELECT count(*) FROM settle_prepared");
  if (!prepared) return settle::Fail(prepared.error());
  return (*prepared)[0];
}

}  // namespace

settle::Status CreateDatabases(const std::string& directory, int stock) {
  std::error_code why;
  std::filesystem::create_directories(directory, why);
  if (why) {
    return settle::Fail(settle::ErrorCode::kInvalid,
                        "cannot make " + directory + ": " + why.message());
  }
  const std::string item =
      "CREATE TABLE IF NOT EXISTS item (id INTEGER NOT NULL PRIMARY KEY,"
      " stock INTEGER NOT NULL, free INTEGER NOT NULL CHECK (free >= 0),"
      " reserved INTEGER NOT NULL CHECK (reserved >= 0), sold INTEGER NOT NULL);"
      "INSERT OR IGNORE INTO item VALUES (1, " +
      std::to_string(stock) + ", " + std::to_string(stock) + ", 0, 0)";
  if (auto made = Make(InventoryPath(directory), item); !made) return made;
  // The same as `settle barrier install`.
  const auto installed = settle::SqliteBarrier::Install(InventoryPath(directory));
  if (!installed) return settle::Fail(installed.error());
  return Make(PaymentsPath(directory),
              "CREATE TABLE IF NOT EXISTS payment (order_id TEXT NOT NULL PRIMARY KEY,"
              " count INTEGER NOT NULL, amount INTEGER NOT NULL)");
}

settle::Result<Audit> ReadAudit(const std::string& directory) {
  const auto item = Numbers(InventoryPath(directory),
                            "SELECT stock, free, reserved, sold FROM item WHERE id = 1");
  if (!item) return settle::Fail(item.error());
  const auto paid = Numbers(PaymentsPath(directory),
                            "SELECT count(*), ifnull(sum(count), 0), ifnull(sum(amount), 0) "
                            "FROM payment");
  if (!paid) return settle::Fail(paid.error());
  const auto prepared = CountPrepared(PaymentsPath(directory));
  if (!prepared) return settle::Fail(prepared.error());
  const auto [stock, free, reserved, sold] =
      std::tuple((*item)[0], (*item)[1], (*item)[2], (*item)[3]);
  const int pieces_paid = (*paid)[1];
  Audit audit;
  audit.pending = reserved + *prepared;
  audit.report = "stock " + std::to_string(stock) + ", free " + std::to_string(free) +
                 ", reserved " + std::to_string(reserved) + ", sold " + std::to_string(sold) +
                 "\norders paid " + std::to_string((*paid)[0]) + ", pieces paid " +
                 std::to_string(pieces_paid) + ", amount " + std::to_string((*paid)[2]) + "\n";
  if (free + reserved + sold != stock) audit.broken = "pieces were lost or made";
  if (sold > stock) audit.broken = "it was oversold";
  if (audit.pending == 0 && sold != pieces_paid)
    audit.broken = "what was sold is not what was paid";
  return audit;
}

}  // namespace inventory_tcc
