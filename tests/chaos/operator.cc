#include "chaos/operator.h"

#include <algorithm>
#include <utility>

namespace settle::testing {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kNotFound = 3;

const char* Word(int code) {
  switch (code) {
    case kDone: return "done";
    case kRefused: return "refused";
    case kNotFound: return "not found";
    case 4:
    case 5: return "no coordinator";
    case 7: return "not known yet";
    default: return "other";
  }
}

// Behind whatever asks for a reason.
std::vector<std::string> Because(std::vector<std::string> words) {
  for (const char* word : {"--reason", "the chaos", "--operator", "chaos"})
    words.emplace_back(word);
  return words;
}

}  // namespace

Operator::Operator(std::string address, const std::string& notes)
    : address_(std::move(address)), notes_(notes), thread_([this] { Run(); }) {}

Operator::~Operator() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Operator::Act(std::uint32_t drawn) { Add({drawn}); }

void Operator::Force(std::uint32_t drawn, Time until) { Add({drawn, until}); }

void Operator::Add(const Task& task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(task);
  }
  changed_.notify_all();
}

void Operator::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tasks_.empty() && !busy_; });
}

std::map<std::string, int> Operator::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

void Operator::Count(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++done_[what];
}

CliAnswer Operator::Ask(std::vector<std::string> words) const {
  const std::vector<std::string> patience{"--timeout", "2s"};
  words.insert(words.begin(), patience.begin(), patience.end());
  return RunCli(address_, words);
}

std::vector<std::string> Operator::Waiting() const {
  const CliAnswer open = Ask({"list", "--open"});
  std::vector<std::string> waiting;
  if (open.code != kDone || !open.json.is_object()) return waiting;
  for (const auto& one : open.json["transactions"]) {
    if (one["state"] == "quorum") waiting.push_back(one["gtid"]);
  }
  return waiting;
}

bool Operator::SeesWhatWaits() const {
  const std::vector<std::string> first = Waiting();
  if (first.empty()) return false;
  const std::vector<std::string> still = Waiting();
  return std::any_of(first.begin(), first.end(), [&](const std::string& gtid) {
    return std::find(still.begin(), still.end(), gtid) != still.end();
  });
}

void Operator::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const Task task = tasks_.front();
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    Do(task);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Operator::Do(const Task& task) {
  LetGo();
  if (task.force_until) {
    ForceWhatWaits(task);
  } else {
    DoToOne(task.drawn);
  }
}

// Of what is open now, one; then something is done to it that a person might try.
void Operator::DoToOne(std::uint32_t drawn) {
  const CliAnswer open = Ask({"list", "--open"});
  if (open.code != kDone || !open.json.is_object() || open.json["transactions"].empty())
    return Count(std::string("list: ") + Word(open.code));
  const auto& transactions = open.json["transactions"];
  const std::string gtid = transactions[drawn / 8 % transactions.size()]["gtid"];
  const auto count = [this](const std::string& name, const std::vector<std::string>& words) {
    Count(name + ": " + Word(Ask(words).code));
  };
  switch (drawn % 8) {
    case 0: return count("retry", {"retry", gtid});
    case 1: return count("retry --all", {"retry", "--all"});
    case 2: return count("resolve commit", Because({"resolve", gtid, "commit"}));
    case 3:
    case 4: return count("resolve abort", Because({"resolve", gtid, "abort"}));
    case 5: return count("saga cancel", Because({"saga", "cancel", gtid}));
    case 6: return count("forget", Because({"forget", gtid}));
    case 7: ForceOne(gtid, "abort");
  }
}

void Operator::ForceWhatWaits(const Task& task) {
  const std::string to = task.drawn % 2 == 0 ? "commit" : "abort";
  for (bool accepted = false; !accepted && std::chrono::steady_clock::now() < *task.force_until;) {
    for (const std::string& gtid : Waiting()) accepted = ForceOne(gtid, to) || accepted;
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

bool Operator::ForceOne(const std::string& gtid, const std::string& to) {
  notes_.Forced(gtid);
  const int code = Ask(Because({"resolve", gtid, to, "--heuristic"})).code;
  if (code == kDone) {
    notes_.Accepted(gtid, to);
    Count(accepted_.insert(gtid).second ? "forced: accepted" : "forced: the same again");
  } else {
    Count(std::string("forced: ") + Word(code));
  }
  const bool known_not = code == kRefused || code == kNotFound;
  if (!known_not) {
    forced_.insert(gtid);
  } else if (!forced_.contains(gtid) && !shown_.contains(gtid)) {
    notes_.Refused(gtid);
  }
  return code == kDone;
}

void Operator::LetGo() {
  std::erase_if(forced_, [this](const std::string& gtid) { return IsLetGo(gtid); });
}

bool Operator::IsLetGo(const std::string& gtid) {
  const CliAnswer answer = Ask({"show", gtid, "--no-live"});
  if (answer.code != kDone || !answer.json.is_object()) return false;
  if (answer.json["heuristic"].empty()) return false;
  const std::string state = answer.json["state"];
  if (state != "damaged" && state != "done") return false;
  const std::string outcome = answer.json["ending"]["outcome"];
  notes_.Shown(gtid, outcome);
  if (shown_.insert(gtid).second) Count("forced: shown as " + outcome);
  return state == "done" || Ask(Because({"forget", gtid})).code == kDone;
}

void Operator::NoteWhatWasNotForced() {
  for (const std::string& gtid : forced_) {
    if (!accepted_.contains(gtid)) notes_.Refused(gtid);
  }
}

}  // namespace settle::testing
