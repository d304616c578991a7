// What a program asks of sagas.
#pragma once

#include "client/program.h"

namespace settle::sdk {

// `call` says which definition; the rest of it comes from `options` and the program.
[[nodiscard]] Result<Gtid> StartSaga(Program& program, StartSagaCall call,
                                     const StartSagaOptions& options);
[[nodiscard]] Status DefineSaga(Program& program, const std::string& document);
[[nodiscard]] Result<SagaEnding> AwaitSaga(Program& program, const Gtid& gtid,
                                           milliseconds at_most);
[[nodiscard]] Result<Ending> CancelSaga(Program& program, const Gtid& gtid,
                                        const std::string& reason);

}  // namespace settle::sdk
