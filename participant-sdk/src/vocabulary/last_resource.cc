#include "settle/vocabulary/last_resource.h"

#include <algorithm>
#include <charconv>

namespace settle {
namespace {

bool MayStandInAName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

// The part up to the next colon, which goes as well; all of it if there is none.
std::string_view TakePart(std::string_view& text) {
  const std::size_t colon = text.find(':');
  const std::string_view part = text.substr(0, colon);
  text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  return part;
}

// Canonical, so that one branch has one name.
template <typename T>
bool Read(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && std::to_string(value) == text;
}

}  // namespace

Result<std::string> NameInNameOf(const BranchKey& branch, const LastResource& last) {
  const Evidence& evidence = last.evidence;
  const auto refuse = [&](const std::string& why) {
    return Fail(ErrorCode::kRefused, "branch " + branch.DatabaseName() +
                                         " cannot be prepared in the name of " + last.resource +
                                         ": " + why);
  };
  const bool complete = last.branch != 0 && last.branch != branch.number &&
                        CheckResourceName(last.resource).has_value() &&
                        MayStandInAName(evidence.database) &&
                        MayStandInAName(evidence.local_transaction) &&
                        evidence.local_transaction.find(':') == std::string::npos;
  if (!complete) return refuse("what it has to say of that one does not fit a name");
  std::string name = branch.DatabaseName() + ":" + std::to_string(last.branch) + ":" +
                     last.resource + ":" + std::to_string(evidence.timeline) + ":" +
                     evidence.local_transaction + ":" + evidence.database;
  if (name.size() <= kPreparedNameMax) return name;
  return refuse("the name would have " + std::to_string(name.size()) + " characters, and " +
                std::to_string(kPreparedNameMax) +
                " are possible: a resource with a shorter name " + "could be the last one");
}

std::optional<LastResource> LastResourceIn(std::string_view name) {
  if (!name.starts_with(kDatabaseNamePrefix) || name.size() > kPreparedNameMax) return {};
  std::string_view rest = name.substr(kDatabaseNamePrefix.size());
  const std::string_view gtid = TakePart(rest);
  const std::string_view number = TakePart(rest);
  const auto branch = BranchKey::ParseDatabaseName(
      name.substr(0, kDatabaseNamePrefix.size() + gtid.size() + 1 + number.size()));
  LastResource last;
  const bool numbered = branch && Read(TakePart(rest), last.branch) && last.branch != 0 &&
                        last.branch != branch->number;
  if (!numbered) return {};
  last.resource = TakePart(rest);
  if (!CheckResourceName(last.resource) || !Read(TakePart(rest), last.evidence.timeline)) return {};
  last.evidence.local_transaction = TakePart(rest);
  last.evidence.database = rest;
  const bool complete =
      MayStandInAName(last.evidence.local_transaction) && MayStandInAName(last.evidence.database);
  return complete ? std::optional(std::move(last)) : std::nullopt;
}

}  // namespace settle
