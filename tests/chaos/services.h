// The services of the chaos, and their customers: sagas and reservations between two services, each
// with a barrier over a database of its own, and payments beside reservations.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "checker/notes.h"
#include "end_to_end/transfer_script.h"
#include "end_to_end/unanswered.h"
#include "settle/action_participant.h"
#include "settle/coordinator.h"

namespace settle::testing {

// Serves "step" (of sagas) and "hold" (a reservation) over the database of that DSN.
std::shared_ptr<ActionParticipant> MakeService(const std::string& name, const std::string& dsn);

// What a customer does, once. For one thread; blocking.
class Customer {
 public:
  Customer(Coordinator& coordinator, NotesWriter& notes, std::vector<std::string> services,
           unsigned seed)
      : coordinator_(coordinator), notes_(notes), services_(std::move(services)), random_(seed) {}

  // A chain over both services, which may fail at any of its steps before the pivot, or be
  // cancelled. Whether it committed.
  bool RunSaga();
  // A reservation in each service, and the payment in one of the banks. Whether it committed.
  bool Order(const std::map<std::string, Bank>& banks);

 private:
  Coordinator& coordinator_;
  NotesWriter& notes_;
  const std::vector<std::string> services_;
  std::minstd_rand random_;
  Unanswered unanswered_;
};

}  // namespace settle::testing
