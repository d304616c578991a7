// Text from outside in a command that people are told to paste. Not public.
#pragma once

#include <string>
#include <string_view>

namespace settle {

// In single quotes, as one word of a POSIX shell that stands for exactly `text`, whatever is in it.
// What it is printed with must have been made printable before.
std::string ShellWord(std::string_view text);

}  // namespace settle
