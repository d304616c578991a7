#include "cli/log_report.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace settle::cli {
namespace {

using coordinator::LogReport;
using coordinator::Restoration;

std::string RecordsText(const LogReport& report) {
  std::uint64_t all = 0;
  std::string types;
  for (const auto& [type, count] : report.records) {
    all += count;
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", count, type);
  }
  return types.empty() ? "0" : fmt::format("{} ({})", all, types);
}

std::string EpochsText(const LogReport& report) {
  if (report.epochs.empty()) return fmt::format("{}", report.epoch);
  return fmt::format("{}; records are of transactions of {} epochs, from {} to {}", report.epoch,
                     report.epochs.size(), report.epochs.begin()->first,
                     report.epochs.rbegin()->first);
}

std::string InDoubtText(const LogReport& report) {
  std::string text = fmt::format("{}", report.in_doubt_count);
  for (const Gtid& gtid : report.in_doubt) text += "\n  " + gtid.text();
  if (report.in_doubt.size() < report.in_doubt_count) {
    text += fmt::format("\n  and {} more", report.in_doubt_count - report.in_doubt.size());
  }
  return text;
}

std::string BackupText(const LogReport& report) {
  if (!report.backup) return "no: a log";
  return fmt::format("taken {} in epoch {}, up to position {}", Rfc3339(report.backup->taken),
                     report.backup->epoch, report.backup->position);
}

std::string Text(const Restoration& one) {
  const std::string lost =
      one.lost_from ? fmt::format("what was written in epochs {} to {} and is not here is unknown",
                                  *one.lost_from, one.epoch)
                    : "nothing was lost, as was said";
  return fmt::format("{} by {}: {}; reason: {}", Rfc3339(one.restored), Printable(one.by), lost,
                     Printable(one.reason));
}

Json AtOrNull(std::int64_t at_us) { return Json(Rfc3339(at_us)); }

}  // namespace

std::string ReportText(const LogReport& report, const Surroundings& around) {
  std::vector<std::pair<std::string, std::string>> rows{
      {"file", Printable(report.path)},
      {"size", fmt::format("{} bytes", report.bytes)},
      {"log", Printable(report.log_id)},
      {"epoch", EpochsText(report)},
      {"backup", BackupText(report)},
      {"schema", fmt::format("version {}", report.schema_version)},
      {"positions", fmt::format("{} to {}", report.first_position, report.last_position)},
      {"records", RecordsText(report)},
      {"committed", fmt::format("{}", report.totals.committed)},
      {"aborted", fmt::format("{}", report.totals.aborted)},
      {"forgotten", fmt::format("{}", report.totals.heuristic)},
      {"pruned", fmt::format("{} of the ended ones", report.pruned)}};
  for (const Restoration& one : report.restored) rows.emplace_back("restored", Text(one));
  if (!report.audit_damage.empty()) {
    rows.emplace_back("audit", around.paint.Alarm("damaged: " + Printable(report.audit_damage)));
  }
  rows.emplace_back("in doubt", InDoubtText(report));
  return Fields(rows, around.paint);
}

Json ToJson(const LogReport& report) {
  Json json{{"file", report.path},
            {"bytes", report.bytes},
            {"log_id", report.log_id},
            {"epoch", report.epoch},
            {"schema_version", report.schema_version},
            {"first_position", report.first_position},
            {"last_position", report.last_position},
            {"committed", report.totals.committed},
            {"aborted", report.totals.aborted},
            {"forgotten", report.totals.heuristic},
            {"pruned", report.pruned},
            {"audit_damage", report.audit_damage},
            {"sound", report.audit_damage.empty()}};
  json["backup"] = nullptr;
  if (report.backup) {
    json["backup"] = {{"taken", AtOrNull(report.backup->taken)},
                      {"taken_us", report.backup->taken},
                      {"epoch", report.backup->epoch},
                      {"position", report.backup->position}};
  }
  json["records"] = Json::object();
  for (const auto& [type, count] : report.records) json["records"][type] = count;
  json["epochs"] = Json::array();
  for (const auto& [epoch, count] : report.epochs)
    json["epochs"].push_back({{"epoch", epoch}, {"records", count}});
  json["restored"] = Json::array();
  for (const Restoration& one : report.restored) {
    json["restored"].push_back(
        {{"at", AtOrNull(one.restored)},
         {"at_us", one.restored},
         {"operator", one.by},
         {"reason", one.reason},
         {"first_epoch", one.lost_from ? Json(*one.lost_from) : Json(nullptr)},
         {"last_epoch", one.epoch}});
  }
  json["in_doubt"] = report.in_doubt_count;
  json["in_doubt_gtids"] = Json::array();
  for (const Gtid& gtid : report.in_doubt) json["in_doubt_gtids"].push_back(gtid.text());
  return json;
}

coordinator::VerifyProgress Verifying(const Surroundings& around) {
  return [&around](std::uint64_t done, std::uint64_t all) {
    around.progress(done == all ? std::string()
                                : fmt::format("verifying: {} of {} records", done, all));
  };
}

}  // namespace settle::cli
