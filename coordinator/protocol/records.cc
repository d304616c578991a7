#include "protocol/records.h"

namespace settle::coordinator {

const Gtid& GtidOf(const Record& record) {
  static const Gtid kNone;
  if (const auto* end = std::get_if<EndRecord>(&record)) return end->summary.gtid;
  if (const auto* commit = std::get_if<CommitRecord>(&record)) return commit->gtid;
  if (const auto* one_phase = std::get_if<OnePhaseRecord>(&record)) return one_phase->gtid;
  if (const auto* heuristic = std::get_if<HeuristicRecord>(&record)) return heuristic->gtid;
  if (const auto* forget = std::get_if<ForgetRecord>(&record)) return forget->gtid;
  return kNone;
}

std::string ForgottenBy(const std::string& operator_name, const std::string& reason) {
  return "forgotten by " + operator_name + ": " + reason;
}

}  // namespace settle::coordinator
