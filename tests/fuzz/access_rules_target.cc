// The file of settled --access.
#include "access/rules_file.h"
#include "target.h"

namespace settle::fuzz {
namespace {

using namespace coordinator::access;

class SomeAccounts : public Accounts {
 public:
  std::optional<uid_t> UserNamed(const std::string& name) const override {
    return name == "shop" ? std::optional<uid_t>(1000) : std::nullopt;
  }
  std::optional<Group> GroupNamed(const std::string& name) const override {
    return name == "staff" ? std::optional<Group>({50, {1000, 1001}}) : std::nullopt;
  }
};

void Run(std::string_view bytes) {
  const Result<std::vector<Rule>> rules = ParseRules(bytes, SomeAccounts());
  if (!rules) RequirePrintable(rules.error());
}

}  // namespace

const Target kAccessRules{"access-rules", "X02", 20'000, &Run};

}  // namespace settle::fuzz
