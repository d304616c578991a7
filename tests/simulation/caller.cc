#include "simulation/caller.h"

namespace settle::simulation {

Caller::Caller(World& world, CoordinatorNode& coordinator, std::string name)
    : world_(world),
      coordinator_(coordinator),
      name_(std::move(name)),
      to_coordinator_{name_, Direction::kToCoordinator},
      from_coordinator_{name_, Direction::kFromCoordinator} {}

void Caller::Start() {
  up_ = true;
  ++incarnation_;
  world_.Say("---- ", name_, " starts ----");
  OnStart();
}

void Caller::Crash() {
  world_.Say("---- ", name_, " crashes ----");
  up_ = false;
  frozen_ = false;
  waiting_.clear();
  ++incarnation_;
  session_.clear();
  OnCrash();
}

void Caller::Freeze() {
  world_.Say("---- ", name_, " frozen ----");
  frozen_ = true;
}

void Caller::Thaw() {
  if (!frozen_) return;
  world_.Say("---- ", name_, " goes on ----");
  frozen_ = false;
  for (const std::function<void()>& task : std::exchange(waiting_, {})) task();
}

void Caller::Detach() {
  const SessionId session = session_;
  world_.Send(
      to_coordinator_, [] { return std::string("detach"); },
      [this, session] {
        coordinator_.Arrive([session](Engine& engine, Inquiry&) {
          engine.Detach(session, [](const Result<std::monostate>&) {});
        });
      });
  Crash();
}

void Caller::Later(microseconds delay, std::function<void()> task) {
  world_.After(delay, [this, incarnation = incarnation_, task = std::move(task)] {
    Run(incarnation, task);
  });
}

}  // namespace settle::simulation
