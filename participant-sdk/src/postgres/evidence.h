// Evidence of a branch's transaction: taken before it is prepared or committed, used afterwards to
// prove what became of it.
#pragma once

#include <string>

#include "postgres/connection.h"
#include "settle/vocabulary/branch.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/live.h"

namespace settle::postgres {

enum class TakeXid {
  kIfAssigned,  // null when the transaction has written nothing
  kAssign,
};

// What the statement of EvidenceStatement answered.
struct EvidenceReply {
  Evidence evidence;  // local_transaction is empty when no xid is assigned
  // Without an xid: there are foreign tables that may have been written to (ForeignWrites tells).
  bool may_have_written_elsewhere = false;
  // Foreign tables were written to, whose servers know nothing of our vote.
  bool wrote_elsewhere = false;
};

// Run it inside the branch's transaction. It fails there, and with it what was sent behind it, when
// that transaction acts as another role.
Statement EvidenceStatement(const Connection& connection, TakeXid take);
EvidenceReply ReadEvidence(const Connection& connection, const Reply& reply);
// Why it failed: our own words if it was its check, else the server's.
std::string ExplainEvidence(const Reply& reply);

// The transaction's xid, null when it has written nothing: what ReadEvidence needs of a transaction
// that is not to be prepared, so whose role does not matter.
Statement XidStatement();

// Of a transaction that is prepared under that name. No row: none is, or the server is a standby.
Statement EvidenceOfPreparedStatement(const std::string& name);
Evidence ReadEvidenceOfPrepared(const Connection& connection, const Reply& reply);

// Whether the transaction wrote to foreign tables. The server spends more on planning this than on
// a small transaction.
Statement ForeignWrites();

// The server's number of the transaction that is open now. None of the connection's others has it,
// and nothing done inside the transaction changes it.
Statement VirtualTransaction();

extern const char* const kEndedByApplication;

struct Verdict {
  Proof proof = Proof::kNone;
  std::string detail;  // one line: where it comes from, or why there is none
};
// What the database's record says of the transaction that the evidence names. kUnavailable: it
// could not be asked, or is not the one that the branch is in.
[[nodiscard]] Result<Verdict> AskForProof(Connection& connection, const Evidence& evidence,
                                          Clock::time_point deadline);

// What became of the transaction that the evidence names. kAborted or kCommitted only as proof.
FinishResult Prove(Connection& connection, const Evidence& evidence, Clock::time_point deadline);

}  // namespace settle::postgres
