#include "log/decision_log.h"
