#include "cli/given_text.h"
#include "cli/saga_wait.h"

namespace settle::cli {
namespace {

Result<Answer> Run(const Given& given, Surroundings& around) {
  const std::string& file = given.operands.at(0);
  Result<std::string> document = ReadText(file, kDocumentBytesMost);
  if (!document) return Fail(document.error());
  if (document->empty())
    return Fail(InFile({ErrorCode::kInvalid, "there is no definition in it", ""}, file));
  wire::StartSagaRequest request;
  request.definition = *std::move(document);
  return StartAndWait(std::move(request), given, around, file);
}

}  // namespace

const Verb kSagaSubmit{
    .name = "saga submit",
    .operands = {"FILE"},
    .options = StartOptions(),
    .summary = "start a saga from its definition, a JSON file (- is standard input)",
    .details = kStartDetails,
    .run = Run};

}  // namespace settle::cli
