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
  settle::Protocol protocol = settle::Protocol::kTwoPhase;

  std::vector<Part> parts;
  coordinator::Wait wait = coordinator::Wait::kApplied;
  bool one_phase = false;                      // asks for it; there is one part, here
  std::optional<std::size_t> last_resource{};  // this part decides; all are here
  Then then = Then::kCommit;                   // once the work is done
  bool own = false;                            // numbers its branches itself, as far as it may
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

 protected:
  void OnStart() override { Attach(); }
  void OnCrash() override;

  // Caller::Ask, and the witness hears what is answered.
  template <typename T>
  void Ask(const Gtid& about, int tries, microseconds patience, Call<T> call, Answer<T> answer);

  // --- of sites of three-phase commit (site_process.h)
  virtual void OfferPeers(AttachCall&) {}
  virtual void NoteTouch(bool /*yes*/) {}
  virtual void CarryToSite(const Command&) {}
  virtual void PrepareAsSite(const BranchKey&, const std::string& /*resource*/, const Roster&) {}
  // False: its machine was told why it may not.
  virtual bool MayFinish(const BranchKey&, const std::string& /*resource*/, Decision,
                         const DecidedBy&) {
    return true;
  }
  virtual bool IsLeftToSites(const BranchKey&, const std::string& /*resource*/) { return false; }
  // How it was decided, by the records of this process's branches; nothing: they do not say.
  virtual std::optional<Ending> DecidedHere(const std::vector<BranchKey>&) { return std::nullopt; }

  void Report();
  void Perform(sdk::Steps steps);
  bool Tell(const BranchKey& key, const sdk::BranchEvent& event);
  VoteResult PrepareNow(const BranchKey& key, const std::string& name = {});
  std::optional<Evidence> EvidenceOfWork(const BranchKey& key) const;  // while it is open
  void RollBackWork(const BranchKey& key);
  SimulatedDatabase* DatabaseOf(const std::string& resource) const;
  microseconds Effort() { return microseconds(50) + world_.UpTo(microseconds(3000)); }

  const std::vector<SimulatedDatabase*> databases_;
  std::optional<sdk::BranchTable> table_{std::in_place};  // lost with every crash
  std::deque<coordinator::SiteReport> site_reports_;
  std::map<BranchKey, Evidence> evidence_;  // of this incarnation's prepared branches

 private:
  struct OpenWork {
    SimulatedDatabase* database = nullptr;
    SimulatedDatabase::LocalTransaction local = 0;
  };
  struct Flow;  // one transaction being run by this process
  using FlowPtr = std::shared_ptr<Flow>;

  bool Greets(std::uint64_t incarnation) override;
  // --- session
  void Attach();
  void OnAttached(const Attached& attached);
  void Fetch();
  void Carry(const CommandBatch& batch);
  void TellReport();
  void Scan();
  void SessionIsLost();

  // --- branches
  void PerformOne(const sdk::Step& step);
  // `by`: of what may be a site, whose record is to say the decision first.
  void FinishSoon(const BranchKey& key, const std::string& resource, Decision decision,
                  std::optional<Evidence> evidence, std::function<void()> done = {},
                  std::optional<DecidedBy> by = std::nullopt);
  FinishResult FinishNow(const BranchKey& key, const std::string& resource, Decision decision,
                         const Evidence& evidence);
  bool OpenBranch(const BranchKey& key, SimulatedDatabase& database, std::int64_t change,
                  const SessionId& session);

  // --- transactions
  void Enlist(const FlowPtr& flow, std::size_t index);
  std::optional<BranchKey> NumberHere(Flow& flow, const Plan::Part& part);
  void EnlistHere(const Gtid& gtid, SimulatedDatabase& database, std::int64_t change, bool leave,
                  std::function<void(std::optional<BranchKey>)> done);
  void EnlistThere(const Flow& flow, const Plan::Part& part,
                   std::function<void(std::optional<BranchKey>)> done);
  void Try(const FlowPtr& flow, std::size_t index);
  void PrepareAll(const FlowPtr& flow);
  void LeaveAll(const FlowPtr& flow);
  bool LearnHere(const FlowPtr& flow);
  void OnVotes(const FlowPtr& flow);
  void Refuse(const FlowPtr& flow);
  void AskCommit(const FlowPtr& flow);
  void OnCommitAnswer(const FlowPtr& flow, const CommitAnswer& answer);
  void FinishAll(const FlowPtr& flow, Decision decision);
  void AskOnePhase(const FlowPtr& flow);
  void CallOnePhase(const OnePhaseCall& call, Answer<OnePhaseAnswer> answer);
  void OnOnePhaseAnswer(const FlowPtr& flow, const Evidence& evidence,
                        const Result<OnePhaseAnswer>& answer);
  void CommitInOnePhase(const FlowPtr& flow, const Evidence& evidence);
  void CommitReadOnly(const FlowPtr& flow);
  void OnOnePhaseEnd(const FlowPtr& flow, const FinishResult& result, const Evidence& evidence,
                     int tries);
  // The last resource: last_resource.cc.
  void ChooseLast(const FlowPtr& flow);
  void GiveUpLast(const FlowPtr& flow);
  void AskLeave(const FlowPtr& flow);
  void NoLeave(const FlowPtr& flow);
  void CommitLast(const FlowPtr& flow);
  void OnLastEnd(const FlowPtr& flow, const FinishResult& result, int tries);
  void OnLastCommitted(const FlowPtr& flow);
  void RollBackHere(const FlowPtr& flow, std::vector<BranchNumber>& rolled_back);
  void GiveUp(const FlowPtr& flow);
  void AskOutcomeLater(const Gtid& gtid, int tries);
  void NoteTold(const Gtid& gtid, const Ending& ending);

  std::map<Gtid, Note>& notes_;
  Witness witness_;
  std::vector<Process*> others_;
  std::map<BranchKey, OpenWork> work_;
  Epoch session_epoch_ = 0;
  Epoch greeted_ = 0;
  std::string seen_log_;
  std::int64_t received_through_ = 0;
  std::uint64_t request_ = 0;
  bool reporting_ = false;
  std::deque<coordinator::VoteReport> votes_;
  std::deque<coordinator::EndReport> ends_;
  std::deque<coordinator::FoundBranch> found_;
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
