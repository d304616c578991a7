// A call that nothing waits for: what a handler keeps until it has the answer. It is answered
// exactly once, on the loop of its connection, and passes the edge as every call does.
//
//   edge_.Serve(Of("coordinator", "outcome"), returns, throws, [&](const auto& asked) {
//     engine_.AskOutcome(gtid, asked.template Await<Ending>(limits, [=](Result<Ending> ending) {
//       asked.Return(ToWire(Need(std::move(ending))));
//     }));
//   });
#pragma once

#include <thrift/Thrift.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "rpc/calls.h"
#include "rpc/edge.h"

namespace settle::coordinator {

// As the generated code hands them over.
template <typename R>
using Returns = std::function<void(const R&)>;
using ReturnsNothing = std::function<void()>;
using Throws = std::function<void(apache::thrift::TDelayedException*)>;

// Runs a task that may block, on a thread that is no loop's.
using OffLoop = std::function<void(std::function<void()>)>;

// What every call has, whatever it returns. `only`: rights are those of the moment when it came.
class AskedOf {
 public:
  AskedOf(Edge& edge, const access::Method& method) : edge_(edge), method_(method) {}

  const access::Rights& rights() const { return edge_.visitor().rights(); }
  const server::Caller& caller() const { return edge_.caller(); }
  // To which identity sessions, and branches of sessions, must belong.
  OnlyFor only() const { return edge_.visitor().only(); }

  // As Need; a kDenied is counted and told to the log, as one of `reason` and `about` that.
  template <typename T>
  auto NeedAllowed(access::Reason reason, Result<T> result, const Gtid& about = {}) const {
    if (!result && result.error().code == ErrorCode::kDenied)
      throw ToWire(edge_.visitor().Deny(method_, reason, std::move(result).error(), about));
    return Need(std::move(result));
  }

  // The caller must have begun it. Whether it did is known without looking for it, and the refusal
  // is the same if it never was.
  void NeedBegun(const Engine& engine, const Gtid& gtid) const {
    if (MayEnd(engine, gtid)) return;
    const Error not_begun{ErrorCode::kDenied,
                          "transaction " + gtid.text() + " is none that " +
                              access::NameOf(rights().identity) + " began, if it is one at all",
                          "call as whoever began it; an operator sees it with 'settle show'"};
    throw ToWire(edge_.visitor().Deny(method_, access::Reason::kTransaction, not_begun, gtid));
  }
  bool MayEnd(const Engine& engine, const Gtid& gtid) const {
    return rights().unrestricted || engine.Began(gtid, rights().identity);
  }

 protected:
  Edge& edge_;
  const access::Method& method_;
};

// `Replies` is Returns<...> or ReturnsNothing. Copies are the same call.
template <typename Replies>
class Asked : public AskedOf {
 public:
  Asked(Edge& edge, Calls& calls, const OffLoop& off_loop, const access::Method& method,
        Replies returns, Throws throws)
      : AskedOf(edge, method),
        calls_(calls),
        off_loop_(off_loop),
        to_(std::make_shared<To>(To{std::move(returns), std::move(throws)})) {}

  // As Calls::loop.
  std::size_t loop() const { return calls_.loop(); }

  // The answer; nothing if there is nothing to return. Only the first one counts.
  template <typename... Reply>
  void Return(const Reply&... reply) const {
    if (!std::exchange(to_->answered, true)) to_->returns(reply...);
  }

  // Runs `body`; what it throws is the answer.
  template <typename Body>
  void Guard(Body body) const {
    try {
      body();
    } catch (...) {
      const wire::ServiceError told = Edge::Told(edge_.observer(), method_);
      if (!std::exchange(to_->answered, true))
        to_->throws(apache::thrift::TDelayedException::delayException(told));
    }
  }

  // As Calls::Await; what `then` throws is the answer, and else it has to answer.
  template <typename T, typename Then>
  [[nodiscard]] Completion<T> Await(const Calls::Limits& limits, Then then) const {
    return calls_.Await<T>(limits,
                           [asked = *this, then = std::move(then)](Result<T> result) mutable {
                             asked.Guard([&] { then(std::move(result)); });
                           });
  }

  // The same for what has to block: `body` runs off the loop and gives a Result<T>. It may run when
  // the wait was given up and the connection is gone, handlers and all: it must refer to neither.
  template <typename T, typename Body, typename Then>
  void AwaitBlocking(const Calls::Limits& limits, Body body, Then then) const {
    off_loop_([done = Await<T>(limits, std::move(then)), body = std::move(body),
               &observer = edge_.observer(), &method = method_] {
      try {
        done(body());
      } catch (...) {  // the connection may be gone by now
        const wire::ServiceError told = Edge::Told(observer, method);
        done(Fail(ErrorCode::kInternal, told.message, told.advice));
      }
    });
  }

 private:
  struct To {
    Replies returns;
    Throws throws;
    bool answered = false;
  };
  Calls& calls_;
  const OffLoop& off_loop_;
  std::shared_ptr<To> to_;
};

// The edge of calls that nothing waits for. On the loop of its connection.
class AsyncEdge : public Edge {
 public:
  // References must outlive it.
  AsyncEdge(Observer& observer, std::shared_ptr<access::Visitor> visitor, Calls& calls,
            OffLoop off_loop)
      : Edge(observer, std::move(visitor)), calls_(calls), off_loop_(std::move(off_loop)) {}

  // Takes `returns` and `throws` over. `body` gets the call, which it answers, now or later; what
  // it throws is the answer.
  template <typename Replies, typename Body>
  void Serve(const access::Method& method, Replies& returns, Throws& throws, Body body) {
    const Asked<Replies> asked(*this, calls_, off_loop_, method, std::move(returns),
                               std::move(throws));
    asked.Guard([&] {
      Need(visitor().Enter(method));
      body(asked);
    });
  }

 private:
  Calls& calls_;
  const OffLoop off_loop_;
};

}  // namespace settle::coordinator
