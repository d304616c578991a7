#include "quorum/record_columns.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace settle::quorum {
namespace {

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Of no text: none.
std::vector<std::string_view> Split(std::string_view text, char between) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(between);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return parts;
}

std::optional<SiteState> ParseState(std::string_view text) {
  for (const SiteState state :
       {SiteState::kInitial, SiteState::kWaiting, SiteState::kPreCommitted, SiteState::kPreAborted,
        SiteState::kCommitted, SiteState::kAborted}) {
    if (text == ToString(state)) return state;
  }
  return std::nullopt;
}

std::optional<Ballot> ParseBallot(std::string_view text) {
  const auto parts = Split(text, '.');
  if (parts.size() != 2) return std::nullopt;
  const auto round = ParseNumber<std::uint64_t>(parts[0]);
  const auto leader = ParseNumber<BranchNumber>(parts[1]);
  if (!round || !leader) return std::nullopt;
  return Ballot{*round, *leader};
}

std::string QuorumText(const std::vector<BranchNumber>& quorum) {
  std::string text;
  for (const BranchNumber number : quorum) {
    text += (text.empty() ? "" : " ") + std::to_string(number);
  }
  return text;
}

std::optional<std::vector<BranchNumber>> ParseQuorum(std::string_view text) {
  std::vector<BranchNumber> quorum;
  for (const std::string_view part : Split(text, ' ')) {
    const auto number = ParseNumber<BranchNumber>(part);
    if (!number) return std::nullopt;
    quorum.push_back(*number);
  }
  return quorum;
}

std::string RosterText(const Roster& sites) {
  std::string text;
  for (const Site& site : sites) {
    text += (text.empty() ? "" : " ") + std::to_string(site.number) + "=" + site.resource + "@";
    for (std::size_t i = 0; i < site.addresses.size(); ++i) {
      text += (i == 0 ? "" : ",") + site.addresses[i];
    }
  }
  return text;
}

std::optional<Site> ParseSite(std::string_view text) {
  const std::size_t is = text.find('=');
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || is > at) return std::nullopt;
  const auto number = ParseNumber<BranchNumber>(text.substr(0, is));
  if (!number) return std::nullopt;
  Site site{*number, std::string(text.substr(is + 1, at - is - 1)), {}};
  for (const std::string_view address : Split(text.substr(at + 1), ',')) {
    site.addresses.emplace_back(address);
  }
  return site;
}

std::optional<Roster> ParseRoster(std::string_view text) {
  Roster sites;
  for (const std::string_view part : Split(text, ' ')) {
    std::optional<Site> site = ParseSite(part);
    if (!site) return std::nullopt;
    sites.push_back(*std::move(site));
  }
  return sites;
}

std::string EvidenceText(const Evidence& evidence) {
  return evidence.database + " " + std::to_string(evidence.timeline) + " " +
         evidence.local_transaction;
}

std::optional<Evidence> ParseEvidence(std::string_view text) {
  const std::size_t last = text.rfind(' ');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const std::size_t first = text.rfind(' ', last - 1);
  if (first == std::string_view::npos) return std::nullopt;
  const auto timeline = ParseNumber<std::uint32_t>(text.substr(first + 1, last - first - 1));
  if (!timeline) return std::nullopt;
  return Evidence{std::string(text.substr(0, first)), *timeline,
                  std::string(text.substr(last + 1))};
}

RecordColumns Write(const SiteRecord& record) {
  const SiteAnswer& at = record.at;
  return {ToString(at.state),           ToString(at.elected),          ToString(at.accepted),
          ToString(at.decided.ballot),  QuorumText(at.decided.quorum), RosterText(record.sites),
          EvidenceText(record.evidence)};
}

// Puts the value where it belongs; false if there is none.
template <typename Value>
bool Take(Value& into, std::optional<Value> value) {
  if (value) into = *std::move(value);
  return value.has_value();
}

bool ReadColumn(std::size_t column, const std::string& text, SiteRecord& into) {
  switch (column) {
    case 0: return Take(into.at.state, ParseState(text));
    case 1: return Take(into.at.elected, ParseBallot(text));
    case 2: return Take(into.at.accepted, ParseBallot(text));
    case 3: return Take(into.at.decided.ballot, ParseBallot(text));
    case 4: return Take(into.at.decided.quorum, ParseQuorum(text));
    case 5: return Take(into.sites, ParseRoster(text));
    case 6: return Take(into.evidence, ParseEvidence(text));
  }
  return false;
}

}  // namespace

Result<RecordColumns> ToColumns(const SiteRecord& record) {
  RecordColumns columns = Write(record);
  const Result<SiteRecord> back = FromColumns(columns);
  if (back && *back == record) return columns;
  return Fail(ErrorCode::kInvalid, "a site's record cannot be stored: its roster is \"" +
                                       Escaped(columns[5]) + "\", its evidence \"" +
                                       Escaped(columns[6]) + "\"");
}

Result<SiteRecord> FromColumns(const RecordColumns& columns) {
  SiteRecord record;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool read = ReadColumn(i, columns[i], record);
    // "02.1" would be read, and compare unequal for ever. No database's text has a NUL byte.
    const bool text = columns[i].find('\0') == std::string::npos;
    if (!read || !text || Write(record)[i] != columns[i]) {
      return Fail(ErrorCode::kCorrupt,
                  std::string("the site's record is damaged: its ") + kRecordColumns[i] +
                      " reads \"" + Escaped(columns[i]) + "\"",
                  "nothing is done with it until the row in settle_three_phase is put right; its "
                  "peers may know how it ended");
    }
  }
  return record;
}

Status CheckStorable(const BranchKey& key) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!key.gtid.empty() && key.gtid.epoch() <= kMost && key.gtid.sequence() <= kMost) return {};
  return Fail(ErrorCode::kInvalid, "the numbers of \"" + Escaped(key.DatabaseName()) +
                                       "\" are beyond what a database can hold");
}

}  // namespace settle::quorum
