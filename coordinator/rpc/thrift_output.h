// Where Thrift's own messages go. Thrift has one global function for them, called on any thread.
#pragma once

#include "engine/ports.h"

namespace settle::coordinator {

// For as long as this object lives, Thrift's messages are events of the observer, one a second at
// most; before and afterwards they are dropped. One at a time in a process.
class ThriftOutput {
 public:
  explicit ThriftOutput(Observer& observer);
  ~ThriftOutput();
  ThriftOutput(const ThriftOutput&) = delete;
  ThriftOutput& operator=(const ThriftOutput&) = delete;
};

}  // namespace settle::coordinator
