// examples/three_phase/demo.py: the coordinator is killed for good, alone, with one site, with two.
// Judged by what it prints, and by what the databases hold afterwards.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "end_to_end/process.h"
#include "support/postgres_cluster.h"
#include "support/temporary_directory.h"

namespace settle::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

struct Variant {
  const char* moment;
  const char* outcome;
  std::vector<const char*> more{};
};

std::string NameOf(const ::testing::TestParamInfo<Variant>& info) {
  std::string name;
  for (const char letter : std::string(info.param.moment)) {
    if (letter != '-') name += letter;
  }
  return name;
}

class ThreePhaseDemo : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    for (const char* bank : {"north", "south"}) cluster_.CreateDatabase(bank);
  }

  // The demonstration to its end; what it printed.
  std::string Run(const Variant& variant, std::vector<std::string> more = {}) {
    std::vector<std::string> words{PYTHON,    SOURCE "/examples/three_phase/demo.py",
                                   "--bin",   std::getenv("SETTLE_BIN"),
                                   "--north", cluster_.Dsn("north"),
                                   "--south", cluster_.Dsn("south"),
                                   "--kill",  variant.moment};
    words.insert(words.end(), more.begin(), more.end());
    Process demo({.arguments = words,
                  .output_path = directory_ / "out",
                  .environment = {"PYTHONDONTWRITEBYTECODE=1"}});
    EXPECT_EQ(demo.Wait(150s), (Ended{0, {}})) << demo.Output();
    return demo.Output();
  }

  static std::string Free(const std::string& bank, const Variant& variant) {
    const bool committed = variant.outcome == std::string("committed");
    return bank + "  record: " + variant.outcome + " +prepared: 0  account: free, " +
           (!committed        ? "100"
            : bank == "north" ? "80"
                              : "110") +
           "\n";
  }
  void ExpectAllEnded(const std::string& said, const Variant& variant) {
    EXPECT_THAT(said, HasSubstr(std::string(variant.outcome) +
                                " in north, south, coast; nothing prepared, no lock left\n"));
    for (const char* bank : {"north", "south", "coast"}) {
      EXPECT_THAT(said, ContainsRegex(Free(bank, variant)));
    }
    EXPECT_THAT(said, ContainsRegex(std::string("is told: ") + variant.outcome));
    EXPECT_THAT(said, Not(HasSubstr("SPLIT")));
    for (const char* bank : {"north", "south"}) {
      EXPECT_EQ(cluster_.Query(bank, "SELECT count(*) FROM pg_prepared_xacts"), "0");
      EXPECT_EQ(cluster_.Query(bank, "SELECT count(*) FROM pg_locks WHERE pid IS NULL"), "0");
    }
  }

  const TemporaryDirectory directory_;
  PostgresCluster cluster_{{.settings = {"fsync=off"}}};
};

// What the records are when everybody who has to be stopped or killed is.
std::string AtTheKill(const Variant& variant) {
  const std::string moment = variant.moment;
  const std::string postgres = moment == "commit" ? "committed" : "waiting";
  const std::string sqlite = moment == "first-votes" ? "none"
                             : moment == "all-votes" ? "waiting"
                                                     : "pre-committed";
  const std::string in_doubt = moment == "commit" ? "0  account: free" : "1  account: locked";
  return "north  record: " + postgres + " +prepared: " + in_doubt +
         "[^\n]*\n[^\n]*south  record: " + postgres + " +prepared: " + in_doubt +
         "[^\n]*\n[^\n]*coast  record: " + sqlite +
         " +prepared: " + (moment == "first-votes" ? "0" : "1") + "  account: locked, 100\n";
}

using CoordinatorGone = ThreePhaseDemo;

TEST_P(CoordinatorGone, M10_TheSitesEndIt_AndTheCoordinatorTellsTheStoryWhenItIsBack) {
  const std::string said = Run(GetParam(), {"--coordinator-back"});
  EXPECT_THAT(said, HasSubstr("killed for good: the coordinator\n"));
  EXPECT_THAT(said, ContainsRegex(AtTheKill(GetParam())));
  ExpectAllEnded(said, GetParam());
  EXPECT_THAT(said, ContainsRegex("the coordinator is back\n"));
  EXPECT_THAT(said,
              ContainsRegex(std::string("\nstate      done\noutcome    ") + GetParam().outcome));
  if (GetParam().moment == std::string("pre-commit")) {
    EXPECT_THAT(said, ContainsRegex("\nballot     [0-9]+\\.[123], led by site"));
    EXPECT_THAT(said, HasSubstr("sites decided without the coordinator: commit under ballot"));
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, CoordinatorGone,
                         ::testing::Values(Variant{"first-votes", "aborted"},
                                           Variant{"all-votes", "aborted"},
                                           Variant{"pre-commit", "committed"},
                                           Variant{"commit", "committed"}),
                         NameOf);

using OneSiteGoneToo = ThreePhaseDemo;

TEST_P(OneSiteGoneToo, M10_TheOthersEndIt_AndItsAgentFollows) {
  const std::string said = Run(GetParam(), {"--site-gone"});
  const bool coast = GetParam().moment == std::string("commit");
  const std::string gone = coast ? "coast" : "south";
  const std::string others = coast ? "north, south" : "north, coast";
  EXPECT_THAT(said, HasSubstr(": the coordinator, " + gone + "\n"));
  EXPECT_THAT(said, ContainsRegex(AtTheKill(GetParam())));
  EXPECT_THAT(said, HasSubstr(std::string(GetParam().outcome) + " in " + others +
                              "; nothing prepared, no lock left\n"));
  EXPECT_THAT(said, ContainsRegex(gone + "'s agent: .* was " + GetParam().outcome));
  EXPECT_THAT(said, ContainsRegex("reached by its peers at 127\\.0\\.0\\.1:[1-9]"));
  ExpectAllEnded(said, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Faults, OneSiteGoneToo,
                         ::testing::Values(Variant{"first-votes", "aborted"},
                                           Variant{"all-votes", "aborted"},
                                           Variant{"pre-commit", "committed"},
                                           Variant{"commit", "committed"}),
                         NameOf);

using TwoSitesGoneToo = ThreePhaseDemo;

TEST_P(TwoSitesGoneToo, M10_TheLastOneWaitsAndSaysForWhom_UntilOneIsBack) {
  const std::string said = Run(GetParam(), {"--two-gone", "--coordinator-back"});
  EXPECT_THAT(said, HasSubstr(": the coordinator, coast, south\n"));
  EXPECT_THAT(said, ContainsRegex(AtTheKill(GetParam())));
  EXPECT_THAT(said, ContainsRegex("north: .*waits until 2 of its 3 sites can be reached; reached: "
                                  "site 1 \\(north\\); not reached: site 2 \\(south\\).*site 3 "
                                  "\\(coast\\)"));
  const std::size_t back = said.find("coast: its application is back");
  ASSERT_NE(back, std::string::npos) << said;
  EXPECT_THAT(said.substr(0, back), Not(HasSubstr("no lock left")))
      << "one of three decides nothing";
  EXPECT_THAT(said.substr(back), HasSubstr(std::string(GetParam().outcome) + " in north, coast;"));
  ExpectAllEnded(said, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Faults, TwoSitesGoneToo,
                         ::testing::Values(Variant{"first-votes", "aborted"},
                                           Variant{"all-votes", "aborted"},
                                           Variant{"pre-commit", "committed"}),
                         NameOf);

}  // namespace
}  // namespace settle::testing
