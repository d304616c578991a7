// Transactions whose branches the client numbers itself: the coordinator hears of them with the
// commit.
#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::Wait;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;

const std::vector<Work> kHere{{"process-1", "bank-a", -10}, {"process-1", "bank-b", 10}};
const std::vector<Work> kBoth{{"process-1", "bank-a", -10}, {"process-2", "bank-b", 10}};
const std::vector<Work> kAlone{{"process-1", "bank-a", 10}};

}  // namespace

std::vector<Scenario> OwnScenarios() {
  return {
      {.name = "own-commit",
       .story = "begin and commit are all that the coordinator is asked",
       .transactions = {{.work = kHere, .own = true}},
       .ends = {{kCommitted}}},
      {.name = "own-commit-told-at-the-decision",
       .story = "the same, and the client waits for the decision only",
       .transactions = {{.work = kHere, .wait = Wait::kDecision, .own = true}},
       .ends = {{kCommitted}}},
      {.name = "own-and-one-that-joined",
       .story = "another process joins by a call, and gets a number beyond those of the client",
       .transactions = {{.work = kBoth, .own = true}},
       .ends = {{kCommitted}},
       .shows = {"sends answer to enlist"}},
      {.name = "own-one-phase",
       .story = "a lone branch that is named with the request for leave to commit it",
       .transactions = {{.work = kAlone, .one_phase = true, .own = true}},
       .ends = {{kCommitted}},
       .shows = {"one-phase record"}},
      {.name = "own-commit-reply-lost",
       .story = "the client does not hear the answer and asks again, with the same branches",
       .transactions = {{.work = kHere, .own = true}},
       .incidents = {{"process-1", "sends commit",
                      MessagesAreLost{"coordinator", "process-1", "answer to commit", 1}}},
       .ends = {{kCommitted}}},
      {.name = "own-no-vote",
       .story = "a database refuses to prepare: the coordinator hears of both with the no",
       .transactions = {{.work = kHere, .own = true}},
       .incidents = {{"process-1", "works in bank-b", PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}}},
      {.name = "own-abort-by-the-application",
       .story = "the application changes its mind, and the coordinator knows of no branch",
       .transactions = {{.work = kHere, .own = true, .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}}},
      {.name = "own-deadline",
       .story = "the application never asks to commit: it is told to roll back what it numbered",
       .transactions = {{.work = kHere, .own = true, .then = Then::kNothing}},
       .ends = {{kAborted, AbortCause::kDeadline, false}}},
      {.name = "own-session-lost",
       .story = "the client is cut off with its work open: aborted before the deadline",
       .transactions = {{.work = kHere, .own = true, .then = Then::kNothing}},
       .incidents = {{"process-1", "works in bank-b",
                      ProcessIsCutOff{"process-1", milliseconds(250)}}},
       .ends = {{kAborted, AbortCause::kParticipantLost, false}}},
      {.name = "own-session-lost-when-prepared",
       .story = "the client dies with its branches prepared and has not asked to commit",
       .transactions = {{.work = kHere, .own = true}},
       .incidents = {{"process-1", "prepares in bank-b",
                      ProcessIsAway{"process-1", milliseconds(900)}}},
       .ends = {{kAborted, AbortCause::kParticipantLost, false}}},
      {.name = "own-operator-aborts",
       .story = "an operator aborts it while the application works",
       .transactions = {{.work = kHere, .own = true}},
       .incidents = {{"process-1", "works in bank-b", OperatorAborts{}}},
       .ends = {{kAborted, AbortCause::kOperator}}},
      {.name = "own-coordinator-away-when-prepared",
       .story = "the coordinator restarts between prepare and commit, and presumes abort",
       .transactions = {{.work = kHere, .own = true}},
       .incidents = {{"process-1", "prepares in bank-b", CoordinatorIsAway{milliseconds(50)}}},
       .ends = {{kAborted, AbortCause::kPresumed}}},
  };
}

}  // namespace settle::crash_matrix
