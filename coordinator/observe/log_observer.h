// The structured log: a line for each event, as text or JSON, with a UTC time in microseconds, the
// gtid where there is one, and its trace if it was begun with one.
//
//   2026-03-01T12:00:00.123456Z warning gtid=k3m9qxw4c7ab.2.1842.9f3c2a51 branch 2 in orders ...
//   {"time":"2026-03-01T12:00:00.123456Z","level":"warning","gtid":"k3m9...","trace_id":"0af7...",
//    "span_id":"b7ad...","trace_flags":"01","what":"branch 2 in orders ..."}
//
// Everything that could break a line or a terminal is escaped: a reader may trust one line to be
// one event.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/ports.h"

namespace settle::coordinator {

enum class LogFormat { kText, kJson };

// Exit code of a process that Fatal ended (sysexits.h: EX_SOFTWARE).
inline constexpr int kFatalExitCode = 70;

struct LogSettings {
  Observer::Level level = Observer::Level::kInfo;  // and above
  LogFormat format = LogFormat::kText;
  int descriptor = 2;  // stays open as long as the observer; is not closed by it
  std::size_t queue_max =
      8'192;  // lines waiting for a slow reader; then the oldest are dropped, and counted
};

// Thread-safe. Event never waits for the reader of the log: a terminal that is paused or a full
// pipe costs lines, which are counted in a later line, and never stops a transaction.
class LogObserver : public Observer {
 public:
  explicit LogObserver(const LogSettings& settings);
  ~LogObserver() override;  // writes what is queued, as far as it is read
  LogObserver(const LogObserver&) = delete;
  LogObserver& operator=(const LogObserver&) = delete;

  void Event(Level level, const About& about, std::string_view what) override;
  // Logs, gives the log a moment to be written, and ends the process with kFatalExitCode: no
  // destructor runs, nobody is answered.
  [[noreturn]] void Fatal(std::string_view why) override;

 private:
  class Lines;
  std::unique_ptr<Lines> lines_;
};

// "debug", "info", "warning", "error"; "text", "json". Empty for any other word.
std::optional<Observer::Level> ParseLogLevel(std::string_view word);
std::optional<LogFormat> ParseLogFormat(std::string_view word);

}  // namespace settle::coordinator
