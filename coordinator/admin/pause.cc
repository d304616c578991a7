#include "admin/pause.h"

#include "engine/await.h"

namespace settle::coordinator {
namespace {

Status CheckKnown(const Views& views, const std::string& name) {
  const Result<bool> known = views.Knows(name);
  if (!known) return Fail(known.error());
  if (*known) return {};
  return Fail(ErrorCode::kNotFound,
              "no resource or participant is called " + name + "; nothing was paused",
              "'settle participants' lists them");
}

}  // namespace

Result<PauseRecord> Pause(Engine& engine, const Views& views, Observer& observer,
                          const PauseRecord& record) {
  if (record.paused && record.scope == PauseScope::kParticipant) {
    if (Status known = CheckKnown(views, record.name); !known) return Fail(known.error());
  }
  Result<PauseRecord> set = Await<PauseRecord>([&](auto done) { engine.Pause(record, done); });
  if (!set) return set;
  const std::string what = record.paused ? InWords(*set)
                                         : "operator " + record.operator_name + " lifts that " +
                                               InWords(*set) + "; why: " + record.reason;
  observer.Event(Observer::Level::kWarning, {}, Escaped(what));
  return set;
}

}  // namespace settle::coordinator
