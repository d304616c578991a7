#include "simulation/service_watch.h"

namespace settle::simulation {

void CountRefusal(World& world, const Error& refusal) {
  const auto says = [&](const char* what) {
    return refusal.code == ErrorCode::kRetry && refusal.message.find(what) != std::string::npos;
  };
  if (says("its queue is full")) world.Count(Fault::kMailboxFull);
  if (says("participant sessions is reached")) world.Count(Fault::kSessionLimit);
  if (says("open transactions is reached")) world.Count(Fault::kTransactionLimit);
}

}  // namespace settle::simulation
