// Failpoints as a release compiles them; places_test.cc looks into the object.
#include "settle/vocabulary/failpoint.h"

#ifdef SETTLE_FAILPOINTS
#error "this one is compiled without them"
#endif

const char* PlacesAsReleased(const char* path) {
  SETTLE_FAILPOINT("engine.decided");
  if (SETTLE_FAILPOINT_FAILS("log.before_begin")) return path;
  SETTLE_FAILPOINT_TEARS("log.commit", path);
  return "PlacesAsReleased";
}
