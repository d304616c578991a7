// One transaction of two branches, driven over the coordinator's machine and the SDK's branch
// machines down to databases that answer as a test says: every call that reaches a database is
// counted. One thread, no clock: a timer fires when nothing else is left to happen.
//
//   Play play({.on_finish = ...});       // what the database of branch 1 answers
//   play.Run();
//   play.calls(1);                       // "prepare, commit x 2"
//   play.Restart();                      // of the coordinator and of both processes
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "participant/branch_machine.h"
#include "protocol/two_phase.h"
#include "sdk/client/fake_resource.h"

namespace settle::coordinator {

// What is special about a play; everything else answers as it should.
struct Casting {
  // Of branch 1's database. A finish is asked by the branch's handle or by its key alike.
  std::function<VoteResult()> on_prepare{};
  std::function<FinishResult(Decision)> on_finish{};
  std::function<FinishResult()> on_one_phase{};
  std::function<FinishResult()> on_prove{};
  enum class Process { kWorks, kSilent, kGone, kForgot } process = Process::kWorks;  // of branch 1
  // The sibling, branch 2.
  bool sibling_votes_no = false;
  std::function<FinishResult(Decision)> on_sibling_finish{};
  bool one_phase = false;  // branch 1 alone
};

class Play {
 public:
  // Stops, as by a crash, as soon as so many records are durable.
  explicit Play(const Casting& casting,
                std::size_t records_max = std::numeric_limits<std::size_t>::max());

  void Run();
  // Everybody but the databases is killed, and the lazy end is lost. Calls, and what was told, are
  // those of the new life from then on.
  void Restart();

  std::string calls(BranchNumber branch) const;  // to its database, in order
  std::vector<std::string> journal(BranchNumber branch) const;
  const std::vector<std::string>& told() const { return told_; }  // to the client, each once
  const std::vector<Record>& records() const { return durable_; }
  bool forgotten() const { return forgotten_; }  // nothing of it has to be kept any more
  // None: no record names it, so it is presumed to be aborted.
  const std::optional<TwoPhase>& machine() const { return machine_; }

 private:
  struct Own {
    std::unique_ptr<sdk::FakeResource> database;
    std::shared_ptr<sdk::FakeBranch> handle;
    sdk::BranchMachine machine = sdk::BranchMachine::Opened();
    bool ended = false;    // in its database, whoever did it
    std::size_t seen = 0;  // of the database's journal, by the lives before
  };

  BranchKey KeyOf(BranchNumber number) const { return {gtid_, number}; }
  void Drain();
  bool crashed() const { return durable_.size() >= records_max_; }
  void Take(const Event& event);
  void Perform(const Effect& effect);
  void Command(BranchNumber number, CommandKind kind, const Evidence& evidence);
  void Perform(BranchNumber number, const sdk::BranchEffects& effects);
  void Finished(BranchNumber number, const FinishResult& result);
  void CommitOnePhase();
  void Rebuild();
  void AbortWhatIsFound();
  void Tell(const Ending& ending);

  const Casting casting_;
  std::size_t records_max_;  // of this life
  const Gtid gtid_;
  std::vector<Own> own_;
  std::optional<TwoPhase> machine_;
  std::deque<Event> events_;
  std::vector<Record> appended_;
  std::vector<Record> durable_;
  std::vector<std::string> told_;
  bool vote_timer_ = false;
  bool retry_timer_ = false;
  int retries_ = 0;
  bool restarted_ = false;
  bool forgotten_ = false;
};

}  // namespace settle::coordinator
