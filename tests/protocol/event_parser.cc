#include "protocol/event_parser.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace settle::coordinator {
namespace {

struct Word {
  std::string text;
  bool quoted = false;
};

// Undoes Escaped(): \xNN is a byte.
std::string Unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned byte = 0;
    if (text.size() >= 4 && text.substr(0, 2) == "\\x" &&
        std::from_chars(text.data() + 2, text.data() + 4, byte, 16).ptr == text.data() + 4) {
      out += static_cast<char>(byte);
      text.remove_prefix(4);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

std::vector<Word> Split(std::string_view line) {
  std::vector<Word> words;
  while (true) {
    const std::size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    if (line.front() == '"') {
      const std::size_t end = std::min(line.find('"', 1), line.size() - 1);
      words.push_back({Unescaped(line.substr(1, end - 1)), true});
      line.remove_prefix(end + 1);
    } else {
      const std::size_t end = std::min(line.find(' '), line.size());
      words.push_back({std::string(line.substr(0, end)), false});
      line.remove_prefix(end);
    }
  }
}

// Takes words from the front; the first one that does not fit makes the whole line bad.
class Reader {
 public:
  explicit Reader(std::string_view line) : words_(Split(line)) {}

  bool AtEnd() const { return next_ == words_.size(); }
  const std::optional<std::string>& error() const { return error_; }

  std::string Take() {
    if (AtEnd()) return Bad("the end of the line"), "";
    return words_[next_++].text;
  }

  bool TakeIf(std::string_view word) {
    if (AtEnd() || words_[next_].quoted || words_[next_].text != word) return false;
    ++next_;
    return true;
  }

  void Expect(std::string_view word) {
    if (!TakeIf(word)) Bad(AtEnd() ? "the end of the line" : words_[next_].text);
  }

  std::string TakeQuotedIfAny() {
    return !AtEnd() && words_[next_].quoted ? words_[next_++].text : "";
  }

  template <typename T = std::uint32_t>
  T Number(const std::string& text) {
    T number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) Bad(text);
    return number;
  }
  BranchNumber TakeNumber() { return Number<BranchNumber>(Take()); }

  template <typename T, std::size_t kSize>
  T OneOf(const std::array<T, kSize>& values, const std::string& text) {
    for (const T value : values) {
      if (text == settle::ToString(value)) return value;
    }
    Bad(text);
    return values.front();
  }

  Evidence TakeEvidenceIfAny() {
    constexpr std::string_view kPrefix = "evidence=";
    if (AtEnd() || !words_[next_].text.starts_with(kPrefix)) return {};
    const std::string text = Take().substr(kPrefix.size());
    const std::size_t last = text.rfind('/');
    const std::size_t middle =
        last == std::string::npos || last == 0 ? last : text.rfind('/', last - 1);
    if (middle == std::string::npos || middle == last) return Bad(text), Evidence{};
    return {Unescaped(text.substr(0, middle)), Number(text.substr(middle + 1, last - middle - 1)),
            Unescaped(text.substr(last + 1))};
  }

  VoteResult TakeVote(const std::string& word) {
    VoteResult vote;
    vote.vote = OneOf(std::array{Vote::kCommit, Vote::kReadOnly, Vote::kNo}, word);
    vote.evidence = TakeEvidenceIfAny();
    vote.reason = TakeQuotedIfAny();
    vote.retryable = TakeIf("retryable");
    return vote;
  }

  void Bad(const std::string& word) {
    if (!error_) error_ = word;
  }

 private:
  const std::vector<Word> words_;
  std::size_t next_ = 0;
  std::optional<std::string> error_;
};

event::CommitRequested TakeCommit(Reader& reader) {
  event::CommitRequested commit;
  while (!reader.AtEnd() && !reader.error()) {
    const std::string word = reader.Take();
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      reader.Bad(word);
      break;
    }
    const BranchNumber branch = reader.Number<BranchNumber>(word.substr(0, equals));
    commit.votes.push_back({branch, reader.TakeVote(word.substr(equals + 1))});
  }
  return commit;
}

event::AbortRequested TakeAbort(Reader& reader) {
  event::AbortRequested abort;
  abort.cause =
      reader.OneOf(std::array{AbortCause::kRequested, AbortCause::kOperator}, reader.Take());
  abort.reason = reader.TakeQuotedIfAny();
  if (reader.TakeIf("rolled-back")) {
    while (!reader.AtEnd() && !reader.error()) abort.rolled_back.push_back(reader.TakeNumber());
  }
  return abort;
}

Event TakeEvent(Reader& reader) {
  if (reader.TakeIf("enlist")) {
    event::Enlist enlist;
    enlist.resource = reader.Take();
    reader.Expect("session");
    enlist.session = reader.Take();
    reader.Expect("key");
    enlist.request_key = reader.Take();
    return enlist;
  }
  if (reader.TakeIf("commit")) return TakeCommit(reader);
  if (reader.TakeIf("one-phase")) {
    const BranchNumber branch = reader.TakeNumber();
    return event::OnePhaseRequested{branch, reader.TakeEvidenceIfAny()};
  }
  if (reader.TakeIf("abort")) return TakeAbort(reader);
  if (reader.TakeIf("deadline")) return event::DeadlineReached{};
  if (reader.TakeIf("vote-timer")) return event::VoteTimerFired{};
  if (reader.TakeIf("retry-timer")) return event::RetryTimerFired{};
  if (reader.TakeIf("vote")) {
    const BranchNumber branch = reader.TakeNumber();
    return event::Voted{{branch, reader.TakeVote(reader.Take())}};
  }
  if (reader.TakeIf("finished")) {
    event::Finished finished{reader.TakeNumber(), {}};
    constexpr std::array kEnds{BranchEnd::kCommitted, BranchEnd::kAborted, BranchEnd::kHazard,
                               BranchEnd::kRetry};
    finished.result.end = reader.OneOf(kEnds, reader.Take());
    finished.result.detail = reader.TakeQuotedIfAny();
    return finished;
  }
  if (reader.TakeIf("persisted")) return event::Persisted{};
  if (reader.TakeIf("persist-refused")) return event::PersistRefused{reader.TakeQuotedIfAny()};
  if (reader.TakeIf("session-lost")) return event::SessionLost{reader.Take()};
  if (reader.TakeIf("resource-ready")) return event::ResourceReady{reader.Take()};
  if (reader.TakeIf("found-prepared")) {
    const BranchNumber branch = reader.TakeNumber();
    return event::FoundPrepared{branch, reader.Take()};
  }
  if (reader.TakeIf("retry")) return event::RetryRequested{};
  if (reader.TakeIf("forget")) {
    event::ForgetRequested forget;
    forget.operator_name = reader.TakeQuotedIfAny();
    forget.reason = reader.TakeQuotedIfAny();
    return forget;
  }
  if (reader.TakeIf("restored")) return event::Restored{};
  reader.Bad(reader.Take());
  return event::Restored{};
}

}  // namespace

Result<Event> ParseEvent(std::string_view line) {
  Reader reader(line);
  Event event = TakeEvent(reader);
  if (!reader.error() && !reader.AtEnd()) reader.Bad(reader.Take());
  if (!reader.error()) return event;
  return Fail(ErrorCode::kInvalid,
              "\"" + *reader.error() + "\" was not understood in: " + std::string(line));
}

}  // namespace settle::coordinator
