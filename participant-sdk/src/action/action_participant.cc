#include "settle/action_participant.h"

#include <utility>

#include "action/answer_check.h"
#include "action/desk.h"

namespace settle {

std::shared_ptr<ActionParticipant> ActionParticipant::Make(ActionParticipantOptions options) {
  return std::make_shared<ActionParticipant>(std::move(options));
}

ActionParticipant::ActionParticipant(ActionParticipantOptions options)
    : desk_(std::make_unique<Desk>(std::move(options))) {}

ActionParticipant::~ActionParticipant() = default;

const std::string& ActionParticipant::name() const { return desk_->name(); }

void ActionParticipant::Serve(const std::string& action, ActionHandler run,
                              ActionHandler compensate, ActionHandler fence) {
  Add(action, ActionOp::kAction, std::move(run));
  Add(action, ActionOp::kCompensate, std::move(compensate));
  Add(action, ActionOp::kFence, std::move(fence));
}

void ActionParticipant::ServeTry(const std::string& action, ActionHandler reserve,
                                 ActionHandler confirm, ActionHandler cancel) {
  Add(action, ActionOp::kTry, std::move(reserve));
  Add(action, ActionOp::kConfirm, std::move(confirm));
  Add(action, ActionOp::kCancel, std::move(cancel));
}

Answer ActionParticipant::Checked(Answer answer) { return sdk::CheckedAnswer(std::move(answer)); }

void ActionParticipant::Add(const std::string& action, ActionOp op, ActionHandler handler) {
  desk_->Add(action, op, std::move(handler));
}

void ActionParticipant::Guard(std::shared_ptr<Barrier> barrier) {
  desk_->Guard(std::move(barrier));
}

}  // namespace settle
