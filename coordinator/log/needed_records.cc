#include "log/needed_records.h"

#include <algorithm>
#include <utility>

namespace settle::coordinator {

Subject SubjectOf(const Record& record) {
  Subject subject;
  subject.gtid = GtidOf(record);
  if (const auto* binding = std::get_if<ResourceRecord>(&record)) {
    subject.name = binding->resource;
  }
  if (const auto* stored = std::get_if<DefinitionRecord>(&record)) {
    const saga::Definition& definition = stored->definition;
    // No resource's name has a blank.
    subject.name = "saga " + definition.name + " " + std::to_string(definition.version);
  }
  if (const auto* pause = std::get_if<PauseRecord>(&record)) {
    subject.name = "pause " + std::to_string(static_cast<int>(pause->scope)) + " " + pause->name;
  }
  subject.decides = std::holds_alternative<CommitRecord>(record) ||
                    std::holds_alternative<OnePhaseRecord>(record) ||
                    std::holds_alternative<LastResourceRecord>(record) ||
                    std::holds_alternative<PreCommitRecord>(record) ||
                    std::holds_alternative<QuorumAbortRecord>(record);
  const auto* intent = std::get_if<HeuristicIntentRecord>(&record);
  if (intent != nullptr) subject.decides = intent->intent.act != HeuristicAct::kVerdict;
  subject.replaces = std::holds_alternative<BallotRecord>(record);
  if (const auto* end = std::get_if<EndRecord>(&record)) {
    subject.ended = end->summary.ending.outcome;
  }
  return subject;
}

void NeededRecords::Add(std::uint64_t position, const Subject& subject) {
  if (subject.gtid.empty()) {
    named_[subject.name] = position;
  } else if (!subject.ended) {
    Open& open = open_[subject.gtid];
    if (subject.replaces && open.ballot) {
      std::erase(open.positions, *open.ballot);
      --open_records_;
    }
    if (subject.replaces) open.ballot = position;
    open.positions.push_back(position);
    open.decided = open.decided || subject.decides;
    ++open_records_;
  } else if (const auto open = open_.find(subject.gtid); open != open_.end()) {
    open_records_ -= open->second.positions.size();
    open_.erase(open);
  }
}

bool NeededRecords::Has(std::uint64_t position, const Subject& subject) const {
  if (subject.gtid.empty()) {
    const auto newest = named_.find(subject.name);
    return newest != named_.end() && newest->second == position;
  }
  const auto open = open_.find(subject.gtid);
  if (open == open_.end()) return false;
  const auto& positions = open->second.positions;
  return std::find(positions.begin(), positions.end(), position) != positions.end();
}

bool NeededRecords::IsReopened(const Gtid& gtid) const {
  const auto open = open_.find(gtid);
  return open != open_.end() && !open->second.decided;
}

void NeededRecords::Move(std::uint64_t from, std::uint64_t to, const Subject& subject) {
  if (subject.gtid.empty()) {
    named_[subject.name] = to;
  } else {
    Open& open = open_[subject.gtid];
    std::replace(open.positions.begin(), open.positions.end(), from, to);
    if (open.ballot == from) open.ballot = to;
  }
}

std::vector<Gtid> NeededRecords::OpenTransactions() const {
  std::vector<std::pair<std::uint64_t, Gtid>> by_age;
  for (const auto& [gtid, open] : open_) {
    by_age.emplace_back(*std::min_element(open.positions.begin(), open.positions.end()), gtid);
  }
  std::sort(by_age.begin(), by_age.end());
  std::vector<Gtid> gtids;
  for (auto& [position, gtid] : by_age) gtids.push_back(std::move(gtid));
  return gtids;
}

}  // namespace settle::coordinator
