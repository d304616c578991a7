// A coordinator of a three-phase commit, its log, the sites and what is on its way between them:
// for walks through orders of events that nobody thought of. Sites obey the rule of quorum/site.h
// and lead rounds themselves; messages are lost, doubled and overtaken; the coordinator crashes,
// and what a planted bug does not force a crash may take away.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "protocol/two_phase.h"
#include "quorum/round.h"

namespace settle::coordinator {

class ThreePhaseWorld {
 public:
  ThreePhaseWorld(BranchNumber branches, unsigned seed);

  // One event of whatever may happen now. A rule that it breaks is in broken().
  void StepWithFaults();
  // From now on nothing is lost, and nobody crashes. `coordinator_lives`: else it is gone for good.
  void Heal(bool coordinator_lives);
  // Until every site has ended. False: they do not.
  bool CanEnd();

  const std::string& broken() const { return broken_; }
  const std::vector<std::string>& trail() const { return trail_; }
  SiteState StateOf(BranchNumber site) const { return sites_.at(site).state; }
  // Of the faults that fired.
  struct Counts {
    int crashes = 0;
    int restored = 0;  // undecided, after pre-commit
    int refused = 0;
    int site_rounds = 0;
    int decided_by_sites = 0;  // learned by the coordinator
  };
  const Counts& counts() const { return counts_; }

 private:
  struct PeerCall {
    BranchNumber from = 0;
    BranchNumber to = 0;
    PeerMessage message;
  };
  bool Chance(unsigned percent) { return random_() % 100 < percent; }
  void Broken(const std::string& rule);
  void Handle(const Event& event);
  void See(const Effect& effect);
  void AnswerLog(bool durable);
  void Crash();
  void DeliverCommand();
  void DeliverReport();
  void DeliverPeerCall();
  void LeadAt(BranchNumber site);
  void SendRound(BranchNumber site);
  void AnswerLeader(BranchNumber leader, BranchNumber from, const SiteAnswer& answer);
  void Keep(BranchNumber site, const SiteAnswer& at);
  void Tell(Outcome outcome);
  SiteAnswer Witness() const;
  std::optional<SiteAnswer> AnswerOfTheLog() const;
  void Scan();
  template <typename T>
  std::optional<T> TakeAny(std::deque<T>& from);

  std::mt19937 random_;
  const BranchNumber branches_;
  bool faults_ = true;
  bool gone_for_good_ = false;
  std::optional<TwoPhase> machine_;
  std::deque<settle::coordinator::Record> appended_;
  std::vector<settle::coordinator::Record> durable_;
  std::size_t forced_ = 0;        // so many of them no crash takes away
  std::optional<Outcome> ended_;  // the end is in the log
  std::optional<Outcome> told_;
  std::map<BranchNumber, SiteAnswer> sites_;
  std::map<BranchNumber, quorum::Round> rounds_;  // led by sites
  Roster roster_;
  std::deque<effect::Send> commands_;
  std::deque<Event> reports_;
  std::deque<PeerCall> peer_calls_;
  std::map<std::uint64_t, PeerCall> asked_;  // the coordinator's witness
  std::uint64_t next_call_ = 1;
  std::vector<Ballot> led_;         // by sites
  std::map<Ballot, int> led_here_;  // by the coordinator, in which of its lives
  std::string broken_;
  std::vector<std::string> trail_;
  Counts counts_;
};

}  // namespace settle::coordinator
