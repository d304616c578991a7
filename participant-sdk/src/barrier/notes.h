// What a barrier notes of a call, and what follows from the notes that it finds: the same for every
// database. Pure.
//
// A row of op X with reason X: X took effect, in the transaction that wrote the row. With another
// reason: X never ran and never can.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "settle/action.h"

namespace settle::barrier {

struct NewNote {
  ActionOp op = ActionOp::kAction;  // never kFence: a fence notes an action
  ActionOp reason = ActionOp::kAction;
  std::optional<std::string> input{};
};

// In the order in which they are to be inserted where they are absent. The last is the call's own:
// whether it was there decides.
std::vector<NewNote> NotesOf(const ActionContext& call);

// A row of this gtid and branch.
struct Note {
  std::string op;
  std::string reason;
  std::optional<std::string> input;
  std::optional<std::string> result;
};

// What the transaction sees after the inserts.
struct Found {
  bool pruned = false;        // the gtid is at or below the mark
  bool own_is_new = false;    // the call's own note was inserted now
  std::vector<Note> notes{};  // all of this gtid and branch, new ones included
};

enum class Next {
  kAnswer,       // nothing is to be kept: roll back
  kKeepNotes,    // commit what was inserted; `answer` once that is durable
  kRunBusiness,  // with `call`
};

struct Verdict {
  Next next = Next::kAnswer;
  Answer answer{};
  ActionContext call{};  // with input and result of the origin, where it had none
};

Verdict Judge(const ActionContext& call, const Found& found);

// Why nothing can be noted of such a call; empty if it can.
std::string WhyNotNotable(const ActionContext& call);

inline constexpr std::size_t kResultBytesMost = 64 * 1024;

// What the business answered, or kUnknown if its result cannot be kept.
Answer Storable(Answer answer);

Answer Unsure(std::string why);

// What it throws is an unknown outcome.
template <typename Business, typename Work>
Answer RunBusiness(const Business& business, const ActionContext& call, Work& work) {
  try {
    return Storable(business(call, work));
  } catch (const std::exception& thrown) {
    return Unsure(std::string("rolled back: the business threw: ") + thrown.what());
  } catch (...) {
    return Unsure("rolled back: the business threw something that is no std::exception");
  }
}

}  // namespace settle::barrier
