// The edge between values and Thrift's exceptions, and between callers and what they may do. Every
// call of a handler runs in Edge::Serve, which asks first whether it is allowed, and throws nothing
// but wire::ServiceError, which is part of the contract.
//
//   edge_.Serve(access::Of("admin", "show"), [&] { reply = ...; });
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "access/gate.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "rpc/wire.h"
#include "settle/vocabulary/gtid.h"

namespace settle::coordinator {

template <typename T>
T Need(Result<T> result) {
  if (!result) throw ToWire(result.error());
  return *std::move(result);
}
inline void Need(const Status& status) {
  if (!status) throw ToWire(status.error());
}

// Of one connection, for its thread alone.
class Edge {
 public:
  // The observer must outlive it.
  Edge(Observer& observer, std::shared_ptr<access::Visitor> visitor)
      : observer_(observer), visitor_(std::move(visitor)) {}

  template <typename Body>
  void Serve(const access::Method& method, Body body) {
    try {
      Need(visitor_->Enter(method));
      serving_ = &method;
      body();
    } catch (const wire::ServiceError&) {
      throw;
    } catch (const std::exception& error) {
      const std::string what =
          std::string(method.name) + " failed inside the coordinator: " + Escaped(error.what());
      observer_.Event(Observer::Level::kError, {}, what);
      throw ToWire(Error{ErrorCode::kInternal, what,
                         "ask the outcome before doing anything again; report this"});
    }
  }

  // The rest: within a body of Serve.

  Observer& observer() const { return observer_; }
  const access::Rights& rights() const { return visitor_->rights(); }
  const server::Caller& caller() const { return visitor_->caller(); }
  // The caller with the call, for what is counted of both.
  std::string CountedAs() const {
    return access::NameOf(rights().identity) + ", " + std::string(serving_->name);
  }
  // To which identity sessions, and branches of sessions, must belong.
  OnlyFor only() const { return visitor_->only(); }

  // As Need; a kDenied is counted and told to the log, as one of `reason` and `about` that.
  template <typename T>
  auto NeedAllowed(access::Reason reason, Result<T> result, const Gtid& about = {}) {
    if (!result && result.error().code == ErrorCode::kDenied)
      throw ToWire(visitor_->Deny(*serving_, reason, std::move(result).error(), about));
    return Need(std::move(result));
  }

  // The caller must have begun it. Whether it did is known without looking for it, and the refusal
  // is the same if it never was.
  void NeedBegun(const Engine& engine, const Gtid& gtid) {
    if (MayEnd(engine, gtid)) return;
    throw ToWire(visitor_->Deny(*serving_, access::Reason::kTransaction, NotBegun(gtid), gtid));
  }
  bool MayEnd(const Engine& engine, const Gtid& gtid) const {
    return rights().unrestricted || engine.Began(gtid, rights().identity);
  }

 private:
  Error NotBegun(const Gtid& gtid) const {
    return {ErrorCode::kDenied,
            "transaction " + gtid.text() + " is none that " + access::NameOf(rights().identity) +
                " began, if it is one at all",
            "call as whoever began it; an operator sees it with 'settle show'"};
  }

  Observer& observer_;
  const std::shared_ptr<access::Visitor> visitor_;
  const access::Method* serving_ = nullptr;
};

}  // namespace settle::coordinator
