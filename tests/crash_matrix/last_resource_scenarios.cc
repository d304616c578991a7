// Commits by a last resource: one branch of several is committed instead of being prepared.
#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::Wait;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;

const std::vector<Work> kTwo{{"process-1", "bank-a", -10}, {"process-1", "bank-b", 10}};
const std::vector<Work> kThree{
    {"process-1", "bank-a", -10}, {"process-1", "bank-b", 4}, {"process-1", "bank-c", 6}};
// So that another process is there that serves what the first one works in.
const Transaction kElsewhere{.work = {{"process-2", "bank-d", -5}, {"process-2", "bank-e", 5}},
                             .client = "process-2"};

const char* const kCommitsLast = "commits the last resource in bank-a";

}  // namespace

std::vector<Scenario> LastResourceScenarios() {
  return {
      {.name = "last-resource",
       .story = "two branches, of which one is committed instead of being prepared",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .ends = {{kCommitted}},
       .shows = {"last-resource record"}},
      {.name = "last-resource-told-at-the-decision",
       .story = "the same, and the client waits for the decision only",
       .transactions = {{.work = kTwo, .wait = Wait::kDecision, .last_resource = 1}},
       .ends = {{kCommitted}},
       .shows = {"last-resource record"}},
      {.name = "last-resource-of-three",
       .story = "two branches are prepared in the name of a third one",
       .transactions = {{.work = kThree, .last_resource = 1}},
       .ends = {{kCommitted}},
       .shows = {"last-resource record"}},
      {.name = "last-resource-beside-a-reader",
       .story = "the other branch wrote nothing",
       .transactions = {{.work = {{"process-1", "bank-a", 10}, {"process-1", "bank-b", 0}},
                         .last_resource = 0}},
       .ends = {{kCommitted}},
       .shows = {"last-resource record"}},
      {.name = "last-resource-and-a-no-vote",
       .story = "the branch that is to be prepared in its name cannot be",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .incidents = {{"process-1", "works in bank-b", PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}}},
      {.name = "last-resource-leave-lost",
       .story = "the leave to decide is lost and asked for again",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .incidents = {{"process-1", "sends one-phase",
                      MessagesAreLost{"coordinator", "process-1", "answer to one-phase", 1}}},
       .ends = {{kCommitted}}},
      {.name = "last-resource-session-lost",
       .story = "the client is cut off once it has committed the last resource",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .incidents = {{"process-1", kCommitsLast, ProcessIsCutOff{"process-1", milliseconds(450)}}},
       .ends = {{kCommitted}}},
      {.name = "last-resource-client-away",
       .story = "the client dies once it has committed the last resource, and another process is "
                "asked",
       .transactions = {{.work = kTwo, .last_resource = 0}, kElsewhere},
       .incidents = {{"process-1", kCommitsLast, ProcessIsAway{"process-1", milliseconds(900)}}},
       .ends = {{kCommitted, AbortCause::kNone, false}, {kCommitted}},
       .all_serve_all = true,
       .shows = {"answer to fetch, prove"}},
      {.name = "last-resource-both-away",
       .story = "the client and the coordinator die once the last resource is committed",
       .transactions = {{.work = kThree, .last_resource = 0}, kElsewhere},
       .incidents = {{"process-1", kCommitsLast, ProcessIsAway{"process-1", milliseconds(900)}},
                     {"process-1", kCommitsLast, CoordinatorIsAway{milliseconds(100)}}},
       .ends = {{kCommitted, AbortCause::kNone, false}, {kCommitted}},
       .all_serve_all = true,
       .timing = 2},
      {.name = "last-resource-and-a-hand",
       .story = "an operator rolls back what is prepared in its name, and it commits",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .incidents = {{"process-1", kCommitsLast, OperatorFinishes{"bank-b", Decision::kAbort}}},
       .ends = {{Outcome::kMixed}},
       .shows = {"heuristic record: 2 aborted"}},
      {.name = "last-resource-and-a-late-operator",
       .story = "an operator aborts it when leave was given: too late",
       .transactions = {{.work = kTwo, .last_resource = 0}},
       .incidents = {{"coordinator", "sends answer to one-phase", OperatorAborts{}}},
       .ends = {{kCommitted}}},
      {.name = "last-resource-of-own-branches",
       .story = "the client numbers its branches itself: the coordinator hears of them with the "
                "request for leave",
       .transactions = {{.work = kThree, .own = true, .last_resource = 1}},
       .ends = {{kCommitted}},
       .shows = {"last-resource record"}},
      {.name = "last-resource-of-own-branches-leave-lost",
       .story = "the leave is lost and asked for again, with the same branches",
       .transactions = {{.work = kTwo, .own = true, .last_resource = 0}},
       .incidents = {{"process-1", "sends one-phase",
                      MessagesAreLost{"coordinator", "process-1", "answer to one-phase", 1}}},
       .ends = {{kCommitted}}},
      {.name = "last-resource-of-own-branches-both-away",
       .story = "the client and the coordinator die once the last resource is committed",
       .transactions = {{.work = kThree, .own = true, .last_resource = 0}, kElsewhere},
       .incidents = {{"process-1", kCommitsLast, ProcessIsAway{"process-1", milliseconds(900)}},
                     {"process-1", kCommitsLast, CoordinatorIsAway{milliseconds(100)}}},
       .ends = {{kCommitted, AbortCause::kNone, false}, {kCommitted}},
       .all_serve_all = true,
       .timing = 2},
  };
}

}  // namespace settle::crash_matrix
