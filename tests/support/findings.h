// Findings of an examination, for tests.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "settle/vocabulary/finding.h"

namespace settle {

inline void PrintTo(const Finding& finding, std::ostream* out) {
  *out << ToString(finding.severity) << " " << finding.code << ": " << finding.what << " ["
       << finding.advice << "]";
}

}  // namespace settle

namespace settle::testing {

// The only finding of this code; a failure, and an empty one, if there are none or several.
inline Finding Find(const std::vector<Finding>& findings, const std::string& code) {
  std::vector<Finding> found;
  for (const Finding& finding : findings) {
    if (finding.code == code) found.push_back(finding);
  }
  EXPECT_EQ(found.size(), 1u) << code << " among " << ::testing::PrintToString(findings);
  return found.size() == 1 ? found.front() : Finding{};
}

inline Severity SeverityOf(const std::vector<Finding>& findings, const std::string& code) {
  return Find(findings, code).severity;
}

// Those that an operator is to do something about.
inline std::vector<Finding> Alarming(const std::vector<Finding>& findings) {
  std::vector<Finding> found;
  for (const Finding& finding : findings) {
    if (finding.severity >= Severity::kWarning) found.push_back(finding);
  }
  return found;
}

}  // namespace settle::testing
