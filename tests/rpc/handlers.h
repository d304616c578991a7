// The handlers in front of a real engine, with a log in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "connected.h"
#include "coordinator_parts.h"
#include "engine/shard_threads.h"

namespace settle::testing {

using namespace coordinator;

inline wire::PageRequest FirstPage() {
  wire::PageRequest request;
  request.most = 100;
  return request;
}

class Handlers : public ::testing::Test, protected CoordinatorParts {
 protected:
  std::string Begin() {
    wire::BeginRequest request;
    request.timeout_ms = 0;
    request.comment = "order 7";
    request.owner = "shop";
    wire::BeginReply reply;
    coordinator_.begin_transaction(reply, request);
    EXPECT_EQ(reply.epoch, 4);
    return reply.gtid;
  }

  // A process that said that it answers questions.
  std::string AttachToAnswer(const std::string& resource) { return Attach(resource, true); }
  std::string Attach(const std::string& resource, bool answers_questions = false) {
    wire::AttachRequest request;
    request.version_low = request.version_high = 1;
    request.process = "shop@here:1";
    request.resources.resize(1);
    request.resources[0].name = resource;
    request.resources[0].identity = "test:" + resource;
    if (answers_questions) request.__set_answers_questions(true);
    wire::AttachReply reply;
    participant_.attach(reply, request);
    EXPECT_EQ(reply.log_id, "k3m9qxw4c7ab");
    return reply.session;
  }

  std::int32_t Enlist(const std::string& gtid, const std::string& session,
                      const std::string& resource) {
    wire::EnlistRequest request;
    request.gtid = gtid;
    request.session = session;
    request.resource = resource;
    request.request_key = resource;
    wire::EnlistReply reply;
    coordinator_.enlist(reply, request);
    return reply.branch;
  }

  wire::CommitReply Commit(const std::string& gtid, std::vector<std::int32_t> prepared = {}) {
    wire::CommitRequest request;
    request.gtid = gtid;
    request.wait = wire::Wait::DECISION;
    request.wait_ms = 10'000;
    for (const std::int32_t branch : prepared) {
      wire::BranchVote vote;
      vote.branch = branch;
      vote.vote = wire::Vote::COMMIT;
      vote.evidence.database = "test:orders";
      request.votes.push_back(vote);
    }
    wire::CommitReply reply;
    coordinator_.commit(reply, request);
    return reply;
  }

  void ReportCommitted(const std::string& session, const std::string& gtid, std::int32_t branch) {
    wire::ReportRequest request;
    request.session = session;
    request.ends.resize(1);
    request.ends[0].gtid = gtid;
    request.ends[0].branch = branch;
    request.ends[0].became = wire::BranchEnd::COMMITTED;
    participant_.report(request);
  }

  template <typename Call>
  wire::ServiceError ErrorOf(Call call) {
    try {
      call();
    } catch (const wire::ServiceError& error) {
      return error;
    }
    ADD_FAILURE() << "was not refused";
    return {};
  }

  // All services of one connection. Calls block.
  struct Services : Connected {
    Services(Handlers& test, const server::Caller& caller)
        : Services(test, std::make_shared<access::Visitor>(test.gate_, caller)) {}
    Services(Handlers& test, const std::shared_ptr<access::Visitor>& visitor)
        : Connected(test.parts_, test.loops_[0], visitor) {}
  };
  ShardThreads threads_{engine_};
  Running running_{loops_, pool_};
  Services services_{*this, server::Caller{.address = "127.0.0.1:40312"}};
  wire::CoordinatorServiceIf& coordinator_ = services_.coordinator;
  wire::ParticipantServiceIf& participant_ = services_.participant;
  wire::PeerServiceIf& peer_ = services_.peer;
  AdminHandler& admin_ = services_.admin;
};

}  // namespace settle::testing
