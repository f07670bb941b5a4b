//===- BlockReports.cpp - what is wrong, in words -------------------------===//
// Law: a report names the kernel, the operation and its place in the source, the block and the thread, and both sides of a conflict.

#include "Block.h"

namespace mlir::lowbit::sim {

static std::string quote(const Site *site) {
  return site ? std::string("`") + site->operation + "` at " + site->location : std::string("the end of the kernel");
}

static std::string triple(const uint32_t (&values)[3]) {
  return "(" + std::to_string(values[0]) + ", " + std::to_string(values[1]) + ", " + std::to_string(values[2]) + ")";
}

std::string Block::describe(uint32_t index) const {
  return "thread " + (extent[1] == 1 && extent[2] == 1 ? std::to_string(index) : triple(threads[index].id));
}

std::string Block::describe(const Stamp &stamp) const {
  const std::string where = quote(stamp.site);
  const unsigned agent = stamp.agent;
  if (agent < count)
    return where + " by " + describe(agent);
  if (agent < 2 * count)
    return "a copy of " + describe(agent - count) + ", " + where;
  if (agent < 3 * count)
    return "a copy of " + describe(agent - 2 * count) + " that reads, " + where;
  if (agent < clocks.group(0))
    return where + " by warp " + std::to_string(agent - clocks.warp(0));
  if (agent < clocks.mbarrier(0))
    return "a product of warpgroup " + std::to_string(agent - clocks.group(0)) + ", " + where;
  if (agent == clocks.tensor())
    return "a product of the block, " + where;
  return "a bulk copy, " + where;
}

void Block::report(Finding::Kind kind, const Site *site, const std::string &what) {
  if (!reports.count(kind, site))
    return;
  reports.add(kind, site,
              "kernel `" + std::string(kernel->name) + "`: " + quote(site) + ", block " + triple(place) + ", " + describe(current->index) +
                  ": " + what);
}

void Block::reportConflict(const Access &access, const Conflict &conflict, const char *where, uint32_t otherBlock) {
  const Finding::Kind kind = conflict.isUnfenced ? Finding::Unfenced : Finding::Race;
  if (!reports.count(kind, access.site))
    return;
  std::string text = "kernel `" + std::string(kernel->name) + "`: " + quote(access.site) + ", block " + triple(place) + ", " +
                     describe(access.thread) + ": ";
  if (conflict.isUnfenced)
    text += "an asynchronous read of what " + describe(conflict.other) + " wrote, without a `fence.proxy.async` between them";
  else
    text += std::string(access.isWrite ? "writes" : "reads") + " what " + describe(conflict.other) +
            (conflict.otherIsWrite ? " writes" : " reads") + ", and nothing says which comes first";
  text += "; byte " + (otherBlock == ~0u ? std::to_string(conflict.place) : hexadecimal(conflict.place)) + " of " + where + " memory";
  if (otherBlock != ~0u)
    text += ", the other in block " + triple({otherBlock % grid[0], otherBlock / grid[0] % grid[1], otherBlock / grid[0] / grid[1]});
  reports.add(kind, access.site, std::move(text));
  if (options.stopsEarly)
    leave();
}

void Block::diverge(const Site *site, const Site *other, uint32_t) {
  stop(Finding::Divergence, site, "threads that must come here together are at " + quote(other));
}

/// Threads that wait at one place are told together.
void Block::reportDeadlock() {
  struct Group {
    Wait wait;
    const Site *site;
    uint32_t first, number;
  };
  std::vector<Group> places;
  for (uint32_t i = 0; i < count; ++i) {
    const Thread &thread = threads[i];
    if (thread.wait == Wait::Ended)
      continue;
    auto found = places.begin();
    while (found != places.end() && (found->site != thread.site || found->wait != thread.wait))
      ++found;
    if (found == places.end())
      places.push_back({thread.wait, thread.site, i, 1});
    else
      ++found->number;
  }
  std::string text = "kernel `" + std::string(kernel->name) + "`: deadlock in block " + triple(place) + ":";
  for (const Group &group : places) {
    const char *reason = group.wait == Wait::Barrier    ? "for a barrier"
                         : group.wait == Wait::Mbarrier ? "for an mbarrier"
                         : group.wait == Wait::Warp     ? "for their warp"
                                                        : "for their warpgroup";
    text += (&group == &places.front() ? " " : "; ") + std::to_string(group.number) + (group.number == 1 ? " thread" : " threads") +
            " from " + describe(group.first) + " on wait " + reason + ", " + quote(group.site);
  }
  if (ended)
    text += "; " + std::to_string(ended) + " have ended";
  const Site *site = places.front().site;
  if (reports.count(Finding::Deadlock, site))
    reports.add(Finding::Deadlock, site, std::move(text));
}

/// What nobody waited for when all threads have ended.
void Block::checkLeftovers() {
  mbarriers.forEach([&](Mbarrier &mbarrier) {
    for (const BulkCopy &copy : mbarrier.copies) {
      current = &threads[copy.thread];
      report(Finding::InFlight, copy.site, "the block ends and nobody has waited for this copy");
    }
    mbarrier.copies.clear();
    mbarrier.arrivals.clear();
  });
  if (const TensorWork *work = tensor.products.getFirst()) {
    current = &threads[work->thread];
    report(Finding::InFlight, work->site, "the block ends and nobody has waited for this product");
  }
  for (const TensorCells::Range &range : tensor.ranges)
    report(Finding::Illegal, range.site,
           "the block ends and has not given back " + std::to_string(range.columns) + " columns of tensor memory");
  clocks.setDone(clocks.tensor(), tensor.products.getStarted());
  for (uint32_t i = 0; i < count; ++i) {
    // Later blocks must not take what is left for something of theirs.
    clocks.setDone(clocks.copiesOf(i), threads[i].copies.getStarted());
    clocks.setDone(clocks.storesOf(i), threads[i].stores.getStarted());
  }
}

} // namespace mlir::lowbit::sim
