// Answers what operators ask about the databases of this process. On threads of its own, one for
// each resource that was ever asked, so that a slow database holds up neither what is to be
// finished nor the answers of the others.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "participant/outbox.h"
#include "participant/workers.h"
#include "settle/resource.h"
#include "transport/messages.h"

namespace settle::sdk {

// Thread-safe.
class QuestionDesk {
 public:
  // Waiting at one resource; more are answered at once, by an error.
  static constexpr std::size_t kWaitingMost = 32;

  // References outlive the desk.
  QuestionDesk(const std::vector<std::shared_ptr<Resource>>& resources, Outbox& outbox);
  ~QuestionDesk();  // Stop()
  QuestionDesk(const QuestionDesk&) = delete;
  QuestionDesk& operator=(const QuestionDesk&) = delete;

  // Asked by the coordinator of that log. Does not block: the answers go to the outbox.
  void Take(std::vector<Question> questions, const std::string& log_id);
  // Blocking, for as long as the resources take for what they were asked already; the rest is
  // dropped.
  void Stop();

 private:
  struct Asked {
    std::shared_ptr<Resource> resource;
    std::unique_ptr<Workers> worker;  // from the first question on
    std::size_t waiting = 0;
  };
  void TakeOne(Question question, const std::string& log_id);
  void Ask(Asked& asked, const Question& question, const std::string& log_id,
           std::chrono::steady_clock::time_point until);

  Outbox& outbox_;
  std::mutex mutex_;
  std::map<std::string, Asked> asked_;  // by resource name; made once
  bool stopped_ = false;
};

}  // namespace settle::sdk
