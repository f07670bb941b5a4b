//===- Clocks.cpp - what has happened before what -------------------------===//
// Law: a thread has always seen what it did itself, and what its warp did together; of copies and of wgmma's products, which go on after
// the thread, it has seen what it waited for, and of a product only the part of its warp: the other three may not have begun theirs.

#include "Clocks.h"
#include <algorithm>

namespace mlir::lowbit::sim {

static void join(std::vector<uint32_t> &into, const std::vector<uint32_t> &from) {
  const size_t size = std::min(into.size(), from.size());
  for (size_t i = 0; i < size; ++i)
    into[i] = std::max(into[i], from[i]);
}

void Clocks::reset(unsigned count) {
  threads = count;
  width = 3 * threads + 40 + kMbarriers + 32 + 1;
  fencedWidth = 2 * threads;
  times.assign(width, 1);
  productsDone.assign(threads, 0);
  base.assign(width, 0);
  fencedBase.assign(fencedWidth, 0);
  rows.resize(threads);
  fencedRows.resize(threads);
  hasRow.assign(threads, 0);
  hasFencedRow.assign(threads, 0);
}

void Clocks::beginBlock() {
  base = times;
  for (unsigned agent = 0; agent < width; ++agent)
    ++times[agent];
  std::copy(base.begin(), base.begin() + fencedWidth, fencedBase.begin());
  for (unsigned thread = 0; thread < threads; ++thread)
    productsDone[thread] = base[partsOf(thread / 32)] = times[group(thread / 128)];
  std::fill(hasRow.begin(), hasRow.end(), 0);
  std::fill(hasFencedRow.begin(), hasFencedRow.end(), 0);
  anyFence = false;
}

uint32_t Clocks::getOwn(unsigned thread, unsigned agent) const {
  if (agent == thread || agent == warp(thread / 32) || agent == copiesOf(thread) || agent == storesOf(thread))
    return times[agent];
  return agent == partsOf(thread / 32) ? productsDone[thread] : 0;
}

bool Clocks::isOrdered(const Stamp &stamp, unsigned thread) const {
  const std::vector<uint32_t> &row = hasRow[thread] ? rows[thread] : base;
  if (stamp.agent >= group(0) && stamp.agent < mbarrier(0)) {
    for (unsigned i = 0, first = 4 * (stamp.agent - group(0)); i < 4; ++i)
      if (stamp.clock > std::max(row[partsOf(first + i)], getOwn(thread, partsOf(first + i))))
        return false;
    return true;
  }
  return stamp.clock <= row[stamp.agent] || stamp.clock <= getOwn(thread, stamp.agent);
}

bool Clocks::isFenced(const Stamp &stamp, unsigned thread) const {
  if (stamp.agent >= fencedWidth) // asynchronous itself
    return true;
  return stamp.clock <= (hasFencedRow[thread] ? fencedRows[thread] : fencedBase)[stamp.agent];
}

void Clocks::addOwn(unsigned thread, std::vector<uint32_t> &row) const {
  for (unsigned agent : {thread, copiesOf(thread), storesOf(thread), warp(thread / 32)})
    row[agent] = std::max(row[agent], times[agent]);
  uint32_t &parts = row[partsOf(thread / 32)];
  parts = std::max(parts, productsDone[thread]);
}

std::vector<uint32_t> &Clocks::getRow(unsigned thread) {
  if (!hasRow[thread]) {
    rows[thread] = base;
    hasRow[thread] = true;
  }
  return rows[thread];
}

std::vector<uint32_t> &Clocks::getFencedRow(unsigned thread) {
  if (!hasFencedRow[thread]) {
    fencedRows[thread] = fencedBase;
    hasFencedRow[thread] = anyFence = true;
  }
  return fencedRows[thread];
}

void Clocks::clear(Message &message) const {
  message.seen.assign(width, 0);
  message.fenced.assign(fencedWidth, 0);
}

void Clocks::join(Message &into, const Message &from) {
  sim::join(into.seen, from.seen);
  sim::join(into.fenced, from.fenced);
}

void Clocks::release(unsigned thread, Message &message) {
  sim::join(message.seen, hasRow[thread] ? rows[thread] : base);
  addOwn(thread, message.seen);
  if (anyFence)
    sim::join(message.fenced, hasFencedRow[thread] ? fencedRows[thread] : fencedBase);
  ++times[thread];
}

void Clocks::forward(unsigned thread, Message &message) const { sim::join(message.seen, hasRow[thread] ? rows[thread] : base); }

void Clocks::acquire(unsigned thread, const Message &message) {
  sim::join(getRow(thread), message.seen);
  if (anyFence)
    sim::join(getFencedRow(thread), message.fenced);
}

void Clocks::synchronize() {
  for (unsigned thread = 0; thread < threads; ++thread) {
    if (hasRow[thread])
      sim::join(base, rows[thread]);
    if (hasFencedRow[thread])
      sim::join(fencedBase, fencedRows[thread]);
    addOwn(thread, base);
    ++times[thread];
  }
  std::fill(hasRow.begin(), hasRow.end(), 0);
  std::fill(hasFencedRow.begin(), hasFencedRow.end(), 0);
  // `anyFence` stays: what was fenced is in the base.
}

void Clocks::fence(unsigned thread) {
  std::vector<uint32_t> &fenced = getFencedRow(thread);
  sim::join(fenced, hasRow[thread] ? rows[thread] : base);
  fenced[thread] = times[thread];
  fenced[copiesOf(thread)] = times[copiesOf(thread)];
  // What it writes from now on is later.
  ++times[thread];
}

void Clocks::setDone(unsigned agent, uint32_t time) { times[agent] = std::max(times[agent], time); }

} // namespace mlir::lowbit::sim
