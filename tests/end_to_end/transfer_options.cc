#include "end_to_end/transfer_options.h"

#include <iostream>

namespace settle::testing {

TransferOptions ParseTransferOptions(const std::vector<std::string>& words) {
  TransferOptions options;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (words[i] == "--coordinator") options.coordinator = value;
    if (words[i] == "--name") options.name = value;
    if (words[i] == "--notes") options.notes = value;
    if (words[i] == "--peers") options.peers = value;
    if (words[i] == "--last-resource") options.last_resource = value == "always";
    if (words[i] == "--seed") options.seed = static_cast<unsigned>(std::stoul(value));
    if (words[i] == "--call-timeout-ms") {
      options.call_timeout = std::chrono::milliseconds(std::stol(value));
    }
    if (words[i] == "--bank" || words[i] == "--till") {
      const std::size_t equals = value.find('=');
      auto& named = words[i] == "--bank" ? options.banks : options.tills;
      named[value.substr(0, equals)] = value.substr(equals + 1);
    }
  }
  return options;
}

std::unique_ptr<Coordinator> ConnectOrAnswer(const CoordinatorOptions& options) {
  auto coordinator = Coordinator::Connect(options);
  if (coordinator) return *std::move(coordinator);
  const Error& error = coordinator.error();
  std::cout << "refused " << ToString(error.code) << " " << Describe(error) << std::endl;
  return nullptr;
}

}  // namespace settle::testing
