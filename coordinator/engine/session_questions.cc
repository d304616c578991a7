// Questions on their way to participants, and their answers.
#include <algorithm>
#include <utility>

#include "engine/sessions.h"

namespace settle::coordinator {
namespace {

Error TooMany(const std::string& whom) {
  return {ErrorCode::kRetry, "too many questions to " + whom + " wait for their answers",
          "ask again in a moment"};
}

Error IsStopping() {
  return {ErrorCode::kUnavailable, "the coordinator is stopping and waits for no answers", {}};
}

bool Fits(const Question& question, const AnswerContent& content) {
  return std::holds_alternative<LiveBranch>(content) == (question.kind == Question::Kind::kInspect);
}

}  // namespace

void Sessions::Ask(Question question, Completion<LiveAnswer> done) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    const Result<SessionId> chosen = ChooseToAsk(question);
    if (!chosen) {
      answers.push_back([done, error = chosen.error()] { done(Fail(error)); });
    } else {
      Session& session = sessions_.at(*chosen);
      // The epoch makes it unique over restarts: a late answer to an earlier life is none to this.
      question.number = static_cast<std::int64_t>(log_.identity().epoch << 32) + ++questions_asked_;
      session.asked.insert(question.number);
      session.questions.push_back(question.number);
      const Instant until = clock_.Now() + question.timeout;
      questions_.emplace(question.number,
                         Pending{*chosen, std::move(question), until, std::move(done)});
      if (Answer answer = Deliver(session)) answers.push_back(std::move(answer));
    }
  }
  for (const Answer& answer : answers) answer();
}

Result<SessionId> Sessions::ChooseToAsk(const Question& question) {
  if (!asking_) return Fail(IsStopping());
  const auto serving = serving_.find(question.resource);
  if (serving == serving_.end() || serving->second.empty()) {
    return Fail(ErrorCode::kNotFound, "no process serves " + Escaped(question.resource));
  }
  if (questions_.size() >= kQuestionsMost) return Fail(TooMany("all processes together"));
  std::vector<SessionId> able;
  bool busy = false;
  for (const SessionId& id : serving->second) {
    const Session& session = sessions_.at(id);
    if (!session.answers_questions) continue;
    busy = busy || session.asked.size() >= kQuestionsOfASessionMost;
    if (session.asked.size() >= kQuestionsOfASessionMost) continue;
    if (session.process == question.preferred) return id;
    able.push_back(id);
  }
  if (!able.empty()) return able[turn_++ % able.size()];
  if (busy) return Fail(TooMany(question.resource));
  return Fail(
      ErrorCode::kVersion,
      "its process (" + sessions_.at(*serving->second.begin()).process + ") is too old to be asked",
      "restart it with the coordinator's release");
}

void Sessions::StopAsking() {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    asking_ = false;
    while (!questions_.empty())
      CloseQuestion(questions_.begin()->first, Fail(IsStopping()), answers);
  }
  for (const Answer& answer : answers) answer();
}

void Sessions::TakeQuestions(Session& session, std::size_t most, CommandBatch& batch) {
  while (!session.questions.empty() &&
         batch.commands.size() + batch.calls.size() + batch.questions.size() < most) {
    batch.questions.push_back(questions_.at(session.questions.front()).question);
    session.questions.pop_front();
  }
}

void Sessions::Answered(const SessionId& session, std::vector<AnswerReport> reports) {
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    for (AnswerReport& report : reports) {
      const auto asked = questions_.find(report.number);
      // Nobody waits for it any more, or it was asked of somebody else.
      if (asked == questions_.end() || asked->second.session != session) continue;
      const std::string& process = sessions_.at(session).process;
      if (!report.answer) {
        CloseQuestion(report.number, Fail(report.answer.error()), answers);
      } else if (!Fits(asked->second.question, *report.answer)) {
        CloseQuestion(report.number,
                      Fail(ErrorCode::kUnavailable, process + " answered something else"), answers);
      } else {
        CloseQuestion(report.number, LiveAnswer{process, *std::move(report.answer)}, answers);
      }
    }
  }
  for (const Answer& answer : answers) answer();
}

void Sessions::CloseQuestion(std::int64_t number, Result<LiveAnswer> answer,
                             std::vector<Answer>& answers) {
  const auto found = questions_.find(number);
  if (const auto session = sessions_.find(found->second.session); session != sessions_.end()) {
    session->second.asked.erase(number);
    std::erase(session->second.questions, number);
  }
  answers.push_back(
      [done = std::move(found->second.done), answer = std::move(answer)] { done(answer); });
  questions_.erase(found);
}

void Sessions::CloseAllOf(const Session& session, std::vector<Answer>& answers) {
  for (const std::int64_t number : std::set<std::int64_t>(session.asked)) {
    CloseQuestion(number,
                  Fail(ErrorCode::kUnavailable,
                       "its process (" + session.process + ") went away before it answered"),
                  answers);
  }
}

void Sessions::CloseOverdue(Instant now, std::vector<Answer>& answers) {
  std::vector<std::int64_t> overdue;
  for (const auto& [number, pending] : questions_) {
    if (pending.until <= now) overdue.push_back(number);
  }
  for (const std::int64_t number : overdue) {
    const Pending& pending = questions_.at(number);
    const std::string process = sessions_.at(pending.session).process;
    CloseQuestion(number,
                  Fail(ErrorCode::kUnavailable,
                       "no answer in time from its process (" + process + ", asked " +
                           std::to_string(pending.question.timeout.count()) + " ms ago)"),
                  answers);
  }
}

}  // namespace settle::coordinator
