// What transactions with reservations are put through.
#include "crash_matrix/scenario.h"

namespace settle::crash_matrix {
namespace {

using coordinator::Wait;

constexpr auto kCommitted = Outcome::kCommitted;
constexpr auto kAborted = Outcome::kAborted;
constexpr auto kFails = AnswerKind::kFailed;
constexpr auto kThrows = AnswerKind::kUnknown;
constexpr int kForEver = 1'000'000;

const char* const kTries = "answer to fetch, try";
const char* const kConfirms = "answer to fetch, confirm";
const char* const kCancels = "answer to fetch, cancel";
const char* const kDecided = "has made durable commit record";

const std::vector<Reservation> kSeat{{.participant = "airline"}};
const std::vector<Reservation> kSeatAndRoom{{.participant = "airline"}, {.participant = "hotels"}};
// Either service may carry it out.
const std::vector<Reservation> kCredit{{.participant = "bank"}};
const std::vector<Work> kOneHereOneThere{{"process-1", "orders", 1}, {"process-2", "stock", -1}};

std::vector<Scenario> Kept() {
  return {
      {.name = "tcc-confirmed",
       .story = "two reservations are made and confirmed",
       .transactions = {{.reservations = kSeatAndRoom}},
       .ends = {{kCommitted}},
       .shows = {kTries, kConfirms}},
      {.name = "tcc-told-at-the-decision",
       .story = "a reservation, whose client waits for the decision only",
       .transactions = {{.reservations = kCredit, .wait = Wait::kDecision}},
       .ends = {{kCommitted}},
       .shows = {kConfirms}},
      {.name = "tcc-one-after-another",
       .story = "a second one, whose calls tell the service that the first has ended",
       .transactions = {{.reservations = kSeat},
                        {.reservations = kSeat, .later = milliseconds(8)}},
       .ends = {{kCommitted}, {kCommitted}}},
      {.name = "tcc-try-throws",
       .story = "a try brings no result twice, and is called again",
       .transactions = {{.reservations = {{.participant = "airline", .reserves = {2, kThrows}}}}},
       .ends = {{kCommitted}}},
      {.name = "tcc-try-reply-lost",
       .story = "the client does not hear that it is reserved, and asks again",
       .transactions = {{.reservations = kSeat}},
       .incidents = {{"process-1", "sends try",
                      MessagesAreLost{"coordinator", "process-1", "answer to try", 1}}},
       .ends = {{kCommitted}}},
      {.name = "tcc-confirm-refused",
       .story = "a confirm fails twice, and is repeated until it is done",
       .transactions = {{.reservations = {{.participant = "airline", .confirms = {2, kFails}}}}},
       .ends = {{kCommitted}},
       .shows = {"answers confirm"}},
      {.name = "tcc-confirm-lost",
       .story = "a confirm does not reach the service, and is sent again",
       .transactions = {{.reservations = kSeat}},
       .incidents = {{"coordinator", kDecided,
                      MessagesAreLost{"coordinator", "service-1", kConfirms, 1}}},
       .ends = {{kCommitted}}},
      {.name = "tcc-confirm-repeated",
       .story = "the answer of a confirm is lost until it is called again",
       .transactions = {{.reservations = kSeat}},
       .incidents = {{"airline-db", "commits confirm",
                      MessagesAreLost{"service-1", "coordinator", "report", 3}}},
       .ends = {{kCommitted}}},
      {.name = "tcc-service-away",
       .story = "the service dies when it has reserved, and is away for a while",
       .transactions = {{.reservations = kSeat}},
       .incidents = {{"coordinator", kDecided, ProcessIsAway{"service-1", milliseconds(600)}}},
       .ends = {{kCommitted}}},
  };
}

std::vector<Scenario> GivenBack() {
  return {
      {.name = "tcc-try-fails",
       .story = "the second of two tries fails: both are cancelled",
       .transactions = {{.reservations = {{.participant = "airline"},
                                          {.participant = "hotels",
                                           .reserves = {kForEver, kFails}}}}},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kCancels}},
      {.name = "tcc-aborted-by-the-client",
       .story = "the client changes its mind when all is reserved",
       .transactions = {{.reservations = kSeatAndRoom, .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kCancels}},
      {.name = "tcc-cancel-refused",
       .story = "a cancel fails twice, and is repeated until it is done",
       .transactions = {{.reservations = {{.participant = "airline", .cancels = {2, kFails}}},
                         .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kCancels}},
      {.name = "tcc-deadline-with-a-try-in-flight",
       .story = "the deadline passes while a try brings no result",
       .transactions = {{.reservations = {{.participant = "airline",
                                           .reserves = {kForEver, kThrows}}}}},
       .ends = {{kAborted, AbortCause::kDeadline}},
       .shows = {kCancels}},
      {.name = "tcc-deadline-when-reserved",
       .story = "the client reserves and is not heard of again",
       .transactions = {{.reservations = kCredit, .then = Then::kNothing}},
       .ends = {{kAborted, AbortCause::kDeadline, false}},
       .shows = {kCancels}},
      {.name = "tcc-try-after-its-cancel",
       .story = "a try lies there until its cancel has been: it must not reserve",
       .transactions = {{.reservations = {{.participant = "airline",
                                           .first_call_lies = milliseconds(60)}}}},
       .incidents = {{"coordinator", "sends answer to fetch, try", OperatorAborts{}}},
       .ends = {{kAborted, AbortCause::kOperator}},
       .shows = {"suppressed"}},
      {.name = "tcc-copy-of-a-refused-try",
       .story = "a try is called again and fails, and its first copy comes after that",
       .transactions = {{.reservations = {{.participant = "airline",
                                           .reserves = {1, kFails},
                                           .first_call_lies = milliseconds(60)}},
                         .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kCancels, "suppressed"}},
      {.name = "tcc-log-refuses-the-decision",
       .story = "the disk is full when all is reserved and decided",
       .transactions = {{.reservations = kSeat}},
       .incidents = {{"airline-db", "commits try", DiskIsFull{}}},
       .ends = {{kAborted, AbortCause::kLogRefused}},
       .shows = {kCancels}},
  };
}

std::vector<Scenario> BesideDatabases() {
  return {
      {.name = "tcc-beside-databases",
       .story = "a reservation and two database branches, here and there, are committed",
       .transactions = {{.work = kOneHereOneThere, .reservations = kSeat}},
       .ends = {{kCommitted}},
       .shows = {kConfirms, "answer to fetch, prepare"}},
      {.name = "tcc-beside-databases-aborted",
       .story = "a reservation and two database branches, and the client changes its mind",
       .transactions = {{.work = kOneHereOneThere, .reservations = kSeat, .then = Then::kAbort}},
       .ends = {{kAborted, AbortCause::kRequested}},
       .shows = {kCancels}},
      {.name = "tcc-beside-a-database-that-refuses",
       .story = "a database refuses to prepare: what was reserved is cancelled",
       .transactions = {{.work = kOneHereOneThere, .reservations = kSeat}},
       .incidents = {{"coordinator", "sends answer to fetch, prepare", PrepareIsRefused{}}},
       .ends = {{kAborted, AbortCause::kVotedNo}},
       .shows = {kCancels}},
  };
}

}  // namespace

std::vector<Scenario> TccScenarios() {
  std::vector<Scenario> scenarios;
  for (const auto& some : {Kept(), GivenBack(), BesideDatabases()})
    scenarios.insert(scenarios.end(), some.begin(), some.end());
  return scenarios;
}

}  // namespace settle::crash_matrix
