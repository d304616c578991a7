// What the decision log costs by itself: the same records in a file that is flushed, in a bare
// SQLite table, and through the log that ships.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "bench/bare_sqlite.h"
#include "bench/suites.h"
#include "log/record_codec.h"
#include "log/sqlite_decision_log.h"
#include "support/long_log.h"
#include "support/temporary_directory.h"

namespace settle::bench {
namespace {

using coordinator::AppendResult;
using coordinator::DecisionLog;
using coordinator::Durability;

constexpr int kBatches[] = {1, 16, 64, 256, 512};

// A batch is written by one call and flushed.
class RawFile {
 public:
  RawFile(const std::string& directory, const std::string& record)
      : file_(
            ::open((directory + "/raw").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
        record_(record) {
    if (file_ < 0) Throw();
  }
  ~RawFile() { ::close(file_); }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  void Write(int batch) {
    bytes_.clear();
    for (int i = 0; i < batch; ++i) bytes_ += record_;
    const auto size = static_cast<ssize_t>(bytes_.size());
    if (::write(file_, bytes_.data(), bytes_.size()) != size || ::fdatasync(file_) != 0) Throw();
  }

 private:
  [[noreturn]] static void Throw() {
    throw std::runtime_error("a file beside the log: " + std::system_category().message(errno));
  }

  const int file_;
  const std::string record_;
  std::string bytes_;
};

class ShippedLog {
 public:
  explicit ShippedLog(const std::string& directory) {
    auto log = coordinator::OpenSqliteDecisionLog({.path = directory + "/settle.db"});
    if (!log) throw std::runtime_error(Describe(log.error()));
    log_ = *std::move(log);
  }

  const DecisionLog& log() const { return *log_; }

  // Forced, and waited for until all are durable.
  void Write(int batch) {
    std::promise<void> all_durable;
    std::atomic<int> left = batch;
    std::atomic<bool> failed = false;
    for (int i = 0; i < batch; ++i) {
      log_->Append(testing::DecisionOfTransfer(testing::GtidOfTransfer(*log_, ++sequence_)),
                   Durability::kForce, [&](AppendResult result, const std::string&) {
                     failed = failed || result != AppendResult::kDurable;
                     if (--left == 0) all_durable.set_value();
                   });
    }
    all_durable.get_future().wait();
    if (failed) throw std::runtime_error("the decision log refused a record");
  }

 private:
  std::unique_ptr<DecisionLog> log_;
  std::uint64_t sequence_ = 0;
};

}  // namespace

std::vector<Row> MeasureLog(const SuiteOptions& options, const Progress& progress,
                            const Stop& stop) {
  std::vector<Row> rows;
  const auto read_cpu = [] { return ReadCpuTimes(-1, {}); };
  for (const int batch : kBatches) {
    const testing::TemporaryDirectory directory(options.directory);
    ShippedLog log(directory.path());
    const auto record = coordinator::EncodeRecord(
        testing::DecisionOfTransfer(testing::GtidOfTransfer(log.log(), 1)));
    if (!record) throw std::runtime_error(Describe(record.error()));
    RawFile file(directory.path(), *record);
    BareSqlite sqlite(directory.path(), {*record});
    const auto series = [&](const char* name) {
      return Series{fmt::format("log.{}_{}", name, batch),
                    "batches/s",
                    "all of its batch are on disk",
                    1,
                    {}};
    };
    Series raw = series("raw_file");
    Series bare = series("bare_sqlite");
    Series shipped = series("decision_log");
    for (int round = 1; round <= options.rounds; ++round) {
      progress(fmt::format("log, batches of {}, round {} of {}", batch, round, options.rounds));
      const auto measure = [&](const Operation& write) {
        return Measure({write}, options.window, read_cpu, stop);
      };
      raw.runs.push_back(measure([&] { file.Write(batch); }));
      bare.runs.push_back(measure([&] { sqlite.Write(batch); }));
      shipped.runs.push_back(measure([&] { log.Write(batch); }));
    }
    const auto records = [&](Series of) {
      std::string name = of.name;
      return Scaled(std::move(of), batch, std::move(name), "records/s");
    };
    rows.push_back(RowOf(records(raw)));
    rows.push_back(RowOf(records(bare), records(raw)));
    rows.push_back(RowOf(records(shipped), records(raw)));
    rows.push_back(RowOf(records(shipped), records(bare)));
  }
  return rows;
}

}  // namespace settle::bench
