// What the daemon is told: by the command line, and by a file of the same options, over which the
// command line wins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "channel/tls_material.h"
#include "engine/settings.h"
#include "log/sqlite_decision_log.h"
#include "observe/log_observer.h"
#include "server/listen_address.h"
#include "server/server.h"

namespace settle::coordinator {

struct Options {
  std::string log_path;
  std::uint64_t keep_ended = PruneLimits{}.keep_ended;
  std::uint64_t keep_audit = kKeepAudit;
  std::vector<server::ListenAddress> listen{};  // ParseInvocation: one at least
  std::optional<channel::TlsFiles> tls;         // of every TCP address to listen on; none: plain
  std::optional<server::ListenAddress> http_listen;  // metrics and health; none: nowhere
  std::string access_file;  // who may do what; empty: as Policy::WithoutRules has it
  bool insecure = false;    // listens beyond this machine although nothing on the wire is protected
  std::string ready_file;   // empty: none
  Settings engine;
  server::Settings server;
  std::chrono::milliseconds drain_timeout{30'000};
  LogSettings log;
};

struct Invocation {
  std::optional<Options> options;  // serve with these
  std::string text;                // otherwise print this and end: --help, --version
};

// kInvalid names the option, what was given and what it takes. Reads the file named by --config.
[[nodiscard]] Result<Invocation> ParseInvocation(int argc, const char* const* argv);

// The release of this program.
const char* Release();

}  // namespace settle::coordinator
