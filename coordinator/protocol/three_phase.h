// The part of quorum three-phase commit between the last vote and the decision, as the coordinator
// plays it: it leads the first attempt and, when that was outbid or cut short by a restart,
// recovery rounds; and it is a site itself (the witness) when the number of branches is even. Pure:
// what it decides is durable only once whoever owns it says so.
//
//   ThreePhase quorum(sites);
//   ... Persist{PreCommitRecord}; once durable: quorum.Begin() ...
//   while (auto at = quorum.ToKeep()) ... Persist{BallotRecord}; once durable: quorum.Kept(*at) ...
//   ... *quorum.message() to quorum.Unanswered(); their answers: quorum.Take(site, answer) ...
//   if (quorum.final_state()) ... Persist{CommitRecord or QuorumAbortRecord} ...
//
// Source: Keidar, Dolev, "Increasing the Resilience of Distributed and Replicated Database
// Systems", JCSS 57(3), 1998 (E3PC). docs/protocols.md has the state table.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "protocol/records.h"
#include "quorum/round.h"

namespace settle::coordinator {

class ThreePhase {
 public:
  explicit ThreePhase(Roster sites);
  // From the log: pre-commit may have been sent. Lead() before anything else.
  ThreePhase(const PreCommitRecord& record, const std::optional<BallotRecord>& ballot);

  const Roster& sites() const { return sites_; }
  bool has_witness() const;
  // Of the coordinator's own site, as it is durable. Without a witness: its own ballots alone.
  const SiteAnswer& kept() const { return kept_; }

  // Every site has voted yes, and it is durable that pre-commit may be sent: the first attempt.
  void Begin();
  // A recovery round is led once its ballot, which is above all that were heard of, is kept.
  void Lead();
  // What is led may never end: a higher ballot is led elsewhere, or it was told `tries` times and
  // those who joined its election have gone.
  bool IsStuck(int tries) const;

  // What must be durable next: its own ballot before that is led, its own acceptance before that is
  // counted.
  std::optional<SiteAnswer> ToKeep() const;
  // That is durable / what a peer made of the witness is. True: message() is another one.
  bool Kept(const SiteAnswer& at);
  bool KeptForPeer(const SiteAnswer& at);

  // A site's answer; whatever comes of one that there is not is ignored. True: message() is another
  // one, or it is decided.
  bool Take(BranchNumber site, const SiteAnswer& answer);
  // Somebody who knows said how it was decided.
  void Learn(SiteState final, const DecidedBy& by);

  // What the sites are told now; null while nothing is led.
  const PeerMessage* message() const { return round_ ? &round_->message() : nullptr; }
  // The sites that have not answered it, the witness left out.
  std::vector<BranchNumber> Unanswered() const;

  // Once it is decided, durable or not: what this site answers from then on.
  const std::optional<SiteAnswer>& final_state() const { return final_; }

  QuorumSummary Summary() const;

 private:
  bool TakeOwn();
  bool SeeDecision();
  Ballot Highest() const;

  Roster sites_;
  SiteAnswer kept_;
  bool leads_ = false;  // a recovery round, as soon as its ballot is kept
  std::optional<quorum::Round> round_;
  std::optional<SiteAnswer> final_;
  std::map<BranchNumber, SiteAnswer> last_;  // of each site that ever answered
};

}  // namespace settle::coordinator
