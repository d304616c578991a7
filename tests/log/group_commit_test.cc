#include "log/group_commit.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

namespace settle::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A disk that notes its groups and, when told to, takes its time.
class Disk {
 public:
  WriteResult Write(const std::vector<Pending>& group) {
    std::unique_lock lock(mutex_);
    std::vector<std::string> payloads;
    for (const Pending& pending : group) payloads.push_back(pending.payload);
    groups_.push_back(payloads);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    return result_;
  }
  void Hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void Answer(WriteResult result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
  }
  void AwaitGroups(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return groups_.size() >= count; });
  }
  std::vector<std::vector<std::string>> groups() {
    const std::lock_guard lock(mutex_);
    return groups_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  WriteResult result_{AppendResult::kDurable, ""};
  std::vector<std::vector<std::string>> groups_;
};

struct Fixture {
  explicit Fixture(GroupCommit::Settings settings = {1024, 1h})
      : commit(settings, [this](const auto& group) { return disk.Write(group); }, {[] {}}) {}

  void Append(const std::string& payload, Durability durability, AppendDone done = {}) {
    commit.Append({payload, {}, durability, "", std::move(done)});
  }

  Disk disk;
  GroupCommit commit;
};

TEST(GroupCommit, WhatQueuesDuringAFlushIsTheNextGroup) {
  Fixture fixture;
  fixture.disk.Hold(true);
  fixture.Append("a", Durability::kForce);
  fixture.disk.AwaitGroups(1);
  for (const char* payload : {"b", "c", "d"}) fixture.Append(payload, Durability::kForce);
  fixture.disk.Hold(false);
  fixture.disk.AwaitGroups(2);
  EXPECT_THAT(fixture.disk.groups(), ElementsAre(ElementsAre("a"), ElementsAre("b", "c", "d")));
}

TEST(GroupCommit, ALazyRecordRidesWithTheNextForcedOneAndBeforeIt) {
  Fixture fixture;
  fixture.Append("lazy", Durability::kLazy);
  std::this_thread::sleep_for(20ms);  // time in which it must not be written
  EXPECT_THAT(fixture.disk.groups(), IsEmpty());
  fixture.Append("forced", Durability::kForce);
  fixture.disk.AwaitGroups(1);
  EXPECT_THAT(fixture.disk.groups(), ElementsAre(ElementsAre("lazy", "forced")));
}

TEST(GroupCommit, LazyRecordsAloneAreWrittenAfterTheDelay) {
  Fixture fixture({1024, 30ms});
  const auto begin = std::chrono::steady_clock::now();
  fixture.Append("a", Durability::kLazy);
  fixture.Append("b", Durability::kLazy);
  fixture.disk.AwaitGroups(1);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  EXPECT_THAT(fixture.disk.groups(), ElementsAre(ElementsAre("a", "b")));
}

TEST(GroupCommit, AGroupIsNeverLargerThanItsLimit) {
  Fixture fixture({2, 1h});
  fixture.disk.Hold(true);
  fixture.Append("a", Durability::kForce);
  fixture.disk.AwaitGroups(1);
  for (const char* payload : {"b", "c", "d"}) fixture.Append(payload, Durability::kForce);
  fixture.disk.Hold(false);
  fixture.disk.AwaitGroups(3);
  EXPECT_THAT(fixture.disk.groups(),
              ElementsAre(ElementsAre("a"), ElementsAre("b", "c"), ElementsAre("d")));
}

TEST(GroupCommit, EndingWritesAndTellsWhateverWasAppended) {
  std::atomic<int> told{0};
  Disk disk;
  {
    GroupCommit commit({2, 1h}, [&](const auto& group) { return disk.Write(group); }, {[] {}});
    for (int i = 0; i < 5; ++i) {
      commit.Append({"x", {}, Durability::kLazy, "",
                     [&](AppendResult result, const std::string&) {
                       told += result == AppendResult::kDurable ? 1 : 0;
                     }});
    }
  }
  EXPECT_EQ(told, 5);
}

TEST(GroupCommit, L06_EveryRecordOfAGroupHearsWhatBecameOfIt) {
  Fixture fixture;
  fixture.disk.Hold(true);
  fixture.Append("first", Durability::kForce);
  fixture.disk.AwaitGroups(1);
  std::vector<std::promise<AppendResult>> answers(32);
  for (auto& answer : answers) {
    fixture.Append("x", Durability::kForce, [&answer](AppendResult result, const std::string&) {
      answer.set_value(result);
    });
  }
  fixture.disk.Answer({AppendResult::kUnknown, "broken"});
  fixture.disk.Hold(false);
  for (auto& answer : answers) EXPECT_EQ(answer.get_future().get(), AppendResult::kUnknown);
}

TEST(GroupCommit, WhatCannotBeStoredIsRefusedInItsTurnAndTheOthersAreWritten) {
  Fixture fixture;
  std::promise<std::string> refused;
  fixture.commit.Append({"", {}, Durability::kLazy, "too long",
                         [&](AppendResult result, const std::string& reason) {
                           EXPECT_EQ(result, AppendResult::kRefused);
                           refused.set_value(reason);
                         }});
  std::promise<AppendResult> stored;
  fixture.Append("a", Durability::kForce, [&](AppendResult result, const std::string&) {
    stored.set_value(result);
  });
  EXPECT_EQ(refused.get_future().get(), "too long");
  EXPECT_EQ(stored.get_future().get(), AppendResult::kDurable);
}

TEST(GroupCommit, ManyThreadsAreEachToldOnceAndKeepTheirOrder) {
  Fixture fixture;
  constexpr int kThreads = 8;
  constexpr int kEach = 2000;
  std::atomic<int> told{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        fixture.Append(std::to_string(t) + ":" + std::to_string(i),
                       i % 3 == 0 ? Durability::kLazy : Durability::kForce,
                       [&](AppendResult, const std::string&) { ++told; });
      }
      fixture.Append("", Durability::kForce);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::promise<void> last;
  fixture.Append("", Durability::kForce,
                 [&](AppendResult, const std::string&) { last.set_value(); });
  last.get_future().wait();
  EXPECT_EQ(told, kThreads * kEach);
  std::vector<int> next(kThreads, 0);
  for (const auto& group : fixture.disk.groups()) {
    for (const std::string& payload : group) {
      if (payload.empty()) continue;
      EXPECT_EQ(payload.substr(2), std::to_string(next[payload[0] - '0']++));
    }
  }
}

TEST(GroupCommit, WhatIsLeftToDoIsDoneOneStepAtATimeWhileNothingIsDue) {
  Disk disk;
  std::atomic<int> steps{0};
  std::promise<void> third;
  std::promise<void> go_on;
  GroupCommit commit(
      {1024, 1h}, [&](const auto& group) { return disk.Write(group); },
      {[] {},
       [&] {
         if (++steps == 3) {
           third.set_value();
           go_on.get_future().wait();
         }
         return steps < 6;
       }});
  commit.Append({"a", {}, Durability::kForce, "", {}});
  third.get_future().wait();
  EXPECT_EQ(disk.groups().size(), 1U) << "nothing is left to do before the first group";
  commit.Append({"b", {}, Durability::kForce, "", {}});
  int steps_when_told = 0;
  std::promise<void> told;
  commit.Append({"c", {}, Durability::kForce, "", [&](AppendResult, const std::string&) {
                   steps_when_told = steps;
                   told.set_value();
                 }});
  go_on.set_value();
  told.get_future().wait();
  EXPECT_EQ(steps_when_told, 3) << "what is appended waits for one step at the most";
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (steps < 6 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(steps, 6);
}

TEST(GroupCommit, WorkThatNeverEndsHoldsUpNeitherLazyRecordsNorTheEnd) {
  Disk disk;
  {
    GroupCommit commit({1024, 5ms}, [&](const auto& group) { return disk.Write(group); },
                       {[] {}, [] { return true; }});
    commit.Append({"a", {}, Durability::kForce, "", {}});
    disk.AwaitGroups(1);
    commit.Append({"lazy", {}, Durability::kLazy, "", {}});
    disk.AwaitGroups(2);
  }
  EXPECT_THAT(disk.groups(), ElementsAre(ElementsAre("a"), ElementsAre("lazy")));
}

}  // namespace
}  // namespace settle::coordinator
