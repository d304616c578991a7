// What applications, participants and operators say to a coordinator, one conversation of each
// kind.
#pragma once

#include <vector>

#include "recorder.h"

namespace settle::fuzz {

struct Dialogue {
  const char* name;
  void (*speak)(Recorder& wire);  // may end early, when it is refused
};

const std::vector<Dialogue>& Dialogues();

}  // namespace settle::fuzz
