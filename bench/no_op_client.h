// What a client of the coordinator calls when its databases cost nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/no_op_participant.h"
#include "bench/wire_client.h"

namespace settle::bench {

// A transaction in two calls: its branches, one in each of the resources, are numbered by the
// client and named, with their votes, when it commits (wait = decision).
wire::BeginRequest BeginOwn(const NoOpParticipant& participant, std::size_t branches);
wire::CommitRequest CommitOwn(const std::string& gtid, const std::vector<std::string>& resources);
// Throws std::runtime_error unless it is committed.
void CheckCommitted(const wire::CommitReply& reply);

// Used by one thread at a time, on a connection of its own. Throws what the wire client throws.
class NoOpClient {
 public:
  // Works in one resource of `participant` for each branch. It must outlive this.
  NoOpClient(const Endpoint& endpoint, NoOpParticipant& participant,
             std::vector<std::string> resources = kNoOpResources);

  // The handler checks the version and answers from memory: no shard, no log.
  void EmptyCall();

  // Begun and enlisted; stays open. Its gtid.
  std::string Open(std::int64_t timeout_ms = 0);
  // A durable decision, told to nobody.
  void Decide(const std::string& gtid);
  // One with a durable decision, in two calls; its ends are reported soon. Throws
  // std::runtime_error unless it is to commit.
  void Transaction();

 private:
  void Commit(const wire::CommitRequest& commit);
  wire::BranchVote Enlist(const std::string& gtid, const std::string& resource);

  WireClient wire_;
  NoOpParticipant& participant_;
  const std::vector<std::string> resources_;
  std::vector<wire::BranchVote> votes_;  // of the transaction that was opened last
};

}  // namespace settle::bench
