#include "rpc/admin_handler.h"

#include <utility>

#include "engine/await.h"
#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {

AdminHandler::AdminHandler(const Parts& parts, std::shared_ptr<access::Visitor> visitor)
    : release_(parts.release),
      engine_(parts.engine),
      log_(parts.log),
      views_(parts.views),
      doctor_(parts.doctor),
      audit_(parts.audit),
      observer_(parts.observer),
      edge_(parts.observer, std::move(visitor)) {}

namespace {

template <typename T>
Status StatusOf(const Result<T>& result) {
  if (!result) return Fail(result.error());
  return {};
}

}  // namespace

template <typename T, typename Body>
T AdminHandler::Act(const std::string& what, const std::string& target,
                    const std::string& operator_name, const std::string& reason, Body body,
                    std::function<Status()> would) {
  return Need(audit_.Do<T>({edge_.caller().text(), operator_name, what, target, reason,
                            edge_.CountedAs(), std::move(would)},
                           body));
}

void AdminHandler::status(wire::StatusReply& reply) {
  edge_.Serve(access::Of("admin", "status"),
              [&] { reply = ToWire(Need(views_.Status()), release_); });
}

void AdminHandler::list_transactions(wire::ListReply& reply, const wire::ListRequest& request) {
  edge_.Serve(access::Of("admin", "list_transactions"), [&] {
    const ListCall call = Need(FromWire(request));
    const TransactionPage page = Need(views_.List(call.which, call.most, call.cursor));
    for (const TransactionView& view : page.transactions)
      reply.transactions.push_back(ToWire(view));
    reply.next_cursor = page.next_cursor;
  });
}

void AdminHandler::show(wire::TransactionView& reply, const std::string& gtid) {
  edge_.Serve(access::Of("admin", "show"),
              [&] { reply = ToWire(Need(views_.Show(Need(GtidFromWire(gtid))))); });
}

void AdminHandler::look(wire::LookReply& reply, const wire::LookRequest& request) {
  edge_.Serve(access::Of("admin", "look"), [&] {
    const LookCall call = Need(FromWire(request));
    reply = ToWire(Need(call.wait ? views_.Look(call.gtid, *call.wait)
                                  : views_.Show(call.gtid).map([](TransactionView view) {
                                      return LookView{std::move(view), {}};
                                    })));
  });
}

void AdminHandler::examine(wire::ExamineReply& reply, const wire::ExamineRequest& request) {
  edge_.Serve(access::Of("admin", "examine"), [&] {
    const ExamineCall call = Need(FromWire(request));
    reply = ToWire(Need(views_.Examine(call.resource, call.wait, call.most, call.cursor)));
  });
}

void AdminHandler::in_doubt(wire::InDoubtReply& reply, const wire::PageRequest& request) {
  edge_.Serve(access::Of("admin", "in_doubt"), [&] {
    const PageCall call = Need(FromWire(request));
    const InDoubtView view = Need(views_.InDoubt(call.most, call.cursor));
    for (const TransactionView& transaction : view.transactions)
      reply.transactions.push_back(ToWire(transaction));
    for (const Stray& stray : view.strays) reply.strays.push_back(ToWire(stray));
    reply.next_cursor = view.next_cursor;
    reply.count = static_cast<std::int64_t>(view.count);
  });
}

void AdminHandler::participants(wire::ParticipantsReply& reply, const wire::PageRequest& request) {
  edge_.Serve(access::Of("admin", "participants"), [&] {
    const PageCall call = Need(FromWire(request));
    const ParticipantPage page = Need(views_.Participants(call.most, call.cursor));
    for (const ParticipantRow& row : page.rows) reply.participants.push_back(ToWire(row));
    reply.next_cursor = page.next_cursor;
  });
}

void AdminHandler::send_again(wire::SendAgainReply& reply, const wire::SendAgainRequest& request) {
  edge_.Serve(access::Of("admin", "send_again"), [&] {
    const SendAgainCall call = Need(FromWire(request));
    if (call.dry_run) {
      reply = ToWire(Need(call.gtid.empty() ? WouldRetryAll(engine_, call.resource)
                                            : WouldRetry(engine_, views_, call.gtid)));
      return;
    }
    const std::string target = !call.gtid.empty()       ? call.gtid.text()
                               : !call.resource.empty() ? call.resource
                                                        : "everything that waits";
    const std::string what = call.step.empty() ? "retry" : "retry of step " + call.step;
    reply = ToWire(Act<RetriedView>(
        what, target, call.operator_name, "",
        [&] {
          return call.gtid.empty()   ? RetryAll(engine_, call.resource)
                 : call.step.empty() ? Retry(engine_, views_, call.gtid)
                                     : RetryStep(engine_, views_, call.gtid, call.step);
        },
        [&] {
          if (call.gtid.empty()) return Status();
          return call.step.empty() ? StatusOf(WouldRetry(engine_, views_, call.gtid))
                                   : StatusOf(views_.Show(call.gtid));
        }));
  });
}

void AdminHandler::resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) {
  edge_.Serve(access::Of("admin", "resolve"), [&] {
    ResolveCall call = Need(FromWire(request));
    call.identity = edge_.rights().identity;
    if (call.dry_run) {
      reply = ToWire(Need(Resolve(engine_, views_, observer_, call)));
      return;
    }
    ResolveCall dry = call;
    dry.dry_run = true;
    reply = ToWire(Act<TransactionView>(
        WhatIsAsked(call), TargetOf(call), call.operator_name, call.reason,
        [&] { return Resolve(engine_, views_, observer_, call); },
        [&] { return StatusOf(Resolve(engine_, views_, observer_, dry)); }));
  });
}

void AdminHandler::act_on_step(wire::TransactionView& reply,
                               const wire::ActOnStepRequest& request) {
  edge_.Serve(access::Of("admin", "act_on_step"), [&] {
    const StepActCall call = Need(FromWire(request));
    const std::string what = std::string(ToString(call.act)) + " of step " + call.step;
    reply = ToWire(Act<TransactionView>(
        what, call.gtid.text(), call.operator_name, call.reason,
        [&] { return ActOnStep(engine_, views_, observer_, call); },
        [&] { return StatusOf(views_.Show(call.gtid)); }));
  });
}

void AdminHandler::definitions(wire::DefinitionsReply& reply, const wire::PageRequest& request) {
  edge_.Serve(access::Of("admin", "definitions"),
              [&] { reply = ToWire(engine_.ListDefinitions(Need(DefinitionsFromWire(request)))); });
}

void AdminHandler::definition(wire::DefinitionView& reply, const std::string& name,
                              std::int32_t version) {
  edge_.Serve(access::Of("admin", "definition"), [&] {
    Need(CheckText("name", name, 200));
    reply = ToWire(*Need(engine_.FindDefinition(name, version)));
  });
}

wire::PauseView AdminHandler::SetPause(const std::string& what, const PauseRecord& record) {
  const std::string target = record.name.empty() ? "everything new" : record.name;
  return ToWire(Act<PauseRecord>(
      what, target, record.operator_name, record.reason,
      [&] { return Pause(engine_, views_, observer_, record); },
      [&] { return CheckPause(views_, record); }));
}

void AdminHandler::pause(wire::PauseView& reply, const wire::PauseRequest& request) {
  edge_.Serve(access::Of("admin", "pause"),
              [&] { reply = SetPause("pause", Need(FromWire(request))); });
}

void AdminHandler::resume(wire::PauseView& reply, const wire::PauseRequest& request) {
  edge_.Serve(access::Of("admin", "resume"), [&] {
    PauseRecord record = Need(FromWire(request));
    record.paused = false;
    reply = SetPause("resume", record);
  });
}

void AdminHandler::drain(wire::PauseView& reply, const wire::DrainRequest& request) {
  edge_.Serve(access::Of("admin", "drain"), [&] {
    const PauseRecord record = Need(FromWire(request));
    reply = SetPause(record.paused ? "drain" : "end of the drain", record);
  });
}

void AdminHandler::audit(wire::AuditReply& reply, const wire::AuditRequest& request) {
  edge_.Serve(access::Of("admin", "audit"), [&] {
    const AuditPage page = Need(audit_.List(Need(FromWire(request))));
    for (const AuditEntry& entry : page.entries) reply.entries.push_back(ToWire(entry));
    if (page.more) reply.next_cursor = std::to_string(page.entries.back().number);
    const AuditTotals totals = audit_.totals();
    reply.rows = static_cast<std::int64_t>(totals.rows);
    reply.pruned = static_cast<std::int64_t>(totals.pruned);
    reply.damage = totals.damage;
  });
}

void AdminHandler::diagnose(wire::DiagnosisReply& reply) {
  edge_.Serve(access::Of("admin", "diagnose"), [&] { reply = ToWire(Need(doctor_.Examine())); });
}

void AdminHandler::forget(wire::TransactionView& reply, const wire::ForgetRequest& request) {
  edge_.Serve(access::Of("admin", "forget"), [&] {
    const ForgetRequested asked = Need(FromWire(request));
    const ForgetCall& call = asked.call;
    if (asked.dry_run) {
      reply = ToWire(Need(WouldForget(views_, call)));
      return;
    }
    reply = ToWire(Act<TransactionView>(
        "forget", call.gtid.text(), call.operator_name, call.reason,
        [&] { return Forget(engine_, views_, observer_, call); },
        [&] { return StatusOf(WouldForget(views_, call)); }));
  });
}

void AdminHandler::accept_identity(const std::string& resource, const std::string& identity,
                                   const std::string& operator_name, const std::string& reason) {
  edge_.Serve(access::Of("admin", "accept_identity"), [&] {
    const ResourceRecord record = Need(IdentityFromWire(resource, identity, operator_name, reason));
    const std::string what = "operator " + Escaped(operator_name) + " accepts " +
                             Escaped(identity) + " as resource " + resource + ": " +
                             Escaped(reason);
    Act<std::monostate>("accept " + identity, resource, operator_name, reason, [&] {
      return Await<std::monostate>([&](Completion<std::monostate> done) {
        engine_.AcceptIdentity(record, std::move(done));
      });
    });
    observer_.Event(Observer::Level::kInfo, {}, what);
  });
}

LogBackup& AdminHandler::TheBackup() {
  if (backup_ == nullptr) {
    Need(Fail(ErrorCode::kRefused, "no backup was begun on this connection, or it has ended",
              "begin a backup anew"));
  }
  return *backup_;
}

void AdminHandler::backup_begin(wire::BackupView& reply) {
  edge_.Serve(access::Of("admin", "backup_begin"), [&] {
    backup_.reset();
    // Whoever takes a copy has every application's words.
    using Progress = LogBackup::Progress;
    const auto begin = [&]() -> Result<Progress> {
      auto started = log_.StartBackup();
      if (!started) return Fail(std::move(started).error());
      backup_ = *std::move(started);
      observer_.Event(Observer::Level::kInfo, {}, "a backup of the decision log was begun");
      return backup_->Await();
    };
    reply = ToWire(Act<Progress>("begin a backup", "the decision log", "", "", begin));
  });
}

void AdminHandler::backup_progress(wire::BackupView& reply) {
  edge_.Serve(access::Of("admin", "backup_progress"),
              [&] { reply = ToWire(Need(TheBackup().Await())); });
}

void AdminHandler::backup_read(std::string& bytes, std::int64_t offset) {
  constexpr std::size_t kMost = 1024 * 1024;
  edge_.Serve(access::Of("admin", "backup_read"), [&] {
    if (offset < 0) Need(Fail(ErrorCode::kInvalid, "the offset is negative"));
    bytes = Need(TheBackup().Read(static_cast<std::uint64_t>(offset), kMost));
  });
}

void AdminHandler::backup_end() {
  edge_.Serve(access::Of("admin", "backup_end"), [&] {
    if (backup_ == nullptr) return;
    backup_.reset();
    observer_.Event(Observer::Level::kInfo, {}, "the backup of the decision log was fetched");
  });
}

}  // namespace settle::coordinator
