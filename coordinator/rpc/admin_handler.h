// AdminService: what an operator's tools call. Thread-safe, blocking.
#pragma once

#include <string>
#include <vector>

#include "admin/audit.h"
#include "admin/forget.h"
#include "admin/pause.h"
#include "admin/resolve.h"
#include "admin/retry.h"
#include "admin/views.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "rpc/calls.h"
#include "server/caller.h"
#include "wire/AdminService.h"

namespace settle::coordinator {

class AdminHandler : public wire::AdminServiceIf {
 public:
  // Of one connection, whose caller it serves. References must outlive the handler.
  AdminHandler(std::string release, Engine& engine, const Views& views, Calls& calls, Audit& audit,
               Observer& observer, server::Caller caller);

  void status(wire::StatusReply& reply) override;
  void list_transactions(wire::ListReply& reply, const wire::ListRequest& request) override;
  void show(wire::TransactionView& reply, const std::string& gtid) override;
  void in_doubt(wire::InDoubtReply& reply, const wire::PageRequest& request) override;
  void participants(wire::ParticipantsReply& reply, const wire::PageRequest& request) override;
  void send_again(wire::SendAgainReply& reply, const wire::SendAgainRequest& request) override;
  void resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) override;
  void act_on_step(wire::TransactionView& reply, const wire::ActOnStepRequest& request) override;
  void definitions(wire::DefinitionsReply& reply, const wire::PageRequest& request) override;
  void definition(wire::DefinitionView& reply, const std::string& name,
                  std::int32_t version) override;
  void pause(wire::PauseView& reply, const wire::PauseRequest& request) override;
  void resume(wire::PauseView& reply, const wire::PauseRequest& request) override;
  void drain(wire::PauseView& reply, const wire::DrainRequest& request) override;
  void audit(wire::AuditReply& reply, const wire::AuditRequest& request) override;
  void forget(wire::TransactionView& reply, const wire::ForgetRequest& request) override;
  void accept_identity(const std::string& resource, const std::string& identity,
                       const std::string& operator_name, const std::string& reason) override;

 private:
  // What changes something goes through here, and through nothing else (admin/audit.h). A test
  // walks the methods of the service.
  template <typename T, typename Body>
  T Act(const std::string& what, const std::string& target, const std::string& operator_name,
        const std::string& reason, Body body);
  wire::PauseView SetPause(const std::string& what, const PauseRecord& record);

  const std::string release_;
  Engine& engine_;
  const Views& views_;
  Calls& calls_;
  Audit& audit_;
  Observer& observer_;
  const server::Caller caller_;
};

}  // namespace settle::coordinator
