// One step of a schema: a numbered SQL file that is embedded in the programs that need it.
#pragma once

#include <string_view>

namespace settle {

// Applied in one transaction together with the note that it was, so that a crash leaves all of it
// or nothing.
struct Migration {
  int version = 0;        // from 1, without gaps; the schema's version once it is applied
  std::string_view name;  // of its file
  std::string_view sql;   // one or more statements, without BEGIN and COMMIT
};

}  // namespace settle
