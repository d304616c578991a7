#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/given_text.h"
#include "cli/saga_wait.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const std::string& file = given.operands.at(0);
  Result<std::string> document = ReadText(file, kDocumentBytesMost);
  if (!document) return Fail(document.error());
  const Result<std::string> who = Who(given);
  if (!who) return Fail(who.error());
  wire::DefineSagaRequest request;
  request.definition = *std::move(document);
  request.owner = *who;
  const Result<wire::DefineSagaReply> stored = around.client.DefineSaga(request);
  if (!stored) return Fail(InFile(stored.error(), file));
  const std::string name = fmt::format("{}@{}", Printable(stored->name), stored->version);
  return Answer{
      .text = stored->known ? name + " was stored before, with the same content\n"
                            : name + " is stored\n",
      .json = {{"name", stored->name}, {"version", stored->version}, {"known", stored->known}}};
}

}  // namespace

const Verb kSagaStore{
    .name = "saga store",
    .operands = {"FILE"},
    .options = {OperatorOption()},
    .summary = "store a saga's definition under its name and version (- is standard input)",
    .details =
        "It is durable, and never changed or removed: another content under the same name and "
        "version is\n"
        "refused, exit code 1. Sagas that run keep the definition they began with. Can be "
        "repeated.",
    .run = Run};

}  // namespace settle::cli
