// The failpoints: what each is, and where the crash campaign must reach it. A place that is in the
// sources and not here, or the other way round, fails a test; so does a page of the documentation
// that says otherwise (docs/failpoints.md is this table).
#pragma once

#include <string>
#include <vector>

namespace settle::testing {

using Protocols = unsigned;
inline constexpr Protocols kTwoPhase = 1;
inline constexpr Protocols kThreePhase = 2;
inline constexpr Protocols kSaga = 4;
inline constexpr Protocols kTcc = 8;
inline constexpr Protocols kEveryProtocol = 15;
inline constexpr Protocols kEach[] = {kTwoPhase, kThreePhase, kSaga, kTcc};
const char* NameOf(Protocols one);  // "2pc"

using Databases = unsigned;
inline constexpr Databases kPostgresql = 1;
inline constexpr Databases kSqliteFile = 2;
inline constexpr Databases kBothDatabases = 3;
const char* NameOfDatabase(Databases one);

// Over and above dying, freezing and waiting there.
enum class Also { kNothing, kFails, kTears };

struct Place {
  const char* name;
  const char* when;     // what is so when the process dies there
  Protocols protocols;  // whose campaign must kill there
  Databases databases = kBothDatabases;
  const char* otherwise = "";  // why not the others
  Also also = Also::kNothing;
};

const std::vector<Place>& Places();
const Place* FindPlace(const std::string& name);

// The table of docs/failpoints.md.
std::string PlacesAsMarkdown();

}  // namespace settle::testing
