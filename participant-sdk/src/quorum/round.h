// One attempt to bring a transaction to its decision, as the one who leads it sees it: the first
// coordinator's, or a recovery round of a site or of a coordinator that came back. Pure.
//
//   Round round(sites, ballot);              // begins with an election
//   ... send round.message() to round.Unanswered(), again until they answer ...
//   if (round.Take(site, answer)) ... message() is another one now, for every site ...
//   if (round.decision()) ... message() tells it
//
// Before message() is sent for the first time, whoever leads has made the ballot its own durably
// (Ballot). It may stop at any time; what it leaves behind any later round brings to an end. Rounds
// led at the same time do no harm.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "settle/vocabulary/outcome.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::quorum {

class Round {
 public:
  // The first coordinator's, when every site has voted yes and it is durable that pre-commit may
  // have been sent: begins with the pre-commit of kFirstBallot.
  static Round First(const Roster& sites);
  // A recovery round.
  Round(const Roster& sites, const Ballot& ballot);

  const Ballot& ballot() const { return ballot_; }
  // What every site is to be told now.
  const PeerMessage& message() const { return message_; }
  // The sites that have not answered it to its end: accepted, joined, obeyed.
  std::vector<BranchNumber> Unanswered() const;
  // True: message() is another one from now on. An answer to an earlier message does no harm.
  bool Take(BranchNumber site, const SiteAnswer& answer);

  std::size_t sites() const { return answers_.size(); }
  std::size_t needed() const;
  std::optional<Decision> decision() const;
  // By whom, once it is decided: this round's own quorum, or what a site said that knew it.
  const DecidedBy& decided() const { return decided_; }
  // The highest ballot that any site spoke of: above ballot() it means that another round is led,
  // and that this one may never end. The next one needs a higher one.
  const Ballot& highest() const { return highest_; }

 private:
  bool Answered(const SiteAnswer& answer) const;
  std::vector<BranchNumber> WhoAnswered() const;
  bool Decide(PeerVerb decision, DecidedBy by);
  PeerVerb ChooseAttempt() const;

  Ballot ballot_;
  PeerMessage message_;
  std::map<BranchNumber, std::optional<SiteAnswer>> answers_;  // to message(), by site
  DecidedBy decided_;
  Ballot highest_;
};

}  // namespace settle::quorum
