// e2e_transfer: an application and participant as users write them, that the end-to-end tests
// start, tell what to do, and kill.
//
//   e2e_transfer --coordinator 127.0.0.1:7420 --name shop --notes notes
//                --bank a=postgresql:dbname=a --bank b=sqlite:/tmp/b.db < commands > answers
//
// With --till b=<as --bank> it serves reservations and steps of sagas over that bank
// (transfer_service.h). With --peers 127.0.0.1:0 its transactions are three-phase commits, and it
// is a site of them.
//
// With --last-resource always they are committed by a last resource, or abort.
//
// The first answer is "ready", or "refused <code> <message>" and exit 1 when the coordinator or a
// resource would not have it. Serves its resources until its standard input ends.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "end_to_end/transfer_options.h"
#include "end_to_end/transfer_script.h"
#include "end_to_end/transfer_service.h"

namespace {

using settle::testing::Bank;
using settle::testing::TransferOptions;

// As `settle` reads them; all empty: without TLS.
settle::TlsOptions TlsOfEnvironment() {
  const auto read = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  return {read("SETTLE_TLS_CA"), read("SETTLE_TLS_CERTIFICATE"), read("SETTLE_TLS_KEY"), ""};
}

int Run(const TransferOptions& options) {
  settle::CoordinatorOptions link;
  link.addresses = {options.coordinator};
  link.application = options.name;
  link.call_timeout = options.call_timeout;
  link.scan_interval = std::chrono::milliseconds(500);
  link.tls = TlsOfEnvironment();
  link.peers.listen = options.peers;
  if (options.last_resource) link.last_resource = settle::UseLastResource::kAlways;
  link.attach_later = !options.peers.empty();  // a site goes on without the coordinator
  std::map<std::string, Bank> banks;
  for (const auto& [name, dsn] : options.banks) {
    banks[name] = settle::testing::MakeBank(name, dsn, options.protocol());
    link.resources.push_back(banks[name].resource);
  }
  for (const auto& [name, dsn] : options.tills)
    link.participants.push_back(settle::testing::MakeTill(name, dsn));
  const auto coordinator = settle::testing::ConnectOrAnswer(link);
  if (!coordinator) return 1;
  std::ios::sync_with_stdio(false);  // else the buffer is one that cannot be asked
  settle::testing::NotesWriter notes(options.notes);
  // What came together with the line before lies in the stream's buffer already.
  const auto has_input = [] {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return std::cin.rdbuf()->in_avail() > 0 || ::poll(&input, 1, 0) > 0;
  };
  settle::testing::TransferScript script(*coordinator, banks, notes, options.seed, has_input,
                                         options.protocol());
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << script.Answer(line) << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return Run(settle::testing::ParseTransferOptions({argv + 1, argv + argc}));
} catch (const std::exception& e) {
  std::fprintf(stderr, "e2e_transfer: %s\n", e.what());
  return 2;
}
