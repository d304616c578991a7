#include "observe/log_observer.h"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>

#include "settle/vocabulary/trace_parent.h"

namespace settle::coordinator {
namespace {

constexpr std::size_t kWhatBytesMax = 3'000;  // so that a line fits into one atomic write to a pipe
constexpr std::chrono::milliseconds kReaderPatience{500};
constexpr std::chrono::milliseconds kFlushPatience{2'000};
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%fZ %l %v";
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

spdlog::level::level_enum ToSpdlog(Observer::Level level) {
  switch (level) {
    case Observer::Level::kDebug: return spdlog::level::debug;
    case Observer::Level::kInfo: return spdlog::level::info;
    case Observer::Level::kWarning: return spdlog::level::warn;
    case Observer::Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Printable ASCII as it is, every other byte as \xNN (which JSON must escape once more, but for its
// own control characters): a line says what was sent and cannot pretend to be another.
std::string EscapedForLog(std::string_view text, bool json) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kWhatBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (json && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += !json ? "\\x" : byte < 0x20 ? "\\u00" : "\\\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
    if (out.size() > kWhatBytesMax) break;
  }
  if (text.size() > kWhatBytesMax || out.size() > kWhatBytesMax) out += "...";
  return out;
}

// Writes whole lines to a descriptor and never waits long for its reader: after one wait in vain it
// only tries.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(int descriptor) : descriptor_(descriptor) {}

  // Waits until a flush that was asked for later has come through the queue.
  bool AwaitFlush(std::uint64_t flushes_before, std::chrono::milliseconds patience) {
    std::unique_lock lock(flush_mutex_);
    return flushed_.wait_for(lock, patience, [&] { return flushes_ > flushes_before; });
  }
  std::uint64_t flushes() {
    const std::scoped_lock lock(flush_mutex_);
    return flushes_;
  }
  std::uint64_t dropped() const { return dropped_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const char* at = line.data();
    std::size_t left = line.size();
    while (left > 0) {
      if (!Writable()) {
        ++dropped_;
        return;
      }
      const ssize_t written = ::write(descriptor_, at, left);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        ++dropped_;  // the reader is gone; the next line tries again
        return;
      }
      at += written;
      left -= static_cast<std::size_t>(written);
    }
  }

  void flush_() override {
    const std::scoped_lock lock(flush_mutex_);
    ++flushes_;
    flushed_.notify_all();
  }

  bool Writable() {
    pollfd entry{descriptor_, POLLOUT, 0};
    const int ready = ::poll(&entry, 1, stuck_ ? 0 : static_cast<int>(kReaderPatience.count()));
    stuck_ = ready == 0;
    return ready > 0;
  }

  const int descriptor_;
  bool stuck_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex flush_mutex_;
  std::condition_variable flushed_;
  std::uint64_t flushes_ = 0;
};

}  // namespace

class LogObserver::Lines {
 public:
  explicit Lines(const LogSettings& settings)
      : json_(settings.format == LogFormat::kJson),
        sink_(std::make_shared<DescriptorSink>(settings.descriptor)),
        pool_(std::make_shared<spdlog::details::thread_pool>(settings.queue_max, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "settle", sink_, pool_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        json_ ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc));
    logger_->set_level(ToSpdlog(settings.level));
  }

  // The pool's thread ends first, after what is queued: it must not be the last to hold the logger.
  ~Lines() { pool_.reset(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void Write(spdlog::level::level_enum level, const About& about, std::string_view what) {
    if (!logger_->should_log(level)) return;
    TellLosses();
    const std::string line = Payload(about, what);
    logger_->log(level, spdlog::string_view_t(line));
  }

  void Flush() {
    const std::uint64_t before = sink_->flushes();
    logger_->flush();
    sink_->AwaitFlush(before, kFlushPatience);
  }

 private:
  std::string Payload(const About& about, std::string_view what) const {
    std::string line;
    const auto add = [&](std::string name, std::string_view value) {
      if (value.empty()) return;
      line += json_ ? '"' + name + "\":\"" : name + '=';
      line.append(value).append(json_ ? "\"," : " ");
    };
    add("gtid", about.gtid.text());
    add("trace_id", TraceIdOf(about.trace_parent));
    add("span_id", SpanIdOf(about.trace_parent));
    add("trace_flags", TraceFlagsOf(about.trace_parent));
    const std::string escaped = EscapedForLog(what, json_);
    return line + (json_ ? "\"what\":\"" + escaped + "\"" : escaped);
  }

  void TellLosses() {
    const std::uint64_t lost = pool_->overrun_counter() + sink_->dropped();
    std::uint64_t told = told_losses_;
    if (lost == told || !told_losses_.compare_exchange_strong(told, lost)) return;
    logger_->log(spdlog::level::err,
                 spdlog::string_view_t(
                     Payload({}, std::to_string(lost - told) +
                                     " lines of this log were lost: nobody read it in time")));
  }

  const bool json_;
  const std::shared_ptr<DescriptorSink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  const std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<std::uint64_t> told_losses_{0};
};

LogObserver::LogObserver(const LogSettings& settings) : lines_(std::make_unique<Lines>(settings)) {}

LogObserver::~LogObserver() = default;

void LogObserver::Event(Level level, const About& about, std::string_view what) {
  lines_->Write(ToSpdlog(level), about, what);
}

void LogObserver::Fatal(std::string_view why) {
  lines_->Write(spdlog::level::critical, {}, why);
  lines_->Flush();
  std::_Exit(kFatalExitCode);
}

std::optional<Observer::Level> ParseLogLevel(std::string_view word) {
  if (word == "debug") return Observer::Level::kDebug;
  if (word == "info") return Observer::Level::kInfo;
  if (word == "warning") return Observer::Level::kWarning;
  if (word == "error") return Observer::Level::kError;
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view word) {
  if (word == "text") return LogFormat::kText;
  if (word == "json") return LogFormat::kJson;
  return std::nullopt;
}

}  // namespace settle::coordinator
