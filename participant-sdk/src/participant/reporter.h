// The thread that tells the coordinator votes, ends and findings, on a connection of its own.
#pragma once

#include <memory>
#include <thread>

#include "participant/participant.h"
#include "transport/backoff.h"
#include "transport/link.h"

namespace settle::sdk {

class Reporter {
 public:
  Reporter(LinkSettings settings, Participant& participant, Warn warn);
  ~Reporter();  // Stop()
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void Start();
  // Blocking, for a second or so: what is queued is told if the coordinator can be reached, then
  // the session is detached.
  void Stop();
  // Whether the coordinator was told; once stopped.
  const Status& detached() const { return detached_; }

 private:
  void Run();
  void Deliver(ReportCall batch);
  [[nodiscard]] Status Send(const ReportCall& batch);
  [[nodiscard]] Status Detach();
  bool stopping() const { return stop_.interrupted(); }

  const LinkSettings settings_;
  Participant& participant_;
  const Warn warn_;
  Interrupter stop_;   // no more patience
  Interrupter abort_;  // not even for a call that is under way
  std::unique_ptr<Link> link_;
  Backoff backoff_;
  Status detached_ = Fail(ErrorCode::kUnavailable, "no coordinator could be told in time");
  std::thread thread_;
};

}  // namespace settle::sdk
