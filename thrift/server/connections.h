// The connections of one loop, and what they share.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "server/complaints.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/frames.h"
#include "server/loop.h"
#include "server/pool.h"
#include "server/settings.h"

namespace settle::server {

class Connections {
 public:
  // What a server lends to those of each of its loops; must outlive them.
  struct Lent {
    const Settings& settings;
    const ServicesFor& services_for;
    Complaints& complaints;
    MemoryBudget& budget;
    Pool& pool;
    std::function<void()> gone;  // a connection's place is free again; on any loop's thread
  };

  Connections(Loop& loop, Lent lent);

  // All on the loop's thread.

  void Admit(int socket, std::shared_ptr<const channel::TlsMaterial> tls, Caller caller);
  // Connection::End / Connection::Close of all.
  void EndAll();
  void CloseAll();

  // For connections:

  Loop& loop() { return loop_; }
  const Lent& lent() const { return lent_; }
  Dispatch& dispatch() { return dispatch_; }
  std::span<std::uint8_t> scratch() { return scratch_; }
  // To be advanced at the end of this round.
  void Touch(Connection& connection);
  // It is closed; it goes at the end of this round, or with its last call.
  void Bury(Connection& connection);
  std::unique_ptr<Call> NewCall();
  void Recycle(std::unique_ptr<Call> call);

 private:
  void EndRound();
  void AwaitEndOfRound();

  Loop& loop_;
  const Lent lent_;
  Dispatch dispatch_;
  std::array<std::uint8_t, kSmallBuffer> scratch_{};
  std::list<std::shared_ptr<Connection>> open_;
  std::vector<std::shared_ptr<Connection>> touched_;
  std::vector<std::shared_ptr<Connection>> buried_;
  bool awaits_end_ = false;  // of the round
  std::vector<std::unique_ptr<Call>> spare_;
};

}  // namespace settle::server
