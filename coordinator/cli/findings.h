// Findings by section, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "settle/vocabulary/finding.h"
#include "wire/types_types.h"

namespace settle::cli {

// A part of the deployment, and what was found there.
struct Section {
  std::string name;  // "log", "resource bank-a"
  std::vector<Finding> findings;
};

// A severity that this program does not know is shown as a problem.
std::vector<Finding> FromWire(const std::vector<wire::Finding>& findings);

// Each into the section that its code begins with, in the order of `names`; those of none into the
// first.
std::vector<Section> BySection(const std::vector<Finding>& findings,
                               const std::vector<std::string>& names);

// kUnsound when there is a warning or a problem.
Answer Report(const std::vector<Section>& sections, Paint paint);

}  // namespace settle::cli
