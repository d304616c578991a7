// Reads command lines without guessing: a run that was asked for wrongly must not look like one
// that holds.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace settle::simulation {

// Knows whole option names and no other words. Throws boost::program_options::error.
boost::program_options::variables_map ReadCommandLine(
    int argc, const char* const* argv, const boost::program_options::options_description& known);

// The value of the option `name`, which is described as a text; none: it was not given. Throws
// boost::program_options::error unless it is a whole number in decimal from `least` to `most`.
std::optional<std::uint64_t> NumberOf(const boost::program_options::variables_map& given,
                                      const std::string& name, std::uint64_t least,
                                      std::uint64_t most);

}  // namespace settle::simulation
