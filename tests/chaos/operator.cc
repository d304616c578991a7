#include "chaos/operator.h"

#include <utility>
#include <vector>

#include "end_to_end/cli.h"

namespace settle::testing {
namespace {

const char* Word(int code) {
  switch (code) {
    case 0: return "done";
    case 1: return "refused";
    case 3: return "not found";
    case 4:
    case 5: return "no coordinator";
    case 7: return "not known yet";
    default: return "other";
  }
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

void Operator::Act(std::uint32_t drawn) {
  {
    const std::lock_guard lock(mutex_);
    drawn_.push_back(drawn);
  }
  changed_.notify_all();
}

void Operator::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return drawn_.empty() && !busy_; });
}

std::map<std::string, int> Operator::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

void Operator::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !drawn_.empty(); });
    if (stopping_) return;
    const std::uint32_t drawn = drawn_.front();
    drawn_.pop_front();
    busy_ = true;
    lock.unlock();
    Do(drawn);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

// Of what is open now, one; then something is done to it that a person might try.
void Operator::Do(std::uint32_t drawn) {
  const std::vector<std::string> patience{"--timeout", "2s"};
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), patience.begin(), patience.end());
    return RunCli(address_, words);
  };
  const auto count = [&](const std::string& what, int code) {
    const std::lock_guard lock(mutex_);
    ++done_[what + ": " + Word(code)];
  };
  const CliAnswer open = ask({"list", "--open"});
  if (open.code != 0 || !open.json.is_object()) return count("list", open.code);
  const auto& transactions = open.json["transactions"];
  if (transactions.empty()) return count("list", open.code);
  const auto& one = transactions[drawn / 8 % transactions.size()];
  const std::string gtid = one["gtid"];
  const std::vector<std::string> because{"--reason", "the chaos", "--operator", "chaos"};
  std::vector<std::string> words;
  std::string name;
  switch (drawn % 8) {
    case 0:
      name = "retry";
      words = {"retry", gtid};
      break;
    case 1:
      name = "retry --all";
      words = {"retry", "--all"};
      break;
    case 2:
      name = "resolve commit";
      words = {"resolve", gtid, "commit"};
      break;
    case 3:
    case 4:
      name = "resolve abort";
      words = {"resolve", gtid, "abort"};
      break;
    case 5:
      name = "saga cancel";
      words = {"saga", "cancel", gtid};
      break;
    case 6:
      name = "forget";
      words = {"forget", gtid};
      break;
    case 7:
      name = "resolve --heuristic";
      words = {"resolve", gtid, "abort", "--heuristic"};
      break;
  }
  if (drawn % 8 > 1) words.insert(words.end(), because.begin(), because.end());
  const bool forces = drawn % 8 == 7;
  if (forces) notes_.Forced(gtid);
  const int code = ask(words).code;
  count(name, code);
  if (!forces) return;
  constexpr int kRefused = 1;
  if (code != kRefused) {
    forced_.insert(gtid);
  } else if (!forced_.contains(gtid)) {
    notes_.Refused(gtid);
  }
}

void Operator::ForgetDamage() {
  Finish();
  for (const std::string& gtid : forced_) {
    RunCli(address_, {"forget", gtid, "--reason", "the chaos has looked", "--operator", "chaos"});
  }
}

}  // namespace settle::testing
