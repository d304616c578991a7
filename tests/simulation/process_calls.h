// How a simulated process calls the coordinator: a request and a reply, each of which may be lost,
// late or doubled.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "protocol/describe.h"
#include "simulation/process.h"

namespace settle::simulation {

// What a process asks for, by the type of the answer.
template <typename T>
constexpr const char* kCall = "";
template <>
inline constexpr const char* kCall<Attached> = "attach";
template <>
inline constexpr const char* kCall<CommandBatch> = "fetch";
template <>
inline constexpr const char* kCall<std::monostate> = "report";
template <>
inline constexpr const char* kCall<Begun> = "begin";
template <>
inline constexpr const char* kCall<BranchNumber> = "enlist";
template <>
inline constexpr const char* kCall<CommitAnswer> = "commit";
template <>
inline constexpr const char* kCall<OnePhaseAnswer> = "one-phase";
template <>
inline constexpr const char* kCall<Ending> = "abort";

template <typename T>
std::string AnswerTo(const Result<T>& result) {
  std::string what = std::string(result ? "answer to " : "refusal of ") + kCall<T>;
  if constexpr (std::is_same_v<T, CommandBatch>) {
    for (std::size_t i = 0; result && i < result->commands.size(); ++i)
      what += std::string(", ") + coordinator::ToString(result->commands[i].kind);
  }
  return what;
}

template <typename T>
void Process::Ask(std::function<void(Engine&, Inquiry&, Completion<T>)> call,
                  std::function<void(Result<T>)> answer) {
  world_.Send(
      {name_, "coordinator", kCall<T>},
      [this, incarnation = incarnation_, call = std::move(call), answer = std::move(answer)] {
        coordinator_.Arrive([&](Engine& engine, Inquiry& inquiry) {
          call(engine, inquiry, [this, incarnation, answer](Result<T> result) {
            Message message{"coordinator", name_, AnswerTo(result)};
            world_.Send(std::move(message),
                        [this, incarnation, answer, result = std::move(result)] {
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
