#include "cli/saga_name.h"
#include "cli/saga_wait.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const Result<SagaName> saga = ParseSagaName(given.operands.at(0));
  if (!saga) return Fail(saga.error());
  wire::StartSagaRequest request;
  request.__set_name(saga->name);
  if (saga->version != 0) request.__set_version(saga->version);
  return StartAndWait(std::move(request), given, around, "");
}

}  // namespace

const Verb kSagaStart{.name = "saga start",
                      .operands = {"NAME[@VERSION]"},
                      .options = StartOptions(),
                      .summary = "start a saga whose definition is stored, in its highest version",
                      .details = kStartDetails,
                      .run = Run};

}  // namespace settle::cli
