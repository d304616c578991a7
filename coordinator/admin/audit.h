// Every action of an operator goes through here: who asked for what is durable before it is done,
// and what came of it after. Refusals beyond those of refusals.h are counted instead.
//
//   Result<TransactionView> view = audit.Do<TransactionView>(
//       {caller.text(), call.operator_name, "resolve to abort", call.gtid.text(), call.reason},
//       [&] { return Resolve(engine, views, observer, call); });
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "admin/refusals.h"
#include "engine/ports.h"
#include "log/decision_log.h"

namespace settle::coordinator {

// Thread-safe; blocks on the log.
class Audit {
 public:
  // References must outlive it.
  Audit(DecisionLog& log, Clock& clock, Observer& observer)
      : log_(log), clock_(clock), observer_(observer) {}

  // Whoever asks, and for what. `caller` is what their connection proves of them, `operator_name`
  // and `reason` are what they say; the reason may be empty.
  struct Action {
    std::string caller;
    std::string operator_name;
    std::string what;    // "resolve to abort"
    std::string target;  // a gtid, a resource
    std::string reason;
    // What its refusals are counted under: the identity and the call. Empty: each is a row.
    std::string counted_as{};
    // Whether it would be refused as things are; changes nothing, may block. None: nobody knows.
    std::function<Status()> would{};
  };

  // `body` gives a Result<T>. kRetry, and it was not run: the trail could not be written. What the
  // body throws is noted as unknown and goes on.
  template <typename T, typename Body>
  [[nodiscard]] Result<T> Do(const Action& action, Body body);

  [[nodiscard]] Result<AuditPage> List(const AuditQuery& query) const {
    return log_.ListAudit(query);
  }
  AuditTotals totals() const { return log_.audit_totals(); }

 private:
  // The number of the row.
  Result<std::uint64_t> Ask(const Action& action);
  void Answer(const Action& action, std::uint64_t asked, std::string result);
  // It is refused, and that is no row of the trail.
  Status RefuseUnrecorded(const Action& action);
  // As ResultInWords, with those before it that are no rows.
  std::string Refused(const Action& action, const Error& error);
  Result<std::uint64_t> Append(AuditRow row);

  DecisionLog& log_;
  Clock& clock_;
  Observer& observer_;
  Refusals refusals_;
};

// "refused: ..." in one line; "unknown: ..." where it may have been done all the same.
std::string ResultInWords(const Error& error);

template <typename T, typename Body>
Result<T> Audit::Do(const Action& action, Body body) {
  if (Status refused = RefuseUnrecorded(action); !refused) return Fail(std::move(refused).error());
  const Result<std::uint64_t> asked = Ask(action);
  if (!asked) return Fail(asked.error());
  try {
    Result<T> result = body();
    Answer(action, *asked, result ? "done" : Refused(action, result.error()));
    return result;
  } catch (...) {
    Answer(action, *asked, "unknown: it failed inside the coordinator");
    throw;
  }
}

}  // namespace settle::coordinator
