// Keeps the tree as docs/architecture.md and the reader expect it. Each rule says what to do
// instead.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace settle::testing {
namespace {

namespace fs = std::filesystem;

struct Source {
  std::string path;  // from the top of the tree
  std::vector<std::string> lines;
};

fs::path Top() {
  const char* source = std::getenv("SETTLE_SOURCE");
  return source == nullptr ? fs::current_path() : fs::path(source);
}

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

const std::vector<Source>& Sources() {
  static const std::vector<Source> sources = [] {
    std::vector<Source> found;
    for (const char* folder :
         {"coordinator", "participant-sdk", "thrift", "tests", "examples", "bench"}) {
      for (const auto& entry : fs::recursive_directory_iterator(Top() / folder)) {
        const std::string extension = entry.path().extension();
        if (extension != ".cc" && extension != ".h" && extension != ".py") continue;
        found.push_back({fs::relative(entry.path(), Top()), LinesOf(entry.path())});
      }
    }
    return found;
  }();
  return sources;
}

void Complain(const std::string& where, const std::string& what) {
  ADD_FAILURE() << where << ": " << what;
}

std::string At(const Source& source, std::size_t line) {
  return source.path + ":" + std::to_string(line + 1);
}

TEST(Tidy, LooksAtTheWholeTree) { EXPECT_GT(Sources().size(), 100u) << "is SETTLE_SOURCE set?"; }

TEST(Tidy, FilesAreShortEnoughToHoldInTheHead) {
  for (const Source& source : Sources()) {
    const bool public_header = source.path.starts_with("participant-sdk/include/");
    const std::size_t most = public_header ? 200 : 400;
    if (source.lines.size() > most) {
      Complain(source.path, "has " + std::to_string(source.lines.size()) + " lines of at most " +
                                std::to_string(most) + ": split it where its ideas divide");
    }
  }
}

TEST(Tidy, LinesAreAtMost100Characters) {
  for (const Source& source : Sources()) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      if (source.lines[i].size() > 100) Complain(At(source, i), "is longer than 100 characters");
    }
  }
}

// The arrows between rooms are compile errors already (settle_room); this catches the ways around.
TEST(Tidy, IncludesDoNotGoAroundTheRooms) {
  for (const Source& source : Sources()) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string& line = source.lines[i];
      if (line.starts_with("#include \"../") || line.starts_with("#include \"coordinator/")) {
        Complain(At(source, i), "include a room's header as \"room/header.h\"");
      }
    }
  }
}

TEST(Tidy, ThirdPartyHeadersLiveInTheirPlaces) {
  const std::map<std::string, std::vector<std::string>> places{
      {"#include <thrift/",
       {"thrift/server/", "coordinator/rpc/", "coordinator/cli/", "coordinator/settled/",
        "participant-sdk/src/transport/", "participant-sdk/src/peer/", "tests/", "examples/",
        "bench/"}},
      {"#include \"wire/",
       {"coordinator/rpc/", "coordinator/cli/", "coordinator/settled/",
        "participant-sdk/src/transport/", "participant-sdk/src/peer/", "tests/", "examples/",
        "bench/"}},
      {"#include <openssl/", {"thrift/channel/", "tests/"}},
      {"#include <libpq-fe.h>", {"participant-sdk/src/postgres/", "tests/", "examples/", "bench/"}},
      {"#include <sqlite3.h>",
       {"coordinator/log/", "participant-sdk/src/sqlite/", "tests/", "examples/", "bench/"}},
      {"#include <sodium", {"coordinator/log/"}},
      {"#include <spdlog/", {"coordinator/observe/", "tests/"}},
      {"#include <prometheus/", {"coordinator/observe/"}},
      {"#include <civetweb", {"coordinator/observe/"}},
      {"#include <nlohmann/",
       {"coordinator/saga_definition/", "coordinator/cli/", "participant-sdk/src/action/",
        "participant-sdk/src/saga/", "tests/", "examples/", "bench/"}},
      {"#include <boost/",
       {"coordinator/settled/", "coordinator/cli/", "coordinator/protocol/shared_text.h",
        "thrift/server/", "tests/", "examples/", "bench/"}},
      {"#include <event2/", {"thrift/server/"}},
  };
  for (const Source& source : Sources()) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      for (const auto& [include, allowed] : places) {
        if (!source.lines[i].starts_with(include)) continue;
        bool here = false;
        for (const std::string& place : allowed) here = here || source.path.starts_with(place);
        if (!here) Complain(At(source, i), include + "... does not belong here");
      }
    }
  }
}

bool IsPure(const Source& source) {
  return source.path.starts_with("coordinator/protocol/") ||
         source.path.starts_with("coordinator/saga_definition/") ||
         source.path.starts_with("participant-sdk/src/participant/branch_");
}

TEST(Tidy, ProtocolSwitchesAreTotal) {
  for (const Source& source : Sources()) {
    const bool pure = IsPure(source);
    for (std::size_t i = 0; pure && i < source.lines.size(); ++i) {
      if (source.lines[i].find("default:") != std::string::npos) {
        Complain(At(source, i), "name every case: a new one must not fall through unseen");
      }
    }
  }
}

TEST(Tidy, ProtocolCodeIsPure) {
  const std::vector<std::string> banned{
      "#include <thread>", "#include <mutex>", "#include <random>",  "#include <chrono>",
      "steady_clock",      "system_clock",     "#include <fstream>", "#include <iostream>"};
  for (const Source& source : Sources()) {
    const bool pure = IsPure(source);
    for (std::size_t i = 0; pure && i < source.lines.size(); ++i) {
      for (const std::string& word : banned) {
        if (source.lines[i].find(word) != std::string::npos) {
          Complain(At(source, i),
                   word + " in protocol code: time, chance and I/O arrive as events");
        }
      }
    }
  }
}

TEST(Tidy, BannedCallsAreNotUsed) {
  const std::map<std::string, std::string> banned{
      {"strcpy(", "use std::string"},
      {"sprintf(", "use fmt, or snprintf with the buffer's size"},
      {" system(", "start a process without a shell"},
      {"std::rand(", "use the Ids port, or a seeded engine in tests"},
  };
  for (const Source& source : Sources()) {
    if (source.path == "tests/tidy/tidy_test.cc") continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      for (const auto& [call, instead] : banned) {
        const std::size_t at = source.lines[i].find(call);
        if (at == std::string::npos) continue;
        if (call == "sprintf(" && at >= 1 && source.lines[i][at - 1] == 'n') continue;
        Complain(At(source, i), call + ") is banned: " + instead);
      }
    }
  }
}

TEST(Tidy, NothingIsLeftToFix) {
  for (const Source& source : Sources()) {
    if (source.path == "tests/tidy/tidy_test.cc") continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      for (const char* word : {"FIXME", "TODO", "#if 0"}) {
        if (source.lines[i].find(word) != std::string::npos) Complain(At(source, i), word);
      }
    }
  }
}

TEST(Tidy, EveryTestFileIsBuilt) {
  for (const Source& source : Sources()) {
    if (!source.path.starts_with("tests/") || source.path.ends_with(".h")) continue;
    const fs::path path = Top() / source.path;
    std::string name = path.stem();  // "x_test.cc" may be listed as "x" in a loop
    if (name.ends_with("_test")) name.resize(name.size() - 5);
    bool named = false;
    for (fs::path folder = path.parent_path(); !named && folder != Top();
         folder = folder.parent_path()) {
      std::ifstream file(folder / "CMakeLists.txt");
      std::stringstream text;
      text << file.rdbuf();
      named = text.str().find(name) != std::string::npos;
    }
    if (!named) Complain(source.path, "is in no CMakeLists.txt");
  }
}

}  // namespace
}  // namespace settle::testing
