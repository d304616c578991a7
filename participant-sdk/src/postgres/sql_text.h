// What can be told of a statement by its text alone. Nothing is trusted to it that the server's
// answer tells as well.
#pragma once

#include <string>
#include <string_view>

namespace settle::postgres {

// In upper case; what PostgreSQL skips in front of it (spaces, comments, empty statements) is
// skipped. Empty: the statement begins with something else.
std::string FirstWord(std::string_view sql);

// It can only be a statement that begins, ends or divides a transaction, by this first word.
bool ControlsTransaction(const std::string& first_word);

// It changes rows, if it finds any.
bool Writes(const std::string& first_word);

// A statement that was answered ROLLBACK and leaves a transaction open went back to a savepoint, or
// was ... AND CHAIN, and the transaction is another one. PostgreSQL knows no way to write that
// keyword but with its five letters. (A savepoint can be called so.)
bool MayChain(std::string_view sql);

}  // namespace settle::postgres
