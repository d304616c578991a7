#include "rpc/thrift_output.h"

#include <thrift/TOutput.h>

#include <memory>
#include <mutex>

#include "rpc/warn.h"
#include "server/complaints.h"

namespace settle::coordinator {
namespace {

// Thrift's function takes no context, so it must be found here.
std::mutex mutex;
std::unique_ptr<server::Complaints> complaints;

void Say(const char* message) {
  const std::scoped_lock lock(mutex);
  if (complaints != nullptr) complaints->Say(std::string("thrift: ") + message);
}

}  // namespace

ThriftOutput::ThriftOutput(Observer& observer) {
  const std::scoped_lock lock(mutex);
  complaints = std::make_unique<server::Complaints>(Warn(observer));
  apache::thrift::GlobalOutput.setOutputFunction(&Say);
}

ThriftOutput::~ThriftOutput() {
  const std::scoped_lock lock(mutex);
  complaints.reset();
}

}  // namespace settle::coordinator
