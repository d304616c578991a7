// The daemon's file of options: a line each, `name = value`; what follows a # is a comment.
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <string>

#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// Says what is wrong with the value of a known option.
using CheckValue = std::function<Status(const std::string& name, const std::string& value)>;

// The options that the file gives, to be stored after those of the command line, which win.
// kInvalid names the file, the line and what is wrong with it: an option that `known` does not
// have, one that is given a second time (unless it holds several values), a value that it or
// `check` refuses, a [section], a line of another form.
[[nodiscard]] Result<boost::program_options::parsed_options> ParseConfigFile(
    const std::string& path, const boost::program_options::options_description& known,
    const CheckValue& check);

}  // namespace settle::coordinator
