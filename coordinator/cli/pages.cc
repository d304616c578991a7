#include "cli/pages.h"

#include <fmt/format.h>

#include <charconv>

#include "cli/json.h"
#include "settle/vocabulary/gtid.h"
#include "vocabulary/shell_word.h"

namespace settle::cli {
namespace {

constexpr std::int32_t kLimitMost = 1000;  // the contract's
constexpr std::size_t kCursorBytesMost = 200;

Result<std::int32_t> ParseLimit(const std::string& text) {
  std::int32_t limit = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, limit);
  if (error != std::errc{} || stop != end || limit < 1 || limit > kLimitMost) {
    return Fail(ErrorCode::kInvalid, "\"" + Escaped(text) + "\" is not a limit",
                fmt::format("give --limit a number from 1 to {}", kLimitMost));
  }
  return limit;
}

Result<wire::PageRequest> RequestOf(const Given& given) {
  wire::PageRequest request;
  const auto limit = ParseLimit(given.Option("limit", given.Has("all") ? "1000" : "100"));
  if (!limit) return Fail(limit.error());
  request.most = *limit;
  request.cursor = given.Option("cursor");
  if (request.cursor.size() > kCursorBytesMost || !IsPrintable(request.cursor)) {
    return Fail(ErrorCode::kInvalid, "the cursor is not one that this list gave");
  }
  return request;
}

// One document, written piece by piece: valid whatever happens on the way.
class Document {
 public:
  Document(const Surroundings& around, const std::string& name) : print_(around.print) {
    ok_ = print_("{\n  " + Line(name) + ": [");
  }
  bool ok() const { return ok_; }

  void Add(const Json& items) {
    std::string text;
    for (const Json& item : items) {
      text += (any_ ? ",\n    " : "\n    ") + Line(item);
      any_ = true;
    }
    ok_ = ok_ && print_(text);
  }
  void Close(const Json& others) {
    std::string text = any_ ? "\n  ]" : "]";
    for (const auto& [name, value] : others.items()) {
      text += ",\n  " + Line(name) + ": " + Line(value);
    }
    ok_ = ok_ && print_(text + "\n}\n");
  }

 private:
  static std::string Line(const Json& json) {
    std::string line = DumpLine(json);
    line.pop_back();  // its end
    return line;
  }

  const std::function<bool(const std::string&)>& print_;
  bool any_ = false;
  bool ok_ = true;
};

Error CannotWrite() {
  return {ErrorCode::kInternal, "the answer could not be written to its end", ""};
}

Result<Answer> PrintAllAsJson(wire::PageRequest request, const Surroundings& around,
                              const std::string& name, const FetchPage& fetch) {
  Result<Page> page = fetch(request);
  if (!page) return Fail(page.error());
  Document document(around, name);
  Json others = page->others;
  Answer answer{.text = {}, .json = {}, .exit = ExitCode::kOk, .printed = true};
  while (true) {
    document.Add(page->items);
    if (!document.ok()) return Fail(CannotWrite());
    request.cursor = page->next_cursor;
    if (request.cursor.empty()) break;
    page = fetch(request);
    if (page) continue;
    others.update(ToJson(page.error()));
    answer.exit = ExitCodeOf(page.error().code);
    break;
  }
  Json end{{"next_cursor", request.cursor}};
  end.update(others);
  document.Close(end);
  if (!document.ok()) return Fail(CannotWrite());
  return answer;
}

Result<Answer> PrintAllAsText(wire::PageRequest request, const Surroundings& around,
                              const FetchPage& fetch) {
  for (bool first = true; first || !request.cursor.empty(); first = false) {
    const Result<Page> page = fetch(request);
    if (!page) return Fail(page.error());
    if (!around.print(page->text)) return Fail(CannotWrite());
    request.cursor = page->next_cursor;
  }
  return Answer{.text = {}, .json = {}, .exit = ExitCode::kOk, .printed = true};
}

}  // namespace

std::vector<VerbOption> WithPageOptions(std::vector<VerbOption> options) {
  options.push_back({"limit", "N", "at most so many, 1 to 1000; 100 if not given"});
  options.push_back({"cursor", "C", "continue where an earlier page stopped"});
  options.push_back({"all", "", "every page, printed as it comes; N at a time, 1000 if not given"});
  return options;
}

Result<Answer> PrintPages(const Given& given, const Surroundings& around, const std::string& name,
                          const std::string& command, const FetchPage& fetch) {
  const Result<wire::PageRequest> request = RequestOf(given);
  if (!request) return Fail(request.error());
  if (given.Has("all")) {
    return around.json ? PrintAllAsJson(*request, around, name, fetch)
                       : PrintAllAsText(*request, around, fetch);
  }
  Result<Page> page = fetch(*request);
  if (!page) return Fail(page.error());
  Answer answer{.text = page->text, .json = {{name, page->items}}};
  answer.json["next_cursor"] = page->next_cursor;
  answer.json.update(page->others);
  if (!page->next_cursor.empty()) {
    answer.text += fmt::format("\nthere are more: settle{} {}{} --limit {} --cursor {}\n",
                               around.reached_by, command, given.Has("check") ? " --check" : "",
                               request->most, ShellWord(Printable(page->next_cursor)));
  }
  return answer;
}

}  // namespace settle::cli
