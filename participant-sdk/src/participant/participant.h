// The branches of this process at work: performs what the branch machines want, on each resource's
// own threads, and puts what is to be told to the coordinator into the outbox. Calls of actions it
// hands on to the desks of their participants.
//
// Used from both sides: the session brings the coordinator's commands, the application's
// transactions prepare and finish their own branches in their own thread. The machines decide who
// may act; nobody acts on one branch at the same time.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "action/pruner.h"
#include "participant/branch_table.h"
#include "participant/outbox.h"
#include "participant/question_desk.h"
#include "participant/recovery_rounds.h"
#include "participant/sites.h"
#include "participant/workers.h"
#include "settle/action_participant.h"
#include "settle/resource.h"
#include "transport/link.h"

namespace settle::sdk {

// Told, in one line, what an operator should know. Thread-safe.
using Warn = std::function<void(const std::string& line)>;

struct OwnResource {
  std::shared_ptr<Resource> resource;
  std::string identity;
};

// Thread-safe.
class Participant {
 public:
  using Actors = std::vector<std::shared_ptr<ActionParticipant>>;

  Participant(std::vector<OwnResource> resources, int workers_per_resource, Actors actors,
              Warn warn);
  ~Participant();
  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;

  // From now on its branches can be sites of three-phase commit. Before anything else is called;
  // not thread-safe, neither is the next.
  void BecomeSites(const PeerOptions& options, const std::vector<std::string>& coordinators,
                   TellPeer tell);
  // Its peers reach this process there (host:port). Before it attaches.
  void ReachedAt(const std::string& address) { peer_address_ = address; }
  // Where peers reach a site in this resource; empty: it cannot be one.
  std::string PeerAddressOf(const std::string& resource) const;
  // What a site of this process answers a peer, or itself. Blocking. Errors as Sites::Tell.
  [[nodiscard]] Result<SiteAnswer> Answer(const PeerCall& call);
  const Sites& sites() const { return sites_; }

  const std::vector<OwnResource>& resources() const { return resources_; }
  const Actors& actors() const { return actors_; }
  Outbox& outbox() { return outbox_; }

  // --- the coordinator's side
  // Any hello. kStaleEpoch: do not talk to this one.
  [[nodiscard]] Status Meet(const Hello& hello);
  [[nodiscard]] Status Attach(const Attached& attached);
  void Detached();
  // Whether the coordinator can be reached, by the last attempt.
  void InTouch(bool yes);
  // The coordinator was out of reach for longer than it keeps a session.
  void ForgetLeft();
  void Carry(const std::vector<Command>& commands);
  void Carry(std::vector<ActionCall> calls);
  void Ask(std::vector<Question> questions) { questions_.Take(std::move(questions), log_id()); }
  void Prune(const EndedThrough& mark) { pruner_.Prune(mark); }
  // Looks, on each resource's threads, for prepared branches, and reports those that nobody here
  // works on.
  void Scan();
  // No coordinator is there to command it again, and what a site's branch was to end as could not
  // be done in its database: the next scan tries that again.
  bool HasUnfinished() const;
  // Waits for what is being done to the databases and, for a second, for what was handed over;
  // for handlers of actions as long as their participants say.
  void Stop();

  std::string log_id() const;
  Epoch epoch() const;                                  // of the current log
  Epoch HighestEpoch(const std::string& log_id) const;  // 0: never heard of
  SessionId session() const;                            // empty while there is none
  // Waits until the session is another one than `not_this`; empty if that did not come in time.
  SessionId AwaitSession(const SessionId& not_this, Instant until) const;

  // --- the application's side
  // False: dead already (aborted while it was being enlisted).
  bool Adopt(const BranchKey& key, const std::string& resource, const SessionId& session,
             const std::string& trace_parent = {});
  // False: dead already; the handle is the caller's to fence.
  bool Hold(const BranchKey& key, std::shared_ptr<Branch> branch);
  // Tells the machine; true if it says Proceed. Other effects are performed by the resource's
  // threads.
  bool Tell(const BranchKey& key, const BranchEvent& event, Pace pace = Pace::kAtOnce);
  BranchState StateOf(const BranchKey& key) const;
  std::optional<FinishResult> EndOf(const BranchKey& key) const;
  // Waits until the branch has ended; nothing if that did not come in time.
  std::optional<FinishResult> AwaitEnd(const BranchKey& key, Instant until) const;

 private:
  struct Desk {
    OwnResource own;
    std::unique_ptr<Workers> workers;
    bool scanning = false;
    bool scan_failed = false;
    bool unfinished = false;  // of a site's branch, since the last scan began
  };

  bool Advance(const BranchKey& key, const std::function<Steps()>& handle,
               Pace pace = Pace::kAtOnce);
  void Perform(Steps steps, Pace pace = Pace::kAtOnce);
  // Of what is done in the databases: participant_work.cc.
  void Post(const Step& step);
  static bool StartBlocks(const BranchEffect& effect);
  Workers::Rest Start(const Step& step, Resource& resource);
  Workers::Rest StartPrepare(const BranchKey& key, Resource& resource, const Roster& sites);
  Workers::Rest StartFinish(const BranchKey& key, const std::string& resource,
                            const effect::FinishByHandle& finish);
  void RunFinish(const BranchKey& key, Resource& resource, const effect::FinishByKey& finish);
  FinishResult FinishStray(Resource& resource, const effect::FinishByKey& finish);
  void RunFence(const BranchKey& key);
  void RunScan(const std::string& name);
  void RefuseUnserved(const Command& command);
  // Of traces: participant_traces.cc.
  void WarnOf(const BranchKey& key, const std::string& line) const;
  void TellTrace(const BranchKey& key, Resource& resource) const;
  // Of sites: participant_sites.cc.
  void CarryToSite(const Command& command);
  void Conclude(const BranchKey& key, const std::string& resource, const SiteRecord& record,
                bool voted = true);
  bool MayFinish(const BranchKey& key, const std::string& resource, Decision decision,
                 const DecidedBy& by);
  void NotFinished(const std::string& resource);
  bool IsLeftToSites(const BranchKey& key, const std::string& resource);
  VoteResult PrepareSite(const BranchKey& key, Branch& branch, Resource& resource,
                         const Roster& sites);
  std::shared_ptr<Branch> HandleOf(const BranchKey& key) const;

  const std::vector<OwnResource> resources_;
  const Actors actors_;
  const Warn warn_;
  Outbox outbox_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  BranchTable table_;
  std::unordered_map<BranchKey, std::shared_ptr<Branch>> handles_;
  std::map<std::string, Desk> desks_;  // by resource name; made once
  std::string log_id_;
  SessionId session_;
  bool in_touch_ = false;
  const Sites sites_;
  std::string peer_address_;                // set once
  std::unique_ptr<RecoveryRounds> rounds_;  // set once; null: this process is no site
  Pruner pruner_;
  QuestionDesk questions_;
};

}  // namespace settle::sdk
