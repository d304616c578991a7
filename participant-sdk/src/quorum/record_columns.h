// How a database keeps a site's record: as columns of text, which people can read and which can be
// compared as they stand. Pure.
#pragma once

#include <array>
#include <string>

#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/status.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::quorum {

// Of the table settle_three_phase, beside the branch's name and the parts of its gtid.
inline constexpr std::array kRecordColumns = {
    "state",     // "pre-committed"
    "elected",   // "2.1"
    "accepted",  // "1.0"; "0.0": none
    "decided",   // "1.0"; "0.0": not, or alone
    "quorum",    // "0 1"
    "roster",    // "0=@db1:7400 1=bank@db1:7401,db2:7401"
    "evidence",  // "postgresql:7301234567890123456:16384 1 742"
};
using RecordColumns = std::array<std::string, kRecordColumns.size()>;

// kInvalid: a name, an address or the evidence holds what the text has no place for, such as a
// space.
[[nodiscard]] Result<RecordColumns> ToColumns(const SiteRecord& record);

// kCorrupt, naming the column: it is not exactly what ToColumns would have written.
[[nodiscard]] Result<SiteRecord> FromColumns(const RecordColumns& columns);

// kInvalid: the gtid's numbers are beyond what a database's integers hold.
[[nodiscard]] Status CheckStorable(const BranchKey& key);

}  // namespace settle::quorum
