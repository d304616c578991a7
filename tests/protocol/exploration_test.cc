// Every order in which the events of a transaction with two branches can come, crashes included,
// until no new state is found. Participants may say anything at any time; the log answers in order.
// A broken rule is printed with the shortest script that breaks it.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/describe.h"
#include "protocol/two_phase_world.h"

namespace settle::coordinator {
namespace {

const std::vector<std::string>& OfDatabases() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "enlist bank-a session s1 key k1",
        "enlist bank-b session s2 key k1",
        "enlist bank-b session s1 key k2",
        "commit",
        "commit 1=commit",
        "commit 1=commit 2=commit",
        "commit 1=read-only 2=commit",
        "commit 1=read-only 2=read-only",
        "commit 1=no \"no\"",
        "one-phase 1",
        "abort requested \"r\"",
        "abort requested \"r\" rolled-back 1",
        "deadline",
        "vote-timer",
        "retry-timer",
        "retry",
        "persisted",
        "persist-refused \"full\"",
        "session-lost s1",
        "session-lost s2",
        "resource-ready bank-a",
        "resource-ready bank-b",
    };
    for (const char* branch : {"1", "2"}) {
      for (const char* vote : {"commit", "read-only", "no \"no\""}) {
        all.push_back(std::string("vote ") + branch + " " + vote);
      }
      for (const char* end : {"committed", "aborted", "hazard", "retry"}) {
        all.push_back(std::string("finished ") + branch + " " + end);
      }
    }
    all.push_back("found-prepared 1 bank-a");
    all.push_back("found-prepared 2 bank-b");
    all.push_back("forget \"ann\" \"repaired\"");
    all.push_back("forget \"bob\" \"repaired\"");
    all.push_back("crash");
    return all;
  }();
  return words;
}

// One database branch at most, and one or two reservations.
const std::vector<std::string>& OfReservations() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "enlist bank session s1 key k1",
        "try inventory/reserve key t1 {}",
        "try hotels/hold key t2 {}",
        "commit",
        "commit 1=commit",
        "commit 2=commit",
        "commit 1=read-only",
        "commit 2=no \"no\"",
        "one-phase 1",
        "abort requested \"r\"",
        "deadline",
        "vote-timer",
        "retry-timer",
        "retry",
        "persisted",
        "persist-refused \"full\"",
        "session-lost s1",
        "participant-ready inventory",
    };
    for (const std::string branch : {"1", "2"}) {
      all.push_back("vote " + branch + " commit");
      all.push_back("finished " + branch + " committed");
      all.push_back("finished " + branch + " aborted");
      all.push_back("found-prepared " + branch + " bank");
      all.push_back("call-timer " + branch);
      all.push_back("skip " + branch + " \"ann\" \"gone\"");
      for (const std::string op : {"try", "confirm", "cancel"}) {
        all.push_back("answer " + branch + " " + op + " 0 done");
        all.push_back("answer " + branch + " " + op + " 0 failed \"no\"");
        all.push_back("answer " + branch + " " + op + " 0 ongoing 500");
      }
    }
    all.push_back("forget \"ann\" \"repaired\"");
    all.push_back("crash");
    return all;
  }();
  return words;
}

// Branch 1 as the last resource; the other one is prepared in its name.
const std::vector<std::string>& OfLastResource() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "enlist bank-a session s1 key k1",
        "enlist bank-b session s1 key k2",
        "last-resource 1 evidence=a/1/7 2=commit",
        "last-resource 1 evidence=a/1/7 2=read-only",
        "last-resource 1 evidence=a/1/7",
        "commit",
        "commit 1=commit 2=commit",
        "abort requested \"r\"",
        "abort requested \"r\" rolled-back 1 2",
        "abort requested \"r\" rolled-back 2",
        "deadline",
        "retry-timer",
        "retry",
        "persisted",
        "persist-refused \"full\"",
        "session-lost s1",
        "resource-ready bank-a",
        "resource-ready bank-b",
        "found-prepared 2 bank-b last 1 bank-a evidence=a/1/7",
        "found-prepared 2 bank-b",
        "forget \"ann\" \"repaired\"",
        "flush",
        "crash",
    };
    for (const char* branch : {"1", "2"}) {
      for (const char* end : {"committed", "aborted", "hazard", "retry"})
        all.push_back(std::string("finished ") + branch + " " + end);
    }
    return all;
  }();
  return words;
}

// The same, of branches that the beginner numbers itself.
const std::vector<std::string>& OfAnOwnLastResource() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "last-resource 1 evidence=a/1/7 2=commit own 2 bank-b",
        "last-resource 1 evidence=a/1/7 own 1 bank-a own 2 bank-b",
    };
    for (std::string word : OfLastResource()) {
      if (word.starts_with("enlist")) continue;
      const bool names = word.starts_with("last-resource") || word.starts_with("commit 1");
      if (names) word += " own 1 bank-a own 2 bank-b";
      all.push_back(std::move(word));
    }
    return all;
  }();
  return words;
}

// Two that the beginner numbers itself, in session s1, and one that joins.
const std::vector<std::string>& OfOwnBranches() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all{
        "enlist bank-b session s2 key k1",
        "commit",
        "commit 1=commit own 1 bank-a",
        "commit 1=commit 2=commit own 1 bank-a own 2 bank-b",
        "commit 1=read-only 2=commit own 1 bank-a own 2 bank-b",
        "commit 1=commit 2=no \"no\" own 1 bank-a own 2 bank-b",
        "commit 1=commit own 1 bank-a own 2 bank-b",
        "commit 3=commit own 3 bank-b",
        "commit 1=commit own 1 bank-a own 1 bank-b",
        "one-phase 1 own 1 bank-a",
        "abort requested \"r\"",
        "deadline",
        "vote-timer",
        "retry-timer",
        "persisted",
        "persist-refused \"full\"",
        "session-lost s1",
        "session-lost s2",
        "resource-ready bank-a",
        "crash",
    };
    for (const std::string branch : {"1", "2", "3"}) {
      all.push_back("vote " + branch + " commit");
      all.push_back("vote " + branch + " no \"no\"");
      all.push_back("finished " + branch + " committed");
      all.push_back("finished " + branch + " aborted");
      all.push_back("found-prepared " + branch + " bank-a");
    }
    all.push_back("forget \"ann\" \"repaired\"");
    return all;
  }();
  return words;
}

struct Visit {
  const Visit* from = nullptr;
  std::string event;
  World world;
};

std::string ScriptTo(const Visit& visit) {
  return (visit.from == nullptr ? "" : ScriptTo(*visit.from)) + visit.event + "\n";
}

void Explore(const std::vector<std::string>& alphabet, World start = {}) {
  std::unordered_map<std::string, std::unique_ptr<Visit>> seen;
  std::deque<const Visit*> queue;
  const auto reach = [&](const Visit* from, const std::string& event, World world) {
    auto [entry, is_new] = seen.try_emplace(world.Key());
    if (!is_new) return;
    entry->second = std::make_unique<Visit>(Visit{from, event, std::move(world)});
    queue.push_back(entry->second.get());
  };
  std::size_t taken = 0;
  reach(nullptr, "", std::move(start));
  while (!queue.empty()) {
    const Visit& visit = *queue.front();
    queue.pop_front();
    ASSERT_TRUE(CanEnd(visit.world)) << "it cannot end after" << ScriptTo(visit);
    for (const std::string& word : alphabet) {
      World next = visit.world;
      if (!Take(next, word)) continue;
      ++taken;
      ASSERT_EQ(next.broken, "") << "by" << ScriptTo(visit) << word << "\n  "
                                 << (next.machine ? Describe(*next.machine) : "gone");
      reach(&visit, word, std::move(next));
    }
  }
  testing::Test::RecordProperty("states", static_cast<int>(seen.size()));
  testing::Test::RecordProperty("events", static_cast<int>(taken));
  EXPECT_GT(seen.size(), 1'000U) << "the exploration is not exploring";
}

TEST(Exploration, NoOrderOfEventsBreaksARule) { Explore(OfDatabases()); }

TEST(Exploration, NoOrderOfEventsBreaksARuleOfTheLastResource) { Explore(OfLastResource()); }

TEST(Exploration, M09_NoOrderOfEventsBreaksARuleOfReservations) { Explore(OfReservations()); }

TEST(Exploration, P12_NoOrderOfEventsBreaksARuleOfBranchesThatTheBeginnerNumbers) {
  World start;
  start.machine.emplace(Gtid(), Origin{}, TwoPhase::Limits{}, Protocol::kTwoPhase,
                        Beginner{"s1", 2});
  Explore(OfOwnBranches(), std::move(start));
}

TEST(Exploration, P12_NoOrderOfEventsBreaksARuleOfAnOwnLastResource) {
  World start;
  start.machine.emplace(Gtid(), Origin{}, TwoPhase::Limits{}, Protocol::kTwoPhase,
                        Beginner{"s1", 2});
  Explore(OfAnOwnLastResource(), std::move(start));
}

}  // namespace
}  // namespace settle::coordinator
