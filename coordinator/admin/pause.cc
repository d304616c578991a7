#include "admin/pause.h"

#include "engine/await.h"

namespace settle::coordinator {
Status CheckPause(const Views& views, const PauseRecord& record) {
  if (!record.paused || record.scope != PauseScope::kParticipant) return {};
  const Result<bool> known = views.Knows(record.name);
  if (!known) return Fail(known.error());
  if (*known) return {};
  return Fail(ErrorCode::kNotFound,
              "no resource or participant is called " + record.name + "; nothing was paused",
              "'settle participants' lists them");
}

Result<PauseRecord> Pause(Engine& engine, const Views& views, Observer& observer,
                          const PauseRecord& record) {
  if (Status known = CheckPause(views, record); !known) return Fail(known.error());
  Result<PauseRecord> set = Await<PauseRecord>([&](auto done) { engine.Pause(record, done); });
  if (!set) return set;
  const std::string what = record.paused ? InWords(*set)
                                         : "operator " + record.operator_name + " lifts that " +
                                               InWords(*set) + "; why: " + record.reason;
  observer.Event(Observer::Level::kWarning, {}, Escaped(what));
  return set;
}

}  // namespace settle::coordinator
