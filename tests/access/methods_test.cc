// The table against the contract: what thrift/*.thrift can be called with.
#include "access/methods.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

namespace settle::coordinator::access {
namespace {

namespace fs = std::filesystem;

// "admin.show" for each method of each service.
std::set<std::string> MethodsOfTheContract() {
  const char* source = std::getenv("SETTLE_SOURCE");
  std::set<std::string> methods;
  const std::regex service("^service (\\w+)Service \\{");
  const std::regex method("^  [\\w.<>, ]+ (\\w+)\\(.*");
  for (const fs::directory_entry& file :
       fs::directory_iterator(fs::path(source != nullptr ? source : ".") / "thrift")) {
    if (file.path().extension() != ".thrift") continue;
    std::ifstream lines(file.path());
    std::string in;
    std::smatch found;
    for (std::string line; std::getline(lines, line);) {
      if (std::regex_search(line, found, service)) {
        in = found[1];
        in[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(in[0])));
      } else if (line == "}") {
        in.clear();
      } else if (!in.empty() && std::regex_match(line, found, method)) {
        methods.insert(in + "." + found[1].str());
      }
    }
  }
  return methods;
}

TEST(Methods, EveryCallOfTheContractHasAnEntryAndNothingElse) {
  std::set<std::string> table;
  for (const Method& method : kMethods) {
    EXPECT_FALSE(method.any_of.empty()) << method.name;
    EXPECT_TRUE(table.insert(std::string(method.service) + "." + std::string(method.name)).second);
  }
  const std::set<std::string> contract = MethodsOfTheContract();
  EXPECT_GE(contract.size(), 28U) << "the contract's services are not found";
  EXPECT_EQ(table, contract);
}

TEST(Methods, EveryServiceOfTheTableIsCounted) {
  std::set<std::string_view> services;
  for (const Method& method : kMethods) services.insert(method.service);
  EXPECT_EQ(services, std::set<std::string_view>(kServices.begin(), kServices.end()));
}

TEST(Methods, OperatorsCallsTakeAnOperator) {
  const Roles others{Role::kApplication, Role::kParticipant};
  for (const Method& method : kMethods)
    EXPECT_EQ(method.service == "admin", !method.any_of.HasAnyOf(others)) << method.name;
}

}  // namespace
}  // namespace settle::coordinator::access
