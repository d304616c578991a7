#include "admin/plain_words.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace settle::coordinator {
namespace {

using std::chrono::milliseconds;

// So many sessions that wait are named in one sentence.
constexpr std::size_t kNamedMost = 3;

std::string Two(long long much, const char* of, long long little, const char* of_these) {
  std::string text = std::to_string(much) + " " + of;
  if (little != 0) text += " " + std::to_string(little) + " " + of_these;
  return text;
}

std::string NameOf(const Waiter& waiter) {
  std::string name = "pid " + std::to_string(waiter.process_id);
  if (!waiter.application.empty()) name += " app '" + waiter.application + "'";
  if (!waiter.user.empty()) name += " user " + waiter.user;
  if (!waiter.relation.empty()) name += " on " + waiter.relation;
  return name;
}

}  // namespace

std::string TimeInWords(WallTime at) {
  const std::time_t seconds = at / 1'000'000;
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "at a time that is none";
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text.data();
}

std::string DurationInWords(milliseconds duration) {
  const long long ms = duration.count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  const long long seconds = ms / 1'000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  const long long minutes = seconds / 60;
  if (minutes < 60) return std::to_string(minutes) + " min";
  const long long hours = minutes / 60;
  if (hours < 24) return Two(hours, "h", minutes % 60, "min");
  return Two(hours / 24, "d", hours % 24, "h");
}

std::string Counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string WaitingInWords(const LiveBranch& live) {
  if (live.waiting == 0) return {};
  std::string words = Counted(live.waiting, "session waits", "sessions wait") + " behind it";
  if (live.waiters.empty()) return words;
  words += (live.waiting == 1 ? ", for " : ", the longest for ") +
           DurationInWords(live.waiters.front().waits) + ": ";
  const std::size_t named = std::min(live.waiters.size(), kNamedMost);
  for (std::size_t i = 0; i < named; ++i) words += (i == 0 ? "" : "; ") + NameOf(live.waiters[i]);
  if (live.waiting > named) words += "; and " + std::to_string(live.waiting - named) + " more";
  return words;
}

std::string UnansweredInWords(const LiveRow& row) {
  if (!row.unserved_since) return row.how.why_not;
  if (*row.unserved_since == 0) return "no process has served it since the coordinator was started";
  return "no process serves it since " + TimeInWords(*row.unserved_since);
}

}  // namespace settle::coordinator
