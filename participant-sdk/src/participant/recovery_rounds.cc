#include "participant/recovery_rounds.h"

#include <algorithm>
#include <utility>

#include "participant/site_words.h"
#include "settle/vocabulary/failpoint.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using recovery::Time;

constexpr int kDrivers = 4;
constexpr int kCalls = 16;
// What one site may take to answer, whatever the number of its addresses.
constexpr std::chrono::milliseconds kAnswerWithin{2'000};
// An address that did not answer is not tried again for so long, so that what is out of reach does
// not hold up all threads.
constexpr std::chrono::milliseconds kLeftAlone{1'000};

const Site* Find(const Roster& sites, BranchNumber number) {
  const auto found = std::find_if(sites.begin(), sites.end(),
                                  [&](const Site& site) { return site.number == number; });
  return found == sites.end() ? nullptr : &*found;
}

}  // namespace

RecoveryRounds::RecoveryRounds(PeerOptions options, std::vector<std::string> coordinators,
                               const Sites& sites, Ports ports)
    : options_(std::move(options)),
      coordinators_(std::move(coordinators)),
      sites_(sites),
      ports_(std::move(ports)),
      drivers_(kDrivers),
      calls_(kCalls),
      thread_([this] { Run(); }) {}

RecoveryRounds::~RecoveryRounds() { Stop(); }

void RecoveryRounds::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  drivers_.Stop(Clock::now());
  calls_.Stop(Clock::now());
}

Time RecoveryRounds::Now() const {
  return std::chrono::duration_cast<Time>(Clock::now().time_since_epoch());
}

double RecoveryRounds::Chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

void RecoveryRounds::Schedule(const BranchKey& key, Case& watched, Time due) {
  queue_.erase({watched.due, key});
  watched.due = due;
  queue_.insert({due, key});
  changed_.notify_all();
}

void RecoveryRounds::Drop(const BranchKey& key) {
  const auto found = cases_.find(key);
  if (found == cases_.end()) return;
  queue_.erase({found->second->due, key});
  cases_.erase(found);
}

void RecoveryRounds::Watch(const BranchKey& key, const std::string& resource, const Roster& sites) {
  std::lock_guard lock(mutex_);
  if (stopping_ || cases_.count(key) != 0) return;
  const recovery::Settings settings{.patience = options_.patience};
  const auto watched =
      std::make_shared<Case>(resource, Recovery(key.number, sites, settings, Now(), Chance()));
  watched->recovery.InTouch(in_touch_, Now());
  cases_.emplace(key, watched);
  Schedule(key, *watched, watched->recovery.Due());
}

void RecoveryRounds::Heard(const BranchKey& key) {
  std::lock_guard lock(mutex_);
  const auto found = cases_.find(key);
  if (found != cases_.end()) found->second->recovery.Heard(Now(), Chance());
}

bool RecoveryRounds::Settled(const BranchKey& key) {
  std::lock_guard lock(mutex_);
  const auto found = cases_.find(key);
  if (found == cases_.end()) return false;
  found->second->recovery.Settled();
  if (!found->second->busy) Drop(key);
  return true;
}

void RecoveryRounds::SettledBySites(const BranchKey& key, const std::string& resource,
                                    const SiteRecord& record, bool just_now) {
  if (!Settled(key) && !just_now) return;
  ports_.warn(key, key.DatabaseName() + " in " + resource + " was " +
                       DecisionWords(record.at, record.sites));
}

void RecoveryRounds::InTouch(bool yes) {
  std::lock_guard lock(mutex_);
  if (std::exchange(in_touch_, yes) == yes) return;
  for (const auto& [key, watched] : cases_) {
    watched->recovery.InTouch(yes, Now());
    if (!watched->busy) Schedule(key, *watched, watched->recovery.Due());
  }
}

void RecoveryRounds::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (queue_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [due, key] = *queue_.begin();
    if (due > Now()) {
      changed_.wait_until(lock, Clock::time_point(due));
      continue;
    }
    queue_.erase(queue_.begin());
    const CasePtr watched = cases_.at(key);
    watched->busy = true;
    drivers_.Post([this, key = key, watched] { Drive(key, watched); });
  }
}

void RecoveryRounds::Drive(const BranchKey& key, const CasePtr& watched) {
  for (;;) {
    recovery::Act act;
    {
      std::lock_guard lock(mutex_);
      act = watched->recovery.Next(Now());
      const auto* wait = std::get_if<recovery::Wait>(&act);
      if (wait != nullptr || stopping_) {
        watched->busy = false;
        if (wait != nullptr) Schedule(key, *watched, wait->until);
        return;
      }
      if (std::holds_alternative<recovery::Done>(act)) {
        Drop(key);
        return;
      }
    }
    if (const auto* take = std::get_if<recovery::TakeBallot>(&act)) {
      Perform(key, *watched, *take);
    } else if (const auto* obey = std::get_if<recovery::Obey>(&act)) {
      Perform(key, *watched, *obey);
    } else if (const auto* tell = std::get_if<recovery::Tell>(&act)) {
      Exchange(key, watched, *tell);
      SayShortage(key, *watched);
    }
  }
}

void RecoveryRounds::Perform(const BranchKey& key, Case& watched,
                             const recovery::TakeBallot& take) {
  const Result<Sites::Taken> taken = sites_.Lead(key, watched.resource, take.above);
  if (!taken) Complain(key, watched, taken.error());
  // Crash here: the ballot is this site's for ever, and no other site has heard of it.
  SETTLE_FAILPOINT("site.leads");
  std::lock_guard lock(mutex_);
  if (taken) {
    watched.recovery.Took(taken->ballot, taken->record.at);
  } else {
    watched.recovery.Failed(Now(), Chance());
  }
}

void RecoveryRounds::Perform(const BranchKey& key, Case& watched, const recovery::Obey& obey) {
  const Result<SiteAnswer> kept = ports_.here({key, watched.resource, obey.message});
  if (!kept) Complain(key, watched, kept.error());
  std::lock_guard lock(mutex_);
  if (kept && IsFinal(kept->state)) {
    watched.recovery.Obeyed(*kept);
  } else {
    watched.recovery.Failed(Now(), Chance());
  }
}

void RecoveryRounds::Exchange(const BranchKey& key, const CasePtr& watched,
                              const recovery::Tell& tell) {
  const auto pending = std::make_shared<std::size_t>(tell.to.size());
  for (const BranchNumber number : tell.to) {
    calls_.Post(
        [this, site = BranchKey{key.gtid, number}, watched, message = tell.message, pending] {
          const Result<SiteAnswer> answer = Ask(site, watched->recovery.sites(), message);
          SETTLE_FAILPOINT("site.told_peer");
          std::lock_guard lock(mutex_);
          if (answer) {
            watched->recovery.Answered(site.number, *answer);
            watched->trouble.erase(site.number);
          } else if (watched->trouble.count(site.number) == 0 ||
                     answer.error().code != ErrorCode::kRetry) {
            watched->trouble[site.number] = answer.error().message;
          }
          --*pending;
          changed_.notify_all();
        });
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return *pending == 0 || stopping_ || watched->recovery.Satisfied(); });
  watched->recovery.Over(Now(), Chance());
}

Result<SiteAnswer> RecoveryRounds::Ask(const BranchKey& key, const Roster& sites,
                                       const PeerMessage& message) {
  const Site* const site = Find(sites, key.number);
  if (site == nullptr) return Fail(ErrorCode::kInvalid, "it is no site of the transaction");
  const PeerCall call{key, site->resource, message};
  if (key.number != 0 && sites_.Serves(site->resource)) return ports_.here(call);
  std::vector<std::string> addresses = key.number == 0 ? coordinators_ : site->addresses;
  const auto known = options_.known.find(site->resource);
  if (key.number != 0 && known != options_.known.end()) {
    addresses.insert(addresses.end(), known->second.begin(), known->second.end());
  }
  Error last{ErrorCode::kUnavailable, "no address of it is known", {}};
  const Instant by = Clock::now() + kAnswerWithin;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const Instant now = Clock::now();
    const auto share = (by - now) / static_cast<int>(addresses.size() - i);
    Result<SiteAnswer> answer = AskAt(addresses[i], call, now + share);
    if (answer) return answer;
    // That it is left alone for a moment says less than why.
    if (i == 0 || answer.error().code != ErrorCode::kRetry) last = std::move(answer).error();
  }
  return Fail(std::move(last));
}

Result<SiteAnswer> RecoveryRounds::AskAt(const std::string& address, const PeerCall& call,
                                         Instant by) {
  {
    std::lock_guard lock(mutex_);
    const auto left_alone = unreachable_until_.find(address);
    if (left_alone != unreachable_until_.end() && left_alone->second > Clock::now()) {
      return Fail(ErrorCode::kRetry, address + ": it did not answer a moment ago");
    }
  }
  Result<SiteAnswer> answer = ports_.elsewhere(address, call, by);
  if (answer) return answer;
  Error why = std::move(answer).error();
  if (why.code == ErrorCode::kUnavailable || why.code == ErrorCode::kAskOutcome) {
    std::lock_guard lock(mutex_);
    unreachable_until_[address] = Clock::now() + kLeftAlone;
  }
  if (why.message.find(address) == std::string::npos) why.message = address + ": " + why.message;
  return Fail(std::move(why));
}

void RecoveryRounds::SayShortage(const BranchKey& key, Case& watched) {
  std::string words;
  {
    std::lock_guard lock(mutex_);
    const std::optional<Recovery::Shortage>& shortage = watched.recovery.shortage();
    if (!shortage || shortage == watched.said) return;
    watched.said = shortage;
    words = ShortageWords(*shortage, watched.recovery.sites(), watched.trouble);
  }
  ports_.warn(key, key.DatabaseName() + " in " + watched.resource +
                       ": nothing is heard of the coordinator, and the branch " + words +
                       " (trying again)");
}

// Once for each kind of trouble.
void RecoveryRounds::Complain(const BranchKey& key, Case& watched, const Error& why) {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(watched.complained, why.message) == why.message) return;
  }
  ports_.warn(key, key.DatabaseName() + " in " + watched.resource +
                       " cannot be brought to its end with its peers: " + Describe(why) +
                       " (trying again)");
}

}  // namespace settle::sdk
