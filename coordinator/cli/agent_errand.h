// `settle agent --once`: what was in doubt in a resource when the errand began, until it is not.
#pragma once

#include <map>
#include <string>

#include "cli/admin_client.h"
#include "settle/resource.h"

namespace settle::cli {

class Errand {
 public:
  // References outlive it.
  Errand(AdminClient& client, Resource& resource) : client_(client), resource_(resource) {}

  // Looks once into the database and at the coordinator. True: of what the first look that went
  // well found, nothing is left but strays, which nobody here can finish.
  bool Look();

  // Asks the coordinator, at the end of the errand, about branches that are prepared while it has
  // nothing in doubt for them under the resource's name. Blocking, a call for each.
  void Explain();

  // The branches that are left, by their names in the database, with the reason; before a look went
  // well there is one line without a name.
  const std::map<std::string, std::string>& left() const { return left_; }

 private:
  using Branches = std::map<std::string, std::string>;

  Result<Branches> InDoubt();  // of the coordinator, those of the resource, strays as well

  AdminClient& client_;
  Resource& resource_;
  bool began_ = false;
  std::map<std::string, std::string> left_;
  std::map<std::string, std::string> strays_;
};

}  // namespace settle::cli
