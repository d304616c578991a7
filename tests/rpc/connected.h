// The services of one connection as a test calls them: each call is made on the connection's loop,
// and the test waits for its answer.
#pragma once

#include <exception>
#include <future>
#include <memory>
#include <string>

#include "rpc/admin_handler.h"
#include "rpc/coordinator_handler.h"
#include "rpc/participant_handler.h"
#include "rpc/peer_handler.h"
#include "rpc/services.h"
#include "server/loop.h"
#include "server/pool.h"

namespace settle::testing {

using namespace coordinator;

// For as long as it lives; afterwards nothing runs on them any more.
class Running {
 public:
  Running(server::Loops& loops, server::Pool& pool) : loops_(loops), pool_(pool) { loops_.Start(); }
  ~Running() {
    pool_.Stop();
    loops_.Stop();
  }

 private:
  server::Loops& loops_;
  server::Pool& pool_;
};

class Asker {
 public:
  explicit Asker(server::Loop& loop) : loop_(loop) {}

  // `call` is given what returns and what throws.
  template <typename Reply, typename Call>
  void Ask(Reply& reply, Call call) const {
    std::promise<Reply> answer;
    loop_.Post(
        [&] { call([&](const Reply& returned) { answer.set_value(returned); }, Thrower(answer)); });
    reply = answer.get_future().get();
  }
  template <typename Call>
  void Ask(Call call) const {
    std::promise<void> answer;
    loop_.Post([&] { call([&] { answer.set_value(); }, Thrower(answer)); });
    answer.get_future().get();
  }

 private:
  template <typename Promise>
  static Throws Thrower(Promise& answer) {
    return [&answer](apache::thrift::TDelayedException* thrown) {
      try {
        thrown->throw_it();
      } catch (...) {
        answer.set_exception(std::current_exception());
      }
    };
  }

  server::Loop& loop_;
};

// What calls `method` of the handler with its request.
#define SETTLE_ASK(method, Reply, Request)                             \
  void method(Reply& reply, const Request& request) override {         \
    asker_.Ask(reply, [&](auto returns, auto throws) {                 \
      handler_.method(std::move(returns), std::move(throws), request); \
    });                                                                \
  }
#define SETTLE_TELL(method, Request)                                   \
  void method(const Request& request) override {                       \
    asker_.Ask([&](auto returns, auto throws) {                        \
      handler_.method(std::move(returns), std::move(throws), request); \
    });                                                                \
  }

class AskedCoordinator : public wire::CoordinatorServiceIf {
 public:
  AskedCoordinator(const ServiceParts& parts, AsyncEdge& edge, server::Loop& loop)
      : handler_(parts.coordinator, edge), asker_(loop) {}
  SETTLE_ASK(hello, wire::HelloReply, wire::HelloRequest)
  SETTLE_ASK(begin_transaction, wire::BeginReply, wire::BeginRequest)
  SETTLE_ASK(enlist, wire::EnlistReply, wire::EnlistRequest)
  SETTLE_ASK(try_branch, wire::TryReply, wire::TryRequest)
  SETTLE_ASK(commit, wire::CommitReply, wire::CommitRequest)
  SETTLE_ASK(commit_one_phase, wire::OnePhaseReply, wire::OnePhaseRequest)
  SETTLE_ASK(abort, wire::Ending, wire::AbortRequest)
  SETTLE_ASK(define_saga, wire::DefineSagaReply, wire::DefineSagaRequest)
  SETTLE_ASK(start_saga, wire::BeginReply, wire::StartSagaRequest)
  SETTLE_ASK(await_saga, wire::AwaitSagaReply, wire::AwaitSagaRequest)
  SETTLE_ASK(outcome, wire::Ending, std::string)

 private:
  CoordinatorHandler handler_;
  const Asker asker_;
};

class AskedParticipant : public wire::ParticipantServiceIf {
 public:
  AskedParticipant(const ServiceParts& parts, AsyncEdge& edge, server::Loop& loop)
      : handler_(parts.coordinator.engine, parts.coordinator.inquiry, edge), asker_(loop) {}
  SETTLE_ASK(attach, wire::AttachReply, wire::AttachRequest)
  SETTLE_ASK(fetch, wire::CommandBatch, wire::FetchRequest)
  SETTLE_TELL(report, wire::ReportRequest)
  SETTLE_TELL(detach, std::string)

 private:
  ParticipantHandler handler_;
  const Asker asker_;
};

class AskedPeer : public wire::PeerServiceIf {
 public:
  AskedPeer(const ServiceParts& parts, AsyncEdge& edge, server::Loop& loop)
      : handler_(parts.coordinator.engine, parts.coordinator.inquiry, edge), asker_(loop) {}
  SETTLE_ASK(tell, wire::SiteAnswer, wire::PeerRequest)

 private:
  PeerHandler handler_;
  const Asker asker_;
};

#undef SETTLE_ASK
#undef SETTLE_TELL

class Connected {
 private:
  const std::shared_ptr<access::Visitor> visitor_;
  AsyncEdge edge_;

 public:
  // Of the first loop.
  Connected(const ServiceParts& parts, server::Loop& loop,
            const std::shared_ptr<access::Visitor>& visitor)
      : visitor_(visitor),
        edge_(parts.observer, visitor, *parts.calls[loop.index()], parts.off_loop),
        coordinator(parts, edge_, loop),
        participant(parts, edge_, loop),
        peer(parts, edge_, loop),
        admin(parts.admin, visitor) {}

  AskedCoordinator coordinator;
  AskedParticipant participant;
  AskedPeer peer;
  AdminHandler admin;
};

}  // namespace settle::testing
