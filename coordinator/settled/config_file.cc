#include "settled/config_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {
namespace {

namespace po = boost::program_options;

constexpr const char* kForm = "a line is name = value, without dashes; --help lists the names";

// Boost's parser knows no line numbers, so it is given one line at a time.
Result<po::parsed_options> ParseLine(const std::string& line,
                                     const po::options_description& known) {
  // To Boost this is the beginning of a section, and without options in it no error.
  if (line.find_first_not_of(" \t") == line.find('[') && line.find('[') != std::string::npos)
    return Fail(ErrorCode::kInvalid, "there are no sections", kForm);
  try {
    std::istringstream text(line);
    po::parsed_options parsed = po::parse_config_file(text, known);
    po::variables_map scratch;
    po::store(parsed, scratch);  // checks the value of a switch
    return parsed;
  } catch (const po::error& error) {
    return Fail(ErrorCode::kInvalid, Escaped(error.what()), kForm);
  }
}

bool MayBeRepeated(const po::options_description& known, const std::string& name) {
  return dynamic_cast<const po::typed_value<std::vector<std::string>>*>(
             known.find(name, false).semantic().get()) != nullptr;
}

}  // namespace

Result<po::parsed_options> ParseConfigFile(const std::string& path,
                                           const po::options_description& known,
                                           const CheckValue& check) {
  const auto unreadable = [&] {
    return Fail(ErrorCode::kInvalid,
                "--config: cannot read " + Escaped(path) + ": " + std::strerror(errno));
  };
  errno = 0;
  std::ifstream file(path);
  if (!file) return unreadable();
  po::parsed_options all(&known);
  std::map<std::string, std::size_t> given_in;  // the line of each
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const auto wrong = [&](const Error& error) {
      return Fail(error.code,
                  Escaped(path) + " line " + std::to_string(number) + ": " + error.message,
                  error.advice);
    };
    Result<po::parsed_options> parsed = ParseLine(line, known);
    if (!parsed) return wrong(parsed.error());
    for (po::option& option : parsed->options) {
      const std::string& name = option.string_key;
      const auto [first, is_first] = given_in.emplace(name, number);
      if (!is_first && !MayBeRepeated(known, name)) {
        return wrong({ErrorCode::kInvalid,
                      name + " is given in line " + std::to_string(first->second) + " already",
                      "remove one of the two"});
      }
      if (Status fits = check(name, option.value.front()); !fits) {
        return wrong({fits.error().code, name + ": " + fits.error().message, fits.error().advice});
      }
      all.options.push_back(std::move(option));
    }
  }
  // Of a directory, too: opening one is no error.
  if (file.bad()) return unreadable();
  return all;
}

}  // namespace settle::coordinator
