// A shop: customers pay in one database, goods are reserved in a service with another. An order is
// paid and its goods are sold, or neither.
#pragma once

#include <memory>
#include <string>

#include "settle/action_participant.h"
#include "settle/coordinator.h"
#include "settle/sqlite_resource.h"

namespace inventory_tcc {

inline std::string PaymentsPath(const std::string& directory) { return directory + "/payments.db"; }
inline std::string InventoryPath(const std::string& directory) {
  return directory + "/inventory.db";
}

// The files with `stock` pieces of one item; nothing is changed in files that are there.
[[nodiscard]] settle::Status CreateDatabases(const std::string& directory, int stock);

// The participant "inventory": reserve, and its confirm and cancel.
[[nodiscard]] std::shared_ptr<settle::ActionParticipant> MakeInventory(
    const std::string& directory);

// `count` pieces for 10 each. Blocking.
[[nodiscard]] settle::Ending Order(settle::Coordinator& coordinator,
                                   settle::SqliteResource& payments, int count);

// What the databases say, as lines for people; `broken` is not empty if it does not add up.
struct Audit {
  std::string report;
  std::string broken;
  int pending = 0;  // pieces that are reserved, and orders that are prepared, by orders under way
};
[[nodiscard]] settle::Result<Audit> ReadAudit(const std::string& directory);

}  // namespace inventory_tcc
