#include "protocol/describe.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/event_parser.h"

namespace settle::coordinator {
namespace {

// Read and printed again it must be the same words.
TEST(Describe, EveryEventCanBeReadBack) {
  const std::vector<std::string> lines{
      "enlist bank-a session s1 key k1",
      "commit",
      "commit 1=commit 2=read-only",
      "commit 1=commit evidence=postgresql:73/1/701 2=no \"why \\x22quoted\\x22\" retryable",
      "one-phase 1",
      "one-phase 1 evidence=sqlite:6f1c/0/",
      "last-resource 1 evidence=pg-a/1/701 2=commit evidence=pg-b/1/58 3=read-only",
      "abort requested",
      "abort operator \"eve: stuck\" rolled-back 1 3",
      "deadline",
      "vote-timer",
      "retry-timer",
      "vote 2 no \"could not serialize access [40001]\" retryable",
      "vote 1 commit evidence=pg/a/b/3/701",
      "enlist bank-a session s1 key k1 peer a:7100 peer b:7100",
      "site 2 pre-committed elected 1.0 accepted 1.0",
      "site 1 committed elected 3.2 accepted 2.1 ballot 3.2 by 0 2",
      "site 2 aborted elected 1.0 accepted 0.0",
      "peer 7 state",
      "peer 8 elect ballot 2.1",
      "peer 9 commit ballot 2.1 by 0 1",
      "peer 9 abort",
      "finished 1 aborted \"detail\"",
      "finished 4 retry",
      "persisted",
      "persist-refused \"disk full\"",
      "session-lost s1",
      "resource-ready bank-a",
      "found-prepared 2 bank-b",
      "found-prepared 2 bank-b evidence=pg-b/1/58 last 1 bank-a evidence=pg-a/1/701",
      "retry",
      "try inventory/reserve key t1 {\"n\": [1, 2]}",
      "answer 2 try 1 done {\"left\": 3}",
      "answer 2 confirm 3 done",
      "answer 2 cancel 12 unknown \"restarted\"",
      "answer 1 try 1 failed \"sold out\"",
      "answer 1 confirm 1 ongoing 5000",
      "answer 1 try 1 suppressed",
      "call-timer 2",
      "participant-ready inventory",
      "skip 2 \"ann\" \"written off\"",
      "forget \"alice\" \"credited by hand\"",
      "heuristic verdict 2 abort \"alice\" \"rolled back by hand\"",
      "restored",
  };
  std::set<std::size_t> kinds;
  for (const std::string& line : lines) {
    const Result<Event> event = ParseEvent(line);
    ASSERT_TRUE(event) << event.error().message;
    EXPECT_EQ(Describe(*event), line);
    kinds.insert(event->index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>) << "an event is missing from this test";
}

TEST(Describe, WhatIsNotAnEventIsRefusedByTheWordThatIsWrong) {
  for (const auto& [line, word] : std::vector<std::pair<std::string, std::string>>{
           {"explode", "explode"},
           {"", "the end of the line"},
           {"persisted twice", "twice"},
           {"vote 1 maybe", "maybe"},
           {"vote one commit", "one"},
           {"vote -1 commit", "-1"},
           {"commit 1", "1"},
           {"commit 1=yes", "yes"},
           {"enlist bank-a s1", "s1"},
           {"finished 1", "the end of the line"},
           {"site 1 bored elected 1.0 accepted 1.0", "bored"},
           {"site 1 waiting elected 1 accepted 1.0", "1"},
           {"peer 1 vote", "vote"},
           {"try inventory key t1 {}", "inventory"},
           {"answer 1 action 1 done", "action"},
           {"answer 1 try 1 maybe", "maybe"},
           {"one-phase 1 evidence=incomplete/1", "incomplete/1"},
       }) {
    const Result<Event> event = ParseEvent(line);
    ASSERT_FALSE(event) << line;
    EXPECT_TRUE(event.error().message.starts_with("\"" + word + "\"")) << event.error().message;
  }
}

TEST(Describe, A03_TextFromOutsideIsEscaped) {
  EXPECT_EQ(Describe(Event{event::PersistRefused{"a\n\"b\""}}),
            "persist-refused \"a\\x0a\\x22b\\x22\"");
}

TEST(Describe, RecordsAreNamedAsTheLogKnowsThem) {
  EXPECT_EQ(Describe(Record{CommitRecord{{},
                                         {},
                                         0,
                                         {{1, "bank-a", Vote::kCommit, {"pg-a", 1, "701"}},
                                          {2, "bank-b", Vote::kReadOnly, {}}}}}),
            "commit record: 1 bank-a commit evidence=pg-a/1/701, 2 bank-b read-only");
  const std::vector<DecidedBranch> branches{{1, "bank-a", Vote::kCommit, {}},
                                            {2, "bank-b", Vote::kCommit, {}}};
  EXPECT_EQ(Describe(Record{PreCommitRecord{
                {}, {}, 0, branches, {{0, "", {}}, {1, "bank-a", {}}, {2, "bank-b", {}}}}}),
            "pre-commit record: 1 bank-a commit, 2 bank-b commit sites 0 1 2");
  EXPECT_EQ(Describe(Record{BallotRecord{{}, {SiteState::kPreCommitted, {2, 0}, {1, 0}, {}}}}),
            "ballot record: pre-committed elected 2.0 accepted 1.0");
  EXPECT_EQ(Describe(Record{QuorumAbortRecord{{}, 0, {{2, 0}, {0, 2}}, "why"}}),
            "quorum abort record: ballot 2.0 by 0 2 \"why\"");
  EXPECT_EQ(Describe(Record{CommitRecord{{}, {}, 0, branches, {{2, 1}, {0, 1}}}}),
            "commit record: 1 bank-a commit, 2 bank-b commit ballot 2.1 by 0 1");
  EXPECT_EQ(Describe(Record{LastResourceRecord{{}, {}, 0, 1, branches}}),
            "last-resource record: 1 decides: 1 bank-a commit, 2 bank-b commit");
  EXPECT_EQ(Describe(Record{ResourceRecord{"bank-a", "pg-a", "first attach", "", 0}}),
            "resource record: bank-a is pg-a");
  const ForgetRecord forget{
      {}, {Outcome::kHazard, AbortCause::kNone, "no proof", false}, "alice", "credited", 0};
  EXPECT_EQ(Describe(Record{forget}),
            "forget record: by \"alice\" \"credited\" of hazard \"no proof\"");
  EXPECT_EQ(Describe(Event{event::Restored{forget}}), "restored, " + Describe(Record{forget}));
  EXPECT_EQ(
      Describe(Record{RegisteredRecord{{}, {}, 2, "inventory", "reserve", "{\"a\":\n\"b\"}", 0}}),
      "registered record: 2 inventory/reserve {\"a\":\\x0a\"b\"}");
  EndRecord end;
  end.summary.ending = {Outcome::kAborted, AbortCause::kVotedNo, "why", true};
  EXPECT_EQ(Describe(Record{end}), "end record: aborted (voted-no, retryable) \"why\"");
}

}  // namespace
}  // namespace settle::coordinator
