// What an undecided site of three-phase commit does when the coordinator is silent: when it stops
// waiting, what it says to whom, when it tries again. Pure: time and chance are told to it, and
// what it wants is performed by participant/recovery_rounds.cc, or by a simulator.
//
//   Recovery recovery(key.number, roster, {}, now, chance);
//   for (;;) {
//     const recovery::Act act = recovery.Next(now);    // Wait, TakeBallot, Tell, Obey, Done
//     ... perform it, and say what came of it: Took, Answered and Over, Obeyed, Failed ...
//   }
//
// It leads attempts as quorum::Round, each under a ballot that its own record has taken, and never
// acts on a timer alone: without a majority it waits, tries again and says whom it cannot reach.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "quorum/round.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::sdk {

namespace recovery {

using Time = std::chrono::milliseconds;  // since whenever, by a clock that never goes back

struct Wait {
  Time until{0};
};
// Have the site's own record join an election of its own, of a round above this one: Took, Failed.
struct TakeBallot {
  std::uint64_t above = 0;
};
// Answered for each one that answers, in any order; Over once the others are not waited for any
// more, which need not be before Satisfied says that nothing is gained by waiting.
struct Tell {
  PeerMessage message;
  std::vector<BranchNumber> to;
};
// It is decided: put it into the own record, before anybody else is told: Obeyed, Failed.
struct Obey {
  PeerMessage message;
};
struct Done {};

using Act = std::variant<Wait, TakeBallot, Tell, Obey, Done>;

struct Settings {
  // How long the coordinator may be silent while it cannot be reached; `attached_factor` times as
  // long while it can. Each wait is longer by chance, by as much again at most.
  Time patience{3'000};
  int attached_factor = 10;
  // Between attempts that did not get on: doubled each time, and longer by chance as above.
  Time pause_first{250};
  Time pause_most{4'000};
};

}  // namespace recovery

// For one branch; used by one thread at a time. `chance`: drawn evenly from [0, 1).
class Recovery {
 public:
  Recovery(BranchNumber own, Roster sites, recovery::Settings settings, recovery::Time now,
           double chance);

  // The coordinator, or a site that leads a round, spoke of the branch: it is given time again.
  // What is being attempted is left to it, unless it is decided.
  void Heard(recovery::Time now, double chance);
  // From now on the coordinator can be reached, or cannot.
  void InTouch(bool yes, recovery::Time now);
  // The own record has become final by somebody else's word.
  void Settled();

  recovery::Act Next(recovery::Time now);
  // When Next is worth calling again, after a Wait and whatever was heard since.
  recovery::Time Due() const;

  // What came of it. What comes late does no harm.
  void Took(const Ballot& ballot, const SiteAnswer& own);
  void Answered(BranchNumber site, const SiteAnswer& answer);
  bool Satisfied() const;
  void Over(recovery::Time now, double chance);
  void Obeyed(const SiteAnswer& own);
  void Failed(recovery::Time now, double chance);

  // After an attempt that could not reach a majority; nothing while there is no such trouble.
  struct Shortage {
    std::vector<BranchNumber> reached;
    std::vector<BranchNumber> missing;
    std::size_t needed = 0;

    friend bool operator==(const Shortage&, const Shortage&) = default;
  };
  const std::optional<Shortage>& shortage() const { return shortage_; }
  const Roster& sites() const { return sites_; }

 private:
  enum class Phase { kTrusting, kAsking, kLeading, kRound, kObeying, kTelling, kDone };

  void NoteShortage();
  bool Decided(const SiteAnswer& answer);
  std::vector<BranchNumber> Others() const;

  const BranchNumber own_;
  const Roster sites_;
  const recovery::Settings settings_;
  Phase phase_ = Phase::kTrusting;
  bool in_touch_ = true;
  bool suspicious_ = false;    // has tried already: pauses instead of patience
  recovery::Time heard_;       // the last that was heard of the branch
  recovery::Time lost_touch_;  // since when the coordinator cannot be reached
  recovery::Time again_{0};    // suspicious: not before
  double chance_;
  recovery::Time pause_;
  std::uint64_t highest_ = kFirstBallot.round;  // round that anybody spoke of
  std::set<BranchNumber> reached_;              // in this attempt
  std::optional<quorum::Round> round_;
  PeerMessage told_;      // last
  PeerMessage decision_;  // of kObeying
  std::optional<Shortage> shortage_;
};

}  // namespace settle::sdk
