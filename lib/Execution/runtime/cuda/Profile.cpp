//===- Profile.cpp - how long each launch of a call takes ------------------===//
// Law: a profile changes times, and never results.

#include "Profile.h"
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace mlir::lowbit::cuda {

bool isProfiling() {
  static const bool isOn = [] {
    const char *value = std::getenv("LOWBIT_GPU_PROFILE");
    return value && *value && std::string(value) != "0";
  }();
  return isOn;
}

namespace {
struct Line {
  const char *name;
  uint32_t grid[3], block[3], sharedBytes;
  Handle start, stop;
};
} // namespace

static thread_local bool isProfiled = false;

void setProfiled(bool value) { isProfiled = value; }

/// Of the call that this thread is in.
static thread_local std::vector<Line> lines;

ProfiledLaunch::ProfiledLaunch(const Driver &driver, Handle stream, const char *name, const LaunchShape &shape)
    : driver(driver), stream(stream), name(name), shape(shape) {
  if (!isProfiled || driver.cuEventCreate(&start, /*flags=*/0) != Success || driver.cuEventCreate(&stop, /*flags=*/0) != Success)
    return;
  driver.cuEventRecord(start, stream);
}

ProfiledLaunch::~ProfiledLaunch() {
  if (!stop) {
    if (start)
      driver.cuEventDestroy(start);
    return;
  }
  driver.cuEventRecord(stop, stream);
  Line line = {name, {}, {}, shape.sharedBytes, start, stop};
  for (int i = 0; i < 3; ++i) {
    line.grid[i] = shape.grid[i];
    line.block[i] = shape.block[i];
  }
  lines.push_back(line);
}

void writeProfile(const Driver &driver, const char *entry) {
  float total = 0;
  unsigned number = 0;
  for (const Line &line : lines) {
    float milliseconds = 0;
    bool isTimed =
        driver.cuEventSynchronize(line.stop) == Success && driver.cuEventElapsedTime(&milliseconds, line.start, line.stop) == Success;
    if (isTimed) {
      total += milliseconds;
      std::fprintf(stderr, "%s %u %s blocks %ux%ux%u threads %ux%ux%u shared %u us %.2f\n", entry, number, line.name, line.grid[0],
                   line.grid[1], line.grid[2], line.block[0], line.block[1], line.block[2], line.sharedBytes, milliseconds * 1e3F);
    }
    ++number;
    driver.cuEventDestroy(line.start);
    driver.cuEventDestroy(line.stop);
  }
  if (number != 0)
    std::fprintf(stderr, "%s launches %u us %.2f\n", entry, number, total * 1e3F);
  lines.clear();
}

} // namespace mlir::lowbit::cuda
