// An engine whose participants attach and fetch as a test says.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/sessions.h"
#include "support/engine_fakes.h"

namespace settle::coordinator {

struct SessionsTest : testing::Test {
  Answer<Attached> Attach(AttachCall call) {
    Answer<Attached> attached;
    under_test.engine().Attach(std::move(call), attached.done());
    under_test.Run();
    return attached;
  }
  Answer<Attached> Attach(const std::string& name, const std::string& identity) {
    return Attach({"process", {{name, identity}}, "", 0});
  }
  Answer<CommandBatch> Fetch(const SessionId& session, std::int64_t received = 0,
                             std::size_t most = 100) {
    Answer<CommandBatch> batch;
    under_test.engine().Fetch({session, received, most, 5s}, batch.done());
    under_test.Run();
    return batch;
  }
  void Stray(BranchNumber number, const std::string& resource = "bank-a") {
    under_test.engine().SendStray(
        {CommandKind::kAbort, {Gtid::Make("k3m9qxw4c7ab", 1, 17, 7), number}, resource, 1, 0, {}});
  }
  void Retry(BranchNumber number, int attempt) {
    under_test.engine().SendStray({CommandKind::kCommit,
                                   {Gtid::Make("k3m9qxw4c7ab", 1, 17, 7), number},
                                   "bank-a",
                                   attempt,
                                   0,
                                   {}});
  }
  static std::vector<BranchNumber> Numbers(const CommandBatch& batch) {
    std::vector<BranchNumber> numbers;
    for (const Command& command : batch.commands) numbers.push_back(command.key.number);
    return numbers;
  }
  Answer<std::monostate> Accept(const std::string& name, const std::string& identity) {
    Answer<std::monostate> accepted;
    under_test.engine().AcceptIdentity({name, identity, "eve", "moved", 0}, accepted.done());
    under_test.Run();
    return accepted;
  }
  std::vector<ParticipantView> View() {
    Answer<std::vector<ParticipantView>> views;
    under_test.engine().Participants(views.done());
    return *views;
  }

  EngineUnderTest under_test;
};

}  // namespace settle::coordinator
