#include "server/pool.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <utility>

namespace settle::server {

struct Pool::Threads {
  explicit Threads(std::size_t count) : pool(count) {}
  boost::asio::thread_pool pool;
};

Pool::Pool(std::size_t threads) : threads_(std::make_unique<Threads>(threads)) {}

Pool::~Pool() { Stop(); }

void Pool::Post(std::function<void()> task) { boost::asio::post(threads_->pool, std::move(task)); }

void Pool::Stop() {
  threads_->pool.stop();
  threads_->pool.join();
}

}  // namespace settle::server
