//===- MinimumCut.cpp - the cheapest way to tell a source from a sink -----===//
// Law: edges that are saturated when no more can flow are a cut, and none costs less.

#include "MinimumCut.h"
#include "llvm/ADT/STLExtras.h"

namespace mlir::lowbit {

void MinimumCut::addEdge(unsigned from, unsigned to, int64_t cost) {
  if (cost <= 0)
    return;
  edgesOf[from].push_back(edges.size());
  edges.push_back({to, std::min(cost, kNever)});
  edgesOf[to].push_back(edges.size());
  edges.push_back({from, 0});
}

void MinimumCut::solve() {
  while (findLevels()) {
    next.assign(edgesOf.size(), 0);
    while (augment())
      ;
  }
}

/// Distances from the source over edges that can carry more; whether the sink has one.
bool MinimumCut::findLevels() {
  levels.assign(edgesOf.size(), -1);
  levels[kSource] = 0;
  std::vector<unsigned> queue{kSource};
  for (size_t i = 0; i < queue.size(); ++i)
    for (unsigned index : edgesOf[queue[i]])
      if (const Edge &edge = edges[index]; edge.left > 0 && levels[edge.to] < 0) {
        levels[edge.to] = levels[queue[i]] + 1;
        queue.push_back(edge.to);
      }
  return levels[kSink] >= 0;
}

/// Sends what one shortest path can carry; false where there is none left.
bool MinimumCut::augment() {
  llvm::SmallVector<unsigned> path;
  unsigned node = kSource;
  while (node != kSink) {
    if (next[node] < edgesOf[node].size()) {
      unsigned index = edgesOf[node][next[node]];
      const Edge &edge = edges[index];
      if (edge.left > 0 && levels[edge.to] == levels[node] + 1) {
        path.push_back(index);
        node = edge.to;
      } else
        ++next[node];
      continue;
    }
    if (path.empty())
      return false;
    node = edges[path.pop_back_val() ^ 1].to;
    ++next[node];
  }
  int64_t most = kNever;
  for (unsigned index : path)
    most = std::min(most, edges[index].left);
  for (unsigned index : path) {
    edges[index].left -= most;
    edges[index ^ 1].left += most;
  }
  return true;
}

} // namespace mlir::lowbit
