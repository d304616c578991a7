// Text from outside, checked or made fit to be shown.
#pragma once

#include <string>
#include <string_view>

namespace settle::coordinator {

// Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// One line: control characters become spaces, what is not UTF-8 becomes '?', cut after at most so
// many bytes at the end of a character.
std::string OneLineOfUtf8(std::string_view text, std::size_t bytes_max);

}  // namespace settle::coordinator
