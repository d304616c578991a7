#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <optional>
#include <string_view>

#include "settle/vocabulary/gtid.h"
#include "vocabulary/shell_word.h"

namespace settle::cli {
namespace {

namespace options = boost::program_options;
using Words = std::vector<std::string>;

auto Wrong(std::string message, std::string advice = "see 'settle help'") {
  return Fail(ErrorCode::kInvalid, std::move(message), std::move(advice));
}

struct TlsOption {
  const char* name;
  std::string TlsOptions::*field;
};
constexpr std::array<TlsOption, 4> kTlsOptions{{{"tls-ca", &TlsOptions::ca},
                                                {"tls-certificate", &TlsOptions::certificate},
                                                {"tls-key", &TlsOptions::key},
                                                {"tls-server-name", &TlsOptions::server_name}}};
// Of every verb.
constexpr std::array<std::string_view, 6> kWithValue{
    "--address", "--timeout", "--tls-ca", "--tls-certificate", "--tls-key", "--tls-server-name"};

bool IsOption(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// Where the verb stands: the first word that is neither an option nor the value of one that
// precedes verbs.
std::size_t VerbPosition(const Words& words) {
  std::size_t at = 0;
  while (at < words.size() && IsOption(words[at])) {
    const bool has_value =
        std::find(kWithValue.begin(), kWithValue.end(), words[at]) != kWithValue.end();
    at += has_value ? 2 : 1;
  }
  return std::min(at, words.size());
}

const Verb* FindVerb(const std::string& name) {
  const auto found = std::find_if(Verbs().begin(), Verbs().end(),
                                  [&](const Verb* verb) { return verb->name == name; });
  return found == Verbs().end() ? nullptr : *found;
}

// Takes the verb's one or two words out of `words`.
Result<const Verb*> TakeVerb(Words& words) {
  const std::size_t at = VerbPosition(words);
  if (at == words.size()) return Wrong("no verb was given");
  const auto first = words.begin() + static_cast<std::ptrdiff_t>(at);
  if (at + 1 < words.size()) {
    if (const Verb* verb = FindVerb(words[at] + " " + words[at + 1])) {
      words.erase(first, first + 2);
      return verb;
    }
  }
  const Verb* verb = FindVerb(words[at]);
  if (verb == nullptr) return Wrong("there is no verb \"" + Escaped(words[at]) + "\"");
  words.erase(first);
  return verb;
}

options::options_description OptionsOf(const Verb* verb) {
  options::options_description all;
  for (const std::string_view option : kWithValue) {
    all.add_options()(std::string(option.substr(2)).c_str(), options::value<std::string>());
  }
  all.add_options()("json", options::bool_switch())("help,h", options::bool_switch())(
      "version", options::bool_switch());
  if (verb != nullptr) {
    for (const VerbOption& option : verb->options) {
      if (option.value.empty()) {
        all.add_options()(option.name.c_str(), options::bool_switch());
      } else {
        all.add_options()(option.name.c_str(), options::value<std::string>());
      }
    }
  }
  return all;
}

Result<options::variables_map> ParseOptions(const Words& words, const Verb* verb) {
  options::options_description all = OptionsOf(verb);
  all.add_options()("operand", options::value<Words>());
  options::positional_options_description operands;
  operands.add("operand", -1);
  namespace style = options::command_line_style;
  try {
    options::variables_map values;
    options::store(options::command_line_parser(words)
                       .options(all)
                       .positional(operands)
                       .style(style::unix_style & ~style::allow_guessing)
                       .run(),
                   values);
    return values;
  } catch (const options::error& error) {
    return Wrong(Escaped(error.what()));
  }
}

Status CheckOperands(const Verb& verb, const Given& given) {
  const std::size_t has = given.operands.size();
  const auto optional = [](const std::string& operand) { return operand.starts_with("["); };
  const auto repeated = [](const std::string& operand) { return operand.ends_with("...]"); };
  const auto advice = [&] { return fmt::format("see 'settle help {}'", verb.name); };
  const auto needed = static_cast<std::size_t>(std::count_if(
      verb.operands.begin(), verb.operands.end(), [&](const auto& one) { return !optional(one); }));
  if (has < needed) {
    std::size_t missing = has;  // in a line that leaves the optional ones out
    while (optional(verb.operands[missing])) ++missing;
    return Wrong(fmt::format("{} is missing", verb.operands[missing]), advice());
  }
  const bool any_number = !verb.operands.empty() && repeated(verb.operands.back());
  if (has > verb.operands.size() && !any_number) {
    return Wrong(
        fmt::format("\"{}\" is one word too many", Escaped(given.operands[verb.operands.size()])),
        advice());
  }
  for (const VerbOption& option : verb.options) {
    if (option.required && !given.Has(option.name)) {
      return Wrong(fmt::format("--{} {} is missing", option.name, option.value), advice());
    }
  }
  return {};
}

Given Take(const options::variables_map& values, const Verb& verb) {
  Given given;
  if (values.contains("operand")) given.operands = values["operand"].as<Words>();
  for (const VerbOption& option : verb.options) {
    if (!values.contains(option.name)) continue;
    if (!option.value.empty()) {
      given.options[option.name] = values[option.name].as<std::string>();
    } else if (values[option.name].as<bool>()) {
      given.options[option.name] = {};
    }
  }
  return given;
}

// How the coordinator is reached, and as whom.
Status TakeReach(const options::variables_map& values, const Defaults& defaults,
                 CommandLine& line) {
  std::string address = defaults.address;
  if (values.contains("address")) address = values["address"].as<std::string>();
  Result<Address> parsed = ParseAddress(address);
  if (!parsed) return Fail(std::move(parsed).error());
  line.address = *std::move(parsed);
  if (values.contains("address")) {
    const std::string shown = line.address.text();
    line.reached_by += " --address " + (line.address.is_unix() ? ShellWord(shown) : shown);
  }
  line.tls = defaults.tls;
  for (const TlsOption& option : kTlsOptions) {
    if (!values.contains(option.name)) continue;
    line.tls.*option.field = values[option.name].as<std::string>();
    line.reached_by +=
        fmt::format(" --{} {}", option.name, ShellWord(Escaped(line.tls.*option.field)));
  }
  return {};
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(const std::string& text) {
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const std::int64_t ms = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : 0;
  constexpr std::int64_t kHour = 3'600'000;
  if (error != std::errc{} || ms == 0 || count < 1 || count > kHour / ms) {
    return Wrong("\"" + Escaped(text) + "\" is not a time-out",
                 "give a number with its unit, from 1ms to 60m: 500ms, 5s, 2m");
  }
  return std::chrono::milliseconds(count * ms);
}

bool AsksForJson(const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), "--json") != words.end();
}

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& words,
                                     const Defaults& defaults) {
  CommandLine line;
  Words rest = words;
  std::optional<Error> no_verb;
  if (Result<const Verb*> verb = TakeVerb(rest)) {
    line.verb = *verb;
  } else {
    no_verb = verb.error();
  }
  const Result<options::variables_map> values = ParseOptions(rest, line.verb);
  if (values) {
    line.json = (*values)["json"].as<bool>();
    line.help = (*values)["help"].as<bool>();
    line.version = (*values)["version"].as<bool>();
  }
  if (!values) return Fail(values.error());
  if (no_verb && !line.help && !line.version) return Fail(*std::move(no_verb));
  if (line.help || line.version) return line;

  if (Status reached = TakeReach(*values, defaults, line); !reached) {
    return Fail(std::move(reached).error());
  }
  if (values->contains("timeout")) {
    const auto timeout = ParseDuration((*values)["timeout"].as<std::string>());
    if (!timeout) return Fail(timeout.error());
    line.timeout = *timeout;
  }
  line.given = Take(*values, *line.verb);
  if (Status fits = CheckOperands(*line.verb, line.given); !fits)
    return Fail(std::move(fits).error());
  return line;
}

}  // namespace settle::cli
