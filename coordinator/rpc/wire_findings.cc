#include "rpc/wire.h"

namespace settle::coordinator {

std::vector<wire::Finding> ToWire(const std::vector<Finding>& findings) {
  static_assert(static_cast<int>(wire::Severity::OK) == static_cast<int>(Severity::kOk) + 1);
  static_assert(static_cast<int>(wire::Severity::PROBLEM) ==
                static_cast<int>(Severity::kProblem) + 1);
  std::vector<wire::Finding> all;
  for (const Finding& finding : findings) {
    wire::Finding& one = all.emplace_back();
    one.code = finding.code;
    one.severity = static_cast<wire::Severity::type>(static_cast<int>(finding.severity) + 1);
    one.what = finding.what;
    one.advice = finding.advice;
  }
  return all;
}

}  // namespace settle::coordinator
