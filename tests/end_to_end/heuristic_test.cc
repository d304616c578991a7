// What a person decides where nobody else can, through `settle`, with a daemon that is killed
// before and after it has written down what it then does.
#include <filesystem>
#include <map>

#include "end_to_end/fixture.h"

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Heuristic : public EndToEnd {
 protected:
  explicit Heuristic(Kinds kinds) : EndToEnd(kinds) {}

  // Decided to commit, prepared in both banks, and the coordinator is down.
  void Decide() {
    world_.StartDaemonToDieAt("engine.decided");
    shop_ = &world_.Start();
    gtid_ = world_.Move(*shop_);
    shop_->Send("commit");
    ASSERT_TRUE(world_.daemon().AwaitFailpoint());
    ASSERT_EQ(world_.PreparedBranches(), 2u);
  }
  CliAnswer Resolve(std::vector<std::string> words) {
    words.insert(words.begin(), "resolve");
    for (const char* word : {"--reason", "I looked", "--operator", "ann"}) words.emplace_back(word);
    return world_.Cli(words);
  }
  std::string Heuristics() { return world_.Cli({"status"}).json["heuristics"].dump(); }
  bool AwaitState(const std::string& gtid, const std::string& state) {
    return WaitUntil([&] { return world_.Cli({"show", gtid}).json.value("state", "") == state; });
  }

  Application* shop_ = nullptr;
  std::string gtid_;
};

class OfAHazard : public Heuristic {
 protected:
  // What SQLite notes of a branch is in the row that is taken away here: nobody can prove its end.
  OfAHazard() : Heuristic(kMixed) {}

  void MakeHazard() {
    Decide();
    const std::string name = world_.bank('b').Prepared().at(0);
    shop_->Kill();  // which holds the file's write lock
    world_.bank('b').RollBackByHand(name);
    world_.daemon().Start();
    shop_ = &world_.Start();
    ASSERT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == "hazard"; }))
        << world_.Cli({"show", gtid_}).out;
  }
};

TEST_F(OfAHazard, APersonSaysWhatIsSo_AndTheOutcomeFollowsFromThat) {
  MakeHazard();
  const std::vector<std::string> verdict{gtid_, "aborted", "--branch", "2", "--heuristic"};
  EXPECT_EQ(Heuristics(), "1");

  std::vector<std::string> dry = verdict;
  dry.emplace_back("--dry-run");
  const CliAnswer would = Resolve(dry);
  EXPECT_EQ(would.code, 0) << would.out << would.err;
  EXPECT_THAT(would.json["would"], HasSubstr("branch 2 in b was rolled back"));
  EXPECT_EQ(world_.OutcomeShown(gtid_), "hazard") << "a dry run changes nothing";
  EXPECT_EQ(Resolve({gtid_, "abort", "--heuristic"}).code, 1) << "it is decided";

  const CliAnswer said = Resolve(verdict);
  EXPECT_EQ(said.code, 0) << said.out << said.err;
  for (int life = 0; life < 2; ++life) {
    ASSERT_TRUE(WaitUntil([&] { return world_.OutcomeShown(gtid_) == "mixed"; }));
    const nlohmann::json shown = world_.Cli({"show", gtid_}).json;
    EXPECT_EQ(shown["state"], "damaged");
    EXPECT_EQ(shown["heuristic"][0]["act"], "verdict");
    EXPECT_EQ(shown["heuristic"][0]["operator"], "ann");
    EXPECT_EQ(shown["heuristic"][0]["reason"], "I looked");
    EXPECT_EQ(Heuristics(), "1") << "until somebody forgets it";
    EXPECT_EQ(FirstWord(shop_->Ask("outcome " + gtid_)), "mixed");
    world_.daemon().Kill();
    world_.daemon().Start();
  }
  ASSERT_TRUE(  // its decision is told again after each start
      WaitUntil([&] {
        return world_.Cli({"show", gtid_}).json["state"] == "damaged";
      }));
  ASSERT_EQ(world_.Cli({"forget", gtid_, "--reason", "credited", "--dry-run"}).code, 0);
  EXPECT_EQ(Heuristics(), "1");
  ASSERT_EQ(world_.Cli({"forget", gtid_, "--reason", "credited"}).code, 0);
  EXPECT_EQ(Heuristics(), "0");
  EXPECT_EQ(world_.Cli({"show", gtid_}).json["heuristic"][0]["operator"], "ann") << "and later";
}

TEST_F(OfAHazard, A01_NeverAgainstADurableDecisionOrWithoutVotes) {
  Decide();
  shop_->Kill();
  world_.daemon().Start();
  for (const char* to : {"abort", "commit"}) {
    const CliAnswer refused = Resolve({gtid_, to, "--heuristic"});
    EXPECT_EQ(refused.code, 1) << refused.out;
    EXPECT_THAT(refused.out, HasSubstr("durable"));
  }
  EXPECT_EQ(Resolve({gtid_, "aborted", "--branch", "1", "--heuristic"}).code, 1);
  Application& shop = world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  const std::string undecided = world_.Move(shop);
  for (const char* to : {"abort", "commit"}) {
    EXPECT_EQ(Resolve({undecided, to, "--heuristic"}).code, 1) << to;
  }
  EXPECT_EQ(Heuristics(), "0");
  EXPECT_EQ(FirstWord(shop.Ask("commit")), "committed");
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
  EXPECT_EQ(world_.HalvesOf(gtid_), 2u);
}

class OfAStray : public Heuristic {
 protected:
  OfAStray() : Heuristic(kBothPostgres) {}

  std::vector<std::string> Words(char bank, const std::string& to) {
    return {"--resource", std::string(1, bank), "--prepared", names_.at(bank), to, "--heuristic"};
  }
  nlohmann::json InDoubt() { return world_.Cli({"in-doubt"}).json; }
  // The log of what is prepared in both banks is gone for good. Nothing answers for the two
  // branches but a person, and the daemon dies at that place of what the person decides.
  void LoseTheLog(const std::string& failpoint) {
    Decide();
    for (const char bank : {'a', 'b'}) names_[bank] = world_.bank(bank).Prepared().at(0);
    world_.daemon().log_directory = world_ / "another";
    std::filesystem::create_directory(world_.daemon().log_directory);
    world_.daemon().Start(failpoint);
    ASSERT_TRUE(WaitUntil([&] { return InDoubt()["strays"].size() == 2; }));
  }

  std::map<char, std::string> names_;
};

TEST_F(OfAStray, IsNotInForceAfterAKillBeforeTheIntent_AndIsDecidedAgain) {
  LoseTheLog("engine.before_intent");
  const CliAnswer killed = Resolve(Words('a', "abort"));
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_EQ(killed.code, 7) << "unknown: " << killed.out;
  world_.daemon().Start();

  ASSERT_TRUE(WaitUntil([&] { return InDoubt()["strays"].size() == 2; })) << "both are as before";
  EXPECT_EQ(world_.PreparedBranches(), 2u);
  EXPECT_THAT(InDoubt()["transactions"], IsEmpty());
  EXPECT_EQ(Heuristics(), "0");

  const CliAnswer again = Resolve(Words('a', "abort"));
  ASSERT_EQ(again.code, 0) << again.out << again.err;
  const std::string act = again.json["gtid"];
  ASSERT_TRUE(AwaitState(act, "damaged"));
  EXPECT_EQ(world_.OutcomeShown(act), "aborted");
  EXPECT_THAT(world_.bank('a').Prepared(), IsEmpty());
  EXPECT_EQ(world_.bank('a').Transfers().count(gtid_), 0u);
  EXPECT_EQ(world_.bank('b').Prepared().size(), 1u) << "that one was not decided of";
  EXPECT_EQ(Heuristics(), "1");
}

TEST_F(OfAStray, IsCarriedOutAfterAKillBetweenTheIntentAndTheAct) {
  LoseTheLog("engine.intent_recorded");
  std::vector<std::string> dry = Words('a', "commit");
  dry.emplace_back("--dry-run");
  const CliAnswer would = Resolve(dry);
  EXPECT_EQ(would.code, 0) << would.out << would.err;
  EXPECT_THAT(would.json["would"], HasSubstr("ask it first"));

  const CliAnswer killed = Resolve(Words('a', "commit"));
  ASSERT_TRUE(world_.daemon().AwaitFailpoint());
  EXPECT_EQ(killed.code, 7) << "unknown: " << killed.out;
  EXPECT_EQ(world_.PreparedBranches(), 2u) << "nothing was done yet";
  world_.daemon().Start();

  ASSERT_TRUE(WaitUntil([&] { return world_.bank('a').Prepared().empty(); }));
  EXPECT_EQ(world_.bank('a').Transfers().count(gtid_), 1u);
  EXPECT_EQ(world_.bank('b').Prepared().size(), 1u) << "that one was not decided of";
  const CliAnswer again = Resolve(Words('a', "commit"));
  ASSERT_EQ(again.code, 0) << "the same again is the same answer: " << again.out;
  const std::string act = again.json["gtid"];
  ASSERT_TRUE(AwaitState(act, "damaged"));
  EXPECT_EQ(world_.OutcomeShown(act), "committed");
  EXPECT_EQ(Resolve(Words('a', "abort")).code, 1) << "it was decided of";
  EXPECT_EQ(InDoubt()["transactions"][0]["heuristic"][0]["database_name"], names_['a']);

  const CliAnswer other = Resolve(Words('b', "commit"));
  ASSERT_EQ(other.code, 0) << other.out << other.err;
  ASSERT_TRUE(WaitUntil([&] { return world_.HalvesOf(gtid_) == 2; }));
  ASSERT_TRUE(AwaitState(other.json["gtid"], "damaged"));
  EXPECT_EQ(world_.PreparedBranches(), 0u);
  EXPECT_THAT(InDoubt()["strays"], IsEmpty());
  EXPECT_EQ(Heuristics(), "2");
  for (const std::string& gtid : {act, other.json["gtid"].get<std::string>()})
    ASSERT_EQ(world_.Cli({"forget", gtid, "--reason", "seen"}).code, 0);
  EXPECT_EQ(Heuristics(), "0");
}

TEST_F(OfAStray, IsRefusedForABranchOfWhatRunsHere) {
  Decide();
  for (const char bank : {'a', 'b'}) names_[bank] = world_.bank(bank).Prepared().at(0);
  shop_->Kill();
  world_.daemon().Start();
  const CliAnswer refused = Resolve(Words('a', "abort"));
  EXPECT_EQ(refused.code, 1) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr(gtid_));
  names_['a'] = "settle:aaaaaaaaaaaa.1.1.00000000:1";
  EXPECT_EQ(Resolve(Words('a', "abort")).code, 3) << "no scan has found it";
  EXPECT_EQ(world_.PreparedBranches(), 2u);
  world_.Start();
  EXPECT_THAT(world_.SettleAndCheck(), IsEmpty());
}

}  // namespace
}  // namespace settle::testing
