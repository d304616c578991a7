// The benchmark's own coordinator: the `settled` beside this program, with a fresh log and its own
// settings for everything that costs time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace settle::bench {

// Something that is not there and that the user can put there; in words.
struct Missing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The path of a program of the build; throws Missing.
std::string ProgramBeside(const std::string& name);

// Where a daemon whose files are in this directory has its decision log.
std::string LogIn(const std::string& directory);

class Daemon {
 public:
  // Its files are in `directory`, which must exist; a log that is there is served again. `more` are
  // options. Blocking until it serves, for `patience` at most; throws std::runtime_error with what
  // it said. It does not outlive the thread that made it.
  explicit Daemon(const std::string& directory, const std::vector<std::string>& more = {},
                  std::chrono::seconds patience = std::chrono::seconds(30));
  ~Daemon();  // kills it
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  pid_t process() const { return process_; }
  // It listens on a port of 127.0.0.1, for plain Thrift, and on a Unix socket, for the SDK: on one
  // such as the databases', which the SDK and what is written by hand have in common.
  std::uint16_t port() const { return port_; }
  std::string address() const;

  std::uint64_t resident_bytes() const;  // of memory, now; 0 if it is gone

  void Kill();  // as a power failure does
  // As a service manager does. Blocking; throws std::runtime_error unless it ends with 0 in time.
  void Stop();

 private:
  std::uint16_t AwaitReady(std::chrono::seconds patience);
  std::string Said() const;

  const std::string directory_;
  pid_t process_;
  std::uint16_t port_;
};

}  // namespace settle::bench
