#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace settle::bench {
namespace {

template <typename Figure>
Spread SpreadOfRuns(const std::vector<Run>& runs, Figure figure) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(figure(run));
  return SpreadOf(std::move(values));
}

std::string Range(const Spread& spread, std::string (*text)(double)) {
  return text(spread.least) + ".." + text(spread.most);
}

std::string Cpu(const CpuTimes& times) {
  return fmt::format("{:.0f}+{:.0f}+{:.0f}", times.clients, times.coordinator, times.databases);
}

// A table holds one suite's rows.
std::string WithoutSuite(const std::string& name) { return name.substr(name.find('.') + 1); }

}  // namespace

Row RowOf(const Series& series) {
  Row row{.name = series.name,
          .unit = series.unit,
          .acknowledged = series.acknowledged,
          .clients = series.clients,
          .rounds = static_cast<int>(series.runs.size()),
          .value = SpreadOfRuns(series.runs, [](const Run& run) { return run.per_second; }),
          .against = {},
          .ratio = std::nullopt,
          .cpu_us = {}};
  for (const Run& run : series.runs) row.count += run.counted;
  const auto median = [&](auto figure) { return SpreadOfRuns(series.runs, figure).median; };
  row.p50_us = median([](const Run& run) { return run.p50_us; });
  row.p99_us = median([](const Run& run) { return run.p99_us; });
  row.p999_us = median([](const Run& run) { return run.p999_us; });
  row.cpu_us = {.clients = median([](const Run& run) { return run.cpu_us.clients; }),
                .coordinator = median([](const Run& run) { return run.cpu_us.coordinator; }),
                .databases = median([](const Run& run) { return run.cpu_us.databases; })};
  return row;
}

Row RowOf(const Series& series, const Series& against) {
  Row row = RowOf(series);
  row.against = against.name;
  std::vector<double> ratios;
  const std::size_t rounds = std::min(series.runs.size(), against.runs.size());
  for (std::size_t i = 0; i < rounds; ++i) {
    const double other = against.runs[i].per_second;
    ratios.push_back(other > 0 ? series.runs[i].per_second / other : 0);
  }
  row.ratio = SpreadOf(std::move(ratios));
  return row;
}

Series Scaled(Series series, double factor, std::string name, std::string unit) {
  series.name = std::move(name);
  series.unit = std::move(unit);
  for (Run& run : series.runs) {
    run.per_second *= factor;
    run.cpu_us = run.cpu_us / factor;
  }
  return series;
}

Series Counted(Series series, const std::vector<double>& figures, const std::string& what,
               const std::string& unit) {
  series.name += what;
  series.unit = unit;
  for (std::size_t i = 0; i < series.runs.size(); ++i) series.runs[i].per_second = figures.at(i);
  return series;
}

Series LatencyOf(const Series& series) {
  std::vector<double> p50s;
  for (const Run& run : series.runs) p50s.push_back(run.p50_us);
  return Counted(series, p50s, "_p50", "us");
}

std::string Number(double value) {
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string Ratio(double ratio) { return fmt::format("{:.3f}", ratio); }

std::string TableOf(const std::vector<Row>& rows) {
  constexpr const char* kLine =
      "{:<22} {:>7} {:>7} {:<14} {:<14} {:>6} {:<13} {:<19} {:>7} {:>7} {:>7} {:>12}\n";
  std::string table = fmt::format(kLine, "row", "clients", "median", "least..most", "unit", "ratio",
                                  "least..most", "against", "p50 us", "p99 us", "p99.9", "cpu us");
  std::vector<std::string> notes;
  for (const Row& row : rows) {
    table +=
        fmt::format(kLine, WithoutSuite(row.name), row.clients, Number(row.value.median),
                    Range(row.value, Number), row.unit, row.ratio ? Ratio(row.ratio->median) : "",
                    row.ratio ? Range(*row.ratio, Ratio) : "", WithoutSuite(row.against),
                    Number(row.p50_us), Number(row.p99_us), Number(row.p999_us), Cpu(row.cpu_us));
    if (!row.unit.ends_with("/s")) continue;
    const std::string note = fmt::format("{:<22} {}\n", WithoutSuite(row.name), row.acknowledged);
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
  table += "\ncpu us: for each operation, in the clients + settled + the databases\n";
  table += "\nA client goes on when\n";
  for (const std::string& note : notes) table += note;
  return table;
}

std::string JsonLineOf(const Row& row) {
  nlohmann::ordered_json line{{"row", row.name},
                              {"clients", row.clients},
                              {"value", row.value.median},
                              {"unit", row.unit},
                              {"value_least", row.value.least},
                              {"value_most", row.value.most},
                              {"against", nullptr},
                              {"ratio", nullptr},
                              {"ratio_least", nullptr},
                              {"ratio_most", nullptr},
                              {"p50_us", row.p50_us},
                              {"p99_us", row.p99_us},
                              {"p999_us", row.p999_us},
                              {"cpu_us",
                               {{"clients", row.cpu_us.clients},
                                {"coordinator", row.cpu_us.coordinator},
                                {"databases", row.cpu_us.databases}}},
                              {"rounds", row.rounds},
                              {"count", row.count},
                              {"acknowledged", row.acknowledged}};
  if (row.ratio) {
    line["against"] = row.against;
    line["ratio"] = row.ratio->median;
    line["ratio_least"] = row.ratio->least;
    line["ratio_most"] = row.ratio->most;
  }
  return line.dump() + "\n";
}

}  // namespace settle::bench
