#include "log/record_codec.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <random>

#include "samples.h"

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
  const std::vector<Record> records = {
      CommitRecord{gtid, {}, 0, {}},
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
      EndRecord{{gtid, "", {}, {}, 0, {}, {}, SagaSummary{}}},
      PreCommitRecord{gtid, {}, 0, {}, {}},
      BallotRecord{gtid, {}},
      QuorumAbortRecord{gtid, 0, {}, ""},
      PauseRecord{},
      LastResourceRecord{gtid, {}, 0, 0, {}},
      HeuristicIntentRecord{gtid, {}, {}},
      EndRecord{{gtid, "", {}, {}, 0, {}, {}, {}, QuorumSummary{}}}};
  for (const Record& record : records) EXPECT_EQ(DecodeRecord(Encoded(record)).value(), record);
}

TEST(RecordCodec, ARecordWithoutAnIdentityIsWrittenAsItAlwaysWas) {
  CommitRecord record = SampleCommit(SampleGtid("k3m9qxw4c7ab", 1, 2));
  EXPECT_EQ(Encoded(record)[0], 1);
  record.origin.identity = "local";
  EXPECT_EQ(Encoded(record)[0], 6);
}

TEST(RecordCodec, ARecordIsWrittenInTheLowestVersionThatHasItsBody) {
  for (const Record& record : SampleRecords()) {
    const std::vector<Record> newest = SampleSagaRecords(GtidOf(record));
    const bool is_newest = std::find(newest.begin(), newest.end(), record) != newest.end();
    const std::vector<Record> version4 = SampleVersion4Records(SampleGtid("k3m9qxw4c7ab", 2, 1842));
    const bool is_version4 = std::find(version4.begin(), version4.end(), record) != version4.end();
    const std::vector<Record> version5 = SampleVersion5Records(SampleGtid("k3m9qxw4c7ab", 2, 1842));
    const bool is_version5 = std::find(version5.begin(), version5.end(), record) != version5.end();
    const std::vector<Record> version6 = SampleVersion6Records(SampleGtid("k3m9qxw4c7ab", 2, 1842));
    bool is_version6 = std::find(version6.begin(), version6.end(), record) != version6.end();
    const bool is_forget = std::holds_alternative<ForgetRecord>(record);
    std::string bytes = Encoded(record);
    const int version = bytes[0];
    const std::vector<Record> decided = SampleHeuristicRecords(SampleGtid("k3m9qxw4c7ab", 2, 1842));
    is_version6 = is_version6 || std::find(decided.begin(), decided.end(), record) != decided.end();
    const bool is_version7 = std::holds_alternative<LastResourceRecord>(record);
    EXPECT_EQ(version, is_version7   ? 7
                       : is_version6 ? 6
                       : is_version5 ? 5
                       : is_version4 ? 4
                       : is_newest   ? 3
                       : is_forget   ? 2
                                     : 1);
    for (const int other : {1, 2, 3, 4, 5, 6, 7}) {
      if (other == version) continue;
      bytes[0] = static_cast<char>(other);  // which no program ever wrote
      const Error error = ErrorOfDecoding(WithChecksum(bytes));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt);
      // Versions 4, 5 and 6 have more fields of some records than earlier ones.
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
  bytes[0] = 8;
  const Error error = ErrorOfDecoding(WithChecksum(bytes));
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, HasSubstr("format version 8"));
  EXPECT_THAT(error.message, HasSubstr("up to 7"));
}

TEST(RecordCodec, UnknownTypesAndEnumValuesAreRefusedByName) {
  std::string type = Encoded(SampleResource());
  type[1] = 20;
  EXPECT_THAT(ErrorOfDecoding(WithChecksum(type)).message, HasSubstr("unknown type 20"));

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
  EXPECT_FALSE(EncodeRecord(SampleCommit(SampleGtid("k3m9qxw4c7ab", ~std::uint64_t{0}, 1))));
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
      if (bytes.size() > 2) bytes[1] = static_cast<char>(1 + random() % 17);
      if (bytes.size() > 2)
        bytes[0] = round % 4 == 0  ? 6
                   : bytes[1] > 13 ? 5
                   : bytes[1] > 11 ? 4
                   : bytes[1] > 6  ? 3
                   : bytes[1] == 6 ? 2
                                   : 1;
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

}  // namespace
}  // namespace settle::coordinator
