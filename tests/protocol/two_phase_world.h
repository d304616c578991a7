// A two-phase machine, its log, and what the world has seen of it: for explorations of every order
// of events. Participants may say anything at any time; the log answers in order.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/two_phase.h"

namespace settle::coordinator {

struct World {
  std::optional<TwoPhase> machine{TwoPhase(Gtid(), Origin{}, {.branches_max = 2})};  // none: gone
  std::deque<Record> appended;
  std::vector<Record> durable;
  std::vector<Record> lazy;            // lost in a crash, unless "flush" came before it
  bool leave_given = false;            // to branch 1 as the last resource
  std::optional<BranchEnd> last_end;   // what became of that, in its database
  bool other_ended = false;            // branch 2 is not prepared any more
  bool commit_sent = false;            // commit or confirm
  bool abort_sent = false;             // abort or cancel
  std::optional<Outcome> told;         // the first final word
  std::optional<Outcome> damage_told;  // the last word of the damage
  bool forgotten = false;
  std::set<BranchNumber> called;         // a reservation's try, confirm or cancel
  std::set<BranchNumber> finish_called;  // its confirm or cancel
  std::set<BranchNumber> finished;       // and that was answered with done
  std::set<BranchNumber> call_timers;
  bool vote_timer = false;
  bool retry_timer = false;
  std::string broken;  // the rule that was broken last

  // Equal for worlds that no future can tell apart. Attempts and back-off are left out: they only
  // grow.
  std::string Key() const;
};

// One event, in the words of event_parser.h, or "crash" or "flush". An answer to attempt 0 answers
// the newest call. False: it cannot happen here. A rule that it breaks is in `world.broken`.
bool Take(World& world, const std::string& word);

// From any state a log that works and participants that obey bring it to its end.
bool CanEnd(World world);

}  // namespace settle::coordinator
