// How the daemon ends, in the numbers of sysexits.h. Supervisors and scripts rely on these;
// docs/settled.md lists them.
#pragma once

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

inline constexpr int kExitClean = 0;
inline constexpr int kExitUsage = 64;           // a wrong option, or one that is missing
inline constexpr int kExitLogDamaged = 65;      // the file is damaged or is no decision log
inline constexpr int kExitLogNewer = 66;        // the file was made by a newer release
inline constexpr int kExitLogUnavailable = 69;  // it cannot be opened, or another process holds it
inline constexpr int kExitInternal = 70;        // a defect, or the log failed while serving
inline constexpr int kExitCannotListen = 71;    // the address cannot be had
inline constexpr int kExitNoReadyFile = 73;     // the ready file cannot be written

// For an error of opening or replaying the decision log.
int ExitCodeOfLog(const Error& error);

// The list above, a line each, as --help prints it.
const char* DescribeExitCodes();

}  // namespace settle::coordinator
