// A record of the decision log, as it lies on the disk.
#include <zlib.h>

#include "log/record_codec.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace coordinator;

void Check(std::string_view bytes) {
  const Result<Record> record = DecodeRecord(bytes);
  if (!record) return RequirePrintable(record.error());
  const Result<std::string> again = EncodeRecord(*record);
  Require(again.has_value(), "what was read can be written");
  const Result<Record> same = DecodeRecord(*again);
  Require(same.has_value() && *same == *record, "what was written is read as the same record");
}

void Append(std::string& bytes, std::size_t value) {
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
}

// The length and the checksum as they belong, so that the body is read.
std::string Framed(std::string_view bytes) {
  std::string frame(bytes.substr(0, 2));
  const std::string_view body = bytes.substr(2);
  Append(frame, body.size());
  frame += body;
  Append(frame,
         crc32(0, reinterpret_cast<const Bytef*>(frame.data()), static_cast<uInt>(frame.size())));
  return frame;
}

void Run(std::string_view bytes) {
  Check(bytes);
  if (bytes.size() < 10) return;
  // As a seed has it: version, type, four bytes of length, the body, four of checksum.
  Check(Framed(std::string(bytes.substr(0, 2)) + std::string(bytes.substr(6, bytes.size() - 10))));
}

}  // namespace

const Target kRecord{"record", "L05", 50'000, &Run};

}  // namespace settle::fuzz
