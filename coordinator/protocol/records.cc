#include "protocol/records.h"

#include <algorithm>

namespace settle::coordinator {

namespace {

const Gtid kNone;

template <typename Alternative>
const Gtid& Of(const Alternative& record) {
  return record.gtid;
}
const Gtid& Of(const EndRecord& end) { return end.summary.gtid; }
const Gtid& Of(const ResourceRecord&) { return kNone; }
const Gtid& Of(const DefinitionRecord&) { return kNone; }
const Gtid& Of(const PauseRecord&) { return kNone; }

}  // namespace

const Gtid& GtidOf(const Record& record) {
  return std::visit([](const auto& one) -> const Gtid& { return Of(one); }, record);
}

const DecidedBranch* LastResourceRecord::Deciding() const {
  const auto found = std::find_if(branches.begin(), branches.end(),
                                  [&](const DecidedBranch& one) { return one.number == last; });
  return found == branches.end() ? nullptr : &*found;
}

LastResourceRecord RecordByName(const BranchKey& found, const std::string& resource,
                                const Evidence& evidence, const LastResource& last) {
  LastResourceRecord record;
  record.gtid = found.gtid;
  record.last = last.branch;
  for (BranchNumber number = 1; number <= std::max(found.number, last.branch); ++number)
    record.branches.push_back({number, kNotKnown, Vote::kReadOnly, {}});
  record.branches[found.number - 1] = {found.number, resource, Vote::kCommit, evidence};
  record.branches[last.branch - 1] = {last.branch, last.resource, Vote::kCommit, last.evidence};
  return record;
}

std::string NobodyServes(const std::string& participant) {
  return "no process serves " + participant;
}

std::string NameOf(const Site& site) {
  if (site.number == 0) return "the witness";
  return "site " + std::to_string(site.number) + " (" + site.resource + ")";
}

std::string LeaderOf(const QuorumSummary& quorum) {
  const BranchNumber leader = quorum.by.ballot.leader;
  if (leader == 0) return "coordinator";
  for (const SiteSummary& site : quorum.sites) {
    if (site.site.number == leader) return NameOf(site.site);
  }
  return "site " + std::to_string(leader);
}

const char* ToString(HeuristicAct act) {
  switch (act) {
    case HeuristicAct::kForce: return "force";
    case HeuristicAct::kVerdict: return "verdict";
    case HeuristicAct::kStray: return "stray";
  }
  return "unrecognised";
}

std::string Words(const HeuristicIntent& intent) {
  const std::string to = settle::ToString(intent.to);
  const std::string why = " by operator " + intent.operator_name + ": " + intent.reason;
  switch (intent.act) {
    case HeuristicAct::kForce: return "forced to " + to + why;
    case HeuristicAct::kStray: return "told to " + to + why;
    case HeuristicAct::kVerdict: break;
  }
  const std::string number =
      intent.branches.empty() ? "?" : std::to_string(intent.branches.front().number);
  return "branch " + number + (intent.to == Decision::kCommit ? " committed" : " was rolled back") +
         ", as was said" + why;
}

std::string ForgottenBy(const std::string& operator_name, const std::string& reason) {
  return "forgotten by " + operator_name + ": " + reason;
}

}  // namespace settle::coordinator
