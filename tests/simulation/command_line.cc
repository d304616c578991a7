#include "simulation/command_line.h"

#include <charconv>
#include <system_error>

#include "settle/vocabulary/gtid.h"

namespace settle::simulation {

namespace po = boost::program_options;

po::variables_map ReadCommandLine(int argc, const char* const* argv,
                                  const po::options_description& known) {
  const po::positional_options_description none;  // without it boost ignores stray words
  po::variables_map given;
  try {
    using Style = po::command_line_style::style_t;
    po::command_line_parser parser(argc, argv);
    parser.options(known).positional(none);
    parser.style(Style::allow_long | Style::long_allow_next | Style::long_allow_adjacent);
    po::store(parser.run(), given);
    po::notify(given);
  } catch (const po::error& error) {
    throw po::error(Escaped(error.what()) + "; --help lists the options");
  }
  return given;
}

std::optional<std::uint64_t> NumberOf(const po::variables_map& given, const std::string& name,
                                      std::uint64_t least, std::uint64_t most) {
  if (given.count(name) == 0) return std::nullopt;
  const auto& text = given[name].as<std::string>();
  std::uint64_t number = 0;
  // Not boost's own way, which takes -1 for the largest number.
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || number < least || number > most) {
    throw po::error("--" + name + ": \"" + Escaped(text) + "\" is not a whole number from " +
                    std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

}  // namespace settle::simulation
