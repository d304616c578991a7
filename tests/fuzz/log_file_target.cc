// The files of a decision log, damaged: the bytes are edits of a log that a crash left behind, each
// which file (1), where (3, big-endian), how many bytes (1; 0 cuts the file there), and those.
#include <filesystem>

#include "log/samples.h"
#include "log/temporary_log.h"
#include "log/verify.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace coordinator;

constexpr const char* kSuffixes[] = {"", "-wal"};
constexpr std::size_t kEditHead = 5;

struct Files {
  std::string bytes[std::size(kSuffixes)];
};

// One half of its records is in the main file, the other in the -wal file.
Files CrashedLog() {
  const TemporaryDirectory directory;
  const std::string path = directory / "log";
  for (const Record& record : SampleRecords()) AppendAndWait(*OpenOrThrow(path), record);
  const auto log = OpenOrThrow(path);
  for (const Record& record : SampleVersion6Records(SampleGtid("k3m9qxw4c7ab", 2, 9)))
    AppendAndWait(*log, record);
  Files files;
  for (std::size_t i = 0; i < std::size(kSuffixes); ++i)
    files.bytes[i] = ReadFile(path + kSuffixes[i]);
  return files;
}

// What is left of `edits` once the first is done.
std::string_view Edit(std::string_view edits, Files& files) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(edits[i]); };
  std::string& file = files.bytes[at(0) % std::size(kSuffixes)];
  const std::size_t place = ((at(1) << 16) | (at(2) << 8) | at(3)) % (file.size() + 1);
  const std::string_view bytes = edits.substr(kEditHead, at(4));
  if (at(4) == 0) file.resize(place);
  file.replace(place, std::min(bytes.size(), file.size() - place), bytes);
  return edits.substr(kEditHead + bytes.size());
}

void Open(const std::string& path) {
  const Result<LogReport> report = VerifyLog(path, [](std::uint64_t, std::uint64_t) {});
  if (!report) RequirePrintable(report.error());
  const Result<std::unique_ptr<DecisionLog>> log = OpenSqliteDecisionLog({.path = path});
  if (!log) return RequirePrintable(log.error());
  const Status replayed = (*log)->Replay([](std::uint64_t, const Record&) {});
  if (!replayed) return RequirePrintable(replayed.error());
  if (const auto page = (*log)->ListEnded(100, ""); !page) RequirePrintable(page.error());
  if (const auto rows = (*log)->ListAudit({.most = 100}); !rows) RequirePrintable(rows.error());
  AppendAndWait(**log, SampleResource());
}

void Run(std::string_view bytes) {
  static const Files whole = CrashedLog();
  static const TemporaryDirectory directory;
  const std::string path = directory / "log";
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    std::filesystem::remove_all(entry.path());
  Files files = whole;
  while (bytes.size() >= kEditHead) bytes = Edit(bytes, files);
  for (std::size_t i = 0; i < std::size(kSuffixes); ++i)
    WriteFile(path + kSuffixes[i], files.bytes[i]);
  Open(path);
}

}  // namespace

const Target kLogFile{"log-file", "L05", 200, &Run};

}  // namespace settle::fuzz
