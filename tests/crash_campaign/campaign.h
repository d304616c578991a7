// The crash campaign: every play over every kind of database is watched once, and played again for
// the passes of each place, with harm done there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "crash_campaign/plays.h"

namespace settle::testing {

struct CampaignOptions {
  std::vector<std::string> plays;  // empty: all
  Protocols protocols = kEveryProtocol;
  Databases databases = kBothDatabases;
  std::string places;       // a regular expression; empty: all
  std::size_t passes = 1;   // of one place by one process in one play that are played
  std::size_t sample = 0;   // so many cells of each play, at random; 0: all of them
  std::size_t doubles = 0;  // so many cells with a second crash after the first, in all
  std::size_t triples = 0;
  bool kills = true;
  bool other_faults = true;  // errors, torn writes, delays and freezes
  bool watch = false;        // nothing is killed: what is passed counts as killed
  std::uint64_t seed = 1;
  int jobs = 2;
  bool verbose = false;
  // Only this: "daemon/0:engine.decided:1,daemon/1:log.open.folded:1"; of one play and database.
  std::string only;
};

// Place, protocol, database.
using CellName = std::tuple<std::string, Protocols, Databases>;

struct CampaignResult {
  std::map<CellName, std::size_t> kills;   // that fired
  std::map<CellName, std::size_t> others;  // other faults that fired
  std::size_t cells = 0;                   // that were played, with one kill
  std::size_t fired = 0;                   // of those
  std::size_t doubles = 0;                 // with two kills that fired
  std::size_t triples = 0;
  std::map<std::string, std::size_t> faults;  // that fired, by kind
  std::vector<std::string> not_reached;       // in the second and third attempt either
  std::vector<std::string> violations;        // each with the command that plays it again
  std::vector<std::string> unknown;           // passed, and in no row of the table
  double seconds = 0;
};

// Throws std::runtime_error when the world cannot be made (no PostgreSQL).
CampaignResult RunCampaign(const CampaignOptions& options);

// Cells of the table that no kill fired in; cells in which one fired against the table. Of the
// plays, protocols and databases that were asked for.
std::vector<std::string> EmptyCells(const CampaignOptions& options, const CampaignResult& result);
std::vector<std::string> CellsAgainstTheTable(const CampaignResult& result);

std::string MatrixOf(const CampaignResult& result);
std::string JsonOf(const CampaignOptions& options, const CampaignResult& result);

}  // namespace settle::testing
