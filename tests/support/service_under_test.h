// A process that serves participants' actions to an engine under test, and answers by hand.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/engine_fakes.h"

namespace settle::coordinator {

class Service {
 public:
  Service(EngineUnderTest& under_test, const std::vector<std::string>& participants)
      : under_test_(under_test) {
    Answer<Attached> attached;
    under_test_.engine().Attach({"service", {}, "", 0, participants}, attached.done());
    under_test_.Run();
    if (attached.ok()) session_ = attached->session;
  }

  bool attached() const { return !session_.empty(); }

  std::vector<SagaCall> Take(std::size_t most = 100) {
    Answer<CommandBatch> batch;
    under_test_.engine().Fetch({session_, received_, most, 0ms}, batch.done());
    under_test_.Run();
    under_test_.Advance(100ms);  // the poll's time is up
    if (!batch.ok() || batch->number == 0) return {};
    received_ = batch->number;
    return batch->calls;
  }
  std::vector<std::string> TakeWords() {
    std::vector<std::string> words;
    for (const SagaCall& call : Take()) {
      words.push_back(settle::ToString(call.op) + (" " + std::to_string(call.key.number)) +
                      " attempt " + std::to_string(call.attempt));
    }
    return words;
  }
  void Report(const SagaCall& call, settle::Answer answer) {
    Answer<std::monostate> reported;
    SagaAnswer one{call.key, call.op, call.attempt, std::move(answer)};
    under_test_.engine().Report({session_, {}, {}, {one}}, reported.done());
    under_test_.Run();
    EXPECT_TRUE(reported.ok());
  }
  void ReportDone(const SagaCall& call) { Report(call, {AnswerKind::kDone, "{}", 0}); }
  void Detach() {
    under_test_.engine().Detach(session_, [](Result<std::monostate>) {});
    under_test_.Run();
  }

 private:
  EngineUnderTest& under_test_;
  SessionId session_;
  std::int64_t received_ = 0;
};

}  // namespace settle::coordinator
