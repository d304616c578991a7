// Texts that are given to a verb in a file, on standard input, or on the command line itself.
#pragma once

#include <cstddef>
#include <string>

#include "cli/verb.h"

namespace settle::cli {

// Bytes of a saga's definition: what the wire takes as one text.
inline constexpr std::size_t kDocumentBytesMost = 1 << 20;
inline constexpr std::size_t kJsonBytesMost = 64 << 10;  // of an input

// The whole of a file, or of standard input for "-". kInvalid names the file: it cannot be read, or
// has more than so many bytes.
[[nodiscard]] Result<std::string> ReadText(const std::string& file, std::size_t bytes_most);

// --input JSON or @FILE ("@-" is standard input); "{}" if it was not given.
VerbOption InputOption();
[[nodiscard]] Result<std::string> InputOf(const Given& given);

}  // namespace settle::cli
