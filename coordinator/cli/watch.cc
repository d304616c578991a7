#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>

#include "cli/admin_client.h"
#include "cli/arguments.h"
#include "cli/json.h"
#include "cli/screen.h"
#include "cli/watched.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::int32_t kInDoubtShown = 20;

std::int64_t WallNow_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<Look> LookAt(AdminClient& client) {
  Look look;
  Result<wire::StatusReply> status = client.ReadStatus();
  if (!status) return Fail(std::move(status).error());
  look.at = SteadyClock::now();
  look.wall_us = WallNow_us();
  look.status = *std::move(status);
  if (look.status.in_doubt == 0) return look;
  wire::PageRequest page;
  page.most = kInDoubtShown;
  Result<wire::InDoubtReply> in_doubt = client.InDoubt(page);
  if (!in_doubt) return Fail(std::move(in_doubt).error());
  look.in_doubt = std::move(in_doubt->transactions);
  return look;
}

// A coordinator that is away is waited for; one that cannot be watched, ever, is an error.
Status Refresh(AdminClient& client, Watched& watched) {
  Result<Look> look = LookAt(client);
  if (look) {
    watched.Add(*std::move(look));
  } else if (look.error().code == ErrorCode::kVersion || look.error().code == ErrorCode::kDenied) {
    return Fail(look.error());
  } else {
    watched.AddFailure(WallNow_us(), look.error().message);
  }
  return {};
}

struct Pace {
  milliseconds interval{1'000};
  std::uint64_t count = 0;  // 0: until it is ended
};

Result<Pace> PaceOf(const Given& given) {
  Pace pace;
  if (given.Has("interval")) {
    const auto interval = ParseDuration(given.Option("interval"));
    if (!interval) return Fail(interval.error());
    pace.interval = *interval;
  }
  if (!given.Has("count")) return pace;
  const std::string& text = given.options.at("count");
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, pace.count);
  if (error != std::errc{} || stop != end || pace.count == 0) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a count",
                "give --count how many times to look, from 1");
  }
  return pace;
}

// A line, or a JSON document on a line, for each look.
Result<Answer> WatchInLines(const Pace& pace, Surroundings& around) {
  Watched watched;
  auto next = SteadyClock::now();
  for (std::uint64_t looked = 1;; ++looked) {
    if (Status looking = Refresh(around.client, watched); !looking) return Fail(looking.error());
    const std::int64_t now = WallNow_us();
    const std::string text =
        around.json ? DumpLine(WatchJson(watched, now)) : WatchLine(watched, now);
    if (!around.print(text)) return Fail(ErrorCode::kInternal, "it could not be written");
    if (looked == pace.count) break;
    next = std::max(next + pace.interval, SteadyClock::now());
    std::this_thread::sleep_until(next);
  }
  return Answer{.text = {}, .json = {}, .exit = ExitCode::kOk, .printed = true};
}

// Looks on a thread of its own, so that a coordinator that does not answer holds up nobody who
// wants to quit.
class Lookout {
 public:
  Lookout(AdminClient& client, const Pace& pace)
      : thread_([this, &client, pace](const std::stop_token& stop) { Run(client, pace, stop); }) {}

  struct Seen {
    Watched watched;
    std::optional<Error> error;  // it cannot be watched
    std::uint64_t looks = 0;
  };
  Seen seen() const {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

 private:
  void Run(AdminClient& client, const Pace& pace, const std::stop_token& stop) {
    // Signals are for the thread that has the screen.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    Watched watched;
    auto next = SteadyClock::now();
    while (!stop.stop_requested()) {
      const Status looking = Refresh(client, watched);
      std::unique_lock lock(mutex_);
      seen_.watched = watched;
      ++seen_.looks;
      if (!looking) seen_.error = looking.error();
      if (!looking || seen_.looks == pace.count) return;
      next = std::max(next + pace.interval, SteadyClock::now());
      stopping_.wait_until(lock, stop, next, [] { return false; });
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  Seen seen_;
  std::jthread thread_;  // last: runs with everything above in place
};

Result<Answer> WatchOnScreen(const Pace& pace, const Surroundings& around,
                             std::unique_ptr<Screen> screen) {
  constexpr milliseconds kRedraw{100};
  const Lookout lookout(around.client, pace);
  Answer answer{.text = {}, .json = {}, .exit = ExitCode::kOk, .printed = true};
  for (;;) {
    const Lookout::Seen seen = lookout.seen();
    if (seen.error) {
      screen.reset();
      return Fail(*seen.error);
    }
    if (seen.looks != 0) {
      screen->Show(WatchScreen(seen.watched, around.address, WallNow_us(), screen->rows(),
                               screen->columns()));
    }
    if (pace.count != 0 && seen.looks >= pace.count) break;
    if (screen->Await(kRedraw) == Screen::Cause::kQuit) break;
  }
  screen.reset();  // before the lookout is waited for
  return answer;
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<Pace> pace = PaceOf(given);
  if (!pace) return Fail(pace.error());
  if (around.terminal && !around.json) {
    if (auto screen = Screen::Take(around.paint.on))
      return WatchOnScreen(*pace, around, std::move(screen));
  }
  return WatchInLines(*pace, around);
}

}  // namespace

const Verb kWatch{
    .name = "watch",
    .operands = {},
    .options = {{"interval", "TIME", "between two looks, for example 500ms; 1s if not given"},
                {"count", "N", "look so many times; without end if not given"}},
    .summary = "a live view: rates, what is open, in doubt and waited for",
    .details =
        "On a terminal it takes the whole screen, until q or a signal ends it; elsewhere it prints "
        "a line for\n"
        "each look, with --json an object. Rates are those since the look before. A coordinator "
        "that goes away\n"
        "is waited for: it is said since when it cannot be reached.",
    .run = Run};

}  // namespace settle::cli
