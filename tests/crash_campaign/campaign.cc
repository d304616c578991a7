#include "crash_campaign/campaign.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <regex>
#include <set>
#include <stdexcept>
#include <thread>

namespace settle::testing {
namespace {

constexpr int kAttempts = 3;
const std::vector<std::string> kDaemonOptions{"--session-timeout", "700ms", "--vote-timeout", "1s",
                                              "--call-timeout",    "700ms"};

std::string PlaceOf(const std::string& where) { return where.substr(0, where.rfind(':')); }

const char* ToString(Fault fault) {
  switch (fault) {
    case Fault::kDies: return "kill";
    case Fault::kFreezes: return "freeze";
    case Fault::kAssertion: return "assertion";
    case Fault::kDelay: return "delay";
    case Fault::kError: return "error";
    case Fault::kTorn: return "torn";
  }
  return "?";
}

std::string ToString(const std::vector<Harm>& harms) {
  std::string text;
  for (const Harm& harm : harms) {
    text += (text.empty() ? "" : ",") + testing::ToString(harm);
    if (harm.fault != Fault::kDies) text += std::string("=") + ToString(harm.fault);
  }
  return text;
}

Harm ParseHarm(const std::string& text) {
  static const std::regex form("(daemon|shop|service)/([0-9]):([a-z_.]+:[0-9]+)(=([a-z]+))?");
  std::smatch parts;
  if (!std::regex_match(text, parts, form)) throw std::invalid_argument("no such harm: " + text);
  Harm harm{Actor::kDaemon, std::stoul(parts[2]), parts[3], Fault::kDies};
  for (const Actor actor : {Actor::kShop, Actor::kService})
    if (parts[1] == testing::ToString(actor)) harm.actor = actor;
  for (const Fault fault :
       {Fault::kFreezes, Fault::kAssertion, Fault::kDelay, Fault::kError, Fault::kTorn}) {
    if (parts[5] == ToString(fault)) harm.fault = fault;
  }
  return harm;
}

std::vector<Harm> ParseHarms(const std::string& text) {
  std::vector<Harm> harms;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    harms.push_back(ParseHarm(text.substr(start, comma - start)));
    start = comma + 1;
  }
  return harms;
}

// A play over one kind of database, by one thread.
class PlayOver {
 public:
  PlayOver(const CampaignOptions& options, const Play& play, Databases databases,
           std::unique_ptr<World>& world, CampaignResult& result, std::mutex& mutex)
      : options_(options),
        play_(play),
        databases_(databases),
        world_(world),
        result_(result),
        mutex_(mutex),
        random_(options.seed ^ std::hash<std::string>()(play.name) ^ databases) {
    if (world_ != nullptr) SetOptions();
  }
  ~PlayOver() {
    // The next play would find an old log in it, or a daemon with other options.
    if (play_.in_a_new_world || !play_.daemon_options.empty()) world_.reset();
  }
  PlayOver(const PlayOver&) = delete;
  PlayOver& operator=(const PlayOver&) = delete;

  void Run(std::size_t doubles, std::size_t triples) {
    if (!options_.only.empty()) {
      PlayCell(ParseHarms(options_.only));
      return;
    }
    const Judgement watched = PlayOnce({}, true);
    if (!watched.violations.empty()) Blame({}, watched);
    if (options_.watch) return CountPasses(watched.passes);
    std::vector<Harm> cells = CellsIn(watched.passes);
    if (options_.sample != 0) {
      std::shuffle(cells.begin(), cells.end(), random_);
      cells.resize(std::min(cells.size(), options_.sample));
    }
    if (options_.kills) {
      for (const Harm& harm : cells) PlayCell({harm});
    }
    if (options_.other_faults && options_.sample == 0) {
      for (const Harm& harm : OtherFaultsIn(cells)) PlayCell({harm});
    }
    for (std::size_t i = 0; i < doubles + triples && !cells.empty(); ++i)
      PlayAgainAndAgain(cells[random_() % cells.size()], i < doubles ? 2 : 3);
  }

 private:
  bool IsWanted(const std::string& place) const {
    if (!play_.places.empty() && !std::regex_search(place, std::regex(play_.places))) return false;
    return options_.places.empty() || std::regex_search(place, std::regex(options_.places));
  }

  void Make() {
    const Kind kind = databases_ == kPostgresql ? Kind::kPostgres : Kind::kSqlite;
    world_.reset();
    {
      static std::mutex making;  // clusters are copied from one that the first of them makes
      const std::lock_guard lock(making);
      world_ = std::make_unique<World>(Kinds{kind, kind});
    }
    for (const char bank : {'a', 'b'}) {
      const CliAnswer installed = RunCli("127.0.0.1:1",  // no coordinator is asked
                                         {"barrier", "install", "--dsn", world_->bank(bank).Dsn()});
      if (installed.code != 0) throw std::runtime_error(installed.out + installed.err);
    }
    SetOptions();
    if (play_.in_a_new_world) return;
    // The names are bound now, so that a failpoint counts the play's own passes alone.
    world_->daemon().Start();
    world_->Start({.banks = "ab"}).Quit();
  }

  void SetOptions() {
    std::vector<std::string>& daemon = world_->daemon().options;
    daemon = kDaemonOptions;
    daemon.insert(daemon.end(), play_.daemon_options.begin(), play_.daemon_options.end());
  }

  Judgement PlayOnce(const std::vector<Harm>& harms, bool observes) {
    if (world_ == nullptr || play_.in_a_new_world) Make();
    Stage stage(*world_, harms, observes);
    Judgement judgement;
    try {
      try {
        play_.run(stage);
      } catch (const Stage::PlayIsOver&) {
      }
      judgement = stage.Finish();
    } catch (const std::exception& e) {
      judgement.violations.push_back(std::string("the play broke off: ") + e.what());
    }
    if (!judgement.violations.empty()) {
      if (!options_.only.empty()) std::cerr << world_->Said();
      world_.reset();
    }
    return judgement;
  }

  std::vector<Harm> CellsIn(const Passes& passes) const {
    std::vector<Harm> cells;
    for (const auto& [of, names] : passes) {
      const auto& [actor, life] = of;
      const bool armed =
          std::find(play_.actors.begin(), play_.actors.end(), actor) != play_.actors.end();
      if (!armed || life != 0) continue;
      std::map<std::string, std::size_t> counts;
      for (const std::string& name : names) {
        NoteUnknown(name);
        if (++counts[name] > options_.passes || !IsWanted(name)) continue;
        cells.push_back({actor, life, name + ":" + std::to_string(counts[name]), Fault::kDies});
      }
    }
    return cells;
  }

  void CountPasses(const Passes& passes) {
    const std::lock_guard lock(mutex_);
    for (const auto& [of, names] : passes) {
      const bool armed =
          std::find(play_.actors.begin(), play_.actors.end(), of.first) != play_.actors.end();
      if (!armed || of.second != 0) continue;
      for (const std::string& name : names) ++result_.kills[{name, play_.protocol, databases_}];
    }
  }

  static std::vector<Harm> OtherFaultsIn(const std::vector<Harm>& cells) {
    std::vector<Harm> others;
    std::set<std::string> seen;
    for (const Harm& cell : cells) {
      const Place* place = FindPlace(PlaceOf(cell.where));
      if (place == nullptr || !seen.insert(place->name).second) continue;
      Harm other = cell;
      if (place->also == Also::kNothing) {
        other.fault = seen.size() % 2 == 0 ? Fault::kDelay : Fault::kFreezes;
      } else {
        other.fault = place->also == Also::kFails ? Fault::kError : Fault::kTorn;
      }
      others.push_back(other);
    }
    return others;
  }

  void NoteUnknown(const std::string& place) const {
    if (FindPlace(place) != nullptr) return;
    const std::lock_guard lock(mutex_);
    std::vector<std::string>& unknown = result_.unknown;
    if (std::find(unknown.begin(), unknown.end(), place) == unknown.end()) unknown.push_back(place);
  }

  // Until all of it has fired: who is first where is not the same every time.
  bool PlayCell(const std::vector<Harm>& harms, Passes* passes = nullptr) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Judgement judgement = PlayOnce(harms, passes != nullptr);
      if (passes != nullptr) *passes = judgement.passes;
      const bool fired = judgement.fired == harms.size();
      if (!judgement.violations.empty()) Blame(harms, judgement);
      if (fired || !judgement.violations.empty() || attempt + 1 == kAttempts)
        Count(harms, fired, judgement.violations.empty());
      if (fired || !judgement.violations.empty()) return fired;
    }
    return false;
  }

  void PlayAgainAndAgain(const Harm& first, std::size_t crashes) {
    std::vector<Harm> harms{first};
    Passes passes;
    if (!PlayOnceFor(harms, passes)) return;
    while (harms.size() < crashes) {
      // Of the life after the crash, or of one who lives beside it.
      const std::vector<Harm> next = After(harms, passes);
      if (next.empty()) return;
      harms.push_back(next[random_() % next.size()]);
      if (harms.size() == crashes) break;
      if (!PlayOnceFor(harms, passes)) return;
    }
    PlayCell(harms);
  }

  bool PlayOnceFor(const std::vector<Harm>& harms, Passes& passes) {
    const Judgement judgement = PlayOnce(harms, true);
    passes = judgement.passes;
    if (!judgement.violations.empty()) Blame(harms, judgement);
    return judgement.fired == harms.size() && judgement.violations.empty();
  }

  static std::vector<Harm> After(const std::vector<Harm>& harms, const Passes& passes) {
    const Harm& last = harms.back();
    std::vector<Harm> cells;
    for (const auto& [of, names] : passes) {
      if (of.first != last.actor || of.second != last.life + 1) continue;
      std::map<std::string, std::size_t> counts;
      for (const std::string& name : names)
        cells.push_back(
            {of.first, of.second, name + ":" + std::to_string(++counts[name]), Fault::kDies});
    }
    return cells;
  }

  void Count(const std::vector<Harm>& harms, bool fired, bool sound) {
    const std::lock_guard lock(mutex_);
    const bool kills = std::all_of(harms.begin(), harms.end(),
                                   [](const Harm& harm) { return harm.fault == Fault::kDies; });
    if (harms.size() == 1 && kills) ++result_.cells;
    if (!fired) {
      if (sound) result_.not_reached.push_back(Command(harms));
      return;
    }
    for (const Harm& harm : harms) {
      const CellName name{PlaceOf(harm.where), play_.protocol, databases_};
      ++(kills ? result_.kills : result_.others)[name];
      ++result_.faults[ToString(harm.fault)];
    }
    if (!kills) return;
    if (harms.size() == 1) ++result_.fired;
    if (harms.size() == 2) ++result_.doubles;
    if (harms.size() == 3) ++result_.triples;
    if (options_.verbose) std::cerr << "fired: " << Command(harms) << std::endl;
  }

  std::string Command(const std::vector<Harm>& harms) const {
    return "--play " + play_.name + " --databases " + NameOfDatabase(databases_) +
           (harms.empty() ? "" : " --only " + ToString(harms));
  }

  void Blame(const std::vector<Harm>& harms, const Judgement& judgement) {
    const std::lock_guard lock(mutex_);
    std::string text = Command(harms);
    for (const std::string& violation : judgement.violations) text += "\n    " + violation;
    std::cerr << "VIOLATION: " << text << std::endl;
    result_.violations.push_back(text);
  }

  const CampaignOptions& options_;
  const Play& play_;
  const Databases databases_;
  std::unique_ptr<World>& world_;
  CampaignResult& result_;
  std::mutex& mutex_;
  std::mt19937_64 random_;
};

bool IsAsked(const CampaignOptions& options, const Play& play) {
  if ((play.protocol & options.protocols) == 0) return false;
  return options.plays.empty() ||
         std::find(options.plays.begin(), options.plays.end(), play.name) != options.plays.end();
}

struct Job {
  const Play* play;
  Databases databases;
};

std::vector<Job> JobsOf(const CampaignOptions& options) {
  std::vector<Job> jobs;
  for (const Play& play : Plays()) {
    if (!IsAsked(options, play)) continue;
    for (const Databases one : {kPostgresql, kSqliteFile})
      if ((one & options.databases & play.databases) != 0) jobs.push_back({&play, one});
  }
  return jobs;
}

// Of `all` the part of job `number` of so many, which differ by one at most.
std::size_t Share(std::size_t all, std::size_t number, std::size_t jobs) {
  return all / jobs + (number < all % jobs ? 1 : 0);
}

}  // namespace

CampaignResult RunCampaign(const CampaignOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  CampaignResult result;
  std::mutex mutex;
  const std::vector<Job> jobs = JobsOf(options);
  std::atomic<std::size_t> next{0};
  std::exception_ptr broken;
  const auto work = [&] {
    std::map<Databases, std::unique_ptr<World>> worlds;
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      const auto from = std::chrono::steady_clock::now();
      try {
        PlayOver(options, *jobs[i].play, jobs[i].databases, worlds[jobs[i].databases], result,
                 mutex)
            .Run(Share(options.doubles, i, jobs.size()), Share(options.triples, i, jobs.size()));
      } catch (...) {
        const std::lock_guard lock(mutex);
        broken = std::current_exception();
        return;
      }
      const std::lock_guard lock(mutex);
      std::cerr << jobs[i].play->name << " over " << NameOfDatabase(jobs[i].databases) << ": "
                << std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now() - from)
                       .count()
                << " s, " << result.fired << " kills so far" << std::endl;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < options.jobs; ++i) threads.emplace_back(work);
  }
  if (broken) std::rethrow_exception(broken);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace settle::testing
