// What a site of three-phase commit finds in its own database, as columns of text, a line each.
#include "quorum/record_columns.h"
#include "target.h"

namespace settle::fuzz {
namespace {

void Run(std::string_view bytes) {
  const std::vector<std::string> lines = Split(bytes, '\n');
  quorum::RecordColumns columns;
  for (std::size_t i = 0; i < columns.size() && i < lines.size(); ++i) columns[i] = lines[i];
  const auto record = quorum::FromColumns(columns);
  if (!record) return RequirePrintable(record.error());
  const Result<quorum::RecordColumns> same = quorum::ToColumns(*record);
  Require(same.has_value() && *same == columns, "a site's record is accepted in one form alone");
}

}  // namespace

const Target kSiteRecord{"site-record", "L05", 20'000, &Run};

}  // namespace settle::fuzz
