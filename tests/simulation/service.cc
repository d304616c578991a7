#include "simulation/service.h"

#include <utility>

namespace settle::simulation {

void Service::OnCrash() {
  received_through_ = 0;
  reporting_ = false;
  answers_.clear();
}

void Service::Attach() {
  session_.clear();
  received_through_ = 0;
  AttachCall call;
  call.process = name();
  for (const auto& [participant, database] : databases_) call.participants.push_back(participant);
  Ask<Attached>(
      {kCall<Attached>, {}, 1'000'000, microseconds(30'000)},
      [this, call](Engine& engine, Inquiry&, Completion<Attached> done) {
        witness_.Nudged();  // whatever waits for its participants is called at once
        engine.Attach(call, [this, done = std::move(done)](Result<Attached> attached) {
          if (!attached) witness_.Hears(attached.error());
          done(std::move(attached));
        });
      },
      [this](const Result<Attached>& attached) {
        if (!attached) return Later(microseconds(20'000), [this] { Attach(); });
        session_ = attached->session;
        Fetch();
        Report();
      });
}

void Service::Fetch() {
  const SessionId session = session_;
  if (session.empty()) return;
  FetchCall call{session, received_through_, 10, std::chrono::milliseconds(50)};
  Ask<CommandBatch>(
      {kCall<CommandBatch>, {}, 1, microseconds(120'000)},
      [this, call](Engine& engine, Inquiry&, Completion<CommandBatch> done) {
        engine.Fetch(call, [this, session = call.session,
                            done = std::move(done)](Result<CommandBatch> batch) {
          if (batch) witness_.Hears(session, *batch);
          done(std::move(batch));
        });
      },
      [this, session](const Result<CommandBatch>& batch) {
        if (session != session_) return;
        if (!batch && batch.error().code == ErrorCode::kNotFound) {
          if (coordinator_.up()) world_.Count(Fault::kSessionTakenForLost);
          return Attach();
        }
        if (batch) Carry(*batch);
        Fetch();
      });
}

// Sometimes so long that the coordinator has given the call up.
microseconds Service::Effort(const SagaCall& call) {
  microseconds usual = microseconds(50) + world_.UpTo(microseconds(3000));
  if (delay_by_plan) usual += delay_by_plan(call);
  if (!world_.Strikes(rough_.late, Fault::kAnswerTooLate)) return usual;
  return usual + call.timeout + world_.UpTo(3 * microseconds(call.timeout));
}

void Service::Carry(const CommandBatch& batch) {
  if (batch.number <= received_through_) return;
  received_through_ = batch.number;
  if (batch.ended_through) {
    for (const auto& [participant, database] : databases_) database->Prune(*batch.ended_through);
  }
  for (const SagaCall& call : batch.calls) {
    if (call.attempt > 1) world_.Count(Fault::kCommandRepeated);
    Later(Effort(call), [this, call] { Handle(call); });
  }
}

void Service::Handle(const SagaCall& call) {
  if (world_.Strikes(rough_.dies_before_commit, Fault::kDiedBeforeCommit)) return Die();
  world_.Effect(name(), "takes up ", settle::ToString(call.op), " ", call.key.DatabaseName());
  const settle::Answer answer =
      databases_.at(call.participant)->Run(call, rough_.commit_lost, [this](const SagaCall& one) {
        return DoBusiness(one);
      });
  world_.Effect(name(), "answers ", settle::ToString(call.op), " ", call.key.DatabaseName(), " ",
                settle::ToString(answer.kind));
  if (world_.Strikes(rough_.dies_before_answer, Fault::kDiedBeforeAnswer)) return Die();
  Later(microseconds(50) + world_.UpTo(microseconds(500)), [this, call, answer] {
    answers_.push_back({call.key, call.op, call.attempt, answer});
    Report();
  });
}

settle::Answer Service::DoBusiness(const SagaCall& call) {
  if (by_plan) {
    if (auto planned = by_plan(call)) return *std::move(planned);
  }
  if (world_.Strikes(rough_.throws, Fault::kHandlerThrew))
    return {AnswerKind::kUnknown, "the handler threw", 0};
  if (world_.Strikes(rough_.ongoing, Fault::kStepOngoing))
    return {AnswerKind::kOngoing, "", static_cast<std::int64_t>(1 + world_.Pick(150))};
  const bool must_happen = call.op == ActionOp::kCompensate || call.op == ActionOp::kConfirm ||
                           call.op == ActionOp::kCancel;
  if (must_happen && world_.Strikes(rough_.compensation_fails, Fault::kCompensationFailed))
    return {AnswerKind::kFailed, "it cannot be undone now", 0};
  if (!must_happen && world_.Strikes(rough_.fails, Fault::kStepFailed))
    return {AnswerKind::kFailed, "none left", 0};
  return {AnswerKind::kDone, "{\"token\":" + std::to_string(witness_.NextToken()) + "}", 0};
}

void Service::Die() {
  Crash();
  if (when_it_dies) when_it_dies(*this);
}

void Service::Report() {
  if (reporting_ || session_.empty() || answers_.empty()) return;
  reporting_ = true;
  ReportCall call;
  call.session = session_;
  call.answers.assign(answers_.begin(), answers_.end());
  for (const coordinator::SagaAnswer& one : call.answers) {
    world_.Say(name(), " reports: ", one.key.DatabaseName(), " ", settle::ToString(one.op),
               " attempt ", one.attempt, " ", settle::ToString(one.answer.kind), " ",
               one.answer.text);
  }
  const std::size_t count = answers_.size();
  Ask<std::monostate>(
      {kCall<std::monostate>, {}, 1, microseconds(40'000)},
      [call = std::move(call)](Engine& engine, Inquiry&, Completion<std::monostate> done) {
        engine.Report(call, std::move(done));
      },
      [this, session = session_, count](const Result<std::monostate>& reported) {
        reporting_ = false;
        if (reported) {
          answers_.erase(answers_.begin(), answers_.begin() + static_cast<long>(count));
        } else if (reported.error().code == ErrorCode::kNotFound && session == session_) {
          Attach();
        }
        Report();
      });
}

ServiceRoughness DrawServiceRoughness(World& world, double fails_often, double fails_most) {
  const auto sometimes = [&](double often, double most) {
    return world.Happens(often) ? world.Chance() * most : 0.0;
  };
  ServiceRoughness rough;
  rough.fails = sometimes(fails_often, fails_most);
  rough.throws = sometimes(0.4, 0.3);
  rough.ongoing = sometimes(0.3, 0.3);
  rough.late = sometimes(0.5, 0.3);
  rough.commit_lost = sometimes(0.4, 0.15);
  rough.dies_before_commit = sometimes(0.3, 0.1);
  rough.dies_before_answer = sometimes(0.3, 0.1);
  rough.compensation_fails = world.Happens(0.3) ? 0.95 : sometimes(0.5, 0.4);
  return rough;
}

void DrawServices(World& world, CoordinatorNode& coordinator, ServiceWatch& witness,
                  const ServiceRoughness& rough, const std::vector<std::string>& participants,
                  std::deque<BarrierDatabase>& databases, std::deque<Service>& services) {
  const std::size_t served = world.Happens(0.7) ? 2 : 1;
  for (std::size_t i = 0; i < participants.size(); ++i) {
    Service::Databases own;
    for (std::size_t j = i; j < i + served; ++j) {
      const std::size_t one = j % participants.size();
      own.emplace(participants[one], &databases[one]);
    }
    services.emplace_back(world, coordinator, witness, rough, "service-" + std::to_string(i + 1),
                          std::move(own));
  }
}

}  // namespace settle::simulation
