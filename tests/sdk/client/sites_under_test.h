// Several processes, each with a database, as the sites of three-phase commits: their participants
// as they ship, and a network and a coordinator's witness that do what the test says.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fake_resource.h"
#include "participant/participant.h"
#include "quorum/site.h"
#include "support/wait_until.h"

namespace settle::sdk {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using settle::testing::WaitUntil;

inline constexpr const char* kLog = "abcdefghijkl";

// Who can hear whom; an address that nobody has refuses.
class FakeNetwork {
 public:
  using Answerer = std::function<Result<SiteAnswer>(const PeerCall&)>;

  void Listen(const std::string& address, Answerer answer) {
    std::lock_guard lock(mutex_);
    listeners_[address] = std::move(answer);
  }
  void Leave(const std::string& address) {
    std::unique_lock lock(mutex_);
    listeners_.erase(address);
    quiet_.wait(lock, [&] { return under_way_.count(address) == 0; });
  }
  void Cut(const std::string& address) {
    std::lock_guard lock(mutex_);
    cut_.insert(address);
  }
  void Mend() {
    std::lock_guard lock(mutex_);
    cut_.clear();
  }
  std::size_t refused() const {
    std::lock_guard lock(mutex_);
    return refused_;
  }

  TellPeer From(const std::string& own) {
    return [this, own](const std::string& address, const PeerCall& call, Instant) {
      return Tell(own, address, call);
    };
  }

 private:
  Result<SiteAnswer> Tell(const std::string& own, const std::string& address,
                          const PeerCall& call) {
    Answerer answer;
    std::multiset<std::string>::iterator mine;
    {
      std::lock_guard lock(mutex_);
      const auto found = listeners_.find(address);
      if (found == listeners_.end() || cut_.count(address) + cut_.count(own) != 0) {
        ++refused_;
        return Fail(ErrorCode::kUnavailable, "connection refused");
      }
      answer = found->second;
      mine = under_way_.insert(address);
    }
    Result<SiteAnswer> result = answer(call);
    std::lock_guard lock(mutex_);
    under_way_.erase(mine);
    quiet_.notify_all();
    return result;
  }

  mutable std::mutex mutex_;
  std::condition_variable quiet_;
  std::map<std::string, Answerer> listeners_;
  std::set<std::string> cut_;
  std::multiset<std::string> under_way_;
  std::size_t refused_ = 0;
};

// A program with one database; what it reports to a coordinator stays in its outbox.
class SiteProcess {
 public:
  SiteProcess(FakeNetwork& network, std::string address, std::shared_ptr<FakeResource> bank,
              std::chrono::milliseconds patience)
      : network_(network),
        address_(std::move(address)),
        bank_(std::move(bank)),
        participant_({{bank_, bank_->identity}}, 2, {},
                     [this](const std::string& line) { Hear(line); }) {
    PeerOptions options;
    options.patience = patience;
    participant_.BecomeSites(options, {"coordinator"}, network_.From(address_));
    participant_.ReachedAt(address_);
    network_.Listen(address_, [this](const PeerCall& call) { return participant_.Answer(call); });
    EXPECT_TRUE(participant_.Attach({"session", kLog, 1, 10'000ms}));
    participant_.InTouch(true);
  }
  ~SiteProcess() {
    network_.Leave(address_);
    participant_.Stop();
  }

  // From now on its patience counts; before, ten times that.
  void LoseCoordinator() { participant_.InTouch(false); }

  Participant& participant() { return participant_; }
  FakeResource& bank() { return *bank_; }
  FakeLedger& ledger() { return *bank_->ledger; }
  const std::string& address() const { return address_; }

  std::shared_ptr<FakeBranch> Work(const BranchKey& key) {
    EXPECT_TRUE(participant_.Adopt(key, bank_->name(), "session"));
    const auto branch = *bank_->Open(key);
    EXPECT_TRUE(participant_.Hold(key, branch));
    return branch;
  }
  void Command(CommandKind kind, const BranchKey& key, const Roster& sites = {},
               const Ballot& ballot = {}) {
    sdk::Command command{kind, key, bank_->name(), 1, 1, {}};
    command.sites = sites;
    command.ballot = ballot;
    participant_.Carry(std::vector{command});
  }
  // Worked in, left, and commanded to prepare; waits for the vote.
  VoteResult Prepare(const BranchKey& key, const Roster& sites) {
    Work(key);
    participant_.Tell(key, event::ApplicationLeft{});
    Command(CommandKind::kPrepare, key, sites);
    const auto voted =
        Reported([&](const ReportCall& reported) { return !reported.votes.empty(); });
    return voted.votes.empty() ? VoteResult{Vote::kNo, {}, "it never voted", false}
                               : voted.votes.back().result;
  }
  SiteState StateOf(const BranchKey& key) {
    return ledger().Now(key).value_or(SiteRecord()).at.state;
  }
  bool HasEnded(const BranchKey& key, BranchEnd end) {
    const auto so = participant_.EndOf(key);
    return so && so->end == end && !bank_->IsPrepared(key);
  }

  // Takes what is reported until that is enough; the last batch.
  ReportCall Reported(const std::function<bool(const ReportCall&)>& enough) {
    ReportCall all;
    do {
      const ReportCall batch = participant_.outbox().Take(100);
      all.votes.insert(all.votes.end(), batch.votes.begin(), batch.votes.end());
      all.ends.insert(all.ends.end(), batch.ends.begin(), batch.ends.end());
      all.sites.insert(all.sites.end(), batch.sites.begin(), batch.sites.end());
      all.found.insert(all.found.end(), batch.found.begin(), batch.found.end());
    } while (!enough(all));
    return all;
  }
  std::size_t CountWarned(const std::string& words) const {
    std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const std::string& line : warned_) count += line.find(words) != std::string::npos ? 1 : 0;
    return count;
  }

 private:
  void Hear(const std::string& line) {
    std::lock_guard lock(mutex_);
    warned_.push_back(line);
  }

  FakeNetwork& network_;
  const std::string address_;
  const std::shared_ptr<FakeResource> bank_;
  mutable std::mutex mutex_;
  std::deque<std::string> warned_;
  Participant participant_;
};

class SitesTest : public ::testing::Test {
 protected:
  static std::shared_ptr<FakeResource> Bank(const std::string& name) {
    auto bank = std::make_shared<FakeResource>(name);
    bank->ledger = std::make_shared<FakeLedger>();
    bank->ledger->is_prepared = [of = bank.get()](const BranchKey& key) {
      return of->IsPrepared(key);
    };
    return bank;
  }
  std::unique_ptr<SiteProcess> Start(const std::shared_ptr<FakeResource>& bank,
                                     std::chrono::milliseconds patience = 500ms) {
    return std::make_unique<SiteProcess>(network_, "at-" + bank->name(), bank, patience);
  }
  // Branch i+1 in the i-th bank; the witness makes their number odd.
  static Roster SitesIn(const std::vector<std::shared_ptr<FakeResource>>& banks) {
    Roster sites;
    if (banks.size() % 2 == 0) sites.push_back({0, {}, {}});
    for (std::size_t i = 0; i < banks.size(); ++i) {
      sites.push_back(
          {static_cast<BranchNumber>(i + 1), banks[i]->name(), {"at-" + banks[i]->name()}});
    }
    return sites;
  }
  BranchKey Key(BranchNumber number) const { return {gtid_, number}; }
  void NextTransaction() { gtid_ = Gtid::Make(kLog, 1, ++sequence_, 9); }

  FakeNetwork network_;
  std::uint64_t sequence_ = 1;
  Gtid gtid_ = Gtid::Make(kLog, 1, 1, 9);
  std::shared_ptr<FakeResource> orders_ = Bank("orders");
  std::shared_ptr<FakeResource> stock_ = Bank("stock");
  std::shared_ptr<FakeResource> bills_ = Bank("bills");
};

}  // namespace settle::sdk
