// A saga's definition as people and programs send it, and the references in its inputs.
#include "saga_definition/document.h"
#include "saga_definition/json_text.h"
#include "saga_definition/references.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace coordinator::saga;

void CheckReferences(const std::string& input) {
  const Result<std::vector<std::string>> steps = StepsReferredTo(input);
  if (!steps) return RequirePrintable(steps.error());
  const std::string result = R"({"seat": {"number": 7}, "": [1, {"a": "b"}]})";
  const Result<std::string> resolved =
      ResolveInput(input, result, [&](const std::string&) { return &result; });
  if (!resolved) return RequirePrintable(resolved.error());
  Require(resolved->size() <= kResolvedInputMax, "a resolved input keeps to its limit");
  Require(ParseJson(*resolved).has_value(), "a resolved input is JSON");
}

void Run(std::string_view bytes) {
  CheckReferences(std::string(bytes));
  const Result<Definition> definition = ReadDocument(bytes);
  if (!definition) return RequirePrintable(definition.error());
  for (const StepDefinition& step : definition->steps) CheckReferences(step.input);
  const std::string document = WriteDocument(*definition);
  const Result<Definition> same = ReadDocument(document);
  Require(same.has_value() && *same == *definition, "a written document is read as the same");
  Require(WriteDocument(*same) == document, "one definition has one document");
}

}  // namespace

const Target kSagaJson{"saga-json", "A03", 10'000, &Run};

}  // namespace settle::fuzz
