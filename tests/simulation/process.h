// An application process in the simulated world: the SDK's own branch table, driven as the SDK's
// session and client drive it, over simulated databases and a network that loses and doubles. It
// crashes and comes back.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "participant/branch_table.h"
#include "simulation/coordinator_node.h"
#include "simulation/simulated_database.h"

namespace settle::simulation {

// What a client was told of a transaction, as it would have written it down. The oracle.
struct Note {
  Gtid gtid;
  std::vector<std::pair<BranchKey, SimulatedDatabase*>> branches;
  std::optional<Outcome> told;
};

class Process;

// One global transaction: what its application does.
struct Plan {
  struct Part {
    Process* where = nullptr;  // the application's own process, or a service that it calls
    SimulatedDatabase* database = nullptr;
    std::int64_t change = 0;  // 0: only reads
  };
  enum class Then { kCommit, kAbort, kNothing };

  std::vector<Part> parts;
  coordinator::Wait wait = coordinator::Wait::kApplied;
  bool one_phase = false;  // asks for it; there is one part, here
  Then then = Then::kCommit;  // once the work is done
};

class Process {
 public:
  Process(World& world, CoordinatorNode& coordinator, std::string name,
          std::vector<SimulatedDatabase*> databases, std::map<Gtid, Note>& notes);

  const std::string& name() const { return name_; }
  void Meet(std::vector<Process*> others) { others_ = std::move(others); }
  void Start();
  void Crash();
  bool up() const { return up_; }

  void RunTransaction(const Plan& plan);
  // A few branches, some of them in other processes.
  Plan DrawPlan();

 private:
  struct OpenWork {
    SimulatedDatabase* database = nullptr;
    SimulatedDatabase::LocalTransaction local = 0;
  };
  struct Flow;  // one transaction being run by this process
  using FlowPtr = std::shared_ptr<Flow>;

  // Runs `task` after `delay` unless this process died meanwhile.
  void Later(microseconds delay, std::function<void()> task);
  template <typename T>
  void Ask(std::function<void(Engine&, Inquiry&, Completion<T>)> call,
           std::function<void(Result<T>)> answer);
  // The same, and again until it is answered; gives up after `tries`.
  template <typename T>
  void AskAgain(int tries, microseconds patience,
                std::function<void(Engine&, Inquiry&, Completion<T>)> call,
                std::function<void(Result<T>)> answer);

  // --- session
  void Attach();
  void Fetch();
  void Carry(const CommandBatch& batch);
  void Report();
  void Scan();

  // --- branches
  void Perform(sdk::Steps steps);
  bool Tell(const BranchKey& key, const sdk::BranchEvent& event);
  void PerformOne(const sdk::Step& step);
  VoteResult PrepareNow(const BranchKey& key);
  FinishResult FinishNow(const BranchKey& key, const std::string& resource, Decision decision,
                         const Evidence& evidence);
  SimulatedDatabase* DatabaseOf(const std::string& resource) const;
  bool OpenBranch(const BranchKey& key, SimulatedDatabase& database, std::int64_t change,
                  const SessionId& session);
  microseconds Effort() { return microseconds(50) + world_.UpTo(microseconds(3000)); }

  // --- transactions
  void Enlist(const FlowPtr& flow, std::size_t index);
  void EnlistHere(const Gtid& gtid, SimulatedDatabase& database, std::int64_t change, bool leave,
                  std::function<void(std::optional<BranchKey>)> done);
  void PrepareAll(const FlowPtr& flow);
  void AskCommit(const FlowPtr& flow);
  void OnCommitAnswer(const FlowPtr& flow, const CommitAnswer& answer);
  void AskOnePhase(const FlowPtr& flow);
  void OnOnePhaseEnd(const FlowPtr& flow, const FinishResult& result, const Evidence& evidence,
                     int tries);
  void GiveUp(const FlowPtr& flow);
  void NoteTold(const Gtid& gtid, Outcome outcome);

  World& world_;
  CoordinatorNode& coordinator_;
  const std::string name_;
  const std::vector<SimulatedDatabase*> databases_;
  std::map<Gtid, Note>& notes_;
  std::vector<Process*> others_;
  bool up_ = false;
  std::uint64_t incarnation_ = 0;
  std::optional<sdk::BranchTable> table_{std::in_place};  // lost with every crash
  std::map<BranchKey, OpenWork> work_;
  std::map<BranchKey, Evidence> evidence_;  // of this incarnation's prepared branches
  SessionId session_;
  Epoch seen_epoch_ = 0;
  std::string seen_log_;
  std::int64_t received_through_ = 0;
  std::uint64_t request_ = 0;
  bool reporting_ = false;
  std::deque<coordinator::VoteReport> votes_;
  std::deque<coordinator::EndReport> ends_;
  std::deque<std::pair<std::string, std::string>> found_;
};

}  // namespace settle::simulation
