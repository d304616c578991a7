// In what order the numbers of a transaction's branches come in its records.
#pragma once

#include "settle/vocabulary/branch.h"

namespace settle::coordinator {

// From 1 without gaps, but for one: the last of those that its beginner could have given and did
// not need.
class BranchOrder {
 public:
  // What must come where `number` does: `number` itself, if that is right.
  BranchNumber Expected(BranchNumber number) {
    const BranchNumber next = last_ + 1;
    if (number > next && !gap_) {
      gap_ = true;
      last_ = number;
      return number;
    }
    last_ = next;
    return next;
  }

 private:
  BranchNumber last_ = 0;
  bool gap_ = false;
};

}  // namespace settle::coordinator
