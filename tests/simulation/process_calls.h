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
    for (std::size_t i = 0; result && i < result->commands.size(); ++i) {
      what += std::string(", ") + coordinator::ToString(result->commands[i].kind);
    }
  }
  return what;
}

// The same, in full, for people.
template <typename T>
std::string Told(const Result<T>& result) {
  std::string what = AnswerTo(result);
  if (!result) return what + ": " + result.error().message;
  if constexpr (std::is_same_v<T, CommandBatch>) {
    for (const Command& command : result->commands) what += " " + command.key.DatabaseName();
  } else if constexpr (std::is_same_v<T, Begun>) {
    what += ": " + result->gtid.text();
  } else if constexpr (std::is_same_v<T, BranchNumber>) {
    what += ": branch " + std::to_string(*result);
  } else if constexpr (std::is_same_v<T, CommitAnswer>) {
    what += ": " + Describe(result->ending) + (result->finish_here ? ", finish it yourself" : "");
    for (const BranchNumber branch : result->unfinished)
      what += ", not yet " + std::to_string(branch);
  } else if constexpr (std::is_same_v<T, OnePhaseAnswer>) {
    what += result->granted ? ": granted" : ": " + Describe(result->ending);
  } else if constexpr (std::is_same_v<T, Ending>) {
    what += ": " + Describe(*result);
  } else if constexpr (std::is_same_v<T, Attached>) {
    what += ": " + result->session + ", epoch " + std::to_string(result->epoch);
  }
  return what;
}

template <typename T>
struct Process::Question {
  Gtid about;
  Call<T> call;
  Answer<T> answer;
  int tries = 1;
  microseconds patience{0};
  std::uint64_t incarnation = 0;
  int round = 0;  // an answer to an earlier one is thrown away, as its connection was
  bool answered = false;
};

template <typename Task>
void Process::Run(std::uint64_t incarnation, const Task& task) {
  if (incarnation != incarnation_) return;
  if (!frozen_) return task();
  waiting_.emplace_back(task);
}

template <typename T>
void Process::Ask(const Gtid& about, int tries, microseconds patience, Call<T> call,
                  Answer<T> answer) {
  auto question = std::make_shared<Question<T>>();
  question->about = about;
  question->call = std::move(call);
  question->answer = std::move(answer);
  question->tries = tries;
  question->patience = patience;
  question->incarnation = incarnation_;
  Put(question);
}

template <typename T>
void Process::Put(const std::shared_ptr<Question<T>>& question) {
  const int round = ++question->round;
  world_.Send(
      to_coordinator_,
      [&] {
        std::string what = kCall<T>;
        if (world_.script == nullptr && !question->about.empty())
          what += " " + question->about.text();
        return what;
      },
      [this, question, round] { Reach(question, round); });
  Later(question->patience, [this, question, round] {
    if (question->answered || question->round != round) return;
    if (--question->tries > 0) return Put(question);
    question->answered = true;
    question->answer(Fail(ErrorCode::kAskOutcome, "no answer in time"));
  });
}

template <typename T>
void Process::Reach(const std::shared_ptr<Question<T>>& question, int round) {
  if (!coordinator_.up() || !Greets(question->incarnation)) return;
  coordinator_.Arrive([this, question, round](Engine& engine, Inquiry& inquiry) {
    question->call(engine, inquiry, [this, question, round](Result<T> result) {
      if (result) {
        witness_.Hears(question->about, *result);
      } else {
        witness_.Hears(question->about, result.error());
      }
      const auto what = [&] {
        return world_.script != nullptr ? AnswerTo(result) : simulation::Told(result);
      };
      world_.Send(from_coordinator_, what, [this, question, round, result] {
        Run(question->incarnation, [question, round, result] {
          if (question->answered || question->round != round) return;
          question->answered = true;
          question->answer(result);
        });
      });
    });
  });
}

}  // namespace settle::simulation
