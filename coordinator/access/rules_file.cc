#include "access/rules_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "saga_definition/json_object.h"
#include "saga_definition/json_text.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator::access {
namespace {

using Json = nlohmann::json;
using saga::FirstError;
using saga::JsonObject;
using saga::JsonPointer;

constexpr std::size_t kFileBytesMax = 1024 * 1024;
constexpr std::uint64_t kQuotaMax = 1'000'000'000;
constexpr const char* kWhoForms =
    "must be \"cn:NAME\", \"dns:NAME\" or \"uri:NAME\" of a certificate, \"user:NAME\", "
    "\"uid:NUMBER\" or \"group:NAME\" of a Unix socket's peer, or \"local\"";

std::string ListOfRoles() {
  std::string names;
  for (const auto& [role, name] : kRoleNames)
    names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

class Reader {
 public:
  explicit Reader(const Accounts& accounts) : accounts_(accounts) {}

  Result<std::vector<Rule>> Read(const Json& document) {
    JsonObject top(document, JsonPointer(), error_);
    std::vector<Rule> rules;
    if (const Json* list = top.Need("rules"); list != nullptr) {
      const JsonPointer at = top.at() / "rules";
      if (!list->is_array()) top.Wrong(at, "must be a list of rules");
      for (std::size_t i = 0; list->is_array() && i < list->size() && !error_; ++i)
        rules.push_back(TakeRule((*list)[i], at / i));
    }
    top.RefuseOthers();
    if (error_) return Fail(ErrorCode::kInvalid, *error_, "docs/security.md describes the file");
    return rules;
  }

 private:
  Rule TakeRule(const Json& value, const JsonPointer& at) {
    JsonObject object(value, at, error_);
    Rule rule;
    std::string who;
    object.Text("who", who);
    if (!error_) rule.who = TakeWho(object, who);
    TakeRoles(object, rule.roles);
    TakeNames(object, "resources", rule.resources);
    TakeNames(object, "participants", rule.participants);
    if (const Json* quota = object.Take("quota"); quota != nullptr)
      TakeQuota(*quota, at / "quota", rule.quota);
    object.RefuseOthers();
    const bool names = !rule.resources.empty() || !rule.participants.empty();
    if (rule.roles.Has(Role::kParticipant) != names) {
      object.Wrong(at, names ? "names what it may serve and lacks the role \"participant\""
                             : "has the role \"participant\" and serves nothing: it takes "
                               "\"resources\" or \"participants\"");
    }
    return rule;
  }

  Who TakeWho(JsonObject& object, const std::string& text) {
    const auto wrong = [&](const std::string& what) {
      object.Wrong(object.at() / "who", what);
      return Who{};
    };
    if (text == "local") return {Who::Kind::kLocal, text};
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon + 1 == text.size()) return wrong(kWhoForms);
    const std::string kind = text.substr(0, colon);
    const std::string name = text.substr(colon + 1);
    if (kind == "cn" || kind == "dns" || kind == "uri") return {Who::Kind::kCertificate, text};
    if (kind == "uid") {
      std::uint32_t id = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
      if (error != std::errc{} || end != name.data() + name.size()) return wrong(kWhoForms);
      return {Who::Kind::kUser, text, id};
    }
    if (kind == "user") {
      const auto user = accounts_.UserNamed(name);
      if (!user)
        return wrong("names the user \"" + Escaped(name) + "\", whom this machine does not know");
      return {Who::Kind::kUser, text, *user};
    }
    if (kind == "group") {
      auto group = accounts_.GroupNamed(name);
      if (!group)
        return wrong("names the group \"" + Escaped(name) + "\", which this machine does not know");
      return {Who::Kind::kGroup, text, group->id, std::move(group->members)};
    }
    return wrong(kWhoForms);
  }

  void TakeRoles(JsonObject& object, Roles& roles) {
    const Json* list = object.Need("roles");
    if (list == nullptr) return;
    const JsonPointer at = object.at() / "roles";
    if (!list->is_array() || list->empty())
      return object.Wrong(at, "must be a list of some of " + ListOfRoles());
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& name = (*list)[i];
      const auto role = name.is_string() ? RoleNamed(name.get<std::string>()) : std::nullopt;
      if (!role) return object.Wrong(at / i, "must be one of " + ListOfRoles());
      roles.Add({*role});
    }
  }

  void TakeNames(JsonObject& object, const char* key, std::vector<std::string>& names) {
    const Json* list = object.Take(key);
    if (list == nullptr) return;
    const JsonPointer at = object.at() / key;
    if (!list->is_array() || list->empty())
      return object.Wrong(at, "must be a list of names, at least one");
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& name = (*list)[i];
      if (!name.is_string() || !IsPattern(name.get_ref<const std::string&>()))
        return object.Wrong(
            at / i, "must be a name, 1 to 64 of [A-Za-z0-9._-], where * stands for any characters");
      names.push_back(name.get<std::string>());
    }
  }

  static bool IsPattern(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("._-*", c) != nullptr;
    });
  }

  void TakeQuota(const Json& value, const JsonPointer& at, Quota& quota) {
    JsonObject object(value, at, error_);
    TakeLimit(object, "open_transactions", quota.open_transactions);
    TakeLimit(object, "sessions", quota.sessions);
    TakeLimit(object, "calls_per_second", quota.calls_per_second);
    TakeLimit(object, "connections", quota.connections);
    TakeLimit(object, "names", quota.names);
    object.RefuseOthers();
  }

  void TakeLimit(JsonObject& object, const char* key, std::optional<std::uint64_t>& limit) {
    const Json* value = object.Take(key);
    if (value == nullptr) return;
    const std::uint64_t number = value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
    if (number == 0 || number > kQuotaMax) {
      return object.Wrong(object.at() / key,
                          "must be a whole number from 1 to " + std::to_string(kQuotaMax));
    }
    limit = number;
  }

  const Accounts& accounts_;
  FirstError error_;
};

struct Descriptor {
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  const int number;
};

Result<std::string> ReadAll(int file) {
  std::string text;
  char part[16 * 1024];
  for (;;) {
    const ssize_t size = ::read(file, part, sizeof(part));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0)
      return Fail(ErrorCode::kInvalid, std::string("it cannot be read: ") + std::strerror(errno));
    if (size == 0) return text;
    text.append(part, static_cast<std::size_t>(size));
    if (text.size() > kFileBytesMax) {
      return Fail(ErrorCode::kInvalid,
                  "it is longer than " + std::to_string(kFileBytesMax) + " bytes");
    }
  }
}

// Whoever can write the rules has every right in them.
Status CheckOwner(const struct stat& file, uid_t own) {
  if (!S_ISREG(file.st_mode)) return Fail(ErrorCode::kInvalid, "it is not a file");
  if (file.st_uid != own && file.st_uid != 0) {
    return Fail(ErrorCode::kInvalid,
                "it belongs to uid " + std::to_string(file.st_uid) +
                    ", who could grant themselves everything",
                "make it belong to root or to the user that settled runs as");
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Fail(ErrorCode::kInvalid, "others than its owner may write to it", "chmod go-w it");
  }
  return {};
}

}  // namespace

Result<std::vector<Rule>> ParseRules(std::string_view document, const Accounts& accounts) {
  const Result<Json> value = saga::ParseJsonWithoutRepeats(document);
  if (!value) return Fail(value.error());
  return Reader(accounts).Read(*value);
}

Result<std::vector<Rule>> ReadRules(const std::string& path, uid_t own, const Accounts& accounts) {
  const auto wrong = [&](const Error& error) {
    return Fail(ErrorCode::kInvalid, "--access " + Escaped(path) + ": " + error.message,
                error.advice);
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (file.number < 0 || ::fstat(file.number, &status) != 0) {
    return wrong(
        {ErrorCode::kInvalid, std::string("it cannot be opened: ") + std::strerror(errno), ""});
  }
  if (Status ours = CheckOwner(status, own); !ours) return wrong(ours.error());
  const Result<std::string> text = ReadAll(file.number);
  if (!text) return wrong(text.error());
  Result<std::vector<Rule>> rules = ParseRules(*text, accounts);
  if (!rules) return wrong(rules.error());
  return rules;
}

std::string StampOf(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return "";
  const auto text = [](const timespec& at) {
    return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec);
  };
  return std::to_string(file.st_dev) + " " + std::to_string(file.st_ino) + " " +
         std::to_string(file.st_size) + " " + text(file.st_mtim) + " " + text(file.st_ctim);
}

}  // namespace settle::coordinator::access
