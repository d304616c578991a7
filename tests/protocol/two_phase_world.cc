#include "protocol/two_phase_world.h"

#include "protocol/describe.h"

namespace settle::coordinator {

using State = TwoPhase::State;

std::string World::Key() const {
  std::string key = machine ? Describe(*machine) : "gone";
  if (machine) {
    for (const TwoPhase::Branch& branch : machine->branches()) {
      key += "|" + branch.session + (branch.voted_by_caller ? "c" : "") +
             (branch.voted ? settle::ToString(branch.vote().vote) : "") + branch.resource;
      if (branch.reservation) {
        key += "|w" + std::to_string(static_cast<int>(branch.reservation->waits)) +
               (branch.reservation->maybe_called ? "m" : "") + branch.reservation->result;
      }
    }
    key += std::string("|") + settle::ToString(machine->ending().outcome) +
           settle::ToString(machine->ending().cause) + machine->beginner().session;
    for (const event::FoundPrepared& found : machine->beginner().found.OrEmpty())
      key += "|f:" + Describe(found);
  }
  for (const Record& record : appended) key += "|a:" + Describe(record);
  for (const Record& record : lazy) key += "|l:" + Describe(record);
  key += leave_given ? "|leave" : "";
  if (last_end) key += settle::ToString(*last_end);
  key += other_ended ? "|other" : "";
  for (const Record& record : durable) key += "|d:" + Describe(record);
  if (told) key += std::string("|told ") + settle::ToString(*told);
  if (damage_told) key += std::string("|damage ") + settle::ToString(*damage_told);
  for (const auto* set : {&called, &finish_called, &finished, &call_timers}) {
    key += '|';
    for (const BranchNumber number : *set) key += std::to_string(number);
  }
  for (const bool flag : {commit_sent, abort_sent, forgotten, vote_timer, retry_timer})
    key += flag ? '1' : '0';
  return key;
}

bool CanEnd(World world) {
  for (int steps = 0; steps < 20; ++steps) {
    if (!world.machine || world.forgotten || world.machine->state() == State::kDamaged) return true;
    if (!world.appended.empty()) {
      Take(world, "persisted");
      continue;
    }
    if (world.machine->state() == State::kActive) {
      Take(world, "abort requested \"end\"");
      continue;
    }
    Take(world, world.machine->state() == State::kLastResource ? "retry" : "retry-timer");
    const bool commits =
        world.machine->ending().committed() || world.machine->state() == State::kOnePhase ||
        (world.machine->state() == State::kLastResource && world.last_end != BranchEnd::kAborted);
    const std::vector<TwoPhase::Branch> branches = world.machine->branches();
    for (const TwoPhase::Branch& branch : branches) {
      const std::string number = std::to_string(branch.number);
      Take(world, "vote " + number + " commit");
      for (const char* op : {"try", "confirm", "cancel"})
        Take(world, "answer " + number + " " + op + " 0 done");
      Take(world, "finished " + number + (commits ? " committed" : " aborted"));
    }
  }
  return false;
}

}  // namespace settle::coordinator
