// What verbs that list share: one page of what may be very much, or page after page to its end.
#pragma once

#include <functional>

#include "cli/verb.h"
#include "wire/admin_types.h"

namespace settle::cli {

// --limit, --cursor and --all.
std::vector<VerbOption> WithPageOptions(std::vector<VerbOption> options);

// One page, for people and for programs.
struct Page {
  std::string text;
  Json items = Json::array();
  Json others = Json::object();  // what the document says beside the items; of the first page
  std::string next_cursor;       // empty when there are no more
};
using FetchPage = std::function<Result<Page>(const wire::PageRequest& request)>;

// The one page that was asked for, or with --all every page, printed as it comes, in the memory of
// one page. The document is {"<name>": [...], "next_cursor": ..., ...}; in --all's, each item is on
// a line of its own, and if a page cannot be had it ends with that page's cursor and the "error".
// `command` is how the list was asked for, for the line that says how to go on.
[[nodiscard]] Result<Answer> PrintPages(const Given& given, const Surroundings& around,
                                        const std::string& name, const std::string& command,
                                        const FetchPage& fetch);

}  // namespace settle::cli
