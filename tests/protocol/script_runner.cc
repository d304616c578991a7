#include "protocol/script_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace settle::coordinator {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Replay(const std::string& script, const PlayLine& play) {
  std::string replayed;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(' ')) continue;
    replayed += line + "\n";
    if (line.empty() || line.starts_with('#')) continue;
    replayed += play(line);
  }
  return replayed;
}

}  // namespace

std::vector<std::string> ScriptsIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".script") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void ExpectScript(const std::string& folder, const std::string& name, const PlayLine& play) {
  const fs::path path = fs::path(folder) / (name + ".script");
  const std::string written = Read(path);
  const std::string replayed = Replay(written, play);
  if (std::getenv("SETTLE_REWRITE_SCRIPTS") != nullptr) {
    std::ofstream(path) << replayed;
    return;
  }
  ASSERT_FALSE(written.empty()) << path << " cannot be read";
  EXPECT_EQ(replayed, written) << path << ": if the new behaviour is right, write it down with "
                               << "SETTLE_REWRITE_SCRIPTS=1 and review the difference";
}

}  // namespace settle::coordinator
