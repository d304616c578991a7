#include "end_to_end/world.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace settle::testing {
namespace {

const char* ToString(Kind kind) { return kind == Kind::kPostgres ? "Postgres" : "Sqlite"; }

// Made quickly: all of them have one system identifier.
std::unique_ptr<PostgresCluster> MakeCluster() {
  PostgresClusterOptions options;
  options.settings = {"fsync=off"};  // these tests kill processes; the kernel's cache outlives them
  options.template_directory = Program("../fresh-postgres");
  return std::make_unique<PostgresCluster>(options);
}

}  // namespace

std::string ToString(const Kinds& kinds) {
  return std::string(ToString(kinds.a)) + ToString(kinds.b) + (kinds.c ? ToString(*kinds.c) : "");
}

std::ostream& operator<<(std::ostream& out, const Kinds& kinds) { return out << ToString(kinds); }

World::World(Kinds kinds) : daemon_(directory_.path()) {
  const auto make = [&](Kind kind, char letter) {
    const std::string name(1, letter);
    if (kind == Kind::kPostgres && cluster_ == nullptr) cluster_ = MakeCluster();
    banks_[letter] = kind == Kind::kPostgres
                         ? MakePostgresBank(*cluster_, "bank_" + name)
                         : MakeSqliteBank(directory_ / ("bank-" + name + ".db"));
    dsns_[name] = banks_[letter]->Dsn();
  };
  make(kinds.a, 'a');
  make(kinds.b, 'b');
  if (kinds.c) make(*kinds.c, 'c');
}

Application& World::Start(const Role& role) {
  const std::string address = role.coordinator.empty() ? daemon_.address() : role.coordinator;
  ApplicationOptions options{.coordinator = address,
                             .name = "app" + std::to_string(applications_.size() + 1),
                             .directory = directory_.path(),
                             .banks = {},
                             .failpoint = role.failpoint,
                             .passes = role.passes,
                             .fault = role.fault,
                             .call_timeout = role.call_timeout,
                             .seed = static_cast<unsigned>(applications_.size() + 1),
                             .last_resource = role.last_resource,
                             .tills = {},
                             .peers = role.peers};
  for (const char bank : role.banks) {
    options.banks[std::string(1, bank)] = dsns_.at(std::string(1, bank));
  }
  for (const char bank : role.tills)
    options.tills[std::string(1, bank)] = dsns_.at(std::string(1, bank));
  Application& application =
      *applications_.emplace_back(std::make_unique<Application>(std::move(options)));
  if (!role.may_be_refused && !application.refusal().empty()) {
    throw std::runtime_error(application.refusal());
  }
  return application;
}

void World::StartDaemonToDieAt(const std::string& failpoint, Fault fault) {
  daemon_.Start();
  std::string all;
  for (const auto& [name, bank] : banks_) all += name;
  Start({.banks = all}).Quit();
  const auto ended = daemon_.Terminate();
  if (!ended || ended->code != 0) throw std::runtime_error("settled did not stop:\n" + Said());
  daemon_.Start(failpoint, fault);
}

std::string World::Move(Application& shop) {
  std::string gtid = shop.Begin();
  shop.Tell("move a -10");
  shop.Tell("move b 10");
  return gtid;
}

std::string World::MoveTogether(Application& shop, Application& service) {
  std::string gtid = shop.Begin();
  shop.Tell("move a -10");
  service.Tell("join " + shop.Tell("context"));
  service.Tell("move b 10");
  service.Tell("leave");
  return gtid;
}

std::string World::MoveTogether(Application& shop, Application& service, Application& third) {
  std::string gtid = shop.Begin();
  const std::string join = "join " + shop.Tell("context");
  shop.Tell("move a -10");
  service.Tell(join);
  service.Tell("move b 4");
  service.Tell("leave");
  third.Tell(join);
  third.Tell("move c 6");
  third.Tell("leave");
  return gtid;
}

CliAnswer World::CliAt(const std::string& address, const std::vector<std::string>& words) {
  CliAnswer answer = RunCli(address, words);
  const bool again = std::any_of(
      json_outputs_.rbegin(), json_outputs_.rend(),
      [&](const JsonOutput& one) { return one.words == words && one.out == answer.out; });
  // One that did not end in time is the test's own matter; of megabytes all parts are alike.
  constexpr std::size_t kBytesMost = 1 << 20;
  if (!again && answer.code != -1 && answer.out.size() < kBytesMost)
    json_outputs_.push_back({words, answer.code, answer.out, answer.err});
  return answer;
}

std::string World::OutcomeShown(const std::string& gtid) {
  const CliAnswer shown = Cli({"show", gtid});  // its exit code tells apart what has no record
  if (!shown.json.is_object()) return "";
  if (shown.json.contains("error") && shown.json["error"]["code"] == "expired") return "expired";
  if (!shown.json.contains("ending")) return "";
  return shown.json["ending"]["outcome"];
}

std::vector<BankFacts> World::Facts() const {
  std::vector<BankFacts> facts;
  for (const auto& [name, bank] : banks_) {
    facts.push_back(ReadFacts(*bank, std::string(1, name)));
  }
  return facts;
}

Notes World::AllNotes() const {
  std::vector<std::string> paths;
  for (const auto& application : applications_) paths.push_back(application->notes_path());
  return ReadNotes(paths);
}

std::size_t World::HalvesOf(const std::string& gtid) const {
  std::size_t count = 0;
  for (const auto& [name, bank] : banks_) count += bank->Transfers().count(gtid);
  return count;
}

std::size_t World::PreparedBranches() const {
  std::size_t count = 0;
  for (const auto& [name, bank] : banks_) count += bank->Prepared().size();
  return count;
}

std::vector<std::string> World::SettleAndCheck(std::chrono::milliseconds bound) {
  const auto settled = [this] {
    const std::vector<BankFacts> facts = Facts();
    if (!std::all_of(facts.begin(), facts.end(), IsQuiet)) return false;
    const CliAnswer open = Cli({"list", "--open"});
    if (open.code != 0 || !open.json["transactions"].empty()) return false;
    return Cli({"in-doubt", "--check"}).code == 0;
  };
  const bool quiet = WaitUntil(settled, bound);
  const std::vector<BankFacts> facts = Facts();
  const Notes notes = AllNotes();
  std::vector<std::string> violations = Violations(facts, notes);
  if (!quiet && violations.empty()) {
    violations.push_back("liveness: still in doubt after the bound: " + Cli({"in-doubt"}).out);
  }
  for (const auto& [gtid, answers] : notes.answers) {
    // Of very many only those that had something to go wrong; `settle` is a process each time.
    if (notes.answers.size() > 20 && answers == std::vector<std::string>{"committed"}) continue;
    CheckWord(facts[0], gtid, OutcomeShown(gtid), violations);
  }
  return violations;
}

void CheckWord(const BankFacts& bank, const std::string& gtid, const std::string& shown,
               std::vector<std::string>& violations) {
  const std::string is = bank.transfers.contains(gtid) ? "committed" : "aborted";
  // What a last resource decided and every record was lost of is over: see docs/protocols.md.
  const bool lost = shown == "unknown" && gtid.ends_with("-last");
  if (shown == is || shown == "expired" || lost) return;
  violations.push_back("the coordinator's word: " + gtid + " is " + is + " and shown as \"" +
                       shown + "\"");
}

std::string World::Said() const {
  std::string said = daemon_.Said();
  for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
    const std::string name = file.path().filename();
    if (name.rfind("app", 0) == 0) said += "--- " + name + "\n" + ReadFile(file.path());
  }
  return said;
}

}  // namespace settle::testing
