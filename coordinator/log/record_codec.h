// The bytes of a Record. The only description of what is on the disk: docs and tests follow it.
//
//   std::string bytes = *EncodeRecord(record);
//   Result<Record> same = DecodeRecord(bytes);
//
// Frame, in every version:
//
//   offset  size  what
//   0       1     version, at most 7
//   1       1     type: 1 commit, 2 one-phase, 3 heuristic, 4 end, 5 resource, 6 forget,
//                  7 saga begin, 8 saga step, 9 saga aborting, 10 saga act, 11 saga end,
//                  12 definition, 13 registered, 14 pre-commit, 15 ballot, 16 quorum abort,
//                  17 heuristic intent, 18 pause, 19 last resource
//   2       4     n, the length of the body
//   6       n     body
//   6 + n   4     CRC-32 of all bytes before (zlib's crc32)
//
// Numbers are unsigned and little-endian unless said otherwise:
//
//   u8, u32, u64   1, 4, 8 bytes
//   i32, i64       4, 8 bytes, two's complement
//   text           u32 length (at most kTextMax), then so many bytes
//   time           i64, microseconds since 1970-01-01 UTC
//   gtid           text, as Gtid::text()
//   list of X      u32 count (at most kListMax), then so many X
//   flag           u8, 0 or 1
//   outcome, cause, vote, branch end, step kind, op, act, site state, decision, heuristic act,
//   pause scope: u8, the value of the enum
//
//   evidence       text database, u32 timeline, text local transaction
//   origin         text owner, text comment, time began, from version 6 on text identity,
//                  text trace parent
//   decided branch u32 number, text resource, vote, evidence
//   ending         outcome, cause, text reason, flag retryable
//   branch summary u32 number, text resource, text identity, text process, text state, text vote,
//                  evidence, i32 attempts, text last error
//   timeline entry time at, text what
//   step           text name, text participant, text action, text input, list of text after,
//                  step kind, i32 attempts at most, i64 first and i64 maximum milliseconds, i32
//                  factor in percent, from version 4 on i32 jitter in percent, i64 time-out in
//                  milliseconds
//
// Bodies of version 1:
//
//   commit         gtid, origin, time decided, list of decided branch
//   one-phase      gtid, origin, time delegated, decided branch
//   heuristic      gtid, u32 branch, branch end, text detail, time learned
//   end            gtid, text state, ending, origin, time ended, list of branch summary,
//                  list of timeline entry
//   resource       text resource, text identity, text accepted by, text reason, time at
//
// Bodies that came with version 2:
//
//   forget         gtid, ending, text operator name, text reason, time at
//
// Bodies that came with version 3, with the cause "step-failed", which takes an end or a forget
// that has it to version 3 as well:
//
//   saga begin     gtid, origin, text request key, text name, i32 version, i64 deadline in
//                  milliseconds, list of step, text input
//   saga step      gtid, u32 step, op, text result
//   saga aborting  gtid, ending, time decided, list of u32 compensate
//   saga act       gtid, u32 step, act, text input, text by, text reason, time at
//   saga end       gtid, ending, time ended
//
// Bodies that came with version 4, which an end has that is a saga's, and a saga begin whose jitter
// is not 20 percent in every step, as it always was before:
//
//   definition     text name, i32 version, i64 deadline in milliseconds, list of step, text stored
//                  by, time at
//   registered     gtid, origin, u32 branch, text participant, text action, text input, time at
//   end            as in version 1, then text name, i32 version, text request key, u32 and u32
//                  CRC-32 of the definition and of the input, list of step summary
//
//   step summary   u32 number, text name, text action, step kind, list of u32 after, text result,
//                  time called, time changed
//
// Bodies that came with version 5, with the cause "quorum", which takes a forget that has it to
// version 5 as well; a commit and an end have them that are of a three-phase commit:
//
//   pre-commit     gtid, origin, time at, list of decided branch, list of site
//   ballot         gtid, site answer
//   quorum abort   gtid, time decided, decided by, text reason
//   commit         as in version 1, then decided by
//   end            as in version 1, then a flag and if it is 1: list of site summary, u64 needed,
//                  decided by, list of u32 missing
//
//   ballot number  u64 round, u32 leader
//   site           u32 number, text resource, list of text addresses
//   decided by     ballot number, list of u32 quorum
//   site answer    site state, ballot number elected, ballot number accepted, decided by
//   site summary   site, flag answered, and if it is 1 the site answer
//
// Bodies that came with version 6, which every record has whose origin has an identity or a trace
// parent, and the end of a transaction in which a person decided; the others as before, each with
// what later versions added to it:
//
//   heuristic intent  gtid, origin, intent
//   end            as in version 5, then a flag and if it is 1 what version 4 added, then list of
//                  intent
//   pause          pause scope, text name, flag paused, text operator name, text reason, time at
//
//   intent         heuristic act, decision, list of decided branch, text database name, text
//                  operator name, text reason, time at
//
// Bodies that came with version 7:
//
//   last resource  gtid, origin, time delegated, u32 last, list of decided branch
//
// How it changes: the version is raised for whatever changes in a body, a new type or enum value
// included; new fields are added at the end of a body, and every version that ever was released is
// read for ever. A record is written in the lowest version that has its body, so an older program
// can read the log for as long as it holds nothing new. A version above ours is refused by name
// (kVersion): an older program never reads a part of a record. The first byte, the length and the
// checksum stay where they are, so that damage and novelty are told apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/records.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

inline constexpr std::uint8_t kRecordVersion = 7;           // the highest
inline constexpr std::size_t kTextMax = 64 * 1024;          // bytes of one text
inline constexpr std::size_t kListMax = 64 * 1024;          // elements of one list
inline constexpr std::size_t kRecordMax = 8 * 1024 * 1024;  // bytes of one record

// Never cuts: kInvalid names the field that is too long, out of range, or empty and must not be.
[[nodiscard]] Result<std::string> EncodeRecord(const Record& record);

// "commit", "saga begin": as in the list above.
std::string TypeName(const Record& record);

// Any bytes may come in. kCorrupt names what is wrong and where; kVersion names both versions.
[[nodiscard]] Result<Record> DecodeRecord(std::string_view bytes);

}  // namespace settle::coordinator
