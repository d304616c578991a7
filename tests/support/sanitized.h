// Whether this build is run by a sanitizer, whose own memory is part of all that is measured.
#pragma once

namespace settle::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace settle::testing
