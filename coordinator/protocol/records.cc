#include "protocol/records.h"

namespace settle::coordinator {

const Gtid& GtidOf(const Record& record) {
  static const Gtid kNone;
  if (const auto* end = std::get_if<EndRecord>(&record)) return end->summary.gtid;
  if (const auto* commit = std::get_if<CommitRecord>(&record)) return commit->gtid;
  if (const auto* one_phase = std::get_if<OnePhaseRecord>(&record)) return one_phase->gtid;
  if (const auto* heuristic = std::get_if<HeuristicRecord>(&record)) return heuristic->gtid;
  return kNone;
}

}  // namespace settle::coordinator
