// Keeps this process attached: fetches commands on one connection, reports on another, comes back
// after a lost connection or a restarted coordinator, and looks for prepared branches that nobody
// remembers.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "participant/participant.h"
#include "participant/reporter.h"
#include "transport/backoff.h"
#include "transport/link.h"

namespace settle::sdk {

class Session {
 public:
  // References outlive the session.
  Session(LinkSettings settings, milliseconds scan_interval, Participant& participant, Warn warn);
  ~Session();  // Stop()
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  enum class First {
    kAttach,       // before Start returns, so that whatever is wrong is known to whoever connects
    kAttachLater,  // if it cannot be reached: kUnavailable is no error then
  };
  // Blocking: attaches and starts the threads.
  [[nodiscard]] Status Start(First first = First::kAttach);
  // Blocking: ends the long poll, waits for what is being done to the databases, tells what became
  // of it (for a second at most) and detaches. An error: the coordinator could not be told, and
  // notices by itself a session time-out later. Again: says the same.
  Status Stop();

 private:
  void Run();
  [[nodiscard]] Status EnsureAttached();
  [[nodiscard]] Status Reconnect();
  [[nodiscard]] Status AttachAnew();
  [[nodiscard]] Status FetchOnce();
  void ScanIfDue();
  void NoteTouch(bool yes);
  void Complain(const Error& why);

  const LinkSettings settings_;
  const milliseconds scan_interval_;
  Participant& participant_;
  const Warn warn_;
  Interrupter stop_;
  Reporter reporter_;
  std::unique_ptr<Link> link_;
  Attached attached_;  // of the current session; none when its name is empty
  std::string seen_log_;
  std::int64_t received_through_ = 0;
  Instant next_scan_{};
  std::string last_complaint_;
  bool away_ = false;  // as was said last
  Instant touched_{};  // when the coordinator was last reached
  std::thread thread_;
};

}  // namespace settle::sdk
