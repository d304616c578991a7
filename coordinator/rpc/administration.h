// What the admin service needs of the rooms behind it. Thread-safe; calls block until they are answered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "recovery/inquiry.h"

namespace settle::coordinator {

struct StatusView {
  std::string log_id;
  Epoch epoch = 0;
  std::string release;
  WallTime started = 0;
  std::map<std::string, std::size_t> open;  // by state
  LogTotals ended;
  std::size_t sessions = 0;
};

struct ListCall {
  Which which = Which::kAll;
  std::size_t most = 100;
  std::string cursor;
};
struct TransactionPage {
  std::vector<OpenView> transactions;  // newest first
  std::string next_cursor;
};

struct InDoubtView {
  std::vector<OpenView> transactions;
  std::vector<Stray> strays;
};

struct ResolveCall {
  Gtid gtid;
  Decision to = Decision::kAbort;
  std::string operator_name;
  std::string reason;
};

class Administration {
 public:
  virtual ~Administration() = default;
  virtual Result<StatusView> ReadStatus() = 0;
  virtual Result<TransactionPage> List(const ListCall& call) = 0;
  virtual Result<OpenView> Show(const Gtid& gtid) = 0;
  virtual Result<InDoubtView> InDoubt() = 0;
  virtual Result<std::vector<ParticipantView>> Participants() = 0;
  virtual Result<OpenView> Resolve(const ResolveCall& call) = 0;
  virtual Status AcceptIdentity(ResourceRecord record) = 0;
};

}  // namespace settle::coordinator
