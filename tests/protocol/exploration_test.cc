// Every order in which the events of a transaction with two branches can come, crashes included,
// until no new state is found. Participants may say anything at any time; the log answers in order.
// A broken rule is printed with the shortest script that breaks it.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/describe.h"
#include "protocol/event_parser.h"
#include "protocol/two_phase.h"

namespace settle::coordinator {
namespace {

using State = TwoPhase::State;
using BranchState = TwoPhase::BranchState;

const std::vector<std::string>& Alphabet() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "enlist bank-a session s1 key k1",
        "enlist bank-b session s2 key k1",
        "enlist bank-b session s1 key k2",
        "commit",
        "commit 1=commit",
        "commit 1=commit 2=commit",
        "commit 1=read-only 2=commit",
        "commit 1=read-only 2=read-only",
        "commit 1=no \"no\"",
        "one-phase 1",
        "abort requested \"r\"",
        "abort requested \"r\" rolled-back 1",
        "deadline",
        "vote-timer",
        "retry-timer",
        "retry",
        "persisted",
        "persist-refused \"full\"",
        "session-lost s1",
        "session-lost s2",
        "resource-ready bank-a",
        "resource-ready bank-b",
    };
    for (const char* branch : {"1", "2"}) {
      for (const char* vote : {"commit", "read-only", "no \"no\""}) {
        all.push_back(std::string("vote ") + branch + " " + vote);
      }
      for (const char* end : {"committed", "aborted", "hazard", "retry"}) {
        all.push_back(std::string("finished ") + branch + " " + end);
      }
    }
    all.push_back("found-prepared 1 bank-a");
    all.push_back("found-prepared 2 bank-b");
    all.push_back("forget \"ann\" \"repaired\"");
    all.push_back("forget \"bob\" \"repaired\"");
    all.push_back("crash");
    return all;
  }();
  return words;
}

const Event& EventOf(const std::string& word) {
  static std::unordered_map<std::string, Event> known;
  auto entry = known.find(word);
  if (entry == known.end()) entry = known.emplace(word, *ParseEvent(word)).first;
  return entry->second;
}

// A machine, its log, and what the world has seen of it.
struct World {
  std::optional<TwoPhase> machine{TwoPhase(Gtid(), Origin{}, {.branches_max = 2})};  // none: gone
  std::deque<Record> appended;
  std::vector<Record> durable;
  bool commit_sent = false;
  bool abort_sent = false;
  std::optional<Outcome> told;  // the first final word
  std::optional<Outcome> damage_told;  // the last word of the damage
  bool forgotten = false;
  bool vote_timer = false;
  bool retry_timer = false;
  std::string broken;  // the rule that was broken last

  // Equal for worlds that no future can tell apart. Attempts and back-off are left out: they only
  // grow.
  std::string Key() const {
    std::string key = machine ? Describe(*machine) : "gone";
    if (machine) {
      for (const TwoPhase::Branch& branch : machine->branches()) {
        key += "|" + branch.session + (branch.voted_by_caller ? "c" : "") +
               (branch.voted ? settle::ToString(branch.vote.vote) : "") + branch.resource;
      }
      key += std::string("|") + settle::ToString(machine->ending().outcome) +
             settle::ToString(machine->ending().cause);
    }
    for (const Record& record : appended) key += "|a:" + Describe(record);
    for (const Record& record : durable) key += "|d:" + Describe(record);
    if (told) key += std::string("|told ") + settle::ToString(*told);
    if (damage_told) key += std::string("|damage ") + settle::ToString(*damage_told);
    for (const bool flag : {commit_sent, abort_sent, forgotten, vote_timer, retry_timer})
      key += flag ? '1' : '0';
    return key;
  }
};

template <typename T, typename Records>
int CountOf(const Records& records) {
  return static_cast<int>(std::count_if(records.begin(), records.end(), [](const Record& r) {
    return std::holds_alternative<T>(r);
  }));
}

bool IsDamage(Outcome outcome) {
  return outcome == Outcome::kMixed || outcome == Outcome::kHazard ||
         outcome == Outcome::kHeuristicCommit || outcome == Outcome::kHeuristicRollback;
}

class Step {
 public:
  explicit Step(World& world) : world_(world) {}

  // False: the event cannot happen here.
  bool Take(const std::string& word) {
    if (world_.forgotten || !world_.machine) return false;
    if (word == "crash") return Crash();
    const Event& event = EventOf(word);
    const bool answer = std::holds_alternative<event::Persisted>(event) ||
                        std::holds_alternative<event::PersistRefused>(event);
    if (answer && world_.appended.empty()) return false;
    if (std::holds_alternative<event::Persisted>(event))
      world_.durable.push_back(world_.appended.front());
    if (answer) world_.appended.pop_front();
    if (word == "vote-timer") world_.vote_timer = false;
    if (word == "retry-timer") world_.retry_timer = false;
    Handle(event);
    return true;
  }

 private:
  void Rule(bool holds, const char* rule) {
    if (!holds && world_.broken.empty()) world_.broken = rule;
  }

  bool Crash() {
    std::vector<HeuristicRecord> heuristics;
    event::Restored restored;
    for (const Record& record : world_.durable) {
      if (const auto* one = std::get_if<HeuristicRecord>(&record)) heuristics.push_back(*one);
      if (const auto* forget = std::get_if<ForgetRecord>(&record)) restored.forgotten = *forget;
    }
    world_.appended.clear();
    world_.vote_timer = world_.retry_timer = false;
    world_.machine.reset();
    for (const Record& record : world_.durable) {
      if (const auto* commit = std::get_if<CommitRecord>(&record))
        world_.machine.emplace(*commit, heuristics);
      if (const auto* one = std::get_if<OnePhaseRecord>(&record))
        world_.machine.emplace(*one, heuristics);
    }
    if (!world_.machine && !heuristics.empty()) world_.machine.emplace(heuristics);
    if (world_.machine) {
      Handle(restored);
    } else {
      Rule(!world_.commit_sent && world_.told != Outcome::kCommitted,
           "what was told or sent as committed can be presumed aborted after a crash");
    }
    return true;
  }

  void Handle(const Event& event) {
    std::vector<BranchNumber> read_only;
    for (const TwoPhase::Branch& branch : world_.machine->branches()) {
      if (branch.state == BranchState::kReadOnly) read_only.push_back(branch.number);
    }
    const Effects effects = world_.machine->Handle(event);
    for (const Effect& effect : effects) {
      Rule(!world_.forgotten, "forget is the last effect");
      std::visit([this](const auto& one) { See(one); }, effect);
      if (const auto* send = std::get_if<effect::Send>(&effect)) {
        Rule(std::count(read_only.begin(), read_only.end(), send->branch) == 0,
             "nothing is sent to a read-only branch");
      }
    }
    CheckState();
  }

  void See(const effect::Send& send) {
    world_.commit_sent |= send.kind == CommandKind::kCommit;
    world_.abort_sent |= send.kind == CommandKind::kAbort;
    Rule(!world_.commit_sent || CountOf<CommitRecord>(world_.durable) == 1,
         "commit is sent only when the decision is durable");
    Rule(!(world_.commit_sent && world_.abort_sent), "never both commit and abort");
    Rule(send.kind != CommandKind::kAbort || CountOf<OnePhaseRecord>(world_.durable) == 0,
         "abort is not sent where the resource decides");
    if (send.kind == CommandKind::kPrepare) {
      Rule(!send.session.empty(), "only the session that did the work can prepare it");
      Rule(!world_.told, "nobody is asked to prepare after the end was told");
    }
    if (send.kind == CommandKind::kProve) {
      Rule(CountOf<OnePhaseRecord>(world_.durable) == 1,
           "proof is asked only of what was delegated");
    }
  }
  void See(const effect::Persist& persist) {
    world_.appended.push_back(persist.record);
    const bool decides = std::holds_alternative<CommitRecord>(persist.record) ||
                         std::holds_alternative<OnePhaseRecord>(persist.record);
    if (decides) Rule(!world_.told, "a decision is made after the end was told");
    if (std::holds_alternative<ForgetRecord>(persist.record)) {
      Rule(world_.damage_told.has_value(), "what is to be forgotten was told to be damaged");
    }
  }
  void See(const effect::ReplyDecided& reply) {
    Rule(reply.ending.committed(), "only a commit is told before it is applied");
    Rule(CountOf<CommitRecord>(world_.durable) == 1, "a commit is told only when it is durable");
    Tell(reply.ending.outcome);
  }
  void See(const effect::ReplyApplied& reply) {
    Tell(reply.ending.outcome);
    Rule(reply.ending.outcome == Outcome::kAborted || world_.machine->Unfinished().empty(),
         "applied is told when every branch has ended");
    if (IsDamage(reply.ending.outcome)) {
      Rule(CountOf<HeuristicRecord>(world_.appended) == 0,
           "damage is told only when it is durable");
    }
  }
  void See(const effect::ArmTimer& arm) {
    (arm.timer == Timer::kVote ? world_.vote_timer : world_.retry_timer) = true;
  }
  void See(const effect::CancelTimer& cancel) {
    (cancel.timer == Timer::kVote ? world_.vote_timer : world_.retry_timer) = false;
  }
  void See(const effect::Forget&) {
    world_.forgotten = true;
    Rule(world_.machine->state() == State::kDone, "only what is done is forgotten");
    const bool damaged = CountOf<HeuristicRecord>(world_.durable) != 0;
    Rule((damaged ? world_.damage_told : world_.told) == world_.machine->ending().outcome,
         "what is forgotten was told");
    Rule(CountOf<ForgetRecord>(world_.durable) == (damaged ? 1 : 0),
         "damage, and nothing else, is forgotten by a person");
  }
  void See(const effect::OnePhaseGranted&) {
    Rule(CountOf<OnePhaseRecord>(world_.durable) == 1,
         "one phase is granted only when that is durable");
  }
  void See(const effect::Enlisted&) {}
  void See(const effect::OnePhaseDeclined&) {}
  void See(const effect::Refuse&) {}

  // A final word is followed by the same one, or by word of the damage.
  void Tell(Outcome outcome) {
    Rule(outcome != Outcome::kUndecided && outcome != Outcome::kUnknown, "undecided is no ending");
    if (world_.told)
      Rule(outcome == *world_.told || IsDamage(outcome), "two different endings were told");
    if (world_.told && IsDamage(*world_.told))
      Rule(IsDamage(outcome), "damage was told and taken back");
    if (!world_.told) world_.told = outcome;
    if (IsDamage(outcome)) world_.damage_told = outcome;
  }

  void CheckState() {
    const TwoPhase& machine = *world_.machine;
    const State state = machine.state();
    const bool damaged = state == State::kDamaged || state == State::kForgetting;
    const bool ended = state == State::kDone || damaged;
    Rule(!ended || machine.Unfinished().empty(), "an unfinished branch in an ended transaction");
    Rule((state == State::kDone) == world_.forgotten, "what is done is forgotten");
    Rule(CountOf<CommitRecord>(world_.durable) + CountOf<OnePhaseRecord>(world_.durable) <= 1,
         "more than one decision");
    Rule(CountOf<HeuristicRecord>(world_.durable) <= static_cast<int>(machine.branches().size()),
         "damage of one branch was recorded twice");
    Rule(state != State::kPreparing || world_.vote_timer, "preparing without a vote timer");
    Rule(machine.Unfinished().empty() || world_.retry_timer,
         "something is outstanding without a retry timer");
    const bool told_branches =
        state == State::kCommitting || state == State::kAborting || state == State::kOnePhase;
    Rule(!told_branches || world_.retry_timer || !world_.appended.empty(), "waiting for nothing");
    const bool asks_log = state == State::kDeciding || state == State::kDelegating;
    const bool waits_for_log = asks_log || state == State::kForgetting;
    Rule(!waits_for_log || world_.appended.size() == 1,
         "waiting for a record that is not being written");
    Rule(!damaged || IsDamage(machine.ending().outcome), "damaged without damage");
    const bool decided = state != State::kActive && state != State::kPreparing && !asks_log &&
                         state != State::kOnePhase;
    Rule(decided == (machine.ending().outcome != Outcome::kUndecided),
         "the state and the ending disagree");
    BranchNumber number = 0;
    for (const TwoPhase::Branch& branch : machine.branches()) {
      Rule(branch.number == ++number, "branches are numbered from 1");
      Rule(state != State::kPreparing || branch.state != BranchState::kWorking,
           "a branch is left out");
      Rule(state != State::kCommitting || branch.state != BranchState::kPrepared,
           "a branch is left out");
    }
  }

  World& world_;
};

// From any state a log that works and participants that obey bring it to its end.
bool CanEnd(World world) {
  for (int steps = 0; steps < 20; ++steps) {
    if (!world.machine || world.forgotten || world.machine->state() == State::kDamaged) return true;
    if (!world.appended.empty()) {
      Step(world).Take("persisted");
      continue;
    }
    if (world.machine->state() == State::kActive) {
      Step(world).Take("abort requested \"end\"");
      continue;
    }
    Step(world).Take("retry-timer");
    const bool commits =
        world.machine->ending().committed() || world.machine->state() == State::kOnePhase;
    const std::vector<TwoPhase::Branch> branches = world.machine->branches();
    for (const TwoPhase::Branch& branch : branches) {
      const std::string number = std::to_string(branch.number);
      Step(world).Take("vote " + number + " commit");
      Step(world).Take("finished " + number + (commits ? " committed" : " aborted"));
    }
  }
  return false;
}

struct Visit {
  const Visit* from = nullptr;
  std::string event;
  World world;
};

std::string ScriptTo(const Visit& visit) {
  return (visit.from == nullptr ? "" : ScriptTo(*visit.from)) + visit.event + "\n";
}

TEST(Exploration, NoOrderOfEventsBreaksARule) {
  std::unordered_map<std::string, std::unique_ptr<Visit>> seen;
  std::deque<const Visit*> queue;
  const auto reach = [&](const Visit* from, const std::string& event, World world) {
    auto [entry, is_new] = seen.try_emplace(world.Key());
    if (!is_new) return;
    entry->second = std::make_unique<Visit>(Visit{from, event, std::move(world)});
    queue.push_back(entry->second.get());
  };
  std::size_t taken = 0;
  reach(nullptr, "", World{});
  while (!queue.empty()) {
    const Visit& visit = *queue.front();
    queue.pop_front();
    ASSERT_TRUE(CanEnd(visit.world)) << "it cannot end after" << ScriptTo(visit);
    for (const std::string& word : Alphabet()) {
      World next = visit.world;
      if (!Step(next).Take(word)) continue;
      ++taken;
      ASSERT_EQ(next.broken, "") << "by" << ScriptTo(visit) << word << "\n  "
                                 << (next.machine ? Describe(*next.machine) : "gone");
      reach(&visit, word, std::move(next));
    }
  }
  RecordProperty("states", static_cast<int>(seen.size()));
  RecordProperty("events", static_cast<int>(taken));
  EXPECT_GT(seen.size(), 1'000U) << "the exploration is not exploring";
}

}  // namespace
}  // namespace settle::coordinator
