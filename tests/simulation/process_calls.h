// How a simulated process calls the coordinator: a request and a reply, each of which may be lost,
// late or doubled.
#pragma once

#include <memory>
#include <utility>

#include "simulation/process.h"

namespace settle::simulation {

template <typename T>
void Process::Ask(std::function<void(Engine&, Inquiry&, Completion<T>)> call,
                  std::function<void(Result<T>)> answer) {
  world_.Send(
      [this, incarnation = incarnation_, call = std::move(call), answer = std::move(answer)] {
        coordinator_.Arrive([&](Engine& engine, Inquiry& inquiry) {
          call(engine, inquiry, [this, incarnation, answer](Result<T> result) {
            world_.Send([this, incarnation, answer, result = std::move(result)] {
              if (incarnation == incarnation_) answer(result);
            });
          });
        });
      });
}

template <typename T>
void Process::AskAgain(int tries, microseconds patience,
                       std::function<void(Engine&, Inquiry&, Completion<T>)> call,
                       std::function<void(Result<T>)> answer) {
  auto answered = std::make_shared<bool>(false);
  Ask<T>(call, [answered, answer](Result<T> result) {
    if (std::exchange(*answered, true))
      return;  // a second copy, or read after the time-out: thrown away
    answer(std::move(result));
  });
  Later(patience,
        [this, answered, tries, patience, call = std::move(call), answer = std::move(answer)] {
          if (std::exchange(*answered, true)) return;
          if (tries > 1) return AskAgain<T>(tries - 1, patience, call, answer);
          answer(Fail(ErrorCode::kAskOutcome, "no answer in time"));
        });
}

}  // namespace settle::simulation
