// A participant session whose resources do nothing: what remains of a transaction is the
// coordinator's share.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/wire_client.h"

namespace settle::bench {

inline const std::vector<std::string> kNoOpResources{"no-op-a", "no-op-b"};

// Thread-safe.
class NoOpParticipant {
 public:
  enum class Life {
    kBusy,     // looks often whether it is to stop
    kPatient,  // waits for commands as long as the SDK does
    kDead,     // attached, and has done nothing since
  };
  // Attaches with these resources. Throws what the wire client throws.
  explicit NoOpParticipant(const Endpoint& endpoint,
                           const std::vector<std::string>& resources = kNoOpResources,
                           Life life = Life::kBusy);
  ~NoOpParticipant();
  NoOpParticipant(const NoOpParticipant&) = delete;
  NoOpParticipant& operator=(const NoOpParticipant&) = delete;

  const std::string& session() const { return session_; }

  // These branches of a transaction are committed: to be reported soon, with whatever else is, in
  // one call. Does not block.
  void ReportCommitted(const std::string& gtid, std::int32_t first, std::int32_t last);

  // Rethrows what ended one of the session's threads, if something did.
  void CheckAlive();

 private:
  void FetchUntilStopped();
  void ReportUntilStopped();
  void Add(std::vector<wire::EndReport> ends);
  template <typename Loop>
  void Guarded(Loop loop);

  const Endpoint endpoint_;
  const Life life_;
  std::string session_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<wire::EndReport> ends_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::jthread fetcher_;
  std::jthread reporter_;
};

}  // namespace settle::bench
