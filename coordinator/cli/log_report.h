// What was found in the file of a log or a backup, for people and for programs.
#pragma once

#include "cli/verb.h"
#include "log/verify.h"

namespace settle::cli {

std::string ReportText(const coordinator::LogReport& report, const Surroundings& around);
Json ToJson(const coordinator::LogReport& report);

// Says how many records were read.
coordinator::VerifyProgress Verifying(const Surroundings& around);

}  // namespace settle::cli
