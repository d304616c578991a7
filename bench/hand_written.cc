#include "bench/hand_written.h"

#include <chrono>
#include <utility>

namespace settle::bench {

HandWritten::HandWritten(const Banks& banks, std::string name)
    : a_(banks.dsn(0)), b_(banks.dsn(1)), log_(banks.dsn(2)), name_(std::move(name)) {}

std::string HandWritten::NextGid() { return "'" + name_ + "-" + std::to_string(++count_) + "'"; }

double HandWritten::MoveOneAfterAnother(const Transfer& transfer) {
  const std::string gid = NextGid();
  a_.Run("BEGIN", "BEGIN");
  a_.Run(kDebit, "UPDATE 1", &transfer.from);
  b_.Run("BEGIN", "BEGIN");
  b_.Run(kCredit, "UPDATE 1", &transfer.to);
  const auto committing = std::chrono::steady_clock::now();
  a_.Run("PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  b_.Run("PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  a_.Run("COMMIT PREPARED " + gid, "COMMIT PREPARED");
  b_.Run("COMMIT PREPARED " + gid, "COMMIT PREPARED");
  return MicrosecondsSince(committing);
}

void HandWritten::BothAtOnce(const std::string& sql, const char* tag) {
  a_.Send(sql);
  b_.Send(sql);
  a_.Await(tag);
  b_.Await(tag);
}

void HandWritten::WorkInBoth(const Transfer& transfer) {
  BothAtOnce("BEGIN", "BEGIN");
  a_.Send(kDebit, &transfer.from);
  b_.Send(kCredit, &transfer.to);
  a_.Await("UPDATE 1");
  b_.Await("UPDATE 1");
}

double HandWritten::MoveBothAtOnce(const Transfer& transfer) {
  const std::string gid = NextGid();
  WorkInBoth(transfer);
  const auto committing = std::chrono::steady_clock::now();
  BothAtOnce("PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  BothAtOnce("COMMIT PREPARED " + gid, "COMMIT PREPARED");
  return MicrosecondsSince(committing);
}

double HandWritten::MoveWithLogTable(const Transfer& transfer) {
  const std::string gid = NextGid();
  WorkInBoth(transfer);
  const auto committing = std::chrono::steady_clock::now();
  BothAtOnce("PREPARE TRANSACTION " + gid, "PREPARE TRANSACTION");
  log_.Run("INSERT INTO decision (gid) VALUES (" + gid + ")", "INSERT 0 1");
  BothAtOnce("COMMIT PREPARED " + gid, "COMMIT PREPARED");
  log_.Run("DELETE FROM decision WHERE gid = " + gid, "DELETE 1");
  return MicrosecondsSince(committing);
}

}  // namespace settle::bench
