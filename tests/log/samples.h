// Records with every field filled, for tests of the log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/records.h"

namespace settle::coordinator {

Gtid SampleGtid(const std::string& log_id, Epoch epoch, std::uint64_t sequence);
CommitRecord SampleCommit(const Gtid& gtid);
OnePhaseRecord SampleOnePhase(const Gtid& gtid);
HeuristicRecord SampleHeuristic(const Gtid& gtid);
EndRecord SampleEnd(const Gtid& gtid, Outcome outcome = Outcome::kCommitted);
ResourceRecord SampleResource();
ForgetRecord SampleForget(const Gtid& gtid);
RegisteredRecord SampleRegistered(const Gtid& gtid);

// One of each type.
SagaBeginRecord SampleSagaBegin(const Gtid& gtid);
// All that came with version 3.
std::vector<Record> SampleSagaRecords(const Gtid& gtid);
std::vector<Record> SampleVersion4Records(const Gtid& gtid);
// Those of three-phase commit.
std::vector<Record> SampleVersion5Records(const Gtid& gtid);
std::vector<Record> SampleVersion6Records(const Gtid& gtid);  // with an identity and a trace
// Those in which a person decided.
std::vector<Record> SampleHeuristicRecords(const Gtid& gtid);
LastResourceRecord SampleLastResource(const Gtid& gtid);
std::vector<Record> SampleRecords();

}  // namespace settle::coordinator
