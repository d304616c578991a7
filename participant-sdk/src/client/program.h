// What all transactions of one program share: the way to the coordinator, and the branches.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "participant/participant.h"
#include "settle/coordinator.h"
#include "transport/link_pool.h"

namespace settle::sdk {

struct Program {
  // `identified` are the options' resources with their identities.
  Program(CoordinatorOptions the_options, std::string the_label,
          std::vector<OwnResource> identified)
      : options(std::move(the_options)),
        label(std::move(the_label)),
        participant(std::move(identified), options.workers_per_resource, options.participants,
                    options.warn),
        pool(Links(), [this](const Hello& hello) { return participant.Meet(hello); }),
        request_prefix_(RandomPrefix()) {}

  LinkSettings Links() const {
    return {options.addresses, label, options.connect_timeout, options.tls};
  }

  // For calls that whoever waits may repeat: a new connection is tried, a long outage is not waited
  // out.
  Patience Brief() const { return {options.connect_timeout, options.call_timeout}; }
  // For calls whose answer must be had if it can be had at all, `extra` longer than a call usually
  // takes.
  Patience Long(milliseconds extra = milliseconds(0)) const {
    return {options.call_timeout, std::max(options.call_timeout, extra)};
  }
  // How long an applied commit waits for its branches.
  milliseconds WaitFor(const CommitOptions& commit) const {
    if (commit.wait_at_most > milliseconds(0)) return std::min(commit.wait_at_most, kForever);
    return std::min(options.call_timeout, milliseconds(30'000));
  }

  // Names one enlistment. Never the same twice, here or in another program: both may enlist in the
  // same transaction. Thread-safe.
  std::string NextRequestKey() { return request_prefix_ + std::to_string(++requests_); }

  const CoordinatorOptions options;
  const std::string label;  // application, host and process id, for people
  Participant participant;
  LinkPool pool;

 private:
  static std::string RandomPrefix() {
    std::random_device device;
    char text[20];
    std::snprintf(text, sizeof text, "%08x%08x-", device(), device());
    return text;
  }

  const std::string request_prefix_;
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace settle::sdk
