#include "recorder.h"

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include "message.h"

namespace settle::fuzz {
namespace {

using namespace apache::thrift;

std::vector<std::string> Frames(const std::string& bytes) {
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < bytes.size(); at += 4 + frames.back().size())
    frames.push_back(bytes.substr(at + 4, NumberAt(bytes, at)));
  return frames;
}

}  // namespace

class Recorder::Tape : public transport::TVirtualTransport<Tape> {
 public:
  explicit Tape(const std::string& path) : socket_(path) { socket_.open(); }
  bool isOpen() const override { return socket_.isOpen(); }
  std::uint32_t read(std::uint8_t* bytes, std::uint32_t most) {
    const std::uint32_t count = socket_.read(bytes, most);
    received.append(reinterpret_cast<const char*>(bytes), count);
    return count;
  }
  void write(const std::uint8_t* bytes, std::uint32_t count) {
    sent.append(reinterpret_cast<const char*>(bytes), count);
    socket_.write(bytes, count);
  }
  void flush() override { socket_.flush(); }

  std::string sent;
  std::string received;

 private:
  transport::TSocket socket_;
};

Recorder::Recorder(const std::string& path)
    : tape_(std::make_shared<Tape>(path)),
      protocol_(std::make_shared<protocol::TBinaryProtocol>(
          std::make_shared<transport::TFramedTransport>(tape_))),
      coordinator(std::make_shared<protocol::TMultiplexedProtocol>(protocol_, "coordinator")),
      participant(std::make_shared<protocol::TMultiplexedProtocol>(protocol_, "participant")),
      peer(std::make_shared<protocol::TMultiplexedProtocol>(protocol_, "peer")),
      admin(std::make_shared<protocol::TMultiplexedProtocol>(protocol_, "admin")) {}

Recorder::~Recorder() = default;

std::string Recorder::sent() const { return tape_->sent; }

std::vector<Recorded> Recorder::calls() const {
  const std::vector<std::string> questions = Frames(tape_->sent);
  const std::vector<std::string> answers = Frames(tape_->received);
  std::vector<Recorded> calls;
  for (std::size_t i = 0; i < questions.size() && i < answers.size(); ++i)
    calls.push_back({MethodOf(questions[i]), FieldsOf(questions[i]), FieldsOf(answers[i])});
  return calls;
}

}  // namespace settle::fuzz
