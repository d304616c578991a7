#include "log/record_codec.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstdlib>
#include <random>
#include <sstream>

#include "samples.h"
#include "temporary_log.h"

namespace settle::coordinator {
namespace {

using ::testing::HasSubstr;

std::string Encoded(const Record& record) {
  Result<std::string> bytes = EncodeRecord(record);
  EXPECT_TRUE(bytes) << (bytes ? "" : Describe(bytes.error()));
  return bytes.value_or("");
}

// Bytes of which only the checksum is right, so that what is behind it gets tested.
std::string WithChecksum(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  const auto sum = ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i) & 0xff));
  return bytes;
}

Error ErrorOfDecoding(const std::string& bytes) {
  const Result<Record> record = DecodeRecord(bytes);
  EXPECT_FALSE(record);
  return record ? Error{} : record.error();
}

TEST(RecordCodec, EveryTypeOfRecordComesBackAsItWas) {
  for (const Record& record : SampleRecords()) {
    const Result<Record> same = DecodeRecord(Encoded(record));
    ASSERT_TRUE(same) << Describe(same.error());
    EXPECT_EQ(*same, record);
  }
}

TEST(RecordCodec, EmptyFieldsComeBackEmpty) {
  const Gtid gtid = SampleGtid("k3m9qxw4c7ab", 1, 0);
  const std::vector<Record> records = {CommitRecord{gtid, {}, 0, {}},
                                       OnePhaseRecord{gtid, {}, 0, {}},
                                       HeuristicRecord{gtid, 0, BranchEnd::kHazard, "", 0},
                                       EndRecord{{gtid, "", {}, {}, 0, {}, {}}},
                                       ResourceRecord{},
                                       ForgetRecord{gtid, {}, "", "", 0},
                                       SagaBeginRecord{gtid, {}, "", {"", 0, 0, {}}, ""},
                                       SagaStepRecord{gtid, 0, ActionOp::kAction, ""},
                                       SagaAbortingRecord{gtid, {}, 0, {}},
                                       SagaActRecord{gtid, 0, SagaAct::kSkip, "", "", "", 0},
                                       SagaEndRecord{gtid, {}, 0},
                                       DefinitionRecord{},
                                       EndRecord{{gtid, "", {}, {}, 0, {}, {}, SagaSummary{}}}};
  for (const Record& record : records) EXPECT_EQ(DecodeRecord(Encoded(record)).value(), record);
}

TEST(RecordCodec, TheBytesOfVersion1StayWhatTheyAre) {
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

TEST(RecordCodec, TheBytesOfVersion2StayWhatTheyAre) {
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

TEST(RecordCodec, TheBytesOfVersion3StayWhatTheyAre) {
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
TEST(RecordCodec, TheBytesOfASagaBeginOfVersion3StayWhatTheyAre) {
  const saga::StepDefinition step{
      "s", "p", "a", "{}", {}, saga::StepKind::kPivot, {5, 100, 60'000, 150}, 1'000};
  const SagaBeginRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2), {"me", "", 258}, "k", {"t", 2, 3, {step}}, "{}"};
  const std::string bytes(
      "\x03\x07"          // version, type
      "\x89\x00\x00\x00"  // length of the body
      "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
      "\x02\x00\x00\x00me\x00\x00\x00\x00"                        // owner, comment
      "\x02\x01\x00\x00\x00\x00\x00\x00"                          // began
      "\x01\x00\x00\x00k\x01\x00\x00\x00t\x02\x00\x00\x00"        // key, name, version
      "\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"          // deadline; one step
      "\x01\x00\x00\x00s\x01\x00\x00\x00p\x01\x00\x00\x00\x61"     // name, participant, action
      "\x02\x00\x00\x00{}\x00\x00\x00\x00\x03"                     // input, after, kind
      "\x05\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00"          // attempts, first pause
      "\x60\xea\x00\x00\x00\x00\x00\x00\x96\x00\x00\x00"          // longest pause, factor
      "\xe8\x03\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00{}",       // time-out; the saga's input
      143);
  EXPECT_EQ(Encoded(record), bytes + Encoded(record).substr(bytes.size()));
  EXPECT_EQ(Encoded(record).size(), bytes.size() + 4);
  EXPECT_EQ(DecodeRecord(Encoded(record)).value(), Record(record));
}

TEST(RecordCodec, TheBytesOfVersion4StayWhatTheyAre) {
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

TEST(RecordCodec, TheBytesOfARegisteredRecordStayWhatTheyAre) {
  const RegisteredRecord record{
      SampleGtid("k3m9qxw4c7ab", 1, 2), {"me", "", 258}, 7, "i", "r", "{}", 513};
  EXPECT_EQ(Encoded(record),
            std::string("\x04\x0d"                                 // version, type
                        "\x4b\x00\x00\x00"                         // length of the body
                        "\x19\x00\x00\x00k3m9qxw4c7ab.1.2.9f3c2a51"
                        "\x02\x00\x00\x00me\x00\x00\x00\x00"       // owner, comment
                        "\x02\x01\x00\x00\x00\x00\x00\x00"         // began
                        "\x07\x00\x00\x00"                         // branch
                        "\x01\x00\x00\x00i\x01\x00\x00\x00r"       // participant, action
                        "\x02\x00\x00\x00{}"                       // input
                        "\x01\x02\x00\x00\x00\x00\x00\x00"         // at
                        "\x0e\xc6\xec\x8e", 85));
}

TEST(RecordCodec, ARecordIsWrittenInTheLowestVersionThatHasItsBody) {
  for (const Record& record : SampleRecords()) {
    const std::vector<Record> newest = SampleSagaRecords(GtidOf(record));
    const bool is_newest = std::find(newest.begin(), newest.end(), record) != newest.end();
    const std::vector<Record> version4 = SampleVersion4Records(SampleGtid("k3m9qxw4c7ab", 2, 1842));
    const bool is_version4 = std::find(version4.begin(), version4.end(), record) != version4.end();
    const bool is_forget = std::holds_alternative<ForgetRecord>(record);
    std::string bytes = Encoded(record);
    const int version = bytes[0];
    EXPECT_EQ(version, is_version4 ? 4 : is_newest ? 3 : is_forget ? 2 : 1);
    for (const int other : {1, 2, 3, 4}) {
      if (other == version) continue;
      bytes[0] = static_cast<char>(other);  // which no program ever wrote
      const Error error = ErrorOfDecoding(WithChecksum(bytes));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt);
      // Version 4 has more fields of an end and of a step than earlier ones.
      EXPECT_THAT(error.message, ::testing::AnyOf(HasSubstr("record has format version"),
                                                  HasSubstr("record is malformed")));
    }
  }
}

TEST(RecordCodec, L05_EveryFlippedBitIsNoticed) {
  for (const Record& record : SampleRecords()) {
    const std::string good = Encoded(record);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_EQ(ErrorOfDecoding(bad).code, ErrorCode::kCorrupt) << "bit " << bit;
    }
  }
}

TEST(RecordCodec, L05_EveryTruncationIsNoticed) {
  for (const Record& record : SampleRecords()) {
    const std::string good = Encoded(record);
    for (std::size_t size = 0; size < good.size(); ++size) {
      ASSERT_EQ(ErrorOfDecoding(good.substr(0, size)).code, ErrorCode::kCorrupt) << size;
    }
  }
}

TEST(RecordCodec, ABodyCutOffAnywhereIsRefusedEvenWithARightChecksum) {
  for (const Record& record : SampleRecords()) {
    const std::string good = Encoded(record);
    for (std::size_t body = 0; body < good.size() - 10; ++body) {
      std::string cut = good.substr(0, 6 + body) + "....";
      cut[2] = static_cast<char>(body & 0xff);
      cut[3] = static_cast<char>(body >> 8);
      ASSERT_EQ(ErrorOfDecoding(WithChecksum(cut)).code, ErrorCode::kCorrupt) << body;
    }
  }
}

TEST(RecordCodec, BytesAfterTheLastFieldAreRefused) {
  std::string bytes = Encoded(SampleResource());
  bytes.insert(bytes.size() - 4, "x");
  ++bytes[2];
  EXPECT_THAT(ErrorOfDecoding(WithChecksum(bytes)).message, HasSubstr("follow the last field"));
}

TEST(RecordCodec, ANewerVersionIsRefusedByName) {
  std::string bytes = Encoded(SampleResource());
  bytes[0] = 5;
  const Error error = ErrorOfDecoding(WithChecksum(bytes));
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, HasSubstr("format version 5"));
  EXPECT_THAT(error.message, HasSubstr("up to 4"));
}

TEST(RecordCodec, UnknownTypesAndEnumValuesAreRefusedByName) {
  std::string type = Encoded(SampleResource());
  type[1] = 14;
  EXPECT_THAT(ErrorOfDecoding(WithChecksum(type)).message, HasSubstr("unknown type 14"));

  std::string end = Encoded(SampleHeuristic(SampleGtid("k3m9qxw4c7ab", 1, 1)));
  const std::size_t gtid_size = std::string("k3m9qxw4c7ab.1.1.9f3c2a51").size();
  end[6 + 4 + gtid_size + 4] = 5;
  EXPECT_THAT(ErrorOfDecoding(WithChecksum(end)).message, HasSubstr("end has the unknown value 5"));
}

TEST(RecordCodec, AClaimOfMuchMemoryIsRefusedBeforeItIsTaken) {
  std::string bytes = Encoded(SampleResource());
  bytes[6] = bytes[7] = bytes[8] = bytes[9] = '\xff';
  EXPECT_THAT(ErrorOfDecoding(WithChecksum(bytes)).message, HasSubstr("claims 4294967295 bytes"));
}

TEST(RecordCodec, WhatIsTooLongOrOutOfRangeCannotBeStoredAndIsNamed) {
  ResourceRecord resource = SampleResource();
  resource.reason.assign(kTextMax, 'x');
  EXPECT_TRUE(EncodeRecord(resource));
  resource.reason += 'x';
  const auto too_long = EncodeRecord(resource);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(too_long.error().message, HasSubstr("reason is 65537 bytes long"));

  EXPECT_FALSE(EncodeRecord(CommitRecord{}));  // no gtid
  EXPECT_FALSE(EncodeRecord(SampleCommit(SampleGtid("k3m9qxw4c7ab", 1, ~std::uint64_t{0}))));
  CommitRecord commit = SampleCommit(SampleGtid("k3m9qxw4c7ab", 1, 1));
  commit.branches[0].vote = static_cast<Vote>(7);
  EXPECT_FALSE(EncodeRecord(commit));
  commit.branches.assign(kListMax + 1, {});
  EXPECT_FALSE(EncodeRecord(commit));
}

TEST(RecordCodec, AnyBytesAreReadWithoutHarm) {
  std::mt19937 random(20240607);
  const std::vector<Record> records = SampleRecords();
  int decoded = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes;
    if (round % 2 == 0) {
      bytes.resize(random() % 200);
      for (char& byte : bytes) byte = static_cast<char>(random());
      if (bytes.size() > 2) bytes[1] = static_cast<char>(1 + random() % 13);
      if (bytes.size() > 2) bytes[0] = bytes[1] > 11 ? 4 : bytes[1] > 6 ? 3 : bytes[1] == 6 ? 2 : 1;
    } else {
      bytes = Encoded(records[random() % records.size()]);
      for (int flips = 0; flips < 3; ++flips) {
        bytes[6 + random() % (bytes.size() - 6)] = static_cast<char>(random());
      }
    }
    if (bytes.size() < 10) continue;
    const auto body = static_cast<std::uint32_t>(bytes.size() - 10);
    for (int i = 0; i < 4; ++i) bytes[2 + i] = static_cast<char>(body >> (8 * i) & 0xff);
    const Result<Record> record = DecodeRecord(WithChecksum(bytes));
    // What decodes has one spelling: it encodes to the same bytes.
    if (!record) continue;
    ++decoded;
    ASSERT_EQ(Encoded(*record), WithChecksum(bytes));
  }
  EXPECT_GT(decoded, 1000);
}

// docs/decision_log.md is for whoever reads a log without this program.

std::string FromSource(const std::string& path) {
  const char* top = std::getenv("SETTLE_SOURCE");
  return ReadFile((top == nullptr ? std::string(".") : std::string(top)) + "/" + path);
}

// The fenced block after `marker`.
std::string BlockOfThePage(const std::string& marker) {
  const std::string page = FromSource("docs/decision_log.md");
  const std::string fence = "```\n";
  const std::size_t begin = page.find(fence, page.find(marker));
  const std::size_t end = page.find(fence, begin + 1);
  if (page.find(marker) == std::string::npos || end == std::string::npos) return "";
  return page.substr(begin + fence.size(), end - begin - fence.size());
}

TEST(RecordCodecPage, SaysOfTheBytesWhatTheHeaderSays) {
  std::istringstream header(FromSource("coordinator/log/record_codec.h"));
  std::string grammar;
  bool within = false;
  for (std::string line; std::getline(header, line) && line != "#pragma once";) {
    within = within || line.starts_with("// Frame, in every version");
    if (within) grammar += line.substr(std::min<std::size_t>(line.size(), 3)) + "\n";
  }
  ASSERT_NE(grammar, "");
  EXPECT_EQ(BlockOfThePage("the same words as in coordinator/log/record_codec.h"), grammar);
}

TEST(RecordCodecPage, NamesEveryValueOfAnEnum) {
  const std::string page = FromSource("docs/decision_log.md");
  for (int value = 0; value <= 9; ++value) {
    const auto cell = [&](auto of, int least, int most) {
      if (value < least || value > most) return std::string(" ");
      return " " + std::string(ToString(static_cast<decltype(of)>(value))) + " ";
    };
    const std::string row = "| " + std::to_string(value) + " |" + cell(Outcome{}, 1, 9) + "|" +
                            cell(AbortCause{}, 0, 9) + "|" + cell(Vote{}, 1, 3) + "|" +
                            cell(BranchEnd{}, 1, 4) + "|";
    EXPECT_THAT(page, HasSubstr(row));
  }
}

TEST(RecordCodecPage, ShowsAnExampleAsItIsWritten) {
  std::istringstream lines(BlockOfThePage("compared with what the codec writes"));
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream pairs(line.substr(0, line.find('|')));
    for (int byte = 0; pairs >> std::hex >> byte;) bytes.push_back(static_cast<char>(byte));
  }
  const ResourceRecord record{"stock", "sqlite:6f1c", "first attach", "", 1'700'000'000'000'000};
  EXPECT_EQ(bytes, Encoded(record));
}

}  // namespace
}  // namespace settle::coordinator
