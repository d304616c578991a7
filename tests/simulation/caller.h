// A process that talks to the coordinator: a request and a reply, each of which may be lost, late
// or doubled. It crashes and comes back, and it can be frozen.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "simulation/coordinator_node.h"
#include "simulation/messages.h"

namespace settle::simulation {

class Caller {
 public:
  Caller(World& world, CoordinatorNode& coordinator, std::string name);
  virtual ~Caller() = default;
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  const std::string& name() const { return name_; }
  void Start();
  void Crash();
  bool up() const { return up_; }
  bool attached() const { return !session_.empty(); }

  // While it is frozen nothing of it runs; what it would do waits.
  void Freeze();
  void Thaw();
  bool frozen() const { return frozen_; }
  // An orderly end: says goodbye, then it is gone.
  void Detach();

 protected:
  template <typename T>
  using Call = std::function<void(Engine&, Inquiry&, Completion<T>)>;
  template <typename T>
  using Answer = std::function<void(const Result<T>&)>;
  // How a call is named in the transcript, what it is about, how often it is made, and how long
  // each time waits for an answer.
  struct Manner {
    const char* name = "";
    Gtid about;
    int tries = 1;
    microseconds patience{0};
  };

  // Runs `task` after `delay` unless this process died meanwhile.
  void Later(microseconds delay, std::function<void()> task);
  template <typename Task>
  void Run(std::uint64_t incarnation, const Task& task);
  // Asks the coordinator, and again until it is answered.
  template <typename T>
  void Ask(Manner manner, Call<T> call, Answer<T> answer);

  World& world_;
  CoordinatorNode& coordinator_;
  SessionId session_;  // empty: not attached
  std::uint64_t incarnation_ = 0;

 private:
  template <typename T>
  struct Question;
  template <typename T>
  void Put(const std::shared_ptr<Question<T>>& question);
  template <typename T>
  void Reach(const std::shared_ptr<Question<T>>& question, int round);

  virtual void OnStart() = 0;
  virtual void OnCrash() = 0;  // what it knew is lost
  // Whether its connection may be one to the coordinator that is there now.
  virtual bool Greets(std::uint64_t /*incarnation*/) { return true; }

  const std::string name_;
  Way to_coordinator_;
  Way from_coordinator_;
  bool up_ = false;
  bool frozen_ = false;
  std::deque<std::function<void()>> waiting_;  // until it is not frozen any more
};

template <typename T>
struct Caller::Question {
  Manner manner;
  Call<T> call;
  Answer<T> answer;
  std::uint64_t incarnation = 0;
  int round = 0;  // an answer to an earlier one is thrown away, as its connection was
  bool answered = false;
};

template <typename Task>
void Caller::Run(std::uint64_t incarnation, const Task& task) {
  if (incarnation != incarnation_) return;
  if (!frozen_) return task();
  waiting_.emplace_back([this, incarnation, task] { Run(incarnation, task); });
}

template <typename T>
void Caller::Ask(Manner manner, Call<T> call, Answer<T> answer) {
  auto question = std::make_shared<Question<T>>();
  question->manner = std::move(manner);
  question->call = std::move(call);
  question->answer = std::move(answer);
  question->incarnation = incarnation_;
  Put(question);
}

template <typename T>
void Caller::Put(const std::shared_ptr<Question<T>>& question) {
  const int round = ++question->round;
  world_.Send(
      to_coordinator_,
      [&] {
        std::string what = question->manner.name;
        const Gtid& about = question->manner.about;
        if (world_.script == nullptr && !about.empty()) what += " " + about.text();
        return what;
      },
      [this, question, round] { Reach(question, round); });
  Later(question->manner.patience, [this, question, round] {
    if (question->answered || question->round != round) return;
    if (--question->manner.tries > 0) return Put(question);
    question->answered = true;
    question->answer(Fail(ErrorCode::kAskOutcome, "no answer in time"));
  });
}

template <typename T>
void Caller::Reach(const std::shared_ptr<Question<T>>& question, int round) {
  if (!coordinator_.up() || !Greets(question->incarnation)) return;
  coordinator_.Arrive([this, question, round](Engine& engine, Inquiry& inquiry) {
    question->call(engine, inquiry, [this, question, round](Result<T> result) {
      const auto what = [&] {
        const char* call = question->manner.name;
        return world_.script != nullptr ? AnswerTo(call, result) : Told(call, result);
      };
      world_.Send(from_coordinator_, what, [this, question, round, result] {
        Run(question->incarnation, [question, round, result] {
          if (question->answered || question->round != round) return;
          question->answered = true;
          question->answer(result);
        });
      });
    });
  });
}

}  // namespace settle::simulation
