//===- Reports.h - what was found -----------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_REPORTS_H
#define LOWBIT_SIM_MACHINE_REPORTS_H

#include "lowbit/Execution/Sim/Machine.h"

namespace mlir::lowbit::sim {

/// An address, for a report.
std::string hexadecimal(uint64_t value);

/// Findings, one a kind and place; more of the same are counted.
class Reports {
public:
  static constexpr size_t kMost = 32;

  /// Whether a text is wanted: the first of its kind and place.
  bool count(Finding::Kind kind, const Site *site) {
    for (size_t i = 0; i < findings.size(); ++i)
      if (findings[i].kind == kind && sites[i] == site) {
        ++findings[i].times;
        return false;
      }
    return findings.size() < kMost;
  }
  void add(Finding::Kind kind, const Site *site, std::string text) {
    findings.push_back({kind, std::move(text)});
    sites.push_back(site);
  }
  bool any() const { return !findings.empty(); }
  std::vector<Finding> take() {
    sites.clear();
    return std::exchange(findings, {});
  }

private:
  std::vector<Finding> findings;
  std::vector<const Site *> sites;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_REPORTS_H
