// An inquiry over an engine and a log that a test holds.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recovery/inquiry.h"
#include "recovery/replay.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {

inline constexpr const char* kLog = "k3m9qxw4c7ab";

class InquiryTest : public testing::Test {
 protected:
  // Restores first what is in the log, as the daemon does.
  void Start() { under_test_.engine().Restore(*ReplayLog(under_test_.log())); }

  Result<Ending> Ask(const Gtid& gtid) {
    Answer<Ending> ending;
    inquiry_.AskOutcome(gtid, ending.done());
    Settle();
    if (ending.ok()) return *ending;
    return Fail(ending.error());
  }
  void Find(const std::string& resource, const std::string& name) {
    inquiry_.Found(resource, name);
    Settle();
  }
  void Find(const Gtid& gtid, BranchNumber number = 1) {
    Find("bank-a", BranchKey{gtid, number}.DatabaseName());
  }
  void Settle() {
    under_test_.Run();
    for (const auto& task : std::exchange(off_shard_, {})) task();
    under_test_.Run();
  }
  std::string WhyLeftAlone() {
    const std::vector<Stray> strays = inquiry_.Strays();
    return strays.size() == 1 ? strays[0].why : std::to_string(strays.size()) + " strays";
  }
  Gtid EarlierGtid(std::uint64_t sequence = 17) const { return Gtid::Make(kLog, 1, sequence, 7); }
  CommitRecord Decided(const Gtid& gtid) const {
    return {gtid, {}, 0, {{1, "bank-a", Vote::kCommit, {"db:bank-a", 1, "701"}}}};
  }
  EndRecord Ended(const Gtid& gtid, Outcome outcome) const {
    EndRecord end;
    end.summary.gtid = gtid;
    end.summary.ending.outcome = outcome;
    BranchSummary branch;
    branch.number = 1;
    branch.resource = "bank-a";
    branch.vote = "commit";
    branch.evidence = {"db:bank-a", 1, "701"};
    end.summary.branches.push_back(branch);
    return end;
  }

  EngineUnderTest under_test_;
  std::vector<std::function<void()>> off_shard_;
  Inquiry inquiry_{under_test_.engine(), under_test_.log(), under_test_.clock(),
                   under_test_.observer(),
                   [this](std::function<void()> task) { off_shard_.push_back(std::move(task)); }};
};

}  // namespace settle::coordinator
