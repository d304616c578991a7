// The `settle` command against a coordinator that answers what the test says; what it prints as
// JSON is held against its schema.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/run.h"
#include "fake_coordinator.h"
#include "support/json_output.h"
#include "views.h"

namespace settle::cli {

using Document = nlohmann::json;

class Verbs : public ::testing::Test {
 protected:
  Verbs() { admin_.status_reply.log_id = "k3m9qxw4c7ab"; }
  Printed Run(const std::vector<std::string>& words) {
    Printed printed = cli::Run(
        words, {.default_address = coordinator_.address(), .now_us = kBegan_us + 192 * kSecond_us});
    if (std::count(words.begin(), words.end(), "--json") != 0)
      outputs_.push_back({words, static_cast<int>(printed.exit), printed.out, printed.err});
    return printed;
  }
  // What was printed until now came from a coordinator that keeps to no contract.
  void ExcuseBrokenPeer() { outputs_.clear(); }
  void TearDown() override {
    if (outputs_.empty()) return;
    EXPECT_THAT(settle::testing::WrongIn(outputs_), ::testing::IsEmpty());
  }
  Document RunJson(std::vector<std::string> words) {
    words.emplace_back("--json");
    const Printed printed = Run(words);
    EXPECT_THAT(printed.err, ::testing::IsEmpty());
    return Document::parse(printed.out);
  }
  void FailWith(wire::ErrorCode::type code, const std::string& message) {
    wire::ServiceError error;
    error.code = code;
    error.message = message;
    error.__set_advice("do this");
    admin_.error = error;
  }

  FakeCoordinator coordinator_;
  FakeAdmin& admin_ = coordinator_.admin();

 private:
  std::vector<settle::testing::JsonOutput> outputs_;  // what was printed as JSON
};

}  // namespace settle::cli
