// Names that come from outside: of transactions, branches, resources, traces, contexts.
#include "client/context_text.h"
#include "settle/vocabulary/gtid.h"
#include "settle/vocabulary/last_resource.h"
#include "settle/vocabulary/trace_parent.h"
#include "target.h"
#include "vocabulary/shell_word.h"

namespace settle::fuzz {
namespace {

// What a branch is called in a database stands between single quotes there (X01).
bool IsHarmless(std::string_view name) {
  return name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "._:-") == std::string_view::npos;
}

void CheckContext(std::string_view text) {
  const Result<sdk::Context> context = sdk::ParseContextText(text);
  if (!context) return RequirePrintable(context.error());
  const Result<sdk::Context> same = sdk::ParseContextText(sdk::ContextText(*context));
  Require(same.has_value() && *same == *context, "a context's text is read as the same");
}

// A POSIX shell's word in single quotes is what is between them, and \' outside of them.
std::string ReadShellWord(std::string_view word) {
  std::string text;
  bool quoted = false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\'') {
      quoted = !quoted;
    } else if (!quoted && word[i] == '\\' && i + 1 < word.size()) {
      text += word[++i];
    } else {
      text += word[i];
    }
  }
  Require(!quoted, "a shell's word ends");
  return text;
}

void Run(std::string_view bytes) {
  if (const Result<Gtid> gtid = Gtid::Parse(bytes)) {
    Require(gtid->text() == bytes, "a gtid is accepted in one form alone");
    const BranchKey key{*gtid, 7};
    const Result<BranchKey> same = BranchKey::ParseDatabaseName(key.DatabaseName());
    Require(same.has_value() && *same == key, "a branch is found by its name");
  } else {
    RequirePrintable(gtid.error());
  }
  if (const Result<BranchKey> key = BranchKey::ParseDatabaseName(bytes)) {
    const std::optional<LastResource> last = LastResourceIn(bytes);
    const Result<std::string> same = last ? NameInNameOf(*key, *last) : key->DatabaseName();
    Require(same.has_value() && *same == bytes, "a branch has one name");
    Require(IsHarmless(bytes), "a branch's name needs no quoting");
  } else {
    RequirePrintable(key.error());
  }
  if (const Status name = CheckResourceName(bytes)) {
    Require(IsHarmless(bytes) && bytes.size() <= 64, "a resource's name needs no quoting");
  } else {
    RequirePrintable(name.error());
  }
  const std::string trace = TraceParentFrom(bytes);
  Require(trace.empty() || trace.size() == 55, "a trace is whole or none");
  Require(TraceParentFrom(trace) == trace, "what is passed on of a trace is a trace");
  RequirePrintable(Escaped(bytes));
  Require(ReadShellWord(ShellWord(bytes)) == bytes, "a shell reads the same word");
  CheckContext(bytes);
}

}  // namespace

const Target kGtid{"gtid", "A03_X01", 50'000, &Run};

}  // namespace settle::fuzz
