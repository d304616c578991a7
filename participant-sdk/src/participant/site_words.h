// What people are told of a three-phase commit's sites. Pure.
#pragma once

#include <map>
#include <string>

#include "participant/recovery.h"
#include "settle/vocabulary/three_phase.h"

namespace settle::sdk {

// "site 2 (orders)", "the coordinator's witness".
std::string NameOfSite(const Roster& sites, BranchNumber number);

// Of a final state: "committed by its sites: ballot 2.1, led by site 1 (bank); the majority: 1, 3".
std::string DecisionWords(const SiteAnswer& at, const Roster& sites);

// "waits for 2 of its 3 sites; reached: ...; not reached: ...". `trouble`: why, by site.
std::string ShortageWords(const Recovery::Shortage& shortage, const Roster& sites,
                          const std::map<BranchNumber, std::string>& trouble);

}  // namespace settle::sdk
