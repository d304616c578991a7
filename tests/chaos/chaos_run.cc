#include "chaos/chaos_run.h"

#include <algorithm>
#include <iostream>
#include <set>

namespace settle::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks{50};
constexpr std::chrono::seconds kBetweenLines{5};
constexpr int kKept = 20'000;        // ended transactions, in the log
constexpr int kKeptInASoak = 2'000;  // which must be pruned for long before trends are judged
constexpr int kQuestionsMost = 200;  // `settle` is a process each time
constexpr std::chrono::seconds kLongest{60};  // that a run waits for quiet, to tell how it stands

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// How long it takes from a healing until all that was prepared at that moment has ended and a
// commit has been acknowledged. Another fault before that counts in.
class Recoveries {
 public:
  explicit Recoveries(Stage& stage) : stage_(stage) {}

  void Healed() { waiting_.push_back({Clock::now(), stage_.Prepared(), acknowledged_}); }

  void Look() {
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + kBetweenLooks;
    acknowledged_ += stage_.NewlyAcknowledged();
    if (waiting_.empty()) return;
    const std::vector<std::string> prepared = stage_.Prepared();
    const auto is_over = [&](const One& one) {
      return acknowledged_ > one.acknowledged &&
             std::none_of(one.prepared.begin(), one.prepared.end(), [&](const std::string& name) {
               return std::find(prepared.begin(), prepared.end(), name) != prepared.end();
             });
    };
    for (const One& one : waiting_) {
      if (is_over(one)) took_.push_back(Seconds(now - one.since));
    }
    std::erase_if(waiting_, is_over);
  }

  std::size_t acknowledged() const { return acknowledged_; }
  std::vector<double> took() const { return took_; }

 private:
  struct One {
    Clock::time_point since;
    std::vector<std::string> prepared;
    std::size_t acknowledged;
  };
  Stage& stage_;
  Clock::time_point next_{};
  std::size_t acknowledged_ = 0;
  std::vector<One> waiting_;
  std::vector<double> took_;
};

class Run {
 public:
  explicit Run(const ChaosOptions& options)
      : options_(options),
        stage_(static_cast<unsigned>(options.seed), options.soak() ? kKeptInASoak : kKept),
        operator_(stage_.daemon().address(), stage_.directory() + "/operator.notes"),
        faults_(stage_, operator_),
        recoveries_(stage_),
        sampler_(stage_) {
    report_.no_disk_full = stage_.why_no_small_disks();
  }

  ChaosReport Play() {
    Storm();
    Heal();
    Quiesce();
    if (options_.sabotage) options_.sabotage(stage_);
    Judge();
    for (const auto& [what, samples] : sampler_.samples()) {
      report_.trends[what] = TrendOf(samples);
      if (options_.soak() && !report_.trends[what].flat) {
        report_.violations.push_back("soak: it grows without end: " + what);
      }
    }
    report_.faults = faults_.counts();
    report_.operator_did = operator_.done();
    if (!report_.held()) report_.kept = stage_.Keep(options_.keep_in);
    return report_;
  }

 private:
  void Storm() {
    std::vector<PlannedFault> plan;
    if (!options_.soak()) {
      plan = MakePlan(options_.seed, options_.length, options_.every, stage_.has_small_disks());
    }
    for (PlannedFault& fault : plan) {
      const milliseconds at = fault.at;
      fault = options_.only.value_or(fault);
      fault.at = at;
    }
    const auto start = Clock::now();
    auto next = plan.begin();
    auto line = start + kBetweenLines;
    const auto is_over = [&] {
      for (; next != plan.end() && Clock::now() - start >= next->at; ++next) faults_.Strike(*next);
      faults_.Hunt();
      if (faults_.HealDue(Clock::now()) > 0) recoveries_.Healed();
      stage_.Supervise();
      recoveries_.Look();
      sampler_.Look();
      if (options_.progress && Clock::now() >= line) {
        line += kBetweenLines;
        std::cerr << static_cast<int>(Seconds(Clock::now() - start)) << " s of "
                  << options_.length.count() / 1'000 << ": " << recoveries_.acknowledged()
                  << " commits acknowledged, " << next - plan.begin() << " faults" << std::endl;
      }
      const bool enough = options_.enough && options_.enough(operator_.done());
      return enough || Clock::now() - start >= options_.length;
    };
    static_cast<void>(WaitUntil(is_over, options_.length));
  }

  void Heal() {
    faults_.HealAll();
    operator_.Finish();
    healed_ = Clock::now();
    const auto up = [this] {
      stage_.Supervise();
      return stage_.daemon().AwaitReady(0ms);
    };
    if (!WaitUntil(up)) report_.violations.push_back("liveness: settled does not serve any more");
  }

  void Quiesce() {
    stage_.StopLoad();
    const auto quiet = [this] {
      stage_.Supervise();
      operator_.LetGo();
      report_.oldest_in_doubt_s = std::max(report_.oldest_in_doubt_s, stage_.OldestPrepared());
      return stage_.IsQuiet(operator_.shown());
    };
    const bool is_quiet = WaitUntil(quiet, kLongest);
    const auto took = Clock::now() - healed_;
    if (is_quiet) report_.cleared_s = Seconds(took);
    if (!is_quiet || took > options_.bound) {
      report_.violations.push_back("bounded recovery: " +
                                   (is_quiet
                                        ? "quiet only after " + std::to_string(Seconds(took)) + " s"
                                        : "not quiet: " + stage_.Cli({"in-doubt"}).out));
    }
    stage_.AwaitLoadStopped();
    if (is_quiet &&
        !WaitUntil([this] { return stage_.IsQuiet(operator_.shown()); }, options_.bound)) {
      report_.violations.push_back("liveness: in doubt again: " + stage_.Cli({"in-doubt"}).out);
    }
    operator_.NoteWhatWasNotForced();
    recoveries_.Look();
    report_.recoveries_s = recoveries_.took();
    std::sort(report_.recoveries_s.begin(), report_.recoveries_s.end());
  }

  void Judge() {
    const Notes notes = ReadNotes(stage_.NotePaths());
    const std::vector<BankFacts> facts = stage_.Facts();
    for (const auto& [gtid, answers] : notes.answers) {
      const auto work = notes.asked.find(gtid);
      const std::string protocol = work == notes.asked.end() ? "?" : work->second.protocol;
      ++report_.transactions[protocol][answers.empty() ? "not told" : answers.back()];
      if (std::count(answers.begin(), answers.end(), "committed") > 0) ++report_.acknowledged;
    }
    for (const std::string& violation : Violations(facts, notes)) {
      if (violation.find("was told committed and") != std::string::npos) ++report_.lost;
      report_.violations.push_back(violation);
    }
    for (const std::string& crash : stage_.crashes) report_.violations.push_back("crash: " + crash);
    if (report_.acknowledged == 0) report_.violations.push_back("load: nothing was committed");
    const std::set<std::string> effective = EffectiveIn(facts);
    CheckCounters(effective, notes);
    CheckWord(effective, notes);
  }

  static std::set<std::string> EffectiveIn(const std::vector<BankFacts>& facts) {
    std::set<std::string> effective;
    for (const BankFacts& bank : facts) {
      for (const auto& [gtid, amount] : bank.transfers) effective.insert(gtid);
      for (const EffectRow& row : bank.effects) {
        if (row.op == "action" && row.step == kSagaSteps) effective.insert(row.gtid);
      }
    }
    return effective;
  }

  // What became of those whose clients never heard: the coordinator says what the databases hold.
  void CheckWord(const std::set<std::string>& effective, const Notes& notes) {
    int asked = 0;
    for (const auto& [gtid, answers] : notes.answers) {
      const bool heard =
          !answers.empty() && (answers.back() == "committed" || answers.back() == "aborted");
      if (heard || notes.shown.contains(gtid) || ++asked > kQuestionsMost) continue;
      const CliAnswer shown = stage_.Cli({"show", gtid, "--no-live"});
      if (!shown.json.is_object() || !shown.json.contains("ending")) continue;  // pruned
      const std::string is = effective.contains(gtid) ? "committed" : "aborted";
      if (shown.json["ending"]["outcome"] == is) continue;
      report_.violations.push_back("the coordinator's word: " + gtid + " is " + is + ", shown: " +
                                   shown.json["ending"]["outcome"].get<std::string>());
    }
  }

  // The daemon's own counters equal what the databases say; damage counts as either.
  void CheckCounters(const std::set<std::string>& effective, const Notes& notes) {
    const CliAnswer status = stage_.Cli({"status"});
    if (!status.json.is_object()) return report_.violations.push_back("counters: " + status.err);
    const auto counted = status.json.value("committed", std::int64_t{-1});
    const auto differs = std::abs(counted - static_cast<std::int64_t>(effective.size()));
    const auto damaged = std::count_if(notes.shown.begin(), notes.shown.end(), [](const auto& one) {
      return one.second != "committed" && one.second != "aborted";
    });
    if (differs <= damaged) return;
    report_.violations.push_back("counters: settled counts " + std::to_string(counted) +
                                 " committed, the databases hold " +
                                 std::to_string(effective.size()));
  }

  const ChaosOptions& options_;
  Stage stage_;
  Operator operator_;
  Faults faults_;
  Recoveries recoveries_;
  Sampler sampler_;
  Clock::time_point healed_{};
  ChaosReport report_;
};

}  // namespace

ChaosReport RunChaos(const ChaosOptions& options) { return Run(options).Play(); }

}  // namespace settle::testing
