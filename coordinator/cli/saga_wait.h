// Starting a saga and, if asked to, waiting for its end: what `saga submit` and `saga start` share.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "wire/coordinator_types.h"

namespace settle::cli {

// --input, --key, --wait, --comment and --operator.
std::vector<VerbOption> StartOptions();
// What help says of them.
extern const char* const kStartDetails;

// `request` says which definition; the rest is taken from the options. `source` is where the
// definition was read, for what the coordinator finds wrong with it; empty: it is a stored one.
[[nodiscard]] Result<Answer> StartAndWait(wire::StartSagaRequest request, const Given& given,
                                          Surroundings& around, const std::string& source);

// An error of the coordinator about a definition, with the file that it was read from.
Error InFile(Error error, const std::string& source);

}  // namespace settle::cli
