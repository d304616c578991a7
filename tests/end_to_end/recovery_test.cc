// What a start finds in the log: very much, and what contradicts itself.
#include <algorithm>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <set>

#include "end_to_end/cli.h"
#include "end_to_end/daemon.h"
#include "end_to_end/fixture.h"
#include "end_to_end/in_doubt_log.h"
#include "fake_resource.h"
#include "settle/coordinator.h"

namespace settle::testing {
namespace {

using coordinator::Record;
using sdk::FakeResource;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Clock = std::chrono::steady_clock;

// A program that serves databases that do nothing, and writes down what they were told.
class Server {
 public:
  Server(const Daemon& daemon, const std::vector<std::string>& resources) {
    CoordinatorOptions options{.addresses = {daemon.address()}, .application = "server"};
    for (const std::string& name : resources) {
      const auto resource = std::make_shared<FakeResource>(name);
      resource->on_finish_by_key = [this, name](const BranchKey& key, Decision decision) {
        const std::lock_guard lock(mutex_);
        ++told_;
        ended_.emplace(key.gtid, name);
        return FinishResult{
            decision == Decision::kCommit ? BranchEnd::kCommitted : BranchEnd::kAborted, {}};
      };
      resources_.push_back(resource);
      options.resources.push_back(resource);
    }
    auto connected = Coordinator::Connect(options);
    if (!connected) throw std::runtime_error(Describe(connected.error()));
    coordinator_ = *std::move(connected);
  }

  // A new transaction with a branch in every resource.
  Ending Transact() {
    auto transaction = coordinator_->Begin();
    if (!transaction) return {Outcome::kUnknown, AbortCause::kNone, Describe(transaction.error())};
    for (const auto& resource : resources_) {
      if (auto branch = transaction->Enlist(*resource); !branch) {
        return {Outcome::kUnknown, AbortCause::kNone, Describe(branch.error())};
      }
    }
    return transaction->Commit();
  }

  // Branches in doubt that were ended, and how often one was told to.
  std::size_t ended() const {
    const std::lock_guard lock(mutex_);
    return ended_.size();
  }
  std::size_t told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  bool HeardOf(const Gtid& gtid) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(ended_.begin(), ended_.end(),
                       [&](const auto& branch) { return branch.first == gtid; });
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<Gtid, std::string>> ended_;  // with the resource
  std::size_t told_ = 0;
  std::vector<std::shared_ptr<FakeResource>> resources_;
  std::unique_ptr<Coordinator> coordinator_;
};

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }
double SecondsSince(Clock::time_point start) { return Seconds(Clock::now() - start); }

class Recovery : public ::testing::Test {
 protected:
  void TearDown() override {
    if (HasFailure()) std::cerr << daemon_.Said().substr(0, 20'000);
  }
  std::size_t Open() {
    const CliAnswer status = RunCli(daemon_.address(), {"status"});
    if (status.code != 0) return 0;
    std::size_t open = 0;
    for (const auto& [state, count] : status.json["open"].items()) {
      open += count.get<std::size_t>();
    }
    return open;
  }

  const TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
};

TEST_F(Recovery, C16_TenThousandInDoubt_NewWorkIsServedAtOnceAndAllAreResolvedInTheBound) {
  constexpr std::size_t kCount = 10'000;
  constexpr auto kServesWithin = 5s;     // from the start of the process
  constexpr auto kResolvedWithin = 10s;  // from the attach of who serves them
  std::vector<Record> records;
  for (const Gtid& gtid : MakeGtids(daemon_.log_path(), kCount)) {
    records.push_back(Decided(gtid, {"a", "b"}));
  }
  WriteLog(daemon_.log_path(), records);

  const auto start = Clock::now();
  daemon_.Start();
  Server others(daemon_, {"c"});
  ASSERT_TRUE(others.Transact().committed());
  const double served = SecondsSince(start);
  ASSERT_GE(Open(), kCount) << "the fault itself: they are in doubt";

  const auto attached = Clock::now();
  Server server(daemon_, {"a", "b"});
  int meanwhile = 0;
  double slowest = 0;
  while (server.ended() < 2 * kCount && Clock::now() - attached < kResolvedWithin) {
    const auto asked = Clock::now();
    ASSERT_TRUE(others.Transact().committed());
    slowest = std::max(slowest, SecondsSince(asked));
    ++meanwhile;
  }
  EXPECT_TRUE(WaitUntil([&] { return Open() == 0; }, kResolvedWithin)) << Open();
  const double resolved = SecondsSince(attached);
  std::cout << "served " << served << " s after the start; " << kCount << " resolved " << resolved
            << " s after their participant came, by " << server.told() << " commands; " << meanwhile
            << " new transactions meanwhile, the slowest in " << slowest << " s\n";
  EXPECT_LT(served, Seconds(kServesWithin));
  EXPECT_LT(resolved, Seconds(kResolvedWithin));
  EXPECT_GT(meanwhile, 0);
  EXPECT_LT(slowest, Seconds(kServesWithin));
  EXPECT_EQ(server.ended(), 2 * kCount);
  EXPECT_TRUE(WaitUntil([&] {
    const CliAnswer status = RunCli(daemon_.address(), {"status"});
    return status.code == 0 && status.json["committed"] == kCount + 1 + meanwhile;
  }));
}

TEST_F(Recovery, C17_AParticipantThatIsDeadForGood_TenThousandWaitForIt_OthersAreNotSlowed) {
  const TemporaryDirectory elsewhere;
  Daemon sound(elsewhere.path());
  for (Daemon* daemon : {&daemon_, &sound}) {
    // One to three retries of each fall into the time that is counted; users have one in ten
    // seconds, the tests' short times would have six.
    daemon->options = {"--retry-first", "1s", "--retry-max", "10s"};
  }
  std::vector<Record> records;
  for (const Gtid& gtid : MakeGtids(daemon_.log_path(), 10'000)) {
    records.push_back(Decided(gtid, {"dead", "dead"}));
  }
  WriteLog(daemon_.log_path(), records);
  daemon_.Start();
  sound.Start();
  ASSERT_EQ(Open(), records.size()) << "the fault itself: they wait";

  // At the same time, so that whatever else the machine does slows both.
  const auto count_in = [](const Daemon& daemon, Clock::time_point until) {
    Server others(daemon, {"c", "d"});
    int committed = 0;
    while (Clock::now() < until) committed += others.Transact().committed() ? 1 : 0;
    return committed;
  };
  const auto until = Clock::now() + 3s;
  auto beside = std::async(std::launch::async, [&] { return count_in(sound, until); });
  const int with_the_dead = count_in(daemon_, until);
  const int without = beside.get();
  std::cout << with_the_dead << " transactions beside 10,000 that wait, " << without
            << " without them\n";
  EXPECT_GE(Open(), records.size()) << "they wait still";
  // If the dead held others up, none or a few would come through; a busy machine alone can make one
  // of two equal daemons twice as fast as the other.
  EXPECT_GT(with_the_dead, without / 4);
  EXPECT_GT(without, 0);
}

TEST_F(Recovery, C21_PoisonedTransactionsAreQuarantinedAndShownAndOthersRecover) {
  const std::vector<Gtid> gtids = MakeGtids(daemon_.log_path(), 5);
  const Gtid& twice = gtids[0];
  const Gtid& gap = gtids[1];
  const Gtid& damaged = gtids[2];
  const std::vector<Gtid> sound{gtids[3], gtids[4]};
  coordinator::CommitRecord with_gap = Decided(gap, {"a", "b", "a"});
  with_gap.branches[1].number = 3;
  with_gap.branches[2].number = 5;
  WriteLog(daemon_.log_path(),
           {Decided(twice, {"a", "b"}), Decided(sound[0], {"a", "b"}), with_gap,
            Decided(damaged, {"a", "b"}), Decided(twice, {"b"}), Decided(sound[1], {"b"}),
            coordinator::HeuristicRecord{damaged, 2'000'000'000, BranchEnd::kCommitted, "?", 3}});
  for (int life = 0; life < 2; ++life) {
    daemon_.Start();
    Server server(daemon_, {"a", "b"});
    EXPECT_TRUE(WaitUntil([&] { return Open() == 3; })) << "the sound ones end: " << Open();
    EXPECT_TRUE(server.Transact().committed());
    EXPECT_TRUE(WaitUntil([&] { return Open() == 3; })) << "it ends, too: " << Open();
    if (life == 0) {
      EXPECT_EQ(server.ended(), 3u);
    }
    for (const Gtid& poisoned : {twice, gap, damaged}) EXPECT_FALSE(server.HeardOf(poisoned));

    const CliAnswer in_doubt = RunCli(daemon_.address(), {"in-doubt"});
    EXPECT_THAT(WrongIn({{{"in-doubt"}, in_doubt.code, in_doubt.out, in_doubt.err}}),
                ::testing::IsEmpty());
    std::map<std::string, std::string> why;
    for (const auto& one : in_doubt.json["transactions"]) {
      EXPECT_EQ(one["state"], "quarantined");
      EXPECT_EQ(one["ending"]["outcome"], "unknown");
      EXPECT_THAT(one["advice"].get<std::string>(), HasSubstr("compare its branches"));
      why[one["gtid"]] = one["ending"]["reason"];
    }
    EXPECT_THAT(
        why, UnorderedElementsAre(Pair(twice.text(), HasSubstr("decides what was decided")),
                                  Pair(gap.text(), HasSubstr("branch 5 where branch 4 must be")),
                                  Pair(damaged.text(), HasSubstr("damage of branch 2000000000"))));
    for (const char* to : {"commit", "abort"}) {
      const CliAnswer refused =
          RunCli(daemon_.address(), {"resolve", twice.text(), to, "--reason", "guess"});
      EXPECT_EQ(refused.code, 1);
      EXPECT_THAT(refused.json["error"]["message"].get<std::string>(), HasSubstr("quarantined"));
    }
    EXPECT_THAT(daemon_.Said(), HasSubstr("quarantined, and left alone with all its branches"));
    daemon_.Kill();
  }
}

}  // namespace
}  // namespace settle::testing
