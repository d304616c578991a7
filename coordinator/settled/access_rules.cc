#include "settled/access_rules.h"

#include <unistd.h>

#include <utility>

#include "access/rules_file.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

Result<access::Policy> AccessRules::Read() {
  if (!has_file()) return access::Policy::WithoutRules(::geteuid());
  // Before it is read: what changes meanwhile is seen at the next look.
  stamp_ = access::StampOf(path_);
  Result<std::vector<access::Rule>> rules =
      access::ReadRules(path_, ::geteuid(), access::SystemAccounts());
  if (!rules) return Fail(std::move(rules).error());
  return access::Policy(*std::move(rules));
}

void AccessRules::ReadAgain(When when, access::Gate& gate, Observer& observer) {
  if (!has_file()) return;
  if (when == When::kIfChanged && access::StampOf(path_) == stamp_) return;
  Result<access::Policy> policy = Read();
  if (!policy) {
    return observer.Event(Observer::Level::kWarning, {},
                          Describe(policy.error()) + "; the rules that were read before hold on");
  }
  gate.Replace(*std::move(policy));
  observer.Event(Observer::Level::kInfo, {},
                 "--access " + Escaped(path_) + " was read again: its rules hold from now on");
}

}  // namespace settle::coordinator
