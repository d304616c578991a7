#include "chaos/stage.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/child_process.h"

namespace settle::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kDiskMegabytes = 192;
constexpr milliseconds kBetweenStarts{200};

struct BankPlace {
  const char* name;
  int cluster;  // -1: a SQLite file
  bool needs_tables;
};
// a, b, c: transfers by 2PC; d, e, f: by 3PC; p, q: payments beside reservations; s1, s2: services.
constexpr BankPlace kBanks[] = {
    {"a", 0, false}, {"b", 1, false}, {"c", -1, false}, {"d", 0, true},  {"e", 1, true},
    {"f", -1, true}, {"p", 0, false}, {"q", -1, false}, {"s1", 1, true}, {"s2", -1, true}};

}  // namespace

Stage::Stage(unsigned seed, int keep_ended)
    : seed_(seed),
      log_disk_(directory_ / "log", kDiskMegabytes),
      file_disk_(directory_ / "files", kDiskMegabytes),
      daemon_(directory_.path()) {
  MakeBanks();
  daemon_.log_directory = log_disk_.path();
  daemon_.options = {"--keep-ended", std::to_string(keep_ended)};
  daemon_.Start();
  const auto add = [this](std::string name, std::string program, std::vector<std::string> banks,
                          bool site) {
    Slot& slot = slots_.emplace_back();
    slot.name = std::move(name);
    slot.program = std::move(program);
    slot.banks = std::move(banks);
    slot.site = site;
    slot.wire = std::make_unique<FaultyWire>(daemon_.port());
    StartProgram(slot);
  };
  for (const char* number : {"-1", "-2"}) {
    add(std::string("transfer") + number, "e2e_transfer", {"a", "b", "c"}, false);
    add(std::string("sites") + number, "e2e_transfer", {"d", "e", "f"}, true);
    add(std::string("services") + number, "chaos_services", {"p", "q", "s1", "s2"}, false);
  }
}

Stage::~Stage() = default;

void Stage::MakeBanks() {
  for (auto& cluster : clusters_) {
    // Not of one template: their system identifiers must differ. Processes are killed here, not
    // the power cut, and the kernel's cache outlives them.
    PostgresClusterOptions options;
    options.settings = {"fsync=off"};
    cluster = std::make_unique<PostgresCluster>(options);
  }
  for (const BankPlace& place : kBanks) {
    const std::string name = place.name;
    banks_[name] = place.cluster >= 0
                       ? MakePostgresBank(*clusters_.at(place.cluster), "bank_" + name)
                       : MakeSqliteBank(file_disk_.path() + "/bank-" + name + ".db");
    if (!place.needs_tables) continue;
    const CliAnswer made = RunCli("127.0.0.1:1",  // no coordinator is asked
                                  {"barrier", "install", "--dsn", banks_[name]->Dsn()});
    if (made.code != 0) throw std::runtime_error(made.out + made.err);
  }
}

void Stage::StartProgram(Slot& slot) {
  ApplicationOptions options;
  options.coordinator = slot.wire->address();
  options.name = slot.name + "-" + std::to_string(++slot.lives);
  options.directory = directory_.path();
  options.call_timeout = milliseconds(5'000);
  options.seed = seed_ * 1'000 + static_cast<unsigned>(note_paths_.size());
  options.peers = slot.site ? "127.0.0.1:0" : "";
  options.program = slot.program;
  options.awaited = false;
  for (const std::string& bank : slot.banks) options.banks[bank] = banks_.at(bank)->Dsn();
  note_paths_.push_back(Application::NotesPath(options));
  slot.application = std::make_unique<Application>(std::move(options));
  if (loaded_) slot.application->StartLoad();
}

void Stage::NoteCrash(const std::string& what, Process& process) {
  const auto ended = process.Wait(milliseconds(0));
  if (ended && ended->signal && ended->signal != SIGKILL)
    crashes.push_back(what + " ended by itself: " + ToString(*ended));
}

void Stage::Supervise() {
  const auto now = Clock::now();
  if (now < next_start_) return;
  if (!daemon_down && !daemon_.process().running()) {
    NoteCrash("settled", daemon_.process());
    daemon_.StartUnawaited();
    next_start_ = now + kBetweenStarts;
  }
  for (Slot& slot : slots_) {
    if (slot.down || slot.application->process().running()) continue;
    NoteCrash(slot.name, slot.application->process());
    StartProgram(slot);
    next_start_ = now + kBetweenStarts;
  }
}

void Stage::StopLoad() {
  loaded_ = false;
  for (Slot& slot : slots_) {
    // One that was refused while something was down answers so, and is started anew.
    const auto answers = [&] {
      try {
        if (slot.application->Answer().rfind("ready", 0) == 0) return true;
      } catch (const std::runtime_error&) {
        if (slot.application->process().running()) throw;
      }
      Supervise();
      return false;
    };
    if (!WaitUntil(answers)) throw std::runtime_error(slot.name + " does not come up");
  }
  for (Slot& slot : slots_) slot.application->Send("stop");
}

void Stage::AwaitLoadStopped() {
  for (Slot& slot : slots_) {
    slot.application->Answer(2 * kPatience);  // to "load"
    slot.application->Answer();               // to "stop"
  }
}

std::vector<std::string> Stage::Prepared() const {
  std::vector<std::string> all;
  for (const auto& [name, bank] : banks_) {
    try {
      for (const std::string& prepared : bank->Prepared()) all.push_back(name + "/" + prepared);
    } catch (const std::runtime_error&) {
      all.push_back(name + "/?");
    }
  }
  return all;
}

bool Stage::IsQuiet(const std::set<std::string>& forced) {
  if (!Prepared().empty()) return false;
  if (!std::all_of(banks_.begin(), banks_.end(),
                   [](const auto& bank) { return bank.second->Writable(); })) {
    return false;
  }
  const CliAnswer open = Cli({"list", "--open"});
  if (open.code != 0 || !open.json["transactions"].empty()) return false;
  const CliAnswer in_doubt = Cli({"in-doubt"});
  if (in_doubt.code != 0 || !in_doubt.json["transactions"].empty()) return false;
  const auto& strays = in_doubt.json["strays"];
  return std::all_of(strays.begin(), strays.end(), [&](const auto& stray) {
    const std::string name = stray["database_name"];  // settle:GTID:BRANCH
    return forced.contains(name.substr(name.find(':') + 1, name.rfind(':') - name.find(':') - 1));
  });
}

std::vector<BankFacts> Stage::Facts() const {
  std::vector<BankFacts> facts;
  for (const auto& [name, bank] : banks_) facts.push_back(ReadFacts(*bank, name));
  return facts;
}

std::vector<std::string> Stage::NotePaths() const {
  std::vector<std::string> paths = note_paths_;
  paths.push_back(directory_ / "operator.notes");
  return paths;
}

std::size_t Stage::NewlyAcknowledged() {
  std::size_t count = 0;
  for (const std::string& path : note_paths_) {
    std::ifstream file(path, std::ios::binary);
    std::size_t& from = read_to_[path];
    file.seekg(static_cast<std::streamoff>(from));
    for (std::string line; std::getline(file, line) && !file.eof();) {
      from += line.size() + 1;
      if (line.rfind("told ", 0) == 0 && line.ends_with(" committed")) ++count;
    }
  }
  return count;
}

double Stage::OldestPrepared() const {
  double oldest = 0;
  for (const char* bank : {"a", "b"}) {
    try {
      oldest = std::max(oldest, std::stod(banks_.at(bank)->Value(
                                    "SELECT coalesce(extract(epoch FROM max(now() - prepared)), 0)"
                                    " FROM pg_prepared_xacts")));
    } catch (const std::runtime_error&) {
      return -1;
    }
  }
  return oldest;
}

CliAnswer Stage::Cli(const std::vector<std::string>& words) const {
  std::vector<std::string> bounded{"--timeout", "3s"};
  bounded.insert(bounded.end(), words.begin(), words.end());
  return RunCli(daemon_.address(), bounded);
}

std::string Stage::Keep(const std::string& parent) {
  const std::string kept =
      parent + "/settle-chaos-" + std::to_string(seed_) + "-" + std::to_string(::getpid());
  for (Slot& slot : slots_) slot.application->Kill();
  daemon_.Kill();
  std::filesystem::create_directories(kept);
  RunProcess({.arguments = {"cp", "-a", directory_.path(), kept + "/run"}, .output_path = ""});
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    clusters_[i]->Stop(PostgresCluster::StopMode::kImmediate);
    RunProcess({.arguments = {"cp", "-a", clusters_[i]->socket_directory(),
                              kept + "/postgres-" + std::to_string(i + 1)},
                .output_path = ""});
  }
  return kept;
}

}  // namespace settle::testing
