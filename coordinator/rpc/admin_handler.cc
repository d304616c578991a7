#include "rpc/admin_handler.h"

#include <utility>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {

AdminHandler::AdminHandler(std::string release, Engine& engine, const Views& views, Calls& calls,
                           Observer& observer, server::Caller caller)
    : release_(std::move(release)),
      engine_(engine),
      views_(views),
      calls_(calls),
      observer_(observer),
      caller_(std::move(caller)) {}

void AdminHandler::status(wire::StatusReply& reply) {
  AtTheEdge(observer_, "status", [&] { reply = ToWire(Need(views_.Status()), release_); });
}

void AdminHandler::list_transactions(wire::ListReply& reply, const wire::ListRequest& request) {
  AtTheEdge(observer_, "list_transactions", [&] {
    const ListCall call = Need(FromWire(request));
    const TransactionPage page = Need(views_.List(call.which, call.most, call.cursor));
    for (const TransactionView& view : page.transactions)
      reply.transactions.push_back(ToWire(view));
    reply.next_cursor = page.next_cursor;
  });
}

void AdminHandler::show(wire::TransactionView& reply, const std::string& gtid) {
  AtTheEdge(observer_, "show",
            [&] { reply = ToWire(Need(views_.Show(Need(GtidFromWire(gtid))))); });
}

void AdminHandler::in_doubt(wire::InDoubtReply& reply, const wire::PageRequest& request) {
  AtTheEdge(observer_, "in_doubt", [&] {
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
  AtTheEdge(observer_, "participants", [&] {
    const PageCall call = Need(FromWire(request));
    const ParticipantPage page = Need(views_.Participants(call.most, call.cursor));
    for (const ParticipantRow& row : page.rows) reply.participants.push_back(ToWire(row));
    reply.next_cursor = page.next_cursor;
  });
}

void AdminHandler::send_again(wire::SendAgainReply& reply, const wire::SendAgainRequest& request) {
  AtTheEdge(observer_, "send_again", [&] {
    const SendAgainCall call = Need(FromWire(request));
    if (call.dry_run) {
      reply = ToWire(Need(WouldRetry(engine_, views_, call.gtid, call.resource)));
      return;
    }
    reply = ToWire(Need(call.gtid.empty()   ? RetryAll(engine_, call.resource)
                        : call.step.empty() ? Retry(engine_, views_, call.gtid)
                                            : RetryStep(engine_, views_, call.gtid, call.step)));
  });
}

void AdminHandler::resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) {
  AtTheEdge(observer_, "resolve", [&] {
    reply = ToWire(Need(Resolve(engine_, views_, observer_, Need(FromWire(request)))));
  });
}

void AdminHandler::act_on_step(wire::TransactionView& reply,
                               const wire::ActOnStepRequest& request) {
  AtTheEdge(observer_, "act_on_step", [&] {
    reply = ToWire(Need(ActOnStep(engine_, views_, observer_, Need(FromWire(request)))));
  });
}

void AdminHandler::definitions(wire::DefinitionsReply& reply, const wire::PageRequest& request) {
  AtTheEdge(observer_, "definitions",
            [&] { reply = ToWire(engine_.ListDefinitions(Need(DefinitionsFromWire(request)))); });
}

void AdminHandler::definition(wire::DefinitionView& reply, const std::string& name,
                              std::int32_t version) {
  AtTheEdge(observer_, "definition", [&] {
    Need(CheckText("name", name, 200));
    reply = ToWire(*Need(engine_.FindDefinition(name, version)));
  });
}

void AdminHandler::forget(wire::TransactionView& reply, const wire::ForgetRequest& request) {
  AtTheEdge(observer_, "forget", [&] {
    const ForgetRequested asked = Need(FromWire(request));
    reply = ToWire(Need(asked.dry_run ? WouldForget(views_, asked.call)
                                      : Forget(engine_, views_, observer_, asked.call)));
  });
}

void AdminHandler::accept_identity(const std::string& resource, const std::string& identity,
                                   const std::string& operator_name, const std::string& reason) {
  AtTheEdge(observer_, "accept_identity", [&] {
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
