// Who may do what, as the file of --access says now.
#pragma once

#include <string>

#include "access/gate.h"
#include "access/policy.h"
#include "engine/ports.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

// For the main thread alone. Blocking on the file and the name service.
class AccessRules {
 public:
  // No path: there are no rules, as Policy::WithoutRules has it.
  explicit AccessRules(std::string path) : path_(std::move(path)) {}

  bool has_file() const { return !path_.empty(); }

  // kInvalid names the file and what is wrong in it.
  [[nodiscard]] Result<access::Policy> Read();

  enum class When { kIfChanged, kNow };
  // Reads the file again and replaces the gate's policy. One that is wrong changes nothing, with a
  // warning; once for each change of the file.
  void ReadAgain(When when, access::Gate& gate, Observer& observer);

 private:
  const std::string path_;
  std::string stamp_;  // of the file when it was read last
};

}  // namespace settle::coordinator
