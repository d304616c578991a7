// One connection to the coordinator: framed binary Thrift behind hard limits, its calls as values.
//
//   auto link = Link::Open({.addresses = {"127.0.0.1:7420"}}, nullptr, Clock::now() + 2s);
//   auto begun = (*link)->Begin({.timeout = 30s}, Clock::now() + 5s);
//
// A call that got no reply leaves the link broken for good: a reply that comes late would be taken
// for the answer to the next question.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "settle/tls.h"
#include "settle/vocabulary/status.h"
#include "transport/address.h"
#include "transport/interrupter.h"
#include "transport/messages.h"

namespace settle::sdk {

using Instant = std::chrono::steady_clock::time_point;

// A century: what is waited for at most, so that a caller's "for ever" (milliseconds::max()) is no
// time that the clock cannot hold.
inline constexpr milliseconds kForever = std::chrono::hours(24 * 36'525);
inline Instant FromNow(milliseconds time) {
  return std::chrono::steady_clock::now() + std::clamp(time, -kForever, kForever);
}

struct LinkSettings {
  std::vector<std::string> addresses;   // host:port or unix:/path, tried in turn
  std::string application;              // for people
  milliseconds connect_timeout{2'000};  // for each address, and again for its hello
  TlsOptions tls{};
};

// Is it worth saying the same again?
inline bool IsPassing(ErrorCode code) {
  return code == ErrorCode::kRetry || code == ErrorCode::kUnavailable ||
         code == ErrorCode::kAskOutcome;
}

// Used by one thread at a time.
class Link {
 public:
  // Blocking: connects and says hello. kUnavailable names every address and what was wrong with it;
  // kVersion. `interrupter` may be null; else it ends any wait.
  [[nodiscard]] static Result<std::unique_ptr<Link>> Open(const LinkSettings& settings,
                                                          const Interrupter* interrupter,
                                                          Instant deadline);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const Hello& hello() const { return hello_; }
  bool broken() const { return broken_; }

  // Blocking until `deadline` at most. The coordinator's own errors come with its codes;
  // kAskOutcome: the reply did not come, whether the call had an effect is not known; kUnavailable:
  // it was not sent.
  [[nodiscard]] Result<Begun> Begin(const BeginCall& call, Instant deadline);
  [[nodiscard]] Result<BranchNumber> Enlist(const EnlistCall& call, Instant deadline);
  [[nodiscard]] Result<CommitAnswer> Commit(const CommitCall& call, Instant deadline);
  [[nodiscard]] Result<OnePhaseAnswer> CommitOnePhase(const OnePhaseCall& call, Instant deadline);
  [[nodiscard]] Result<Ending> Abort(const AbortCall& call, Instant deadline);
  [[nodiscard]] Result<TryReply> Try(const TryCall& call, Instant deadline);
  [[nodiscard]] Result<Begun> StartSaga(const StartSagaCall& call, Instant deadline);
  [[nodiscard]] Status DefineSaga(const DefineSagaCall& call, Instant deadline);
  [[nodiscard]] Result<SagaEnding> AwaitSaga(const AwaitSagaCall& call, Instant deadline);
  [[nodiscard]] Result<Ending> AskOutcome(const Gtid& gtid, Instant deadline);

  [[nodiscard]] Result<Attached> Attach(const AttachCall& call, Instant deadline);
  [[nodiscard]] Result<CommandBatch> Fetch(const FetchCall& call, Instant deadline);
  [[nodiscard]] Status Report(const ReportCall& call, Instant deadline);
  [[nodiscard]] Status Detach(const SessionId& session, Instant deadline);

 private:
  struct Wires;
  Link(std::string address, std::unique_ptr<Wires> wires);
  [[nodiscard]] static Result<std::unique_ptr<Link>> OpenOne(const std::string& address,
                                                             const LinkSettings& settings,
                                                             const Interrupter* interrupter,
                                                             Instant deadline);
  [[nodiscard]] Status SayHello(const std::string& application, Instant deadline);
  template <typename Call>
  auto Guarded(const char* name, Instant deadline, Call&& call) -> decltype(call());
  tl::unexpected<Error> Break(ErrorCode code, const char* name, const char* why);

  std::string address_;
  std::unique_ptr<Wires> wires_;
  Hello hello_;
  bool broken_ = false;
};

}  // namespace settle::sdk
