// A report of much that is none of the reporter's business.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/engine_fakes.h"

namespace settle::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Warnings(EngineUnderTest& under_test) {
  std::vector<std::string> warnings;
  for (const auto& entry : under_test.observer().entries()) {
    if (entry.level == Observer::Level::kWarning) warnings.push_back(entry.what);
  }
  return warnings;
}

TEST(Reports, X02_MuchAboutOthersBranchesIsOneLineOfTheLogAndANumber) {
  EngineUnderTest under_test;
  Participant owner(under_test, {"bank-a"});
  Participant stranger(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  owner.Enlist(gtid, "bank-a");
  ReportCall report{stranger.session(), {}, {}};
  for (int i = 0; i < 300; ++i) {
    report.votes.push_back({gtid, {1, {Vote::kCommit, {"db", 1, "1"}, "", false}}});
    report.ends.push_back({{gtid, 1}, {BranchEnd::kAborted, ""}});
    report.answers.push_back({{gtid, 1}, ActionOp::kTry, 1, {}});
  }
  Answer<std::monostate> reported;
  under_test.engine().Report(report, reported.done());
  under_test.Run();
  EXPECT_TRUE(reported.ok());
  EXPECT_THAT(Warnings(under_test),
              ElementsAre(HasSubstr("spoke for branch 1 in bank-a, which is not its own: ignored"),
                          HasSubstr("899 more parts of the same report")));
  EXPECT_EQ(under_test.Show(gtid).state, "active");
}

TEST(Reports, OneThatIsIgnoredIsOneLine) {
  EngineUnderTest under_test;
  Participant owner(under_test, {"bank-a"});
  Participant stranger(under_test, {"bank-b"});
  const Gtid gtid = under_test.Begin();
  owner.Enlist(gtid, "bank-a");
  stranger.Vote(gtid, 1);
  EXPECT_THAT(Warnings(under_test), ElementsAre(HasSubstr("spoke for branch 1 in bank-a")));
}

}  // namespace
}  // namespace settle::coordinator
