// What is played, with and without harm: transactions of every protocol, from their beginning and
// from what a crash left of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crash_campaign/places.h"
#include "crash_campaign/stage.h"

namespace settle::testing {

struct Play {
  std::string name;
  Protocols protocol;
  // Whose lives are armed; somebody else does not matter in it, or does the same as in another
  // play.
  std::vector<Actor> actors;
  std::function<void(Stage&)> run;
  Databases databases = kBothDatabases;  // what both banks may be
  bool in_a_new_world = false;           // each time: with a log that is not there yet
  std::vector<std::string> daemon_options{};
  std::string places{};  // a regular expression: the only ones that it is played for; empty: all
};

const std::vector<Play>& Plays();

}  // namespace settle::testing
