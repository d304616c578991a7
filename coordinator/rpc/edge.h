// The edge between values and Thrift's exceptions, and between callers and what they may do. Every
// call of a handler passes it, one that may block through Serve, one that must not through
// rpc/asked.h: it is asked first whether the call is allowed, and what is thrown becomes
// wire::ServiceError, which is part of the contract.
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

// Of one connection. Used by one thread at a time.
class Edge {
 public:
  // The observer must outlive it.
  Edge(Observer& observer, std::shared_ptr<access::Visitor> visitor)
      : observer_(observer), visitor_(std::move(visitor)) {}

  // Throws nothing but wire::ServiceError.
  template <typename Body>
  void Serve(const access::Method& method, Body body) {
    try {
      Need(visitor_->Enter(method));
      serving_ = &method;
      body();
    } catch (...) {
      throw Told(observer_, method);
    }
  }

  // What the caller is told of the exception that is being handled.
  static wire::ServiceError Told(Observer& observer, const access::Method& method) {
    try {
      throw;
    } catch (const wire::ServiceError& error) {
      return error;
    } catch (const std::exception& error) {
      const std::string what =
          std::string(method.name) + " failed inside the coordinator: " + Escaped(error.what());
      observer.Event(Observer::Level::kError, {}, what);
      return ToWire(Error{ErrorCode::kInternal, what,
                          "ask the outcome before doing anything again; report this"});
    }
  }

  Observer& observer() const { return observer_; }
  access::Visitor& visitor() const { return *visitor_; }
  const access::Rights& rights() const { return visitor_->rights(); }
  const server::Caller& caller() const { return visitor_->caller(); }
  // The caller with the call, for what is counted of both; within a body of Serve.
  std::string CountedAs() const {
    return access::NameOf(rights().identity) + ", " + std::string(serving_->name);
  }

 private:
  Observer& observer_;
  const std::shared_ptr<access::Visitor> visitor_;
  const access::Method* serving_ = nullptr;
};

}  // namespace settle::coordinator
