#include "log/record_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "log/checksum.h"
#include "log/record_archive.h"
#include "log/record_fields.h"

namespace settle::coordinator {
namespace {

using codec::LoadLittle;
using codec::StoreLittle;

constexpr std::size_t kHeaderSize = 6;
constexpr std::size_t kChecksumSize = 4;

struct Type {
  std::uint8_t number;
  std::uint8_t version;  // of its body
  const char* name;
};
// What was proved of who began it, and its trace, came with version 6.
std::uint8_t AtLeast(int version, const Origin& origin) {
  const bool is_new = !origin.identity.empty() || !origin.trace_parent.empty();
  return static_cast<std::uint8_t>(is_new ? 6 : version);
}
// By whom it was decided came with version 5, for three-phase commit alone.
Type TypeOf(const CommitRecord& record) {
  return {1, AtLeast(record.by == DecidedBy{} ? 1 : 5, record.origin), "commit"};
}
Type TypeOf(const OnePhaseRecord& record) { return {2, AtLeast(1, record.origin), "one-phase"}; }
constexpr Type TypeOf(const HeuristicRecord&) { return {3, 1, "heuristic"}; }
// Only a saga's ending can have the cause that came with version 3.
Type TypeOf(const EndRecord& record) {
  if (!record.summary.heuristics.empty()) return {4, 6, "end"};
  const AbortCause cause = record.summary.ending.cause;
  const int version = record.summary.quorum || cause == AbortCause::kQuorum ? 5
                      : record.summary.saga                                 ? 4
                      : cause == AbortCause::kStepFailed                    ? 3
                                                                            : 1;
  return {4, AtLeast(version, record.summary.origin), "end"};
}
constexpr Type TypeOf(const ResourceRecord&) { return {5, 1, "resource"}; }
// Only a damaged saga can have been aborted for a failed step and be forgotten, only a three-phase
// commit by a quorum.
Type TypeOf(const ForgetRecord& record) {
  if (record.ending.cause == AbortCause::kQuorum) return {6, 5, "forget"};
  const bool is_new = record.ending.cause == AbortCause::kStepFailed;
  return {6, static_cast<std::uint8_t>(is_new ? 3 : 2), "forget"};
}
// A pause's jitter came with version 4; earlier it was always the fifth that it is by default.
Type TypeOf(const SagaBeginRecord& record) {
  const auto& steps = record.definition.steps;
  const bool is_new = std::any_of(steps.begin(), steps.end(), [](const auto& step) {
    return step.retry.jitter_percent != saga::RetryPolicy{}.jitter_percent;
  });
  return {7, AtLeast(is_new ? 4 : 3, record.origin), "saga begin"};
}
constexpr Type TypeOf(const SagaStepRecord&) { return {8, 3, "saga step"}; }
constexpr Type TypeOf(const SagaAbortingRecord&) { return {9, 3, "saga aborting"}; }
constexpr Type TypeOf(const SagaActRecord&) { return {10, 3, "saga act"}; }
constexpr Type TypeOf(const SagaEndRecord&) { return {11, 3, "saga end"}; }
constexpr Type TypeOf(const DefinitionRecord&) { return {12, 4, "definition"}; }
Type TypeOf(const RegisteredRecord& record) {
  return {13, AtLeast(4, record.origin), "registered"};
}
Type TypeOf(const PreCommitRecord& record) { return {14, AtLeast(5, record.origin), "pre-commit"}; }
constexpr Type TypeOf(const BallotRecord&) { return {15, 5, "ballot"}; }
constexpr Type TypeOf(const QuorumAbortRecord&) { return {16, 5, "quorum abort"}; }
constexpr Type TypeOf(const HeuristicIntentRecord&) { return {17, 6, "heuristic intent"}; }
constexpr Type TypeOf(const PauseRecord&) { return {18, 6, "pause"}; }
constexpr Type TypeOf(const LastResourceRecord&) { return {19, 7, "last resource"}; }

template <typename Alternative>
Result<Record> DecodeBody(int version, std::string_view body) {
  Alternative record;
  codec::Reader reader(version, body);
  Fields(reader, record);
  reader.RefuseTrailing();
  if (!reader.wrong().empty()) {
    return Fail(ErrorCode::kCorrupt,
                fmt::format("the {} record is malformed: {}", TypeOf(record).name, reader.wrong()));
  }
  // One spelling for each record: the lowest version that has what is in it.
  if (version != TypeOf(record).version) {
    return Fail(ErrorCode::kCorrupt, fmt::format("no such {} record has format version {}",
                                                 TypeOf(record).name, version));
  }
  return Record(std::move(record));
}

}  // namespace

std::string TypeName(const Record& record) {
  return std::visit([](const auto& alternative) { return TypeOf(alternative).name; }, record);
}

Result<std::string> EncodeRecord(const Record& record) {
  return std::visit(
      [](const auto& alternative) -> Result<std::string> {
        const Type type = TypeOf(alternative);
        std::string bytes{static_cast<char>(type.version), static_cast<char>(type.number)};
        bytes.resize(kHeaderSize);
        codec::Writer writer(type.version, bytes);
        Fields(writer, alternative);
        std::string wrong = writer.wrong();
        if (wrong.empty() && bytes.size() > kRecordMax - kChecksumSize) {
          wrong =
              fmt::format("it takes {} bytes, at most {} are allowed", bytes.size(), kRecordMax);
        }
        if (!wrong.empty()) {
          return Fail(ErrorCode::kInvalid,
                      fmt::format("the {} record cannot be stored: {}", type.name, wrong));
        }
        std::string length;
        StoreLittle(static_cast<std::uint32_t>(bytes.size() - kHeaderSize), length);
        bytes.replace(2, 4, length);
        StoreLittle(Checksum(bytes), bytes);
        return bytes;
      },
      record);
}

Result<Record> DecodeRecord(std::string_view bytes) {
  const auto corrupt = [](std::string what) { return Fail(ErrorCode::kCorrupt, std::move(what)); };
  if (bytes.size() < kHeaderSize + kChecksumSize || bytes.size() > kRecordMax) {
    return corrupt(fmt::format("a record cannot be {} bytes long", bytes.size()));
  }
  // The checksum comes before the version: a flipped bit is damage and not a newer release.
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumSize);
  if (LoadLittle<std::uint32_t>(checked.data() + checked.size()) != Checksum(checked)) {
    return corrupt("the record's checksum does not match: it was damaged after it was written");
  }
  const int version = static_cast<unsigned char>(bytes[0]);
  if (version > kRecordVersion) {
    return Fail(ErrorCode::kVersion,
                fmt::format("the record has format version {}, this program knows those up to {}",
                            version, kRecordVersion),
                "use the release that wrote it, or a newer one");
  }
  if (version == 0) return corrupt("the record has format version 0, which never was");
  const std::string_view body = checked.substr(kHeaderSize);
  if (const auto length = LoadLittle<std::uint32_t>(bytes.data() + 2); length != body.size()) {
    return corrupt(
        fmt::format("the record claims a body of {} bytes and has {}", length, body.size()));
  }
  switch (static_cast<unsigned char>(bytes[1])) {
    case 1: return DecodeBody<CommitRecord>(version, body);
    case 2: return DecodeBody<OnePhaseRecord>(version, body);
    case 3: return DecodeBody<HeuristicRecord>(version, body);
    case 4: return DecodeBody<EndRecord>(version, body);
    case 5: return DecodeBody<ResourceRecord>(version, body);
    case 6: return DecodeBody<ForgetRecord>(version, body);
    case 7: return DecodeBody<SagaBeginRecord>(version, body);
    case 8: return DecodeBody<SagaStepRecord>(version, body);
    case 9: return DecodeBody<SagaAbortingRecord>(version, body);
    case 10: return DecodeBody<SagaActRecord>(version, body);
    case 11: return DecodeBody<SagaEndRecord>(version, body);
    case 12: return DecodeBody<DefinitionRecord>(version, body);
    case 13: return DecodeBody<RegisteredRecord>(version, body);
    case 14: return DecodeBody<PreCommitRecord>(version, body);
    case 15: return DecodeBody<BallotRecord>(version, body);
    case 16: return DecodeBody<QuorumAbortRecord>(version, body);
    case 17: return DecodeBody<HeuristicIntentRecord>(version, body);
    case 18: return DecodeBody<PauseRecord>(version, body);
    case 19: return DecodeBody<LastResourceRecord>(version, body);
  }
  return corrupt(
      fmt::format("the record has the unknown type {}", static_cast<unsigned char>(bytes[1])));
}

}  // namespace settle::coordinator
