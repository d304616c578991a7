// What a client of the coordinator calls when its databases cost nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/no_op_participant.h"
#include "bench/wire_client.h"

namespace settle::bench {

// Used by one thread at a time, on a connection of its own. Throws what the wire client throws.
class NoOpClient {
 public:
  // Works in one resource of `participant` for each branch. It must outlive this.
  NoOpClient(std::uint16_t port, NoOpParticipant& participant,
             std::vector<std::string> resources = kNoOpResources);

  // The handler checks the version and answers from memory: no shard, no log.
  void EmptyCall();

  // Begun and enlisted; stays open. Its gtid.
  std::string Open(std::int64_t timeout_ms = 0);
  // A durable decision, told to nobody.
  void Decide(const std::string& gtid);
  // The same in two calls, begin and commit, with branches that the client numbers itself; their
  // ends are reported soon. Throws std::runtime_error unless it is to commit.
  void Transaction();

 private:
  void Commit(wire::CommitRequest& commit);
  static wire::BranchVote YesOf(std::int32_t branch, const std::string& resource);
  wire::BranchVote Enlist(const std::string& gtid, const std::string& resource);

  WireClient wire_;
  NoOpParticipant& participant_;
  const std::vector<std::string> resources_;
  std::vector<wire::BranchVote> votes_;  // of the transaction that was opened last
};

}  // namespace settle::bench
