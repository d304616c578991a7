// What one event does to the world, and the rules that it must not break.
#include <algorithm>
#include <unordered_map>

#include "protocol/describe.h"
#include "protocol/event_parser.h"
#include "protocol/two_phase_world.h"

namespace settle::coordinator {
namespace {

using State = TwoPhase::State;
using BranchState = TwoPhase::BranchState;

const Event& EventOf(const std::string& word) {
  static std::unordered_map<std::string, Event> known;
  auto entry = known.find(word);
  if (entry == known.end()) entry = known.emplace(word, *ParseEvent(word)).first;
  return entry->second;
}

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
    if (word == "flush") return Flush();
    if (world_.forgotten) return false;
    if (!world_.machine) return FindByName(word);
    if (word == "crash") return Crash();
    Event event = EventOf(word);
    if (!MindLastResource(event)) return false;
    const bool answer = std::holds_alternative<event::Persisted>(event) ||
                        std::holds_alternative<event::PersistRefused>(event);
    if (answer && world_.appended.empty()) return false;
    if (std::holds_alternative<event::Persisted>(event))
      world_.durable.push_back(world_.appended.front());
    if (answer) world_.appended.pop_front();
    if (word == "vote-timer") world_.vote_timer = false;
    if (word == "retry-timer") world_.retry_timer = false;
    if (const auto* timer = std::get_if<event::CallTimerFired>(&event)) {
      if (world_.call_timers.erase(timer->branch) == 0) return false;
    }
    if (auto* answered = std::get_if<event::Answered>(&event)) TakeAnswer(*answered);
    Handle(event);
    return true;
  }

 private:
  void Rule(bool holds, const char* rule) {
    if (!holds && world_.broken.empty()) world_.broken = rule;
  }

  bool Flush() {
    if (world_.lazy.empty()) return false;
    world_.durable.insert(world_.durable.end(), world_.lazy.begin(), world_.lazy.end());
    world_.lazy.clear();
    return true;
  }

  // Without any record the branch that is prepared in the last resource's name brings it back.
  bool FindByName(const std::string& word) {
    if (!word.starts_with("found-prepared") || !world_.leave_given || world_.other_ended)
      return false;
    const auto found = std::get<event::FoundPrepared>(EventOf(word));
    if (!found.last) return false;
    world_.machine.emplace(
        RecordByName({Gtid(), found.branch}, found.resource, found.evidence, *found.last),
        std::vector<HeuristicRecord>());
    Handle(event::Restored{});
    return true;
  }

  // A database does not take back how a branch ended in it.
  bool MindLastResource(const Event& event) {
    if (const auto* abort = std::get_if<event::AbortRequested>(&event)) {
      const auto& rolled_back = abort->rolled_back;
      if (std::count(rolled_back.begin(), rolled_back.end(), 1U) == 0) return true;
      if (world_.last_end == BranchEnd::kCommitted) return false;
      world_.last_end = BranchEnd::kAborted;
    }
    const auto* finished = std::get_if<event::Finished>(&event);
    if (finished == nullptr || !world_.leave_given) return true;
    const BranchEnd end = finished->result.end;
    const bool known = end == BranchEnd::kCommitted || end == BranchEnd::kAborted;
    if (finished->branch == 2) world_.other_ended = world_.other_ended || known;
    if (finished->branch != 1 || !known) return true;
    if (world_.last_end && *world_.last_end != end) return false;
    world_.last_end = end;
    return true;
  }

  // By its own record, or that of its last resource.
  bool IsCommittedDurably() const {
    return CountOf<CommitRecord>(world_.durable) == 1 || world_.last_end == BranchEnd::kCommitted;
  }

  void TakeAnswer(event::Answered& answered) {
    if (const auto* branch = world_.machine->FindBranch(answered.branch))
      answered.attempt = branch->attempts;
    const bool of_what_was_called =
        answered.op == (world_.commit_sent ? ActionOp::kConfirm : ActionOp::kCancel) &&
        world_.finish_called.contains(answered.branch);
    if (of_what_was_called && answered.answer.kind == AnswerKind::kDone)
      world_.finished.insert(answered.branch);
  }

  bool IsRegistered(BranchNumber number) const {
    return std::any_of(world_.durable.begin(), world_.durable.end(),
                       [number](const Record& record) {
                         const auto* registered = std::get_if<RegisteredRecord>(&record);
                         return registered != nullptr && registered->branch == number;
                       });
  }

  bool Crash() {
    std::vector<HeuristicRecord> heuristics;
    std::vector<RegisteredRecord> registered;
    event::Restored restored;
    for (const Record& record : world_.durable) {
      if (const auto* one = std::get_if<RegisteredRecord>(&record)) registered.push_back(*one);
      if (const auto* one = std::get_if<HeuristicRecord>(&record)) heuristics.push_back(*one);
      if (const auto* forget = std::get_if<ForgetRecord>(&record)) restored.forgotten = *forget;
    }
    world_.appended.clear();
    world_.lazy.clear();
    world_.vote_timer = world_.retry_timer = false;
    world_.call_timers.clear();
    world_.machine.reset();
    for (const Record& record : world_.durable) {
      if (const auto* last = std::get_if<LastResourceRecord>(&record))
        world_.machine.emplace(*last, heuristics);
    }
    for (const Record& record : world_.durable) {
      if (const auto* commit = std::get_if<CommitRecord>(&record))
        world_.machine.emplace(*commit, heuristics, registered);
      if (const auto* one = std::get_if<OnePhaseRecord>(&record))
        world_.machine.emplace(*one, heuristics);
    }
    const bool decided = world_.machine.has_value();
    if (!decided && !(heuristics.empty() && registered.empty()))
      world_.machine.emplace(heuristics, registered);
    Rule(decided || world_.leave_given ||
             (!world_.commit_sent && world_.told != Outcome::kCommitted),
         "what was told or sent as committed can be presumed aborted after a crash");
    Rule(decided || !registered.empty() || world_.called.empty(),
         "what was called is not known any more after a crash");
    for (const Record& record : world_.machine ? world_.durable : std::vector<Record>()) {
      const auto* intent = std::get_if<HeuristicIntentRecord>(&record);
      if (intent != nullptr) world_.machine->TakeIntent(intent->intent);
    }
    if (world_.machine) Handle(restored);
    return true;
  }

  void Handle(const Event& event) {
    std::vector<BranchNumber> read_only;
    for (const TwoPhase::Branch& branch : world_.machine->branches()) {
      if (branch.state == BranchState::kReadOnly) read_only.push_back(branch.number);
    }
    const bool undecided = world_.machine->ending().outcome == Outcome::kUndecided;
    const bool had_own =
        world_.machine->state() == State::kActive && !world_.machine->beginner().session.empty();
    const Effects effects = world_.machine->Handle(event);
    Rule(!undecided || !std::holds_alternative<event::FoundPrepared>(event) || effects.empty(),
         "what is found prepared is left alone while it is undecided");
    const bool aborted_unnamed = had_own && world_.machine->ending().aborted() &&
                                 !std::holds_alternative<event::CommitRequested>(event) &&
                                 !std::holds_alternative<event::SessionLost>(event);
    Rule(!aborted_unnamed || std::any_of(effects.begin(), effects.end(),
                                         [](const Effect& effect) {
                                           return std::holds_alternative<effect::AbortOwn>(effect);
                                         }),
         "branches that nobody named are not told of the abort");
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
    Rule(!world_.commit_sent || IsCommittedDurably(),
         "commit is sent only when the decision is durable");
    Rule(send.kind != CommandKind::kAbort || !world_.leave_given ||
             world_.last_end == BranchEnd::kAborted,
         "abort is sent only when the last resource was rolled back");
    Rule(!(world_.commit_sent && world_.abort_sent), "never both commit and abort");
    Rule(send.kind != CommandKind::kAbort || CountOf<OnePhaseRecord>(world_.durable) == 0,
         "abort is not sent where the resource decides");
    if (send.kind == CommandKind::kPrepare) {
      Rule(!send.session.empty(), "only the session that did the work can prepare it");
      Rule(!world_.told, "nobody is asked to prepare after the end was told");
    }
    if (send.kind == CommandKind::kProve) {
      Rule(CountOf<OnePhaseRecord>(world_.durable) == 1 || world_.leave_given,
           "proof is asked only of what was delegated");
    }
  }
  void See(const effect::Call& call) {
    const bool finishes = call.op != ActionOp::kTry;
    world_.commit_sent |= call.op == ActionOp::kConfirm;
    world_.abort_sent |= call.op == ActionOp::kCancel;
    world_.call_timers.insert(call.branch);
    world_.called.insert(call.branch);
    if (finishes) world_.finish_called.insert(call.branch);
    Rule(IsRegistered(call.branch), "a reservation is called only once it is registered durably");
    Rule(!world_.commit_sent || CountOf<CommitRecord>(world_.durable) == 1,
         "confirm is called only when the decision is durable");
    Rule(!(world_.commit_sent && world_.abort_sent), "never both commit and abort");
    Rule(finishes || !world_.told, "nothing is tried after the end was told");
  }
  void See(const effect::Pause& pause) { world_.call_timers.insert(pause.branch); }
  void See(const effect::StopCall& stop) { world_.call_timers.erase(stop.branch); }
  void See(const effect::Alarm&) {}
  void See(const effect::TryAccepted&) {}
  void See(const effect::TryAnswered& answered) {
    Rule(world_.machine->FindBranch(answered.branch)->voted,
         "a try is answered when its branch has voted");
  }
  void See(const effect::HeuristicRecorded&) {
    Rule(std::any_of(world_.durable.begin(), world_.durable.end(),
                     [](const Record& record) {
                       return std::holds_alternative<HeuristicIntentRecord>(record);
                     }),
         "whoever decides is told when that is durable");
  }
  void See(const effect::Skipped&) {
    Rule(CountOf<HeuristicRecord>(world_.durable) != 0, "a skip is told only when it is durable");
  }
  void See(const effect::Persist& persist) {
    world_.appended.push_back(persist.record);
    const bool decides = std::holds_alternative<CommitRecord>(persist.record) ||
                         std::holds_alternative<OnePhaseRecord>(persist.record);
    if (decides && !world_.leave_given)
      Rule(!world_.told, "a decision is made after the end was told");
    if (std::holds_alternative<ForgetRecord>(persist.record)) {
      Rule(world_.damage_told.has_value(), "what is to be forgotten was told to be damaged");
    }
  }
  void See(const effect::ReplyDecided& reply) {
    Rule(reply.ending.committed(), "only a commit is told before it is applied");
    Rule(IsCommittedDurably(), "a commit is told only when it is durable");
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
    for (const BranchNumber number : world_.called) {
      const BranchState state = world_.machine->FindBranch(number)->state;
      Rule(world_.finished.contains(number) || (damaged && state == BranchState::kHazard),
           "a reservation was called and neither confirmed nor cancelled");
    }
  }
  void See(const effect::PersistLazily& persist) { world_.lazy.push_back(persist.record); }
  void See(const effect::OnePhaseGranted&) {
    if (world_.machine->state() == State::kLastResource) {
      Rule(!world_.told && !world_.abort_sent, "leave is given after the end was told");
      world_.leave_given = true;
      return;
    }
    Rule(CountOf<OnePhaseRecord>(world_.durable) == 1,
         "one phase is granted only when that is durable");
  }
  void See(const effect::AbortOwn& own) {
    Rule(world_.told == Outcome::kAborted, "own branches are rolled back once it is aborted");
    Rule(!own.session.empty(), "own branches are those of a session");
  }
  void See(const effect::Enlisted&) {}
  void See(const effect::OnePhaseDeclined&) {}
  void See(const effect::AnswerPeer&) {}
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
    for (const TwoPhase::Branch& branch : machine.branches()) {
      const bool outstanding =
          branch.state == BranchState::kTrying || branch.state == BranchState::kCommitting ||
          branch.state == BranchState::kAborting || branch.state == BranchState::kOnePhase;
      Rule(!outstanding || (branch.reservation ? world_.call_timers.contains(branch.number)
                                               : world_.retry_timer),
           "something is outstanding without a timer");
    }
    const bool told_branches =
        state == State::kCommitting || state == State::kAborting || state == State::kOnePhase;
    Rule(!told_branches || world_.retry_timer || !world_.call_timers.empty() ||
             !world_.appended.empty(),
         "waiting for nothing");
    const bool asks_log = state == State::kDeciding || state == State::kDelegating;
    const bool waits_for_log = asks_log || state == State::kForgetting;
    Rule(!waits_for_log || !world_.appended.empty(),
         "waiting for a record that is not being written");
    Rule(!damaged || IsDamage(machine.ending().outcome), "damaged without damage");
    const bool decided = state != State::kActive && state != State::kPreparing && !asks_log &&
                         state != State::kOnePhase && state != State::kLastResource;
    Rule(decided == (machine.ending().outcome != Outcome::kUndecided),
         "the state and the ending disagree");
    BranchNumber before = 0;
    for (const TwoPhase::Branch& branch : machine.branches()) {
      Rule(branch.number > before, "branches are not in the order of their numbers");
      before = branch.number;
      Rule(state != State::kPreparing || branch.state != BranchState::kWorking,
           "a branch is left out");
      Rule(state != State::kCommitting || branch.state != BranchState::kPrepared,
           "a branch is left out");
    }
  }

  World& world_;
};

}  // namespace

bool Take(World& world, const std::string& word) { return Step(world).Take(word); }

}  // namespace settle::coordinator
