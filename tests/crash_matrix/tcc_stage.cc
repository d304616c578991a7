#include "crash_matrix/tcc_stage.h"

#include <algorithm>
#include <set>

namespace settle::crash_matrix {

using coordinator::SagaCall;
using simulation::BarrierDatabase;
using simulation::Service;

namespace {

std::set<std::string> ParticipantsOf(const Scenario& scenario) {
  std::set<std::string> participants;
  for (const Transaction& transaction : scenario.transactions) {
    for (const Reservation& one : transaction.reservations) participants.insert(one.participant);
  }
  return participants;
}

}  // namespace

TccStage::TccStage(const Scenario& scenario, crash_matrix::Databases databases,
                   const std::vector<Crash>& crashes, const Staging& staging)
    : TwoPhaseStage(scenario, databases, crashes, staging),
      witness_(world_, coordinator_, reserved_) {
  for (const std::string& participant : ParticipantsOf(scenario)) {
    barriers_.emplace_back(
        world_, participant + "-db",
        [this](const SagaCall& call, const settle::Answer&) { witness_.TookEffect(call); });
  }
  for (const auto& [name, participants] : Served()) {
    Service::Databases own;
    for (const std::string& participant : participants) {
      if (BarrierDatabase* barrier = BarrierNamed(participant + "-db"))
        own.emplace(participant, barrier);
    }
    if (own.empty()) continue;
    Service& service =
        services_.emplace_back(world_, coordinator_, witness_, smooth_, name, std::move(own));
    service.by_plan = [this](const SagaCall& call) { return ByPlanOf(call); };
    service.delay_by_plan = [this](const SagaCall& call) {
      const bool first = call.op == ActionOp::kTry && call.attempt == 1;
      return microseconds(first ? ReservationOf(call).first_call_lies : milliseconds(0));
    };
    processes_[name] = &service;
  }
}

BarrierDatabase* TccStage::BarrierNamed(const std::string& name) {
  const auto found = std::find_if(barriers_.begin(), barriers_.end(),
                                  [&](const BarrierDatabase& one) { return one.name() == name; });
  return found == barriers_.end() ? nullptr : &*found;
}

bool TccStage::Ready() const {
  return TwoPhaseStage::Ready() &&
         std::all_of(services_.begin(), services_.end(),
                     [](const Service& service) { return service.attached(); });
}

std::vector<std::string> TccStage::Databases() const {
  std::vector<std::string> names = TwoPhaseStage::Databases();
  for (const BarrierDatabase& barrier : barriers_) names.push_back(barrier.name());
  return names;
}

void TccStage::CrashDatabase(const std::string& name) {
  BarrierDatabase* barrier = BarrierNamed(name);
  barrier != nullptr ? barrier->Crash() : TwoPhaseStage::CrashDatabase(name);
}

void TccStage::StartDatabase(const std::string& name) {
  BarrierDatabase* barrier = BarrierNamed(name);
  barrier != nullptr ? barrier->Start() : TwoPhaseStage::StartDatabase(name);
}

const Reservation& TccStage::ReservationOf(const SagaCall& call) const {
  return scenario_.transactions[0].reservations.at(call.key.number - 1);
}

std::optional<settle::Answer> TccStage::ByPlanOf(const SagaCall& call) {
  const Reservation& reservation = ReservationOf(call);
  const ByPlan& plan = call.op == ActionOp::kTry       ? reservation.reserves
                       : call.op == ActionOp::kConfirm ? reservation.confirms
                                                       : reservation.cancels;
  int& carried_out = carried_out_[{call.key.number, call.op}];
  if (carried_out >= plan.times) return std::nullopt;
  ++carried_out;
  return settle::Answer{plan.answer, "by plan", plan.answer == AnswerKind::kOngoing ? 1 : 0};
}

simulation::Tally TccStage::Count(const simulation::Note& note) const {
  simulation::Tally tally = TwoPhaseStage::Count(note);
  const auto reserved = reserved_.find(note.gtid);
  if (reserved == reserved_.end()) return tally;
  for (const auto& [branch, reservation] : reserved->second.reservations) {
    tally.wrote += reservation.reserved != 0 ? 1 : 0;
    tally.committed += reservation.confirmed != 0 ? 1 : 0;
  }
  return tally;
}

void TccStage::Judge() {
  TwoPhaseStage::Judge();
  for (const auto& [gtid, note] : notes_) reserved_[gtid].said_at_the_end = note.said_at_the_end;
  for (std::string& one : simulation::FindViolations(scene_)) Violation(std::move(one));
}

}  // namespace settle::crash_matrix
