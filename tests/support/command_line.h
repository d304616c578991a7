// How the tests' own programs understand what they are asked for.
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <iostream>
#include <optional>
#include <string>

namespace settle::testing {

inline constexpr int kWrongUse = 2;

// Reads `known`, which has "help", from a program's command line and refuses other words; `check`
// may refuse more by boost::program_options::error. The exit code, if the program is to end with
// that: 0 when the help was printed, kWrongUse when it was said what is wrong.
inline std::optional<int> ReadCommandLine(
    const std::string& program, int argc, char** argv,
    const boost::program_options::options_description& known,
    const std::function<void()>& check = [] {}) {
  namespace options = boost::program_options;
  try {
    options::variables_map values;
    options::store(options::command_line_parser(argc, argv).options(known).positional({}).run(),
                   values);
    if (values.contains("help")) {
      std::cout << known;
      return 0;
    }
    options::notify(values);
    check();
  } catch (const options::error& error) {
    std::cerr << program << ": " << error.what() << "\nsee " << program << " --help\n";
    return kWrongUse;
  }
  return std::nullopt;
}

}  // namespace settle::testing
