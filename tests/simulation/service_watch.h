// Who hears what goes between services and the coordinator.
#pragma once

#include <cstdint>

#include "simulation/messages.h"
#include "simulation/world.h"

namespace settle::simulation {

class ServiceWatch {
 public:
  virtual ~ServiceWatch() = default;
  // The coordinator answers.
  virtual void Hears(const Error& refusal) = 0;
  virtual void Hears(const SessionId& session, const CommandBatch& batch) = 0;
  // Something may make calls go out before their time.
  virtual void Nudged() = 0;
  // Of an effect: no two have the same.
  virtual std::uint64_t NextToken() = 0;
};

// By name, where it is back-pressure.
void CountRefusal(World& world, const Error& refusal);

}  // namespace settle::simulation
