#include "rpc/admin_handler.h"

#include <utility>

#include "rpc/edge.h"
#include "rpc/wire.h"

namespace settle::coordinator {

void AdminHandler::status(wire::StatusReply& reply) {
  AtTheEdge(observer_, "status", [&] { reply = ToWire(Need(administration_.ReadStatus())); });
}

void AdminHandler::list_transactions(wire::ListReply& reply, const wire::ListRequest& request) {
  AtTheEdge(observer_, "list_transactions", [&] {
    const TransactionPage page = Need(administration_.List(Need(FromWire(request))));
    for (const OpenView& view : page.transactions) {
      reply.transactions.push_back(ToWire(view));
      reply.transactions.back().timeline.clear();
    }
    reply.next_cursor = page.next_cursor;
  });
}

void AdminHandler::show(wire::TransactionView& reply, const std::string& gtid) {
  AtTheEdge(observer_, "show", [&] { reply = ToWire(Need(administration_.Show(Need(GtidFromWire(gtid))))); });
}

void AdminHandler::in_doubt(wire::InDoubtReply& reply) {
  AtTheEdge(observer_, "in_doubt", [&] {
    const InDoubtView view = Need(administration_.InDoubt());
    for (const OpenView& transaction : view.transactions) reply.transactions.push_back(ToWire(transaction));
    for (const Stray& stray : view.strays) reply.strays.push_back(ToWire(stray));
  });
}

void AdminHandler::participants(std::vector<wire::ParticipantView>& reply) {
  AtTheEdge(observer_, "participants", [&] {
    for (const ParticipantView& view : Need(administration_.Participants())) reply.push_back(ToWire(view));
  });
}

void AdminHandler::resolve(wire::TransactionView& reply, const wire::ResolveRequest& request) {
  AtTheEdge(observer_, "resolve", [&] {
    reply = ToWire(Need(administration_.Resolve(Need(FromWire(request)))));
  });
}

void AdminHandler::accept_identity(const std::string& resource, const std::string& identity,
                                   const std::string& operator_name, const std::string& reason) {
  AtTheEdge(observer_, "accept_identity", [&] {
    Need(administration_.AcceptIdentity(Need(IdentityFromWire(resource, identity, operator_name, reason))));
  });
}

}  // namespace settle::coordinator
