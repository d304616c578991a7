// A process that opens a log and writes to it, to be killed by a failpoint or by its parent. What
// it was told goes into the file `acks`, a line each: "epoch <n>" when a log was handed out,
// "durable <sequence>", "refused <sequence>", "unknown <sequence>".
//
//   log_victim open <log> <acks>              opens, closes
//   log_victim migrate <log> <acks>           the same with two migrations more
//   log_victim group <log> <acks> <n>         one record alone, then n as one group: 1 to n
//   log_victim pour <log> <acks> <threads>    appends for ever
//   log_victim prune <log> <acks>             reads the log, then appends for ever and prunes;
//                                             "open <sequence>" is decided and does not end
//   log_victim hold <log> <acks>              holds the log until it is killed
//   log_victim samples <log> <acks>           one record of each kind, and 20 that ended
//   log_victim backup <log> <acks>            starts a backup and waits for it
//   log_victim restore <log> <acks> 0 <backup>  restores the backup as the log
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "log/log_opening.h"
#include "log/restore.h"
#include "log/sqlite_decision_log.h"
#include "samples.h"

namespace settle::coordinator {
namespace {

class Acks {
 public:
  explicit Acks(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~Acks() { ::close(file_); }
  // One write: whole or not there, and it outlives the process.
  void Note(const std::string& line) {
    const std::string bytes = line + "\n";
    const auto size = static_cast<ssize_t>(bytes.size());
    if (::write(file_, bytes.data(), bytes.size()) != size) std::abort();
  }
  AppendDone Noting(std::uint64_t sequence) {
    return [this, sequence](AppendResult result, const std::string&) {
      const char* word = result == AppendResult::kDurable   ? "durable"
                         : result == AppendResult::kRefused ? "refused"
                                                            : "unknown";
      Note(fmt::format("{} {}", word, sequence));
    };
  }

 private:
  const int file_;
};

int Report(const Error& error) {
  fmt::print(stderr, "{}: {}\n", ToString(error.code), Describe(error));
  return 2;
}

int Migrate(const SqliteLogSettings& settings, Acks& acks) {
  std::vector<Migration> migrations(migrations::coordinator().begin(),
                                    migrations::coordinator().end());
  const int published = static_cast<int>(migrations.size());
  migrations.push_back({published + 1, "two", "CREATE TABLE two (x); INSERT INTO two VALUES (1)"});
  migrations.push_back(
      {published + 2, "three", "ALTER TABLE two ADD COLUMN y; UPDATE two SET y = 2"});
  const Result<OpenedLog> opened = OpenLog(settings, migrations);
  if (!opened) return Report(opened.error());
  acks.Note(fmt::format("epoch {}", opened->identity.epoch));
  return 0;
}

void Group(DecisionLog& log, Acks& acks, std::uint64_t count) {
  const auto record = [&](std::uint64_t sequence) {
    return SampleCommit(SampleGtid(log.identity().log_id, log.identity().epoch, sequence));
  };
  const auto reached = std::make_shared<std::promise<void>>();  // outlives this function
  std::promise<void> queued;
  const std::shared_future<void> all_queued = queued.get_future().share();
  log.Append(record(0), Durability::kForce,
             [&acks, reached, all_queued](AppendResult result, const std::string& reason) {
               acks.Noting(0)(result, reason);
               reached->set_value();
               all_queued.wait();
             });
  reached->get_future().wait();
  for (std::uint64_t i = 1; i <= count; ++i) {
    log.Append(record(i), Durability::kForce, acks.Noting(i));
  }
  queued.set_value();
}

[[noreturn]] void Pour(DecisionLog& log, Acks& acks, int threads) {
  std::atomic<std::uint64_t> next{1};
  const auto pour = [&] {
    for (;;) {
      const std::uint64_t sequence = next++;
      const Gtid gtid = SampleGtid(log.identity().log_id, log.identity().epoch, sequence);
      std::promise<void> told;
      log.Append(SampleCommit(gtid), Durability::kForce,
                 [&](AppendResult result, const std::string& reason) {
                   acks.Noting(sequence)(result, reason);
                   told.set_value();
                 });
      log.Append(SampleEnd(gtid), Durability::kLazy, {});
      told.get_future().wait();
    }
  };
  for (int i = 1; i < threads; ++i) std::thread(pour).detach();
  pour();
  std::abort();
}

[[noreturn]] void AppendAndPrune(DecisionLog& log, Acks& acks) {
  const Status replayed = log.Replay([](std::uint64_t, const Record&) {});
  if (!replayed) std::exit(Report(replayed.error()));
  for (std::uint64_t sequence = 1;; ++sequence) {
    const Gtid gtid = SampleGtid(log.identity().log_id, log.identity().epoch, sequence);
    std::promise<void> told;
    const auto note = [&](AppendResult result, const std::string& reason) {
      if (sequence % 10 != 0) {
        acks.Noting(sequence)(result, reason);
      } else if (result == AppendResult::kDurable) {
        acks.Note(fmt::format("open {}", sequence));
      }
      told.set_value();
    };
    if (sequence % 10 == 0) {
      log.Append(SampleCommit(gtid), Durability::kForce, note);
    } else {
      log.Append(SampleCommit(gtid), Durability::kForce, {});
      log.Append(SampleEnd(gtid), Durability::kForce, note);
    }
    told.get_future().wait();
  }
}

int AppendSamples(DecisionLog& log) {
  const std::string log_id = log.identity().log_id;
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
    const Gtid gtid = SampleGtid(log_id, 1, sequence);
    log.Append(SampleCommit(gtid), Durability::kForce, {});
    log.Append(SampleEnd(gtid), Durability::kLazy, {});
  }
  const auto append = [&](const Record& record) { log.Append(record, Durability::kForce, {}); };
  append(SampleResource());
  append(SampleCommit(SampleGtid(log_id, 1, 21)));
  append(SampleOnePhase(SampleGtid(log_id, 1, 22)));
  append(SampleRegistered(SampleGtid(log_id, 1, 23)));
  append(SampleSagaBegin(SampleGtid(log_id, 1, 24)));
  return 0;
}

int Backup(DecisionLog& log) {
  const auto backup = log.StartBackup();
  if (!backup) return Report(backup.error());
  for (;;) {
    const auto progress = (*backup)->Await();
    if (!progress) return Report(progress.error());
    if (progress->complete) return 0;
  }
}

int Restore(const std::string& backup, const std::string& path) {
  RestoreCall call;
  call.backup = backup;
  call.log = path;
  call.by = "victim";
  call.reason = "test";
  const auto report = RestoreLog(call, {});
  return report ? 0 : Report(report.error());
}

int Run(const std::string& verb, const std::string& path, Acks& acks, int number,
        const std::string& other) {
  if (verb == "restore") return Restore(other, path);
  SqliteLogSettings settings{.path = path, .checkpoint_pages = 100};
  if (verb == "prune") settings.prune = {.keep_ended = 10, .step = 8};
  if (verb == "migrate") return Migrate(settings, acks);
  Result<std::unique_ptr<DecisionLog>> log = OpenSqliteDecisionLog(settings);
  if (!log) return Report(log.error());
  acks.Note(fmt::format("epoch {}", (*log)->identity().epoch));
  if (verb == "group") Group(**log, acks, static_cast<std::uint64_t>(number));
  if (verb == "pour") Pour(**log, acks, number);
  if (verb == "prune") AppendAndPrune(**log, acks);
  if (verb == "samples") return AppendSamples(**log);
  if (verb == "backup") return Backup(**log);
  while (verb == "hold") ::pause();
  return 0;
}

}  // namespace
}  // namespace settle::coordinator

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  settle::coordinator::Acks acks(argv[3]);
  return settle::coordinator::Run(argv[1], argv[2], acks, argc > 4 ? std::atoi(argv[4]) : 0,
                                  argc > 5 ? argv[5] : "");
}
