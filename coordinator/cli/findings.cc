#include "cli/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace settle::cli {
namespace {

constexpr std::array kSeverities{Severity::kOk, Severity::kNote, Severity::kWarning,
                                 Severity::kProblem};

using Counts = std::array<std::size_t, kSeverities.size()>;

std::size_t IndexOf(Severity severity) { return static_cast<std::size_t>(severity); }

// "2 problems, 1 warning"
std::string Text(const Counts& counts) {
  std::string text;
  for (auto each = kSeverities.rbegin(); each != kSeverities.rend(); ++each) {
    const std::size_t count = counts[IndexOf(*each)];
    if (count == 0) continue;
    const bool plural = count != 1 && *each != Severity::kOk;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, ToString(*each),
                        plural ? "s" : "");
  }
  return text;
}

std::string Text(const Finding& finding, Paint paint) {
  const std::string mark = fmt::format("{:7}", ToString(finding.severity));
  const bool alarm = finding.severity >= Severity::kWarning;
  std::string text =
      fmt::format("  {}  {}", alarm ? paint.Alarm(mark) : mark, Printable(finding.what));
  if (finding.severity != Severity::kOk) text += fmt::format("  [{}]", Printable(finding.code));
  text += "\n";
  if (!finding.advice.empty())
    text += fmt::format("           do: {}\n", Printable(finding.advice));
  return text;
}

Json ToJson(const Finding& finding) {
  return {{"code", finding.code},
          {"severity", ToString(finding.severity)},
          {"what", finding.what},
          {"advice", finding.advice}};
}

}  // namespace

std::vector<Finding> FromWire(const std::vector<wire::Finding>& findings) {
  std::vector<Finding> all;
  for (const wire::Finding& finding : findings) {
    // The generated code loads enums unchecked.
    std::int32_t raw = 0;
    std::memcpy(&raw, &finding.severity, sizeof raw);
    const bool known = raw >= wire::Severity::OK && raw <= wire::Severity::PROBLEM;
    const Severity severity = known
                                  ? kSeverities[static_cast<std::size_t>(raw - wire::Severity::OK)]
                                  : Severity::kProblem;
    all.push_back({finding.code, severity, finding.what, finding.advice});
  }
  return all;
}

std::vector<Section> BySection(const std::vector<Finding>& findings,
                               const std::vector<std::string>& names) {
  std::vector<Section> sections;
  for (const std::string& name : names) sections.push_back({name, {}});
  for (const Finding& finding : findings) {
    auto at = std::ranges::find_if(sections, [&](const Section& section) {
      return finding.code.starts_with(section.name + "-");
    });
    if (at == sections.end()) at = sections.begin();
    at->findings.push_back(finding);
  }
  return sections;
}

Answer Report(const std::vector<Section>& sections, Paint paint) {
  Answer answer;
  answer.json["sections"] = Json::array();
  Counts counts{};
  for (const Section& section : sections) {
    if (section.findings.empty()) continue;
    answer.text += paint.Bold(Printable(section.name)) + "\n";
    Json list = Json::array();
    for (const Finding& finding : section.findings) {
      ++counts[IndexOf(finding.severity)];
      answer.text += Text(finding, paint);
      list.push_back(ToJson(finding));
    }
    answer.json["sections"].push_back({{"section", section.name}, {"findings", std::move(list)}});
  }
  for (const Severity severity : kSeverities) {
    answer.json["counts"][ToString(severity)] = counts[IndexOf(severity)];
  }
  const bool sound =
      counts[IndexOf(Severity::kWarning)] == 0 && counts[IndexOf(Severity::kProblem)] == 0;
  answer.json["sound"] = sound;
  answer.text +=
      fmt::format("\n{}: {}\n", sound ? "sound" : paint.Alarm("not sound"), Text(counts));
  answer.exit = sound ? ExitCode::kOk : ExitCode::kUnsound;
  return answer;
}

}  // namespace settle::cli
