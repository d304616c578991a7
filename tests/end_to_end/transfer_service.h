// The services of the application program of the end-to-end tests: steps of sagas and reservations
// over a bank's barrier. The names are those of its banks with "till-" before.
//
//   move     moves the amount and notes the transfer; its compensation takes both back
//   refuse   fails for a reason of the business
//   hold     moves the amount; confirmed the transfer is noted, cancelled the amount goes back
//
// Each is called with {"amount": <n>, "account": <id>}. So a bank that is quiet holds the same as
// after a transfer by two-phase commit, and is judged by the same checker.
#pragma once

#include <memory>
#include <string>

#include "settle/action_participant.h"

namespace settle::testing {

// `dsn` as MakeBank takes it; the bank has the barrier's tables. Throws std::runtime_error.
std::shared_ptr<ActionParticipant> MakeTill(const std::string& bank, const std::string& dsn);

// The document of a saga that moves an amount out of bank a and into bank b. Its second step is its
// pivot, unless it `fails`: then a third is refused, and both are undone.
std::string TransferSaga(bool fails);

// What the steps and the tries of an amount are called with.
std::string TillInput(int amount, int account);

}  // namespace settle::testing
