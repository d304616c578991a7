#include "participant/question_desk.h"

#include <utility>

#include "participant/resource_calls.h"

namespace settle::sdk {
namespace {

using Clock = std::chrono::steady_clock;

Result<AnswerContent> AnswerOf(Resource& resource, const QuestionContent& content,
                               const std::string& log_id, milliseconds timeout) {
  if (const auto* inspection = std::get_if<Inspection>(&content)) {
    Result<LiveBranch> live = Inspect(resource, inspection->key, inspection->evidence, timeout);
    if (!live) return Fail(std::move(live).error());
    return *std::move(live);
  }
  Result<Examination> examination = Examine(resource, log_id, timeout);
  if (!examination) return Fail(std::move(examination).error());
  return *std::move(examination);
}

}  // namespace

QuestionDesk::QuestionDesk(const std::vector<std::shared_ptr<Resource>>& resources, Outbox& outbox)
    : outbox_(outbox) {
  for (const std::shared_ptr<Resource>& resource : resources)
    asked_.emplace(resource->name(), Asked{resource, nullptr});
}

QuestionDesk::~QuestionDesk() { Stop(); }

void QuestionDesk::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (auto& [name, asked] : asked_) {
    if (asked.worker) asked.worker->Stop(Clock::now());
  }
}

void QuestionDesk::Take(std::vector<Question> questions, const std::string& log_id) {
  for (Question& question : questions) TakeOne(std::move(question), log_id);
}

void QuestionDesk::TakeOne(Question question, const std::string& log_id) {
  const auto refuse = [&](Error why) {
    outbox_.Add(QuestionAnswer{question.number, Fail(std::move(why))});
  };
  if (!question.content) return refuse(question.content.error());
  const auto found = asked_.find(question.resource);
  if (found == asked_.end()) {
    return refuse({ErrorCode::kNotFound,
                   "this process does not serve \"" + Escaped(question.resource) + "\"",
                   {}});
  }
  Asked& asked = found->second;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    if (asked.waiting < kWaitingMost) {
      ++asked.waiting;
      if (!asked.worker) asked.worker = std::make_unique<Workers>(1);
      const Clock::time_point until = Clock::now() + question.timeout;
      asked.worker->Post([this, &asked, question = std::move(question), log_id, until] {
        Ask(asked, question, log_id, until);
      });
      return;
    }
  }
  refuse({ErrorCode::kRetry,
          std::to_string(kWaitingMost) + " questions wait for " + question.resource +
              ", which is slow to answer",
          {}});
}

void QuestionDesk::Ask(Asked& asked, const Question& question, const std::string& log_id,
                       Clock::time_point until) {
  const auto left = std::chrono::floor<milliseconds>(until - Clock::now());
  // Nobody waits for the answer any more, so the database is spared.
  if (left > milliseconds(0))
    outbox_.Add(QuestionAnswer{question.number,
                               AnswerOf(*asked.resource, *question.content, log_id, left)});
  std::lock_guard lock(mutex_);
  --asked.waiting;
}

}  // namespace settle::sdk
