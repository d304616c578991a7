// Sending again, now, what decided transactions still wait for.
#pragma once

#include <string>
#include <vector>

#include "admin/views.h"

namespace settle::coordinator {

// What was sent again to one resource.
struct RetriedResource {
  std::string resource;
  std::string command;  // "commit", "abort", "prove"; of a saga "action", "compensate", "fence"
  std::size_t branches = 0;
  std::vector<SessionView> sessions;  // none: nobody is attached who could carry it out
  std::string last_error;             // what one of the branches answered last; may be empty
};
struct RetriedView {
  std::size_t transactions = 0;
  std::vector<RetriedResource> resources;  // by name
};

// Blocking, thread-safe. Nothing is decided or changed by it. kRefused, with what is so, for a
// transaction that is undecided or damaged; one that has ended has nothing left to be sent.
[[nodiscard]] Result<RetriedView> Retry(Engine& engine, const Views& views, const Gtid& gtid);
// What Retry and RetryAll would send, or why they would refuse; nothing is sent.
[[nodiscard]] Result<RetriedView> WouldRetry(Engine& engine, const Views& views, const Gtid& gtid);
[[nodiscard]] Result<RetriedView> WouldRetryAll(Engine& engine, const std::string& resource);
// Of one step of a saga, by its name or its number. kRefused: it waits for no answer.
[[nodiscard]] Result<RetriedView> RetryStep(Engine& engine, const Views& views, const Gtid& gtid,
                                            const std::string& step);
// Of every transaction that waits for `resource`, or for any if it is empty.
[[nodiscard]] Result<RetriedView> RetryAll(Engine& engine, const std::string& resource);

}  // namespace settle::coordinator
