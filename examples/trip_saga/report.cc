#include "report.h"

#include <iomanip>
#include <sstream>

#include "trip.h"

namespace trip_saga {
namespace {

std::string QueryFor(const std::string& participant) {
  if (participant == "bank") return "SELECT 'paid ' || amount, '' FROM payment WHERE trip = $1";
  if (participant == "mail") return "SELECT 'sent', '' FROM sent WHERE trip = $1";
  return "SELECT 'reserved for ' || price, CASE state WHEN 'cancelled' THEN 'cancelled' ELSE '' END"
         " FROM booking WHERE trip = $1";
}

std::string Or(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

}  // namespace

settle::Result<std::string> Report(const Databases& databases, const settle::Gtid& trip) {
  std::ostringstream table;
  const auto line = [&](const std::string& step, const std::string& participant,
                        const std::string& done, const std::string& undone) {
    table << std::left << std::setw(9) << step << std::setw(13) << participant << std::setw(18)
          << done << undone << "\n";
  };
  line("step", "participant", "done", "undone");
  for (const StepInfo& step : Steps()) {
    auto database = databases.Open(step.participant);
    if (!database) return settle::Fail(database.error());
    const auto rows = (*database)->Run(QueryFor(step.participant), {trip.text()});
    if (!rows) return settle::Fail(rows.error());
    if (rows->size() > 1) {
      return settle::Fail(settle::ErrorCode::kInternal, "step " + step.name + " was done twice");
    }
    const bool done = !rows->empty();
    line(step.name, step.participant, done ? rows->front()[0] : "-",
         done ? Or(rows->front()[1], "-") : "-");
  }
  return table.str();
}

}  // namespace trip_saga
