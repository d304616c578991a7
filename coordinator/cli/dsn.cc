#include "cli/dsn.h"

#include "settle/postgres_resource.h"

namespace settle::cli {

Status CheckDsn(const std::string& dsn) {
  const Result<bool> secret = HoldsPassword(dsn);
  if (!secret) return Fail(secret.error());
  if (!*secret) return {};
  return Fail(ErrorCode::kInvalid,
              "the dsn holds a password, which everybody can read in the list of processes",
              "leave it out and put it into ~/.pgpass, the file that PGPASSFILE names, or a "
              "service file (service=NAME)");
}

}  // namespace settle::cli
