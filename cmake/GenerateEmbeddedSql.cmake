# Run by settle_embed_sql at build time: SET (a name), FOLDER (of the .sql files), OUT (a folder).
file(GLOB scripts ${FOLDER}/*.sql)
list(SORT scripts)

set(entries "")
set(expected 0)
foreach(script IN LISTS scripts)
  math(EXPR expected "${expected} + 1")
  get_filename_component(name ${script} NAME)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+\\.sql$")
    message(FATAL_ERROR "${script}: a migration is named NNNN_<what>.sql, in lower case")
  endif()
  string(REGEX REPLACE "^0+" "" number ${CMAKE_MATCH_1})
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${script}: expected migration number ${expected}; numbers have no gap")
  endif()
  file(READ ${script} sql)
  string(FIND "${sql}" ")settle-sql\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${script}: contains the text that ends the embedding")
  endif()
  string(APPEND entries "    {${expected}, \"${name}\", R\"settle-sql(${sql})settle-sql\"},\n")
endforeach()

if(expected EQUAL 0)
  message(FATAL_ERROR "${FOLDER}: no migrations")
endif()

file(WRITE ${OUT}/${SET}.h "// Generated from migrations/${SET}.
#pragma once

#include <span>

#include \"migrations/migration.h\"

namespace settle::migrations {
// In order, from version 1.
std::span<const Migration> ${SET}();
}  // namespace settle::migrations
")
file(WRITE ${OUT}/${SET}.cc "// Generated from migrations/${SET}.
#include \"migrations/${SET}.h\"

namespace settle::migrations {
namespace {
constexpr Migration kAll[] = {
${entries}};
}  // namespace

std::span<const Migration> ${SET}() { return kAll; }
}  // namespace settle::migrations
")
