// AdminService: what an operator's tools call. Blocking: its calls have threads of the server's
// pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/audit.h"
#include "admin/doctor.h"
#include "admin/forget.h"
#include "admin/pause.h"
#include "admin/resolve.h"
#include "admin/retry.h"
#include "admin/views.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "log/decision_log.h"
#include "rpc/edge.h"
#include "wire/AdminService.h"

namespace settle::coordinator {

class AdminHandler : public wire::AdminServiceIf {
 public:
  // What the handlers of all connections work with.
  struct Parts {
    std::string release;
    Engine& engine;
    DecisionLog& log;
    const Views& views;
    Doctor& doctor;
    Audit& audit;
    Observer& observer;
  };
  // Of one connection, whose visitor it serves, one call at a time. References must outlive the
  // handler.
  AdminHandler(const Parts& parts, std::shared_ptr<access::Visitor> visitor);

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
  void pause(wire::PauseView& reply, const wire::PauseRequest& request) override;
  void resume(wire::PauseView& reply, const wire::PauseRequest& request) override;
  void drain(wire::PauseView& reply, const wire::DrainRequest& request) override;
  void audit(wire::AuditReply& reply, const wire::AuditRequest& request) override;
  void diagnose(wire::DiagnosisReply& reply) override;
  void forget(wire::TransactionView& reply, const wire::ForgetRequest& request) override;
  void accept_identity(const std::string& resource, const std::string& identity,
                       const std::string& operator_name, const std::string& reason) override;
  void backup_begin(wire::BackupView& reply) override;
  void backup_progress(wire::BackupView& reply) override;
  void backup_read(std::string& bytes, std::int64_t offset) override;
  void backup_end() override;

 private:
  // What changes something goes through here, and through nothing else (admin/audit.h). A test
  // walks the methods of the service.
  template <typename T, typename Body>
  T Act(const std::string& what, const std::string& target, const std::string& operator_name,
        const std::string& reason, Body body, std::function<Status()> would = {});
  wire::PauseView SetPause(const std::string& what, const PauseRecord& record);
  LogBackup& TheBackup();

  const std::string release_;
  Engine& engine_;
  DecisionLog& log_;
  const Views& views_;
  Doctor& doctor_;
  Audit& audit_;
  Observer& observer_;
  Edge edge_;
  std::unique_ptr<LogBackup> backup_;  // of this connection
};

}  // namespace settle::coordinator
