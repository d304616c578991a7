// AdminService: what an operator's tools call. Blocking.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/forget.h"
#include "admin/resolve.h"
#include "admin/retry.h"
#include "admin/views.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "rpc/calls.h"
#include "rpc/edge.h"
#include "wire/AdminService.h"

namespace settle::coordinator {

class AdminHandler : public wire::AdminServiceIf {
 public:
  // Of one connection, whose visitor it serves, on that connection's thread. References must
  // outlive the handler.
  AdminHandler(std::string release, Engine& engine, const Views& views, Calls& calls,
               Observer& observer, std::shared_ptr<access::Visitor> visitor);

  void status(wire::StatusReply& reply) override;
  void list_transactions(wire::ListReply& reply, const wire::ListRequest& request) override;
  void show(wire::TransactionView& reply, const std::string& gtid) override;
  void look(wire::LookReply& reply, const wire::LookRequest& request) override;
  void examine(wire::ExamineReply& reply, const wire::ExamineRequest& request) override;
  void in_doubt(wire::InDoubtReply& reply, const wire::PageRequest& request) override;
  void participants(wire::ParticipantsReply& reply, const wire::PageRequest& request) override;
  void send_again(wire::SendAgainReply& reply, const wire::SendAgainRequest& request) override;
  void resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) override;
  void act_on_step(wire::TransactionView& reply, const wire::ActOnStepRequest& request) override;
  void definitions(wire::DefinitionsReply& reply, const wire::PageRequest& request) override;
  void definition(wire::DefinitionView& reply, const std::string& name,
                  std::int32_t version) override;
  void forget(wire::TransactionView& reply, const wire::ForgetRequest& request) override;
  void accept_identity(const std::string& resource, const std::string& identity,
                       const std::string& operator_name, const std::string& reason) override;

 private:
  const std::string release_;
  Engine& engine_;
  const Views& views_;
  Calls& calls_;
  Observer& observer_;
  Edge edge_;
};

}  // namespace settle::coordinator
