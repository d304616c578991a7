#include "protocol/heuristic_play.h"

#include <algorithm>
#include <utility>

#include "participant/resource_calls.h"

namespace settle::coordinator {
namespace {

// A database that does not get on is asked so often, and then the play is over.
constexpr int kRetriesMax = 4;

sdk::CommandKind KindOf(CommandKind kind) {
  switch (kind) {
    case CommandKind::kPrepare: return sdk::CommandKind::kPrepare;
    case CommandKind::kCommit: return sdk::CommandKind::kCommit;
    case CommandKind::kAbort: return sdk::CommandKind::kAbort;
    case CommandKind::kProve: return sdk::CommandKind::kProve;
    case CommandKind::kElect: return sdk::CommandKind::kElect;
    case CommandKind::kPreCommit: return sdk::CommandKind::kPreCommit;
    case CommandKind::kPreAbort: return sdk::CommandKind::kPreAbort;
  }
  return sdk::CommandKind::kPrepare;
}

}  // namespace

Play::Play(const Casting& casting, std::size_t records_max)
    : casting_(casting), records_max_(records_max), gtid_(Gtid::Make("k3m9qxw4c7ab", 1, 1, 7)) {
  machine_.emplace(gtid_, Origin{}, TwoPhase::Limits{});
  const BranchNumber branches = casting.one_phase ? 1 : 2;
  for (BranchNumber number = 1; number <= branches; ++number) {
    Own& own = own_.emplace_back();
    own.database = std::make_unique<sdk::FakeResource>(number == 1 ? "bank-a" : "bank-b");
    own.handle = *own.database->Open(KeyOf(number));
    own.seen = own.database->journal().size();
  }
  sdk::FakeResource& database = *own_.front().database;
  if (casting.on_prepare)
    database.on_prepare = [this](const auto&) { return casting_.on_prepare(); };
  if (casting.on_finish) {
    database.on_finish = [this](const auto&, Decision to) { return casting_.on_finish(to); };
    database.on_finish_by_key = database.on_finish;
  }
  if (casting.on_one_phase)
    database.on_one_phase = [this](const auto&) { return casting_.on_one_phase(); };
  if (casting.on_prove) database.on_prove = [this](const auto&) { return casting_.on_prove(); };
  if (casting.on_sibling_finish) {
    sdk::FakeResource& sibling = *own_.back().database;
    sibling.on_finish = [this](const auto&, Decision to) { return casting_.on_sibling_finish(to); };
    sibling.on_finish_by_key = sibling.on_finish;
  }
  if (casting.sibling_votes_no) {
    own_.back().database->on_prepare = [](const auto&) {
      return VoteResult{Vote::kNo, {}, "a constraint", false};
    };
  }
}

void Play::Run() {
  for (BranchNumber number = 1; number <= own_.size(); ++number) {
    const std::string of = std::to_string(number);
    Take(event::Enlist{own_[number - 1].database->name(), "", "session-" + of, "process-" + of,
                       "key"});
  }
  if (casting_.one_phase) {
    CommitOnePhase();
  } else {
    for (Own& own : own_) own.machine.Handle(sdk::event::ApplicationLeft{});
    if (casting_.process == Casting::Process::kForgot)
      own_.front().machine = sdk::BranchMachine::Unknown();
    Take(event::CommitRequested{});
    if (casting_.process == Casting::Process::kGone) Take(event::SessionLost{"session-1"});
  }
  Drain();
}

// The lone branch's process asks for leave, and commits once that is durable.
void Play::CommitOnePhase() {
  sdk::BranchMachine& branch = own_.front().machine;
  branch.Handle(sdk::event::ApplicationAsksOnePhase{});
  Take(event::OnePhaseRequested{1, *TakeEvidence(*own_.front().handle)});
  while (!crashed() && !events_.empty()) {
    const Event next = std::move(events_.front());
    events_.pop_front();
    Take(next);
  }
  if (crashed()) return;
  branch.Handle(sdk::event::ApplicationCommitsOnePhase{});
  const FinishResult result = sdk::CommitOnePhase(*own_.front().handle);
  Perform(1, branch.Handle(sdk::event::Finished{result}));
  if (result.end != BranchEnd::kRetry) return;
  branch.Handle(sdk::event::OnePhaseGivenUp{});
  Take(event::SessionLost{"session-1"});
}

void Play::Drain() {
  while (!crashed()) {
    if (!events_.empty()) {
      const Event next = std::move(events_.front());
      events_.pop_front();
      Take(next);
    } else if (std::exchange(vote_timer_, false)) {
      Take(event::VoteTimerFired{});
    } else if (retry_timer_ && retries_ < kRetriesMax) {
      retry_timer_ = false;
      ++retries_;
      Take(event::RetryTimerFired{});
    } else {
      return;
    }
  }
}

void Play::Take(const Event& event) {
  if (!machine_ || crashed()) return;
  if (std::holds_alternative<event::Persisted>(event)) {
    durable_.push_back(appended_.front());
    appended_.erase(appended_.begin());
    if (crashed()) return;
  }
  for (const Effect& effect : machine_->Handle(event)) Perform(effect);
}

void Play::Perform(const Effect& effect) {
  if (const auto* send = std::get_if<effect::Send>(&effect)) {
    Command(send->branch, send->kind, send->evidence);
  } else if (const auto* persist = std::get_if<effect::Persist>(&effect)) {
    appended_.push_back(persist->record);
    events_.emplace_back(event::Persisted{});
  } else if (const auto* arm = std::get_if<effect::ArmTimer>(&effect)) {
    (arm->timer == Timer::kVote ? vote_timer_ : retry_timer_) = true;
  } else if (const auto* cancel = std::get_if<effect::CancelTimer>(&effect)) {
    (cancel->timer == Timer::kVote ? vote_timer_ : retry_timer_) = false;
  } else if (const auto* decided = std::get_if<effect::ReplyDecided>(&effect)) {
    Tell(decided->ending);
  } else if (const auto* applied = std::get_if<effect::ReplyApplied>(&effect)) {
    Tell(applied->ending);
  } else if (std::holds_alternative<effect::Forget>(effect)) {
    forgotten_ = true;
  }
}

void Play::Tell(const Ending& ending) {
  std::string words = ToString(ending.outcome);
  if (ending.aborted())
    words += std::string(" (") + ToString(ending.cause) + (ending.retryable ? ", retryable)" : ")");
  if (told_.empty() || told_.back() != words) told_.push_back(std::move(words));
}

void Play::Command(BranchNumber number, CommandKind kind, const Evidence& evidence) {
  const bool gone =
      casting_.process == Casting::Process::kSilent || casting_.process == Casting::Process::kGone;
  if (number == 1 && gone && !restarted_) return;
  Perform(number,
          own_[number - 1].machine.Handle(sdk::event::Commanded{KindOf(kind), evidence, {}, {}}));
}

void Play::Finished(BranchNumber number, const FinishResult& result) {
  Own& own = own_[number - 1];
  own.ended = own.ended || result.end != BranchEnd::kRetry;
  Perform(number, own.machine.Handle(sdk::event::Finished{result}));
}

void Play::Perform(BranchNumber number, const sdk::BranchEffects& effects) {
  Own& own = own_[number - 1];
  const BranchKey key = KeyOf(number);
  for (const sdk::BranchEffect& effect : effects) {
    if (const auto* vote = std::get_if<sdk::effect::ReportVote>(&effect)) {
      events_.emplace_back(event::Voted{{number, vote->vote}});
    } else if (const auto* end = std::get_if<sdk::effect::ReportEnd>(&effect)) {
      events_.emplace_back(event::Finished{number, end->end});
    } else if (std::holds_alternative<sdk::effect::Prepare>(effect)) {
      const VoteResult vote = sdk::PrepareNow(*own.handle, *own.database, key);
      Perform(number, own.machine.Handle(sdk::event::Voted{vote}));
    } else if (const auto* by_handle = std::get_if<sdk::effect::FinishByHandle>(&effect)) {
      Finished(number, sdk::Finish(*own.handle, by_handle->decision).Await());
    } else if (const auto* by_key = std::get_if<sdk::effect::FinishByKey>(&effect)) {
      Finished(number, sdk::FinishByKey(*own.database, key, by_key->decision, by_key->evidence));
    } else if (const auto* prove = std::get_if<sdk::effect::Prove>(&effect)) {
      Finished(number, sdk::Prove(*own.database, key, prove->evidence));
    } else if (std::holds_alternative<sdk::effect::Fence>(effect)) {
      std::string why;
      sdk::FenceNow(*own.handle, why);
      Perform(number, own.machine.Handle(sdk::event::Fenced{}));
    }
  }
}

void Play::Restart() {
  restarted_ = true;
  events_.clear();
  appended_.clear();
  told_.clear();
  vote_timer_ = retry_timer_ = forgotten_ = false;
  retries_ = 0;
  for (Own& own : own_) {
    own.machine = sdk::BranchMachine::Unknown();
    own.handle.reset();
    own.seen = own.database->journal().size();
  }
  records_max_ = std::numeric_limits<std::size_t>::max();
  Rebuild();
  if (machine_) Take(event::Restored{});
  Drain();
  AbortWhatIsFound();
  Drain();
}

void Play::Rebuild() {
  std::vector<HeuristicRecord> heuristics;
  for (const Record& record : durable_) {
    if (const auto* one = std::get_if<HeuristicRecord>(&record)) heuristics.push_back(*one);
  }
  machine_.reset();
  for (const Record& record : durable_) {
    if (const auto* commit = std::get_if<CommitRecord>(&record))
      machine_.emplace(*commit, heuristics);
    if (const auto* one_phase = std::get_if<OnePhaseRecord>(&record))
      machine_.emplace(*one_phase, heuristics);
  }
  if (!machine_ && !heuristics.empty()) machine_.emplace(heuristics);
}

// The scan of a database after a start: see recovery/inquiry.h.
void Play::AbortWhatIsFound() {
  for (BranchNumber number = 1; number <= own_.size(); ++number) {
    const Own& own = own_[number - 1];
    if (own.ended || !own.database->IsPrepared(KeyOf(number))) continue;
    if (machine_) {
      Take(event::FoundPrepared{number, own.database->name()});
    } else {
      Command(number, CommandKind::kAbort, {});
    }
  }
}

std::vector<std::string> Play::journal(BranchNumber branch) const {
  const Own& own = own_[branch - 1];
  std::vector<std::string> calls = own.database->journal();
  calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(own.seen));
  for (std::string& call : calls) {
    const std::size_t number = call.find(" " + std::to_string(branch));
    if (number != std::string::npos) call.erase(number, 2);
  }
  return calls;
}

std::string Play::calls(BranchNumber branch) const {
  std::string text;
  const std::vector<std::string> calls = journal(branch);
  for (std::size_t i = 0; i < calls.size();) {
    std::size_t same = i;
    while (same < calls.size() && calls[same] == calls[i]) ++same;
    text += (text.empty() ? "" : ", ") + calls[i];
    if (same - i > 1) text += " x " + std::to_string(same - i);
    i = same;
  }
  return text.empty() ? "none" : text;
}

}  // namespace settle::coordinator
