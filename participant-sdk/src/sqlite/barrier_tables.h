// The barrier's tables in a SQLite file: their version, how they are made, and removal of what no
// call can need any more.
#pragma once

#include <string>

#include "settle/barrier.h"
#include "sqlite/connection.h"

namespace settle::sqlite {

// kNotFound, kVersion, each with the command that puts it right.
[[nodiscard]] Status CheckTables(Connection& connection, const std::string& path);

// A failed statement of the barrier's own, with advice where its tables are missing.
Error Explain(Error error, const std::string& path);

// Never lowers it. In the caller's write transaction.
[[nodiscard]] Status RaiseMark(Connection& connection, const EndedThrough& mark);

// In the caller's write transaction. True: there may be more to remove.
[[nodiscard]] Result<bool> RaiseMarkAndRemove(Connection& connection, const EndedThrough& mark,
                                              int most);

}  // namespace settle::sqlite
