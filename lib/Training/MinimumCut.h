//===- MinimumCut.h - the cheapest way to tell a source from a sink -------===//
#ifndef LOWBIT_LIB_TRAINING_MINIMUMCUT_H
#define LOWBIT_LIB_TRAINING_MINIMUMCUT_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <limits>
#include <vector>

namespace mlir::lowbit {

/// A directed graph whose edges cost what they carry when they are cut (Dinic, 1970, "Algorithm for solution of a problem of maximum flow
/// in networks with power estimation").
class MinimumCut {
public:
  /// What no finite cut contains.
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 4;
  static constexpr unsigned kSource = 0, kSink = 1;

  MinimumCut() : edgesOf(2) {}
  unsigned addNode() { return edgesOf.emplace_back(), edgesOf.size() - 1; }
  /// `cost` is paid where `from` is on the source's side and `to` on the sink's.
  void addEdge(unsigned from, unsigned to, int64_t cost);
  /// Finds the cut of least cost; of several, the one with the most nodes on the sink's side.
  void solve();
  bool isOnSinkSide(unsigned node) const { return levels[node] < 0; }

private:
  struct Edge {
    unsigned to;
    int64_t left;
  };

  bool findLevels();
  bool augment();

  std::vector<Edge> edges; ///< Each is followed by the one that takes it back.
  std::vector<llvm::SmallVector<unsigned, 4>> edgesOf;
  std::vector<int> levels;
  std::vector<unsigned> next;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_MINIMUMCUT_H
