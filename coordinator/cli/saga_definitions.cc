#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/saga_name.h"
#include "cli/table.h"

namespace settle::cli {
namespace {

Result<Answer> ShowOne(const std::string& text, Surroundings& around) {
  const Result<SagaName> saga = ParseSagaName(text);
  if (!saga) return Fail(saga.error());
  const auto definition = around.client.Definition(saga->name, saga->version);
  if (!definition) return Fail(definition.error());
  const std::string& document = definition->document;
  std::string shown;  // lines stay lines
  for (std::size_t from = 0; from < document.size();) {
    const std::size_t end = std::min(document.find('\n', from), document.size());
    shown += Printable(document.substr(from, end - from)) + "\n";
    from = end + 1;
  }
  return Answer{.text = std::move(shown), .json = ToJson(*definition)};
}

std::string Text(const std::vector<wire::DefinitionView>& definitions, const Surroundings& around) {
  std::vector<Row> rows;
  for (const wire::DefinitionView& one : definitions) {
    rows.push_back({fmt::format("{}@{}", Printable(one.name), one.version),
                    fmt::format("{}", one.steps), Rfc3339(one.stored_us),
                    Printable(one.stored_by)});
  }
  return Table({"SAGA", "STEPS", "STORED", "BY"}, rows, around.paint);
}

Result<Answer> Run(const Given& given, Surroundings& around) {
  if (!given.operands.empty()) return ShowOne(given.operands.at(0), around);
  return PrintPages(given, around, "definitions", "saga definitions",
                    [&](const wire::PageRequest& request) -> Result<Page> {
                      const auto reply = around.client.Definitions(request);
                      if (!reply) return Fail(reply.error());
                      Page page;
                      page.next_cursor = reply->next_cursor;
                      if (around.json) {
                        page.items = ToJson(reply->definitions);
                      } else if (!reply->definitions.empty()) {
                        page.text = Text(reply->definitions, around);
                      } else if (request.cursor.empty()) {
                        page.text = "no definition is stored\n";
                      }
                      return page;
                    });
}

}  // namespace

const Verb kSagaDefinitions{
    .name = "saga definitions",
    .operands = {"[NAME[@VERSION]]"},
    .options = WithPageOptions({}),
    .summary = "the stored definitions, or one of them as a JSON document",
    .details = "The document of one can be changed, given a version of its own, and stored again.",
    .run = Run};

}  // namespace settle::cli
