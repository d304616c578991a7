// What a connection's calls are served by.
#pragma once

#include <thrift/TProcessor.h>
#include <thrift/async/TAsyncProcessor.h>

#include <functional>
#include <memory>
#include <string_view>

#include "server/caller.h"
#include "server/loop.h"

namespace settle::server {

// One of the two, or neither: there is no such service. Each is of one connection.
struct Service {
  // Its calls never block. It is called on the connection's loop, several calls may be in progress,
  // and each is answered there, exactly once.
  std::shared_ptr<apache::thrift::async::TAsyncProcessor> async{};
  // Its calls may block. Each has a thread of the pool, and the connection begins no other call
  // until it is answered.
  std::shared_ptr<apache::thrift::TProcessor> blocking{};
};

// By the name that a call has before its colon. Called once for each name, at its first call.
using Services = std::function<Service(std::string_view name)>;

// Called once for each connection, on its loop, before its first call.
using ServicesFor = std::function<Services(const Caller&, Loop&)>;

}  // namespace settle::server
