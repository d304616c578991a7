// Families of metrics, as Prometheus' library writes them.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

#include "log/histogram.h"

namespace settle::coordinator {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Families {
 public:
  // Of one name; its samples are added to it next.
  void Counter(std::string name, std::string help);
  void Gauge(std::string name, std::string help);
  void Histograms(std::string name, std::string help);

  void Add(double value, Labels labels = {});  // a sample of a counter or gauge
  void Add(const Histogram& histogram, Labels labels = {});

  const std::vector<prometheus::MetricFamily>& all() const { return all_; }

 private:
  void Begin(std::string name, std::string help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> all_;
};

// The process's own, under the names that every Prometheus client gives them. What /proc does not
// tell is left out.
void AddProcess(Families& families);

}  // namespace settle::coordinator
