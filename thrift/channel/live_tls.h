// The certificates of who listens, renewed without a restart.
//
//   auto tls = LiveTls::Open(files, {.inform = ..., .warn = ...});
//   ... for each connection: (*tls)->Current(); once an hour and when asked to:
//   (*tls)->LookAgain();
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "channel/tls_material.h"

namespace settle::channel {

// Thread-safe.
class LiveTls {
 public:
  // Where lines for people go. Called on any thread, by one at a time.
  struct Told {
    std::function<void(const std::string&)> inform;
    std::function<void(const std::string&)> warn;
  };

  // Blocking: reads the files. kInvalid as TlsMaterial::Read. Warns if our own certificate is not
  // valid now, or will not be two weeks from now: an expired one is no error, since another one can
  // take its place at any time, and what listens beside TLS is needed until then.
  [[nodiscard]] static Result<std::unique_ptr<LiveTls>> Open(const TlsFiles& files, Told told);

  // For one connection. Once a second at most it looks whether the files are other ones by now, and
  // reads them then; what cannot be used is warned of, once, and the former are kept. Connections
  // that are open go on with what they began with.
  std::shared_ptr<const TlsMaterial> Current();

  // Reads the files although they seem the same. It and Current warn once a day of a certificate
  // that is near its end.
  void LookAgain();

 private:
  struct Stamp {  // of one file: what changes when it is replaced or written
    std::uint64_t device = 0, inode = 0;
    std::int64_t size = -1, modified_ns = 0, changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  using Stamps = std::array<Stamp, 3>;

  LiveTls(TlsFiles files, Told told) : files_(std::move(files)), told_(std::move(told)) {}
  Stamps StampsNow() const;
  void ReadLocked(const Stamps& now);
  void WarnOfItsEndLocked();

  const TlsFiles files_;
  const Told told_;
  std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> material_;
  Stamps stamps_;  // as of the latest reading, whether it succeeded or not
  std::chrono::steady_clock::time_point look_next_{};
  std::chrono::steady_clock::time_point warn_next_{};
};

}  // namespace settle::channel
