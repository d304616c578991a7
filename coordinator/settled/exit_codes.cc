#include "settled/exit_codes.h"

namespace settle::coordinator {

int ExitCodeOfLog(const Error& error) {
  if (error.code == ErrorCode::kInvalid) return kExitUsage;
  if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kRefused)
    return kExitLogUnavailable;
  if (error.code == ErrorCode::kCorrupt) return kExitLogDamaged;
  if (error.code == ErrorCode::kVersion) return kExitLogNewer;
  return kExitInternal;
}

const char* DescribeExitCodes() {
  return "Exit codes:\n"
         "   0  stopped cleanly\n"
         "  64  a wrong or missing option\n"
         "  65  the decision log is damaged, or the file is no decision log\n"
         "  66  the decision log was made by a newer release\n"
         "  69  the decision log cannot be opened, or another process holds it\n"
         "  70  a defect, or the decision log failed while serving: start again\n"
         "  71  the address to listen on cannot be had\n"
         "  73  the ready file cannot be written\n";
}

}  // namespace settle::coordinator
