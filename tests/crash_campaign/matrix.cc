// What the campaign says.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "crash_campaign/campaign.h"

namespace settle::testing {
namespace {

constexpr std::size_t kNameWidth = 30;
constexpr Databases kEachDatabase[] = {kPostgresql, kSqliteFile};

std::string Words(const std::string& place, Protocols protocol, Databases database) {
  return place + " by " + NameOf(protocol) + " over " + NameOfDatabase(database);
}

std::size_t CountIn(const std::map<CellName, std::size_t>& counts, const CellName& name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

bool MustFire(const Place& place, Protocols protocol, Databases database) {
  return (place.protocols & protocol) != 0 && (place.databases & database) != 0;
}

}  // namespace

std::vector<std::string> EmptyCells(const CampaignOptions& options, const CampaignResult& result) {
  std::vector<std::string> empty;
  for (const Place& place : Places()) {
    if (!options.places.empty() && !std::regex_search(place.name, std::regex(options.places)))
      continue;
    for (const Protocols protocol : kEach) {
      for (const Databases database : kEachDatabase) {
        const bool asked =
            (protocol & options.protocols) != 0 && (database & options.databases) != 0;
        if (!asked || !MustFire(place, protocol, database)) continue;
        if (CountIn(result.kills, {place.name, protocol, database}) == 0)
          empty.push_back(Words(place.name, protocol, database));
      }
    }
  }
  return empty;
}

std::vector<std::string> CellsAgainstTheTable(const CampaignResult& result) {
  std::vector<std::string> wrong;
  for (const auto& [name, count] : result.kills) {
    const auto& [where, protocol, database] = name;
    const Place* place = FindPlace(where);
    if (place == nullptr || !MustFire(*place, protocol, database))
      wrong.push_back(Words(where, protocol, database));
  }
  return wrong;
}

std::string MatrixOf(const CampaignResult& result) {
  std::ostringstream out;
  const auto cell = [&out](const std::string& text) {
    out << std::string(text.size() < 8 ? 8 - text.size() : 1, ' ') << text;
  };
  const auto name = [&out](std::string text) {
    text.resize(std::max(text.size() + 1, kNameWidth), ' ');
    out << text;
  };
  name("kills that fired");
  for (const Protocols protocol : kEach)
    for (const Databases database : kEachDatabase)
      cell(std::string(NameOf(protocol)) + (database == kPostgresql ? "/pg" : "/sl"));
  cell("others");
  out << "\n";
  for (const Place& place : Places()) {
    name(place.name);
    std::size_t others = 0;
    for (const Protocols protocol : kEach) {
      for (const Databases database : kEachDatabase) {
        const std::size_t count = CountIn(result.kills, {place.name, protocol, database});
        others += CountIn(result.others, {place.name, protocol, database});
        const bool must = MustFire(place, protocol, database);
        cell(count != 0 ? std::to_string(count) : must ? "EMPTY" : "-");
      }
    }
    cell(std::to_string(others));
    out << "\n";
  }
  return out.str();
}

std::string JsonOf(const CampaignOptions& options, const CampaignResult& result) {
  nlohmann::json json{{"seed", options.seed},
                      {"cells", result.cells},
                      {"kills_fired", result.fired},
                      {"double_crashes", result.doubles},
                      {"triple_crashes", result.triples},
                      {"faults_fired", result.faults},
                      {"not_reached", result.not_reached},
                      {"violations", result.violations},
                      {"empty_cells", EmptyCells(options, result)},
                      {"against_the_table", CellsAgainstTheTable(result)},
                      {"unknown_places", result.unknown},
                      {"seconds", result.seconds}};
  for (const auto& [name, count] : result.kills) {
    const auto& [place, protocol, database] = name;
    json["matrix"][place][NameOf(protocol)][NameOfDatabase(database)] = count;
  }
  return json.dump();
}

}  // namespace settle::testing
