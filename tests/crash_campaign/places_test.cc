// The table of the failpoints says what is in the sources, and the page what is in the table.
#include "crash_campaign/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace settle::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Source() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source == nullptr ? "." : source;
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct InSources {
  std::map<std::string, std::set<Also>> places;  // what each can do
};

InSources ReadSources() {
  InSources found;
  const std::regex form(R"re(SETTLE_FAILPOINT(_FAILS|_TEARS)?\(\s*"([a-z_.]+)")re");
  for (const char* folder : {"coordinator", "participant-sdk/src"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(Source() + "/" + folder)) {
      if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
      const std::string text = Contents(entry.path());
      for (auto one = std::sregex_iterator(text.begin(), text.end(), form);
           one != std::sregex_iterator(); ++one) {
        const std::string suffix = (*one)[1];
        found.places[(*one)[2]].insert(suffix == "_FAILS"   ? Also::kFails
                                       : suffix == "_TEARS" ? Also::kTears
                                                            : Also::kNothing);
      }
    }
  }
  return found;
}

TEST(Places, AreTheOnesInTheSources) {
  const InSources found = ReadSources();
  EXPECT_GT(found.places.size(), 45u) << "is SETTLE_SOURCE set?";
  for (const auto& [name, also] : found.places)
    EXPECT_NE(FindPlace(name), nullptr)
        << name << " is in no row of tests/crash_campaign/places.cc";
  std::set<std::string> seen;
  for (const Place& place : Places()) {
    EXPECT_TRUE(seen.insert(place.name).second) << place.name << " is there twice";
    const auto in_sources = found.places.find(place.name);
    if (in_sources == found.places.end()) {
      ADD_FAILURE() << place.name << " is nowhere in the sources";
      continue;
    }
    EXPECT_TRUE(in_sources->second.contains(place.also))
        << place.name << " does not do there what its row says";
  }
}

TEST(Places, SayWhyTheyAreNotReachedElsewhere) {
  for (const Place& place : Places()) {
    const bool everywhere = place.protocols == kEveryProtocol && place.databases == kBothDatabases;
    EXPECT_EQ(std::string(place.otherwise).empty(), everywhere) << place.name;
    EXPECT_FALSE(std::string(place.when).empty()) << place.name;
  }
}

TEST(Places, AreOnTheirPage) {
  const std::string page = Contents(Source() + "/docs/failpoints.md");
  EXPECT_NE(page.find(PlacesAsMarkdown()), std::string::npos)
      << "the page has another table than settle-crash-campaign --places prints";
}

// Compiled without the option, which is how a release is: no name of a place is left in the object.
TEST(Places, AreNotInARelease) {
  const std::string object = Contents(SETTLE_PLACES_AS_RELEASED);
  ASSERT_THAT(object, HasSubstr("PlacesAsReleased")) << "it is not the object that is meant";
  for (const Place& place : Places()) EXPECT_THAT(object, Not(HasSubstr(place.name)));
  const std::string presets = Contents(Source() + "/CMakePresets.json");
  const std::string flags = Contents(Source() + "/CMakeLists.txt");
  EXPECT_THAT(flags, HasSubstr("option(SETTLE_FAILPOINTS"));
  const std::size_t at = presets.find("\"name\": \"release\"");
  ASSERT_NE(at, std::string::npos);
  EXPECT_THAT(presets.substr(at, presets.find("\"name\": \"dev\"") - at),
              Not(HasSubstr("SETTLE_FAILPOINTS")));
}

}  // namespace
}  // namespace settle::testing
