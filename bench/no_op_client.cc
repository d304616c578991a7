#include "bench/no_op_client.h"

#include <stdexcept>
#include <utility>

#include "wire/types_constants.h"

namespace settle::bench {

NoOpClient::NoOpClient(std::uint16_t port, NoOpParticipant& participant,
                       std::vector<std::string> resources)
    : wire_(port), participant_(participant), resources_(std::move(resources)) {}

void NoOpClient::EmptyCall() {
  wire::HelloRequest request;
  request.version_low = request.version_high = wire::g_types_constants.PROTOCOL_VERSION;
  wire::HelloReply reply;
  wire_.coordinator.hello(reply, request);
}

std::string NoOpClient::Open(std::int64_t timeout_ms) {
  wire::BeginRequest request;
  request.timeout_ms = timeout_ms;
  wire::BeginReply begun;
  wire_.coordinator.begin_transaction(begun, request);
  votes_.clear();
  for (const std::string& resource : resources_) votes_.push_back(Enlist(begun.gtid, resource));
  return begun.gtid;
}

void NoOpClient::Decide(const std::string& gtid) {
  wire::CommitRequest commit;
  commit.gtid = gtid;
  commit.votes = votes_;
  Commit(commit);
}

void NoOpClient::Commit(wire::CommitRequest& commit) {
  commit.wait = wire::Wait::DECISION;
  wire::CommitReply reply;
  wire_.coordinator.commit(reply, commit);
  if (reply.ending.outcome != wire::Outcome::COMMITTED) {
    throw std::runtime_error("a transaction was not committed: " + reply.ending.reason);
  }
}

void NoOpClient::Transaction() {
  const auto count = static_cast<std::int32_t>(resources_.size());
  wire::BeginRequest request;
  request.__set_own_branches(count);
  request.__set_session(participant_.session());
  wire::BeginReply begun;
  wire_.coordinator.begin_transaction(begun, request);
  wire::CommitRequest commit;
  commit.gtid = begun.gtid;
  commit.__isset.branches = true;
  for (std::int32_t number = 1; number <= count; ++number) {
    const std::string& resource = resources_[static_cast<std::size_t>(number - 1)];
    wire::OwnBranch& branch = commit.branches.emplace_back();
    branch.number = number;
    branch.resource = resource;
    commit.votes.push_back(YesOf(number, resource));
  }
  Commit(commit);
  participant_.ReportCommitted(begun.gtid, 1, count);
}

wire::BranchVote NoOpClient::YesOf(std::int32_t branch, const std::string& resource) {
  wire::BranchVote vote;
  vote.branch = branch;
  vote.vote = wire::Vote::COMMIT;
  vote.evidence.database = "no-op:" + resource;
  return vote;
}

wire::BranchVote NoOpClient::Enlist(const std::string& gtid, const std::string& resource) {
  wire::EnlistRequest request;
  request.gtid = gtid;
  request.resource = resource;
  request.session = participant_.session();
  request.request_key = std::to_string(votes_.size());
  wire::EnlistReply reply;
  wire_.coordinator.enlist(reply, request);
  return YesOf(reply.branch, resource);
}

}  // namespace settle::bench
