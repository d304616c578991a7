// Wire views as JSON. Times are given twice: RFC 3339 in UTC with microseconds ("began"), and the
// raw microseconds since 1970 ("began_us"); a time that is not known yet is null. Names do not
// change within a major release.
#pragma once

#include "cli/verb.h"
#include "wire/admin_types.h"

namespace settle::cli {

Json ToJson(const wire::StatusReply& status);
Json ToJson(const wire::TransactionView& transaction);
Json ToJson(const wire::StrayView& stray);
Json ToJson(const wire::ParticipantView& participant);
Json ToJson(const wire::SentAgain& sent);
Json ToJson(const wire::AuditEntry& entry);
Json ToJson(const wire::PauseView& pause);
Json ToJson(const wire::LiveView& live);
Json ToJson(const wire::Ending& ending);
Json ToJson(const wire::DefinitionView& definition);
Json ToJson(const std::map<std::string, std::int64_t>& counts);  // an object, also of none
Json ToJson(const Error& error);  // {"error": {"code", "message", "advice"}}

template <typename T>
Json ToJson(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(ToJson(value));
  return list;
}

// One document, indented, in ASCII alone: whatever the text within, it is harmless on a terminal.
std::string Dump(const Json& json);
// The same on one line: what is one of several documents, and every error, wherever it comes.
std::string DumpLine(const Json& json);

}  // namespace settle::cli
