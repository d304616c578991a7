// What is on the disk, byte by byte: no release may write or read it in another way.
#include <gtest/gtest.h>

#include "log/record_codec.h"
#include "samples.h"

namespace settle::coordinator {
namespace {

std::string Encoded(const Record& record) {
  Result<std::string> bytes = EncodeRecord(record);
  EXPECT_TRUE(bytes) << (bytes ? "" : Describe(bytes.error()));
  return bytes.value_or("");
}

TEST(RecordBytes, TheBytesOfVersion1StayWhatTheyAre) {
  const ResourceRecord record{"r", "id", "me", "", 258};
  EXPECT_EQ(Encoded(record),
            std::string("\x01\x05"                             // version, type
                        "\x1d\x00\x00\x00"                     // length of the body
                        "\x01\x00\x00\x00r\x02\x00\x00\x00id"  // resource, identity
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"   // accepted by, reason
                        "\x02\x01\x00\x00\x00\x00\x00\x00"     // at
                        ":\xbe\x94\xcd",
                        39));
}

TEST(RecordBytes, TheBytesOfVersion2StayWhatTheyAre) {
  const ForgetRecord record{SampleGtid("k3m9qxw4c7ab", 1, 2),
                            {Outcome::kHazard, AbortCause::kPresumed, "no proof", false},
                            "me",
                            "ok",
                            258};
  EXPECT_EQ(Encoded(record),
            std::string("\x02\x06"          // version, type
                        "\x40\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x07\x08\x08\x00\x00\x00no proof\x00"  // ending
                        "\x02\x00\x00\x00me\x02\x00\x00\x00ok"  // operator name, reason
                        "\x02\x01\x00\x00\x00\x00\x00\x00"      // at
                        "y9x\x07",
                        74));
}

TEST(RecordBytes, TheBytesOfVersion3StayWhatTheyAre) {
  const SagaStepRecord record{SampleGtid("k3m9qxw4c7ab", 1, 2), 7, ActionOp::kAction, "{}"};
  EXPECT_EQ(Encoded(record),
            std::string("\x03\x08"          // version, type
                        "\x28\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x07\x00\x00\x00\x01"  // step, op
                        "\x02\x00\x00\x00{}"    // result
                        "aZn\xf8",
                        50));
}

// As the release wrote it in which a pause had no jitter of its own.
TEST(RecordBytes, TheBytesOfASagaBeginOfVersion3StayWhatTheyAre) {
  const saga::StepDefinition step{
      "s", "p", "a", "{}", {}, saga::StepKind::kPivot, {5, 100, 60'000, 150}, 1'000};
  const SagaBeginRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2), {"me", "", 258}, "k", {"t", 2, 3, {step}}, "{}"};
  const std::string bytes(
      "\x03\x07"          // version, type
      "\x89\x00\x00\x00"  // length of the body
      "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
      "\x02\x00\x00\x00me\x00\x00\x00\x00"                      // owner, comment
      "\x02\x01\x00\x00\x00\x00\x00\x00"                        // began
      "\x01\x00\x00\x00k\x01\x00\x00\x00t\x02\x00\x00\x00"      // key, name, version
      "\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"        // deadline; one step
      "\x01\x00\x00\x00s\x01\x00\x00\x00p\x01\x00\x00\x00\x61"  // name, participant, action
      "\x02\x00\x00\x00{}\x00\x00\x00\x00\x03"                  // input, after, kind
      "\x05\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00"        // attempts, first pause
      "\x60\xea\x00\x00\x00\x00\x00\x00\x96\x00\x00\x00"        // longest pause, factor
      "\xe8\x03\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00{}",     // time-out; the saga's input
      143);
  EXPECT_EQ(Encoded(record), bytes + Encoded(record).substr(bytes.size()));
  EXPECT_EQ(Encoded(record).size(), bytes.size() + 4);
  EXPECT_EQ(DecodeRecord(Encoded(record)).value(), Record(record));
}

TEST(RecordBytes, TheBytesOfVersion4StayWhatTheyAre) {
  const DefinitionRecord record{{"t", 2, 3, {}}, "me", 258};
  EXPECT_EQ(Encoded(record),
            std::string("\x04\x0c"                           // version, type
                        "\x23\x00\x00\x00"                   // length of the body
                        "\x01\x00\x00\x00t\x02\x00\x00\x00"  // name, version
                        "\x03\x00\x00\x00\x00\x00\x00\x00"   // deadline
                        "\x00\x00\x00\x00"                   // no steps
                        "\x02\x00\x00\x00me"                 // stored by
                        "\x02\x01\x00\x00\x00\x00\x00\x00"   // at
                        "\xc3\xfb\x99\xc9",
                        45));
}

TEST(RecordBytes, TheBytesOfARegisteredRecordStayWhatTheyAre) {
  const RegisteredRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2), {"me", "", 258}, 7, "i", "r", "{}", 513};
  EXPECT_EQ(Encoded(record),
            std::string("\x04\x0d"          // version, type
                        "\x4b\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"  // owner, comment
                        "\x02\x01\x00\x00\x00\x00\x00\x00"    // began
                        "\x07\x00\x00\x00"                    // branch
                        "\x01\x00\x00\x00i\x01\x00\x00\x00r"  // participant, action
                        "\x02\x00\x00\x00{}"                  // input
                        "\x01\x02\x00\x00\x00\x00\x00\x00"    // at
                        "\x0e\xc6\xec\x8e",
                        85));
}

TEST(RecordBytes, TheBytesOfAPreCommitRecordStayWhatTheyAre) {
  const PreCommitRecord record{SampleGtid("k3m9qxw4c7ab", 1, 2),
                               {"me", "", 258},
                               513,
                               {{1, "r", Vote::kCommit, {"d", 3, "x"}}},
                               {{0, "", {}}, {1, "r", {"h:1"}}}};
  EXPECT_EQ(Encoded(record),
            std::string("\x05\x0e"          // version, type
                        "\x77\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"     // owner, comment
                        "\x02\x01\x00\x00\x00\x00\x00\x00"       // began
                        "\x01\x02\x00\x00\x00\x00\x00\x00"       // at
                        "\x01\x00\x00\x00"                       // one branch
                        "\x01\x00\x00\x00\x01\x00\x00\x00r\x01"  // number, resource, vote
                        "\x01\x00\x00\x00\x64\x03\x00\x00\x00\x01\x00\x00\x00x"  // evidence
                        "\x02\x00\x00\x00"                                       // two sites
                        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"       // the witness
                        "\x01\x00\x00\x00\x01\x00\x00\x00r"                      // number, resource
                        "\x01\x00\x00\x00\x03\x00\x00\x00h:1"                    // one address
                        "\xf7\xd1x\x94",
                        129));
}

TEST(RecordBytes, TheBytesOfALastResourceRecordStayWhatTheyAre) {
  const LastResourceRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2),
      {"me", "", 258},
      513,
      2,
      {{1, "r", Vote::kCommit, {"d", 3, "x"}}, {2, "r", Vote::kCommit, {"d", 3, "x"}}}};
  EXPECT_EQ(Encoded(record),
            std::string("\x07\x13"          // version, type
                        "\x77\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"     // owner, comment
                        "\x02\x01\x00\x00\x00\x00\x00\x00"       // began
                        "\x00\x00\x00\x00\x00\x00\x00\x00"       // identity, trace parent
                        "\x01\x02\x00\x00\x00\x00\x00\x00"       // delegated
                        "\x02\x00\x00\x00"                       // the last one
                        "\x02\x00\x00\x00"                       // two branches
                        "\x01\x00\x00\x00\x01\x00\x00\x00r\x01"  // number, resource, vote
                        "\x01\x00\x00\x00\x64\x03\x00\x00\x00\x01\x00\x00\x00x"  // evidence
                        "\x02\x00\x00\x00\x01\x00\x00\x00r\x01"
                        "\x01\x00\x00\x00\x64\x03\x00\x00\x00\x01\x00\x00\x00x"
                        "\xb6\xff\x09\x9d",
                        129));
}

TEST(RecordBytes, TheBytesOfVersion5StayWhatTheyAre) {
  const BallotRecord record{SampleGtid("k3m9qxw4c7ab", 1, 2),
                            {SiteState::kPreCommitted, {2, 3}, {1, 0}, {{4, 5}, {0, 6}}}};
  EXPECT_EQ(Encoded(record),
            std::string("\x05\x0f"          // version, type
                        "\x4e\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x03"                                              // state
                        "\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00"  // elected
                        "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"  // accepted
                        "\x04\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00"  // decided by: ballot
                        "\x02\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00"  // quorum
                        "\x1e+\xe4>",
                        88));
}

TEST(RecordBytes, TheBytesOfAQuorumAbortStayWhatTheyAre) {
  const QuorumAbortRecord record{SampleGtid("k3m9qxw4c7ab", 1, 2), 258, {{4, 5}, {0, 6}}, "no"};
  EXPECT_EQ(Encoded(record),
            std::string("\x05\x10"          // version, type
                        "\x43\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x01\x00\x00\x00\x00\x00\x00"                  // decided
                        "\x04\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00"  // decided by: ballot
                        "\x02\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00"  // quorum
                        "\x02\x00\x00\x00no"                                // reason
                        "U\x0bUE",
                        77));
}

// The body of version 1, and behind it by whom it was decided.
TEST(RecordBytes, TheBytesOfACommitOfThreePhaseStayWhatTheyAre) {
  const CommitRecord two_phase = SampleCommit(SampleGtid("k3m9qxw4c7ab", 1, 2));
  CommitRecord record = two_phase;
  record.by = {{4, 5}, {0, 6}};
  const std::string bytes = Encoded(record);
  const std::string before = Encoded(two_phase);
  EXPECT_EQ(bytes.substr(0, 2), "\x05\x01");
  EXPECT_EQ(bytes.substr(6, bytes.size() - 10),
            before.substr(6, before.size() - 10) +
                std::string("\x04\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00"
                            "\x02\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00",
                            24));
}

TEST(RecordBytes, TheBytesOfVersion6StayWhatTheyAre) {
  const CommitRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2), {"me", "", 258, "uid:7", "00-ab"}, 513, {}};
  EXPECT_EQ(Encoded(record),
            std::string("\x06\x01"          // version, type
                        "\x5d\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"  // owner, comment
                        "\x02\x01\x00\x00\x00\x00\x00\x00"    // began
                        "\x05\x00\x00\x00uid:7\x05\x00\x00\x00"
                        "00-ab"                             // identity, trace parent
                        "\x01\x02\x00\x00\x00\x00\x00\x00"  // decided
                        "\x00\x00\x00\x00"                  // no branches
                        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"  // decided by: ballot
                        "\x00\x00\x00\x00"                                  // quorum
                        "8-E\xb6",
                        103));
}

TEST(RecordBytes, TheBytesOfAPauseStayWhatTheyAre) {
  const PauseRecord record{PauseScope::kParticipant, "r", true, "me", "", 258};
  EXPECT_EQ(Encoded(record),
            std::string("\x06\x12"                   // version, type
                        "\x19\x00\x00\x00"           // length of the body
                        "\x01\x01\x00\x00\x00r\x01"  // scope, name, paused
                        "\x02\x00\x00\x00me"         // operator
                        "\x00\x00\x00\x00"           // reason
                        "\x02\x01\x00\x00\x00\x00\x00\x00"
                        "\x77"
                        "\x1c"
                        "\x5a"
                        "\x33",
                        35));
}

TEST(RecordBytes, OfAHeuristicIntentStayWhatTheyAre) {
  const HeuristicIntentRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2),
      {"o", "", 1},
      {HeuristicAct::kStray, Decision::kAbort, {{1, "r", Vote::kCommit, {}}}, "n", "me", "y", 258}};
  EXPECT_EQ(Encoded(record),
            std::string("\x06\x11"          // version, type
                        "\x6a\x00\x00\x00"  // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x01\x00\x00\x00o\x00\x00\x00\x00"                  // owner, comment
                        "\x01\x00\x00\x00\x00\x00\x00\x00"                   // began
                        "\x00\x00\x00\x00\x00\x00\x00\x00"                   // identity, trace
                        "\x03\x02"                                           // act, decision
                        "\x01\x00\x00\x00\x01\x00\x00\x00"                   // branches: number
                        "\x01\x00\x00\x00r\x01"                              // resource, vote
                        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"   // evidence
                        "\x01\x00\x00\x00n\x02\x00\x00\x00me"                // name, operator
                        "\x01\x00\x00\x00y\x02\x01\x00\x00\x00\x00\x00\x00"  // reason, at
                        "\x23"
                        "\xc9"
                        "\x03"
                        "\xd2",
                        116));
}

}  // namespace
}  // namespace settle::coordinator
