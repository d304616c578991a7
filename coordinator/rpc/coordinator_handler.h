// CoordinatorService: what applications call. Nothing blocks: a call is answered once the engine
// has answered it.
#pragma once

#include <chrono>
#include <string>

#include "admin/audit.h"
#include "engine/engine.h"
#include "recovery/inquiry.h"
#include "rpc/asked.h"
#include "wire/CoordinatorService.h"

namespace settle::coordinator {

class CoordinatorHandler : public wire::CoordinatorServiceCobSvIf {
 public:
  struct Settings {
    std::string release;
    std::chrono::milliseconds commit_wait{
        30'000};  // what the engine waits when a commit names nothing
  };
  // What the handlers of all connections work with.
  struct Parts {
    Settings settings;
    Engine& engine;
    Inquiry& inquiry;
    Audit& audit;
  };
  // Of one connection, whose edge it serves, on its loop. References must outlive the handler.
  CoordinatorHandler(const Parts& parts, AsyncEdge& edge)
      : settings_(parts.settings),
        engine_(parts.engine),
        inquiry_(parts.inquiry),
        audit_(parts.audit),
        edge_(edge) {}

  void hello(Returns<wire::HelloReply> returns, Throws throws,
             const wire::HelloRequest& request) override;
  void begin_transaction(Returns<wire::BeginReply> returns, Throws throws,
                         const wire::BeginRequest& request) override;
  void enlist(Returns<wire::EnlistReply> returns, Throws throws,
              const wire::EnlistRequest& request) override;
  void try_branch(Returns<wire::TryReply> returns, Throws throws,
                  const wire::TryRequest& request) override;
  void commit(Returns<wire::CommitReply> returns, Throws throws,
              const wire::CommitRequest& request) override;
  void commit_one_phase(Returns<wire::OnePhaseReply> returns, Throws throws,
                        const wire::OnePhaseRequest& request) override;
  void abort(Returns<wire::Ending> returns, Throws throws,
             const wire::AbortRequest& request) override;
  void define_saga(Returns<wire::DefineSagaReply> returns, Throws throws,
                   const wire::DefineSagaRequest& request) override;
  void start_saga(Returns<wire::BeginReply> returns, Throws throws,
                  const wire::StartSagaRequest& request) override;
  void await_saga(Returns<wire::AwaitSagaReply> returns, Throws throws,
                  const wire::AwaitSagaRequest& request) override;
  void outcome(Returns<wire::Ending> returns, Throws throws, const std::string& gtid) override;

 private:
  void AllowEnlist(const AskedOf& asked, EnlistCall& call);
  template <typename Replies, typename Then>
  void AskLog(const Asked<Replies>& asked, const Gtid& gtid, Then then);
  Completion<Ending> AwaitEnding(const Asked<Returns<wire::Ending>>& asked, const Gtid& gtid);

  const Settings& settings_;
  Engine& engine_;
  Inquiry& inquiry_;
  Audit& audit_;
  AsyncEdge& edge_;
};

}  // namespace settle::coordinator
