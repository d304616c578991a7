// Where databases, coordinators and peers are, as people write it.
#include "cli/dsn.h"
#include "server/listen_address.h"
#include "settle/postgres_resource.h"
#include "target.h"
#include "transport/address.h"

namespace settle::fuzz {
namespace {

void CheckListenAddress(std::string_view text) {
  const Result<server::ListenAddress> address = server::ParseListenAddress(text);
  if (!address) RequirePrintable(address.error());
}

void CheckAddress(const std::string& text) {
  const Result<sdk::Address> address = sdk::ParseAddress(text);
  if (!address) return RequirePrintable(address.error());
  RequirePrintable(address->text());
  if (address->text() != text) return;  // what is not printable was escaped
  const Result<sdk::Address> same = sdk::ParseAddress(address->text());
  Require(same.has_value() && same->host == address->host && same->port == address->port &&
              same->path == address->path,
          "an address is read as it is written");
}

void Run(std::string_view bytes) {
  const std::string text(bytes);
  const Result<bool> password = HoldsPassword(text);
  if (!password) RequirePrintable(password.error());
  const Status allowed = cli::CheckDsn(text);
  Require(allowed.has_value() == (password.has_value() && !*password),
          "a command line takes no dsn with a password");
  CheckListenAddress(text);
  CheckAddress(text);
}

}  // namespace

const Target kDsn{"dsn", "X01", 20'000, &Run};

}  // namespace settle::fuzz
