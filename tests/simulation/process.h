// An application process in the simulated world: the SDK's own branch table, driven as the SDK's
// session and client drive it, over simulated databases.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "participant/branch_table.h"
#include "simulation/caller.h"
#include "simulation/note.h"
#include "simulation/simulated_database.h"
#include "simulation/witness.h"

namespace settle::simulation {

class Process;

// One global transaction: what its application does.
struct Plan {
  struct Part {
    Process* where = nullptr;  // the application's own process, or a service that it calls
    SimulatedDatabase* database = nullptr;
    std::int64_t change = 0;  // 0: only reads
    bool late = false;        // a service that joins without the application waiting for it
    // A reservation at this participant instead of work in a database.
    std::string reserves_at = {};
  };
  enum class Then { kCommit, kAbort, kNothing };

  std::vector<Part> parts;
  coordinator::Wait wait = coordinator::Wait::kApplied;
  bool one_phase = false;     // asks for it; there is one part, here
  Then then = Then::kCommit;  // once the work is done
};

class Process : public Caller {
 public:
  Process(World& world, CoordinatorNode& coordinator, std::string name,
          std::vector<SimulatedDatabase*> databases, std::map<Gtid, Note>& notes);

  void Meet(std::vector<Process*> others) { others_ = std::move(others); }
  Epoch greeted() const { return greeted_; }  // the life of the coordinator it last spoke to

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

  void OnStart() override { Attach(); }
  void OnCrash() override;
  bool Greets(std::uint64_t incarnation) override;
  // Caller::Ask, and the witness hears what is answered.
  template <typename T>
  void Ask(const Gtid& about, int tries, microseconds patience, Call<T> call, Answer<T> answer);

  // --- session
  void Attach();
  void OnAttached(const Attached& attached);
  void Fetch();
  void Carry(const CommandBatch& batch);
  void Report();
  void TellReport();
  void Scan();
  void SessionIsLost();

  // --- branches
  void Perform(sdk::Steps steps);
  bool Tell(const BranchKey& key, const sdk::BranchEvent& event);
  void PerformOne(const sdk::Step& step);
  VoteResult PrepareNow(const BranchKey& key);
  void FinishSoon(const BranchKey& key, const std::string& resource, Decision decision,
                  std::optional<Evidence> evidence, std::function<void()> done = {});
  FinishResult FinishNow(const BranchKey& key, const std::string& resource, Decision decision,
                         const Evidence& evidence);
  SimulatedDatabase* DatabaseOf(const std::string& resource) const;
  bool OpenBranch(const BranchKey& key, SimulatedDatabase& database, std::int64_t change,
                  const SessionId& session);
  void RollBackWork(const BranchKey& key);
  microseconds Effort() { return microseconds(50) + world_.UpTo(microseconds(3000)); }

  // --- transactions
  void Enlist(const FlowPtr& flow, std::size_t index);
  void EnlistHere(const Gtid& gtid, SimulatedDatabase& database, std::int64_t change, bool leave,
                  std::function<void(std::optional<BranchKey>)> done);
  void EnlistThere(const Flow& flow, const Plan::Part& part,
                   std::function<void(std::optional<BranchKey>)> done);
  void Try(const FlowPtr& flow, std::size_t index);
  void PrepareAll(const FlowPtr& flow);
  void OnVotes(const FlowPtr& flow);
  void Refuse(const FlowPtr& flow);
  void AskCommit(const FlowPtr& flow);
  void OnCommitAnswer(const FlowPtr& flow, const CommitAnswer& answer);
  void FinishAll(const FlowPtr& flow, Decision decision);
  void AskOnePhase(const FlowPtr& flow);
  void OnOnePhaseAnswer(const FlowPtr& flow, const Evidence& evidence,
                        const Result<OnePhaseAnswer>& answer);
  void CommitInOnePhase(const FlowPtr& flow, const Evidence& evidence);
  void CommitReadOnly(const FlowPtr& flow);
  void OnOnePhaseEnd(const FlowPtr& flow, const FinishResult& result, const Evidence& evidence,
                     int tries);
  void RollBackHere(const FlowPtr& flow, std::vector<BranchNumber>& rolled_back);
  void GiveUp(const FlowPtr& flow);
  void AskOutcomeLater(const Gtid& gtid, int tries);
  void NoteTold(const Gtid& gtid, const Ending& ending);

  const std::vector<SimulatedDatabase*> databases_;
  std::map<Gtid, Note>& notes_;
  Witness witness_;
  std::vector<Process*> others_;
  std::optional<sdk::BranchTable> table_{std::in_place};  // lost with every crash
  std::map<BranchKey, OpenWork> work_;
  std::map<BranchKey, Evidence> evidence_;  // of this incarnation's prepared branches
  Epoch session_epoch_ = 0;
  Epoch greeted_ = 0;
  std::string seen_log_;
  std::int64_t received_through_ = 0;
  std::uint64_t request_ = 0;
  bool reporting_ = false;
  std::deque<coordinator::VoteReport> votes_;
  std::deque<coordinator::EndReport> ends_;
  std::deque<std::pair<std::string, std::string>> found_;
};

template <typename T>
void Process::Ask(const Gtid& about, int tries, microseconds patience, Call<T> call,
                  Answer<T> answer) {
  Call<T> heard = [this, about, call = std::move(call)](Engine& engine, Inquiry& inquiry,
                                                        Completion<T> done) {
    call(engine, inquiry, [this, about, done = std::move(done)](Result<T> result) {
      if (result) {
        witness_.Hears(about, *result);
      } else {
        witness_.Hears(about, result.error());
      }
      done(std::move(result));
    });
  };
  Caller::Ask<T>({kCall<T>, about, tries, patience}, std::move(heard), std::move(answer));
}

}  // namespace settle::simulation
