#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/verb.h"
#include "settle/vocabulary/gtid.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const std::string& name = given.operands.at(0);
  const std::string& identity = given.operands.at(1);
  if (Status fits = CheckResourceName(name); !fits) return Fail(std::move(fits).error());
  if (identity.empty() || identity.size() > 200 || !IsPrintable(identity)) {
    return Fail(ErrorCode::kInvalid,
                "\"" + Escaped(identity) + "\" is not the identity of a database",
                "give the one that 'settle participants' shows as refused");
  }
  const Result<Accountable> by = WhoAndWhy(given);
  if (!by) return Fail(by.error());
  if (Status done = around.client.AcceptIdentity(name, identity, by->operator_name, by->reason);
      !done) {
    return Fail(std::move(done).error());
  }
  return Answer{.text = fmt::format("{} stands for {} from now on\n", name, Printable(identity)),
                .json = {{"resource", name}, {"identity", identity}}};
}

}  // namespace

const Verb kAccept{.name = "participants accept",
                   .operands = {"NAME", "IDENTITY"},
                   .options = {ReasonOption(), OperatorOption()},
                   .summary = "accept that a resource's name stands for another database",
                   .details =
                       "After a restore or a move. Branches that are in doubt in the old database "
                       "cannot be finished through\n"
                       "this name any more: see first that 'settle in-doubt' shows none.",
                   .run = Run};

}  // namespace settle::cli
