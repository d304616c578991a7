// A transaction of quorum three-phase commit with its sites, its first coordinator and the leaders
// of recovery rounds, made of nothing but quorum::After, quorum::HowToKeep and quorum::Round. What
// was sent may arrive at any later time, any number of times, or never; what was not forced is lost
// in a crash. An answer reaches its leader at once or never: one that is late is like one that came
// at once to a leader that was slow to go on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quorum/round.h"
#include "quorum/site.h"

namespace settle::quorum {

// What the callers of these rules owe them, and can fail to do.
enum class Omission {
  kNone,
  kForgetsThatItPreCommitted,  // the first coordinator, in a crash
  kAbortsAloneInW,             // a site, by its timer
  kLeadsWithoutItsOwnRecord,   // a site: so another process of it may lead the same ballot
  kReusesItsBallot,            // a coordinator that comes back, for it did not force it
  kAnswersBeforeItIsDurable,   // the witness
};

struct Setting {
  std::vector<BranchNumber> sites;  // 0: the coordinator's witness is one of them
  std::vector<Ballot> recoveries;   // that may be led, each by its own leader
  Omission omission = Omission::kNone;
};

class World {
 public:
  explicit World(const Setting& setting);

  // All that can happen now, in words.
  std::vector<std::string> Choices() const;
  // One of them happens.
  void Do(const std::string& choice);

  // What all that can happen from here on depends on.
  std::string Key() const;
  // Who decided otherwise than another; empty: nobody.
  const std::string& broken() const { return broken_; }
  // "1 waiting 1.0, 2 pre-committed 2.1/1.0": state, election joined, attempt accepted.
  std::string Describe() const;

  // Whether these sites and no other, with nothing but what is durable, end the transaction, all
  // alike and as anybody has decided before, when the first of them leads a round. Empty: they do;
  // else what is wrong.
  std::string EndsAmong(const std::vector<BranchNumber>& connected) const;
  // Whether a site that reaches nobody decides nothing that it did not know. Empty: it does not.
  std::string WaitsAlone(BranchNumber number) const;

 private:
  struct Site {
    SiteAnswer kept;
    SiteAnswer durable;
    bool voted = false;  // yes; the vote is on its way, or has come
  };
  // A ballot that is led, or was.
  struct Lead {
    Ballot ballot;
    std::optional<Round> round;                // none: its leader died
    std::vector<PeerMessage> sent;             // to every site
    std::map<BranchNumber, SiteAnswer> taken;  // answers to the last message
  };

  bool HasWitness() const { return sites_.contains(0); }
  std::string NameOf(const Lead& lead) const;
  Lead& LeadNamed(const std::string& name);
  bool CanPreCommit() const;
  bool CanAbortAlone() const;
  bool CoordinatorMayForget() const;
  bool MayLead(const Ballot& ballot) const;
  void ListMessages(const Lead& lead, std::vector<std::string>& choices) const;
  static bool Counts(const Lead& lead, BranchNumber number, const SiteAnswer& answer);

  void PreCommit();
  void AbortAlone();
  void CrashCoordinator();
  void CrashSite(BranchNumber number);
  void StartToLead(const Ballot& ballot);
  SiteAnswer Hear(BranchNumber number, const PeerMessage& message);
  void Take(Lead& lead, BranchNumber number, const SiteAnswer& answer);
  void Keep(Site& site, const SiteAnswer& after);
  void Decided(Decision decision, const std::string& by);
  void Die(Lead& lead);

  Setting setting_;
  Roster roster_;
  std::map<BranchNumber, Site> sites_;
  std::vector<Lead> leads_;     // in the order in which they were led
  bool pre_committed_ = false;  // the first coordinator knows that it sent it
  bool aborted_alone_ = false;
  bool coordinator_crashed_ = false;         // it does so once at the most
  std::map<Decision, std::string> decided_;  // and by whom first
  std::string broken_;
};

}  // namespace settle::quorum
