#include "admin/live.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "admin/views.h"
#include "engine/await.h"

namespace settle::coordinator {
using std::chrono::milliseconds;

BranchKey KeyInTheDatabase(const TransactionSummary& summary, const BranchSummary& branch) {
  if (!summary.heuristics.empty()) {
    const auto stray = BranchKey::ParseDatabaseName(summary.heuristics.front().database_name);
    if (stray) return *stray;
  }
  return {summary.gtid, branch.number};
}

std::vector<Told> AskNow(Engine& engine, const Clock& clock, std::vector<Question> questions) {
  struct Gathering {
    std::mutex mutex;
    std::vector<Told> told;
    std::size_t missing;
  };
  if (questions.empty()) return {};
  const auto gathering = std::make_shared<Gathering>();
  gathering->told.resize(questions.size());
  gathering->missing = questions.size();
  const WallTime asked = clock.WallNow();
  const Instant began = clock.Now();
  const auto all = Await<std::vector<Told>>([&](const Completion<std::vector<Told>>& done) {
    for (std::size_t i = 0; i < questions.size(); ++i) {
      engine.Ask(std::move(questions[i]), [=, &clock](Result<LiveAnswer> answer) {
        const std::lock_guard lock(gathering->mutex);
        Told& told = gathering->told[i];
        told.how.asked = asked;
        told.how.took = std::chrono::duration_cast<milliseconds>(clock.Now() - began);
        if (answer) {
          told.how.process = std::move(answer->process);
          told.content = std::move(answer->content);
        } else {
          told.how.why_not = Describe(answer.error());
        }
        if (--gathering->missing == 0) done(std::move(gathering->told));
      });
    }
  });
  if (all) return *all;
  return std::vector<Told>(questions.size(), Told{{asked, {}, {}, Describe(all.error())}, {}});
}

std::vector<LiveRow> AskBranches(Engine& engine, const Clock& clock,
                                 const TransactionSummary& summary, milliseconds wait) {
  std::vector<LiveRow> rows;
  if (summary.saga) return rows;
  std::vector<Question> questions;
  for (const BranchSummary& branch : summary.branches) {
    if (IsReservation(branch)) continue;
    rows.push_back({branch.number, {}, {}});
    questions.push_back({Question::Kind::kInspect, branch.resource, wait,
                         KeyInTheDatabase(summary, branch), branch.evidence, branch.process});
  }
  std::vector<Told> told = AskNow(engine, clock, std::move(questions));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].how = std::move(told[i].how);
    if (!told[i].content) continue;
    rows[i].live = std::get<LiveBranch>(*std::move(told[i].content));
    const auto branch =
        std::find_if(summary.branches.begin(), summary.branches.end(),
                     [&](const BranchSummary& each) { return each.number == rows[i].branch; });
    rows[i].comparison = Compare(DecisionOf(summary), *branch, *rows[i].live);
  }
  return rows;
}

}  // namespace settle::coordinator
