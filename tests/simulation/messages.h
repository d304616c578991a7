// What a message between a process and the coordinator says, for transcripts and scripts.
#pragma once

#include <string>
#include <type_traits>

#include "engine/engine.h"
#include "protocol/describe.h"

namespace settle::simulation {

using namespace coordinator;

// What a process asks for, by the type of the answer, where one type is one call.
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
inline constexpr const char* kCall<coordinator::TryAnswer> = "try";
template <>
inline constexpr const char* kCall<CommitAnswer> = "commit";
template <>
inline constexpr const char* kCall<OnePhaseAnswer> = "one-phase";
template <>
inline constexpr const char* kCall<SiteAnswer> = "peer";
template <>
inline constexpr const char* kCall<Ending> = "abort";

template <typename T>
std::string AnswerTo(const char* call, const Result<T>& result) {
  std::string what = std::string(result ? "answer to " : "refusal of ") + call;
  if constexpr (std::is_same_v<T, CommandBatch>) {
    for (std::size_t i = 0; result && i < result->commands.size(); ++i)
      what += std::string(", ") + coordinator::ToString(result->commands[i].kind);
    for (std::size_t i = 0; result && i < result->calls.size(); ++i)
      what += std::string(", ") + settle::ToString(result->calls[i].op);
  }
  return what;
}

// The same, in full, for people.
template <typename T>
std::string Told(const char* call, const Result<T>& result) {
  std::string what = AnswerTo(call, result);
  if (!result) return what + ": " + result.error().message;
  if constexpr (std::is_same_v<T, CommandBatch>) {
    for (const Command& command : result->commands) what += " " + command.key.DatabaseName();
    for (const SagaCall& one : result->calls)
      what += " " + one.key.DatabaseName() + " attempt " + std::to_string(one.attempt);
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

}  // namespace settle::simulation
