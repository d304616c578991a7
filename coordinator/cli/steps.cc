#include "cli/steps.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "cli/table.h"

namespace settle::cli {
namespace {

struct Node {
  const wire::StepView* step = nullptr;
  const wire::BranchView* branch = nullptr;
  int depth = -1;  // not known yet
  bool visiting = false;
  std::vector<std::int32_t> below;
};
using Nodes = std::map<std::int32_t, Node>;

// Also finds under which step it is drawn. At most as deep as there are steps.
int DepthOf(Nodes& nodes, std::int32_t number) {
  Node& node = nodes.at(number);
  if (node.depth >= 0 || node.visiting) return node.depth;
  node.visiting = true;
  std::int32_t under = 0;
  int deepest = -1;
  for (const std::int32_t other : node.step->after) {
    if (!nodes.contains(other)) continue;
    const int depth = DepthOf(nodes, other);
    if (depth <= deepest) continue;
    deepest = depth;
    under = other;
  }
  node.visiting = false;
  node.depth = deepest + 1;
  if (under != 0) nodes.at(under).below.push_back(number);
  return node.depth;
}

std::string Numbers(const std::vector<std::int32_t>& numbers) {
  std::string text;
  for (const std::int32_t number : numbers) text += fmt::format(" {}", number);
  return text;
}

Row RowOf(const Node& node, std::int64_t now_us) {
  const wire::StepView& step = *node.step;
  std::string name(static_cast<std::size_t>(node.depth) * 2, ' ');
  if (node.depth > 0) name.replace(name.size() - 2, 2, "└ ");
  name += fmt::format("{} {}", step.step, Printable(step.name));
  if (step.kind == "pivot") name += ", pivot";
  if (step.after.size() > 1) name += ", after" + Numbers(step.after);
  const wire::BranchView none;
  const wire::BranchView& branch = node.branch != nullptr ? *node.branch : none;
  const std::string since = Since(step.changed_us, now_us);
  return {name,
          Printable(branch.state) + (since.empty() ? "" : " for " + since),
          fmt::format("{}", branch.attempts),
          Rfc3339(step.called_us),
          Printable(branch.resource),
          Printable(step.action),
          Printable(branch.last_error)};
}

void AddRows(const Nodes& nodes, std::int32_t number, std::int64_t now_us, std::vector<Row>& rows) {
  const Node& node = nodes.at(number);
  rows.push_back(RowOf(node, now_us));
  for (const std::int32_t below : node.below) AddRows(nodes, below, now_us, rows);
}

}  // namespace

std::string StepsText(const wire::TransactionView& transaction, std::int64_t now_us, Paint paint) {
  constexpr std::size_t kStepsMost = 1'000;  // ten times the contract's; drawing recurses
  Nodes nodes;
  for (const wire::StepView& step : transaction.saga.steps) {
    if (nodes.size() < kStepsMost) nodes[step.step].step = &step;
  }
  for (const wire::BranchView& branch : transaction.branches) {
    if (const auto node = nodes.find(branch.branch); node != nodes.end())
      node->second.branch = &branch;
  }
  for (const auto& [number, node] : nodes) DepthOf(nodes, number);
  std::vector<Row> rows;
  for (const auto& [number, node] : nodes) {
    if (node.depth == 0) AddRows(nodes, number, now_us, rows);
  }
  std::string text =
      Table({"STEP", "STATE", "ATTEMPTS", "FIRST CALLED", "PARTICIPANT", "ACTION", "LAST ERROR"},
            rows, paint);
  std::vector<std::pair<std::string, std::string>> results;
  for (const auto& [number, node] : nodes) {
    if (node.step->__isset.result)
      results.emplace_back(Printable(node.step->name), Printable(node.step->result));
  }
  if (!results.empty()) text += "\n" + paint.Bold("RESULTS") + "\n" + Fields(results, Paint{});
  return text;
}

}  // namespace settle::cli
