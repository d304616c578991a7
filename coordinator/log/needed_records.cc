#include "log/needed_records.h"

#include <algorithm>

namespace settle::coordinator {

Subject SubjectOf(const Record& record) {
  Subject subject;
  subject.gtid = GtidOf(record);
  if (const auto* binding = std::get_if<ResourceRecord>(&record)) {
    subject.resource = binding->resource;
  }
  if (const auto* end = std::get_if<EndRecord>(&record)) {
    subject.ended = end->summary.ending.outcome;
  }
  return subject;
}

void NeededRecords::Add(std::uint64_t position, const Subject& subject) {
  if (subject.gtid.empty()) {
    bindings_[subject.resource] = position;
  } else if (!subject.ended) {
    open_[subject.gtid].push_back(position);
    ++open_records_;
  } else if (const auto open = open_.find(subject.gtid); open != open_.end()) {
    open_records_ -= open->second.size();
    open_.erase(open);
  }
}

bool NeededRecords::Has(std::uint64_t position, const Subject& subject) const {
  if (subject.gtid.empty()) {
    const auto binding = bindings_.find(subject.resource);
    return binding != bindings_.end() && binding->second == position;
  }
  const auto open = open_.find(subject.gtid);
  return open != open_.end() &&
         std::find(open->second.begin(), open->second.end(), position) != open->second.end();
}

void NeededRecords::Move(std::uint64_t from, std::uint64_t to, const Subject& subject) {
  if (subject.gtid.empty()) {
    bindings_[subject.resource] = to;
  } else {
    auto& positions = open_[subject.gtid];
    std::replace(positions.begin(), positions.end(), from, to);
  }
}

}  // namespace settle::coordinator
