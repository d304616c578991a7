// The undecided sites of this process, and the threads that bring them to their end with their
// peers when the coordinator is silent: what participant/recovery.h wants, performed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "participant/recovery.h"
#include "participant/sites.h"
#include "participant/workers.h"
#include "settle/coordinator.h"
#include "transport/link.h"

namespace settle::sdk {

// Says it to the process at `address` (host:port) and waits for the answer, until `by` at most.
using TellPeer =
    std::function<Result<SiteAnswer>(const std::string& address, const PeerCall& call, Instant by)>;

// Thread-safe.
class RecoveryRounds {
 public:
  struct Ports {
    // What a site of this process answers, with all that follows from it (Participant::Answer).
    std::function<Result<SiteAnswer>(const PeerCall&)> here;
    TellPeer elsewhere;
    std::function<void(const BranchKey& of, const std::string& line)> warn;
  };
  // `coordinators`: where the coordinator's witness is asked. `sites` outlives this.
  RecoveryRounds(PeerOptions options, std::vector<std::string> coordinators, const Sites& sites,
                 Ports ports);
  ~RecoveryRounds();  // Stop()
  RecoveryRounds(const RecoveryRounds&) = delete;
  RecoveryRounds& operator=(const RecoveryRounds&) = delete;

  // An undecided site of this process; nothing new if it is known.
  void Watch(const BranchKey& key, const std::string& resource, const Roster& sites);
  // The coordinator, or a peer that leads, spoke of it.
  void Heard(const BranchKey& key);
  // Its record is final. False: it was not watched any more.
  bool Settled(const BranchKey& key);
  // By the sites' word, which is worth a line to people: once.
  void SettledBySites(const BranchKey& key, const std::string& resource, const SiteRecord& record,
                      bool just_now);
  // The coordinator can be reached, or cannot.
  void InTouch(bool yes);
  // Blocking: a few seconds at most.
  void Stop();

 private:
  struct Case {
    Case(std::string where, Recovery how) : resource(std::move(where)), recovery(std::move(how)) {}

    const std::string resource;
    Recovery recovery;
    recovery::Time due{0};
    bool busy = false;                            // a driver has it
    std::map<BranchNumber, std::string> trouble;  // why a site could not be reached, at last
    std::optional<Recovery::Shortage> said;
    std::string complained;
  };
  using CasePtr = std::shared_ptr<Case>;

  void Run();
  void Drive(const BranchKey& key, const CasePtr& watched);
  void Perform(const BranchKey& key, Case& watched, const recovery::TakeBallot& take);
  void Perform(const BranchKey& key, Case& watched, const recovery::Obey& obey);
  void Exchange(const BranchKey& key, const CasePtr& watched, const recovery::Tell& tell);
  Result<SiteAnswer> Ask(const BranchKey& site, const Roster& sites, const PeerMessage& message);
  Result<SiteAnswer> AskAt(const std::string& address, const PeerCall& call, Instant by);
  void SayShortage(const BranchKey& key, Case& watched);
  void Complain(const BranchKey& key, Case& watched, const Error& why);

  // Under the lock.
  recovery::Time Now() const;
  double Chance();
  void Schedule(const BranchKey& key, Case& watched, recovery::Time due);
  void Drop(const BranchKey& key);

  const PeerOptions options_;
  const std::vector<std::string> coordinators_;
  const Sites& sites_;
  const Ports ports_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<BranchKey, CasePtr> cases_;
  std::set<std::pair<recovery::Time, BranchKey>> queue_;  // those that no driver has
  std::map<std::string, Instant> unreachable_until_;      // by address
  std::minstd_rand random_{std::random_device{}()};
  bool in_touch_ = false;
  bool stopping_ = false;
  Workers drivers_;
  Workers calls_;
  std::thread thread_;
};

}  // namespace settle::sdk
