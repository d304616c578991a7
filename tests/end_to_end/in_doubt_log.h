// A decision log as a killed daemon left it, written through the log's own code: so many
// transactions are decided, and not one branch has heard of it.
#pragma once

#include <string>
#include <vector>

#include "protocol/records.h"

namespace settle::testing {

// Blocking; throws std::runtime_error. Appends `records`, all forced, to the log at `path`, which
// is made if need be and closed again. The gtids in them must be of this log: see MakeGtids.
void WriteLog(const std::string& path, const std::vector<coordinator::Record>& records);

// `count` gtids that the log at `path` may have given out in an earlier life.
std::vector<Gtid> MakeGtids(const std::string& path, std::size_t count);

// A commit record with one prepared branch in each resource, whose database is "fake:<resource>".
coordinator::CommitRecord Decided(const Gtid& gtid, const std::vector<std::string>& resources);

}  // namespace settle::testing
