// What the fake coordinator sends by itself, and what it heard.
#include <algorithm>

#include "fake_coordinator.h"
#include "support/wait_until.h"

namespace settle::sdk {
namespace {

std::string Word(wire::Vote::type vote) {
  return vote == wire::Vote::COMMIT ? "commit" : vote == wire::Vote::READ_ONLY ? "read-only" : "no";
}

std::string Word(wire::AnswerKind::type kind) {
  switch (kind) {
    case wire::AnswerKind::DONE: return "done";
    case wire::AnswerKind::FAILED: return "failed";
    case wire::AnswerKind::ONGOING: return "ongoing";
    case wire::AnswerKind::UNKNOWN: return "unknown";
    case wire::AnswerKind::SUPPRESSED: return "suppressed";
  }
  return "?";
}

}  // namespace

wire::Command FakeCoordinator::MakeCommand(wire::CommandKind::type kind, const BranchKey& key,
                                           const std::string& resource, std::int64_t epoch) {
  wire::Command command;
  command.kind = kind;
  command.gtid = key.gtid.text();
  command.branch = static_cast<std::int32_t>(key.number);
  command.resource = resource;
  command.attempt = 1;
  command.epoch = epoch == 0 ? epoch_ : epoch;
  if (on_command) on_command(command);
  return command;
}

void FakeCoordinator::Send(wire::CommandKind::type kind, const BranchKey& key,
                           const std::string& resource, std::int64_t epoch) {
  std::lock_guard lock(mutex_);
  const wire::Command command = MakeCommand(kind, key, resource, epoch);
  for (auto& [name, session] : sessions_) {
    if (session.resources.count(resource) > 0) session.queue.commands.push_back(command);
  }
  changed_.notify_all();
}

void FakeCoordinator::SendToAll(wire::CommandKind::type kind, const BranchKey& key,
                                const std::string& resource) {
  std::lock_guard lock(mutex_);
  for (auto& [name, session] : sessions_) {
    session.queue.commands.push_back(MakeCommand(kind, key, resource, 0));
  }
  changed_.notify_all();
}

void FakeCoordinator::Call(const wire::ActionCall& call) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, settle::testing::kPatience, [this] { return !sessions_.empty(); });
  for (auto& [name, session] : sessions_) {
    if (session.participants.count(call.participant) > 0) session.queue.calls.push_back(call);
  }
  changed_.notify_all();
}

void FakeCoordinator::Ask(const wire::Question& question) {
  std::lock_guard lock(mutex_);
  for (auto& [name, session] : sessions_) {
    if (session.answers_questions) session.queue.questions.push_back(question);
  }
  changed_.notify_all();
}

void FakeCoordinator::SayEndedThrough(std::int64_t epoch, std::int64_t sequence) {
  std::lock_guard lock(mutex_);
  ended_through_.emplace();
  ended_through_->epoch = epoch;
  ended_through_->sequence = sequence;
  changed_.notify_all();
}

void FakeCoordinator::LoseSessions() {
  std::lock_guard lock(mutex_);
  sessions_.clear();
  changed_.notify_all();
}

void FakeCoordinator::Note(const std::string& line) {
  std::lock_guard lock(mutex_);
  heard_.push_back(line);
  changed_.notify_all();
}

void FakeCoordinator::NoteAnswer(const wire::ActionAnswer& answer) {
  std::string line = "answer " + std::to_string(answer.step) + "." +
                     std::to_string(answer.attempt) + "=" + Word(answer.kind);
  if (!answer.text.empty()) line += " " + answer.text;
  if (answer.poll_after_ms > 0) line += " after " + std::to_string(answer.poll_after_ms);
  Note(line);
}

void FakeCoordinator::NoteVote(const std::string& prefix, const wire::BranchVote& vote,
                               std::string& line) {
  line += prefix + std::to_string(vote.branch) + "=" + Word(vote.vote);
  std::lock_guard lock(mutex_);
  if (vote.vote == wire::Vote::NO && prefix != " ") last_reason_ = vote.reason;
  if (vote.vote == wire::Vote::NO && prefix == " " && line.find("=no") == line.rfind("=no")) {
    last_reason_ = vote.reason;
  }
}

bool FakeCoordinator::Await(const std::string& line) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, settle::testing::kPatience, [&] {
    return std::find(heard_.begin(), heard_.end(), line) != heard_.end();
  });
}

std::vector<std::string> FakeCoordinator::heard() {
  std::lock_guard lock(mutex_);
  return heard_;
}

std::size_t FakeCoordinator::Count(const std::string& line) {
  std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count(heard_.begin(), heard_.end(), line));
}

std::string FakeCoordinator::LastReason() {
  std::lock_guard lock(mutex_);
  return last_reason_;
}

}  // namespace settle::sdk
