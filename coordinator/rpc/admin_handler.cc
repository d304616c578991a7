#include "rpc/admin_handler.h"

#include <utility>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {

AdminHandler::AdminHandler(std::string release, Engine& engine, const Views& views, Calls& calls,
                           Observer& observer, std::shared_ptr<access::Visitor> visitor)
    : release_(std::move(release)),
      engine_(engine),
      views_(views),
      calls_(calls),
      observer_(observer),
      edge_(observer, std::move(visitor)) {}

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
    reply = ToWire(Need(call.gtid.empty()   ? RetryAll(engine_, call.resource)
                        : call.step.empty() ? Retry(engine_, views_, call.gtid)
                                            : RetryStep(engine_, views_, call.gtid, call.step)));
  });
}

void AdminHandler::resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) {
  edge_.Serve(access::Of("admin", "resolve"), [&] {
    reply = ToWire(Need(Resolve(engine_, views_, observer_, Need(FromWire(request)))));
  });
}

void AdminHandler::act_on_step(wire::TransactionView& reply,
                               const wire::ActOnStepRequest& request) {
  edge_.Serve(access::Of("admin", "act_on_step"), [&] {
    reply = ToWire(Need(ActOnStep(engine_, views_, observer_, Need(FromWire(request)))));
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

void AdminHandler::forget(wire::TransactionView& reply, const wire::ForgetRequest& request) {
  edge_.Serve(access::Of("admin", "forget"), [&] {
    reply = ToWire(Need(Forget(engine_, views_, observer_, Need(FromWire(request)))));
  });
}

void AdminHandler::accept_identity(const std::string& resource, const std::string& identity,
                                   const std::string& operator_name, const std::string& reason) {
  edge_.Serve(access::Of("admin", "accept_identity"), [&] {
    ResourceRecord record = Need(IdentityFromWire(resource, identity, operator_name, reason));
    const std::string what = "operator " + Escaped(operator_name) + " accepts " +
                             Escaped(identity) + " as resource " + resource + ": " +
                             Escaped(reason);
    Need(calls_.Await<std::monostate>({}, [&](Completion<std::monostate> done) {
      engine_.AcceptIdentity(std::move(record), std::move(done));
    }));
    observer_.Event(Observer::Level::kInfo, {}, what);
  });
}

}  // namespace settle::coordinator
