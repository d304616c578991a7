// Who loads the coordinator in the suite `scale`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/daemon.h"
#include "bench/no_op_client.h"
#include "bench/no_op_participant.h"
#include "bench/suites.h"

namespace settle::bench {

inline constexpr int kClients = 32;

// Clients that make transactions one after another, on connections of their own.
class Load {
 public:
  Load(const Daemon& daemon, int clients);  // for so many at most

  // One more, whose branches are in these resources of the participant, which must outlive this.
  void Add(NoOpParticipant& participant, std::vector<std::string> resources);

  Run Measure(const SuiteOptions& options, const Stop& stop) const;

 private:
  const Daemon& daemon_;
  std::vector<std::unique_ptr<NoOpClient>> clients_;
  std::vector<Operation> operations_;
};

// Participants that each have a session and two resources; a client keeps to one of them.
struct Crowd {
  Crowd(const Daemon& daemon, int count);

  std::vector<std::unique_ptr<NoOpParticipant>> participants;
  Load load;
};

// `count` times in all, by threads that each have a client. Blocking; rethrows what one threw, and
// throws Interrupted.
void Repeat(const Daemon& daemon, NoOpParticipant& participant, std::uint64_t count,
            const std::function<void(NoOpClient&)>& act, const Stop& stop);

}  // namespace settle::bench
