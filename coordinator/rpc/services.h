// The coordinator's services on its port, for one connection: each is made when it is called first.
#pragma once

#include <memory>
#include <vector>

#include "access/gate.h"
#include "rpc/admin_handler.h"
#include "rpc/calls.h"
#include "rpc/coordinator_handler.h"
#include "server/service.h"

namespace settle::coordinator {

// What the services of all connections work with. References must outlive the connections.
struct ServiceParts {
  access::Gate& gate;
  Observer& observer;
  OffLoop off_loop;
  std::vector<std::unique_ptr<Calls>>& calls;  // of each loop
  CoordinatorHandler::Parts coordinator;
  AdminHandler::Parts admin;
};

// To be given to a server. `parts` must outlive what is returned.
server::ServicesFor ServicesOf(const ServiceParts& parts);

}  // namespace settle::coordinator
