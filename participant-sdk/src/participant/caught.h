// Where exceptions of the application's code end.
#pragma once

#include <exception>

namespace settle::sdk {

// Runs `call`; an exception of any type becomes what `otherwise` makes of its text.
template <typename Call, typename Otherwise>
auto Caught(Call&& call, Otherwise&& otherwise) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    return otherwise(error.what());
  } catch (...) {
    return otherwise("an exception of an unknown type");
  }
}

}  // namespace settle::sdk
